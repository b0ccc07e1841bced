"""Slow wander: what short stretches of a phase have not shown, and the machine's longest phase has.

A supply voltage or the weather hardly moves within a start-up, and a calibration sees few start-ups: by chance they agree, and
the next one stands outside. The longest phase of the same calibration has seen the voltage wander. Means of batches as long as
the short stretches say how far (batch means; Law and Kelton, 2000, section 9.5.3); the variance that the short stretches lack is
added to copies of them, drawn from those very means, so that channels that wander together do so in the copies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_PAIRS = 4
"""Every stretch is copied so often upwards, and as often downwards by the same amounts."""
_LEAST_BATCHES = 10


def offsets(
    values: FloatArray, restarts: BoolArray, longest: FloatArray, longest_restarts: BoolArray, seed: int
) -> FloatArray | None:
    """Where else the stretches of a phase might have stood.

    Args:
        values: (steps, channels) of the short phase, the settings' part removed; NaN where missing.
        restarts: (steps,) True where a stretch begins.
        longest, longest_restarts: likewise of the longest phase.
        seed: of the draws.

    Returns:
        (copies, stretches, channels) in the channels' units: the first copy stands where it did, the mean of all is 0; None where
        the longest phase is too short to say, or the stretches have wandered as far.
    """
    own = _batch_means(values, np.cumsum(restarts) - int(restarts[0]))
    length = max(1, round(len(values) / len(own)))
    batch = _batches(longest_restarts, length)
    means = _batch_means(longest, batch)
    if len(means) < _LEAST_BATCHES:
        return None
    noise = np.nanmean((longest - means[batch]) ** 2, axis=0) / length
    wandered = means - means.mean(axis=0)
    slow = np.maximum(wandered.var(axis=0, ddof=1) - noise, 0.0)
    seen = own.var(axis=0, ddof=1) if len(own) > 1 else np.zeros_like(slow)
    lacking = np.maximum(slow * (1.0 + 1.0 / len(own)) - seen, 0.0)
    if not lacking.any():
        return None
    share = np.sqrt(lacking / np.maximum(wandered.var(axis=0, ddof=1), 1e-300))
    drawn = np.random.default_rng(seed).integers(0, len(wandered), (_PAIRS, len(own)))
    up = wandered[drawn] * share
    return np.concatenate([np.zeros_like(up[:1]), up, -up])


def _batches(restarts: BoolArray, length: int) -> IntArray:
    """Number of the batch of each step: stretches cut into pieces of one length, a shorter rest with the piece before it."""
    number, used = np.empty(len(restarts), dtype=np.int64), 0
    for piece in np.split(np.arange(len(restarts)), np.flatnonzero(restarts)):
        if piece.size:
            its = np.minimum(np.arange(piece.size) // length, max(piece.size // length - 1, 0))
            number[piece] = used + its
            used += int(its[-1]) + 1
    return number


def _batch_means(values: FloatArray, batch: IntArray) -> FloatArray:
    """(batches, channels); a batch without a value has the mean of all."""
    known = np.isfinite(values)
    count = np.stack([np.bincount(batch, column) for column in known.T], axis=1)
    total = np.stack([np.bincount(batch, column) for column in np.where(known, values, 0.0).T], axis=1)
    overall = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1.0)
    return np.where(count > 0, total / np.maximum(count, 1.0), overall)
