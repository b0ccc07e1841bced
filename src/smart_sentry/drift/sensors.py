"""Sensors that lie: silent, stuck, noisier or quieter than they were, and those that are off while the machine stands still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift.blocks import Blocks
from smart_sentry.drift.conditioning import robust_deviation
from smart_sentry.quality import longest_runs, run_limits

FloatArray = NDArray[np.float64]

MISSING_MORE = 0.2
"""Share of values that must have gone missing before a sensor counts as silent."""
NOISE_FACTOR = 1.6
"""How many times the scatter must have grown (or shrunk) before it counts as changed."""
_STUCK_SHARE, _STANDING = 0.05, 0.95
_Z, _CHANCE = 1.96, 1e-4
_LEAST_RESTS = 4
_REST_SIGMAS = 3.0


@dataclass(frozen=True)
class RestShift:
    """What a signal does while the machine stands still.

    Attributes:
        size: difference of the medians of the rests, in the signal's unit. error: its standard error.
        scatter: spread of the rests now over that in the reference; NaN where there was none.
    """

    size: float
    error: float
    scatter: float

    @property
    def informative(self) -> bool:
        """Whether the sensor shows anything at rest: one that is clamped to zero says nothing."""
        return bool(np.isfinite(self.scatter)) or self.size != 0.0

    @property
    def moved(self) -> bool:
        return abs(self.size) > _REST_SIGMAS * self.error


def silent_signals(reference: Readings, recent: Readings) -> FloatArray:
    """(signals,) by how much the share of missing values has grown."""
    return np.asarray(np.isfinite(reference.values).mean(axis=0) - np.isfinite(recent.values).mean(axis=0))


def stuck_signals(asset_type: AssetType, reference: Readings, recent: Readings) -> dict[str, tuple[float, float]]:
    """Sensors that have repeated one value far longer than ever in the reference: name -> (readings, first of them in seconds).

    The limit is that of `quality.run_limits`, of `chance_limits`, and a twentieth of the window. Settings are held on purpose,
    and a machine that stands still for long has no stuck sensors: all signals that are constant at rest then show what
    they showed at rest.
    """
    resting = _at_rest(asset_type, reference, recent)
    limits = np.maximum(run_limits(longest_runs(reference.values)), chance_limits(reference, len(recent.seconds)))
    found = {}
    for column, name in enumerate(asset_type.signal_names):
        length, begin = longest_run(recent.values[:, column])
        stands = bool(resting[begin : begin + length].mean() > _STANDING) if length else False
        long = length > max(limits[column], _STUCK_SHARE * len(recent.seconds))
        if name in asset_type.sensor_names and long and not stands:
            found[name] = float(length), float(recent.seconds[begin])
    return found


def chance_limits(reference: Readings, count: int) -> FloatArray:
    """(signals,) length that a run of equal values hardly reaches by chance among `count` readings.

    A signal that is rounded to few values repeats the last one with some probability p, so that a given run lasts for n readings
    with p^n. The upper 97.5 % limit (Wilson) of the share of repeats in the reference stands for p, for a signal that drifts onto
    one of its values repeats it more often.
    """
    repeats = np.diff(reference.values, axis=0) == 0.0
    pairs = max(len(repeats), 1)
    share = repeats.sum(axis=0) / pairs
    half = _Z * np.sqrt(share * (1.0 - share) / pairs + _Z**2 / (4 * pairs**2))
    most = (share + _Z**2 / (2 * pairs) + half) / (1.0 + _Z**2 / pairs)
    return np.asarray(np.log(_CHANCE / max(count, 1)) / np.log(np.minimum(most, 1.0 - 1e-9)))


def _at_rest(asset_type: AssetType, reference: Readings, recent: Readings) -> NDArray[np.bool_]:
    """(recent rows,) whether all signals that were longest constant together in the reference show that value again.

    Two signals at least: one alone may be a sensor that stands at zero. Nothing rests without a phase rule.
    """
    nowhere = np.zeros(len(recent.seconds), dtype=np.bool_)
    if asset_type.phase is None:
        return nowhere
    columns = [asset_type.signal_names.index(name) for name in asset_type.sensor_names]
    runs = {column: longest_run(reference.values[:, column]) for column in columns}
    longest = max((length for length, _ in runs.values()), default=0)
    constant = [column for column, (length, _) in runs.items() if length >= max(longest / 5, 5)]
    if len(constant) < 2:
        return nowhere
    values = np.array([reference.values[runs[column][1], column] for column in constant])
    return np.asarray((recent.values[:, constant] == values).all(axis=1))


def longest_run(values: FloatArray) -> tuple[int, int]:
    """Length and first index of the longest run of equal values.

    >>> longest_run(np.array([1.0, 2.0, 2.0, 2.0, 3.0]))
    (3, 1)
    """
    if not values.size:
        return 0, 0
    edges = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1], [True]]))
    lengths = np.diff(edges)
    longest = int(np.argmax(lengths))
    return int(lengths[longest]), int(edges[longest])


def noise_ratios(reference: Blocks, recent: Blocks, since_seconds: float) -> FloatArray:
    """(signals,) scatter within blocks since a time over that of the reference; 1 where there was none to compare with."""
    before = _medians(reference.scatter[reference.steady])
    now = _medians(recent.scatter[recent.steady & (recent.seconds >= since_seconds)])
    ratio = np.ones(before.shape)
    return np.divide(now, before, out=ratio, where=(before > 0) & np.isfinite(now))


def rest_shift(reference: Blocks, recent: Blocks, signal: int, since_seconds: float) -> RestShift | None:
    """What one signal (its column) does at rest since a time; None with fewer than four rests on a side."""
    before = reference.rest[:, signal]
    now = recent.rest[recent.rest_seconds >= since_seconds, signal]
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    if min(before.size, now.size) < _LEAST_RESTS:
        return None
    spreads = robust_deviation(before), robust_deviation(now)
    error = float(np.hypot(spreads[0] / np.sqrt(before.size), spreads[1] / np.sqrt(now.size))) * 1.25
    scatter = spreads[1] / spreads[0] if spreads[0] > 0 else np.nan
    return RestShift(float(np.median(now) - np.median(before)), max(error, 1e-12), scatter)


def _medians(values: FloatArray) -> FloatArray:
    known = np.isfinite(values).any(axis=0)
    out = np.full(values.shape[1], np.nan)
    if len(values):
        out[known] = np.nanmedian(values[:, known], axis=0)
    return out
