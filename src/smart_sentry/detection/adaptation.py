"""Channels that never settle: a tank that warms up all day, a counter, a drifting zero.

Held against a fixed normal such a channel would alarm for ever. Whether one settles shows in the means of its calibration's
blocks: of a channel that has a normal value, distant blocks differ as much as neighbours do; of one that wanders off, the more
the farther apart they are (the variogram; Box and Luceno, 1997, chapter 4). Such a channel is judged by its distance from its own
slow mean, so that a jump is seen and its drift is not; the price is that a jump that stays is taken for normal after about a
tenth of the calibration's length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_BLOCKS, _APART = 20, 8
_WANDERS_FROM = 4.0
"""How many times more distant blocks differ than neighbours; of white noise, 1 in 1000 calibrations reaches 3."""
_SPANS = 10
"""The slow mean's span is so small a part of the calibration, ..."""
_SHORTEST_SPAN = 20
"""... but not shorter than this many steps."""


def adaptation_rates(rest: FloatArray) -> FloatArray:
    """Rate of each channel's slow mean, 0 where the channel has a normal value.

    Args:
        rest: (steps, channels) of one calibration in the order of time, the settings' part removed; NaN where missing.

    Returns:
        (channels,) in [0, 1): what a step adds of its distance from the slow mean.
    """
    steps, channels = rest.shape
    rates = np.zeros(channels)
    if steps < _BLOCKS * _SPANS // 2:
        return rates
    known = np.isfinite(rest)
    filled = np.where(known, rest, 0.0)
    for channel in range(channels):
        count = np.array([part.sum() for part in np.array_split(known[:, channel], _BLOCKS)])
        if (count == 0).any():
            continue
        means = np.array([part.sum() for part in np.array_split(filled[:, channel], _BLOCKS)]) / count
        near = float(np.mean(np.diff(means) ** 2))
        far = float(np.mean((means[_APART:] - means[:-_APART]) ** 2))
        if far > _WANDERS_FROM * near > 0.0:
            rates[channel] = 2.0 / (max(steps / _SPANS, _SHORTEST_SPAN) + 1.0)
    return rates


def slow_means(channels: FloatArray, restarts: BoolArray, rates: FloatArray) -> FloatArray:
    """(steps, channels) slow means of one asset's steps, as `follow_slowly` gives them."""
    steps, width = channels.shape
    means = np.zeros((steps, width))
    memory = np.zeros((1, width)), np.zeros((1, width))
    follow_slowly(channels, np.zeros(steps, dtype=np.int64), restarts, rates[None, :], *memory, means)
    return means


@njit(cache=True, nogil=True)
def follow_slowly(channels: Any, slots: Any, restarts: Any, rates: Any, seen: Any, mean: Any, out: Any) -> None:
    """Advances the slow means of many assets, steps in arrival order.

    Args:
        channels: (steps, channels) NaN where missing. slots: (steps,) asset.
        restarts: (steps,) True after a pause: the mean begins anew.
        rates: (assets, channels) from `adaptation_rates`.
        seen, mean: (assets, channels) steps since the last restart, and slow means; advanced.
        out: (steps, channels) filled with the mean before each step, the first step itself where nothing came before; 0 where
            the rate is 0.
    """
    for row in range(slots.size):
        slot = slots[row]
        for i in range(channels.shape[1]):
            rate = rates[slot, i]
            if rate == 0.0:
                continue
            if restarts[row]:
                seen[slot, i] = 0.0
            value = channels[row, i]
            if seen[slot, i] == 0.0:
                mean[slot, i] = value if not np.isnan(value) else 0.0
            out[row, i] = mean[slot, i]
            if np.isnan(value):
                continue
            seen[slot, i] += 1.0
            mean[slot, i] += max(rate, 1.0 / seen[slot, i]) * (value - mean[slot, i])
