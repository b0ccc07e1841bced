"""What is wrong with readings before anything is judged: masks, one for each way in which a sensor lies. Nothing is repaired.

Missing, out of the physical range, stuck and spiking are told apart from a machine's faults: the value is masked, so that no
detector learns from it or alarms on it, and a sensor is blamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.assets import AssetType

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

GOOD, MISSING, OUT_OF_RANGE, STUCK, SPIKE = 0, 1, 2, 3, 4
FLAWS = ("good", "missing", "out of range", "stuck", "spike")
"""A flaw's code is its place in this tuple; good is 0, so that codes can be counted and masked by as they are."""
_LEAST_RUN = 20
_RUN_FACTOR = 3
_RECENT = 5
_SPIKE_FACTOR, _FAST_SPIKE_FACTOR = 3.0, 2.0
_SPIKES_BELOW_SECONDS, _FAST_BELOW_SECONDS = 10.0, 0.05


def run_limits(longest_run: IntArray) -> IntArray:
    """(signals,) readings of equal value from which a signal is stuck: three times the longest healthy run, at least 20.

    A signal that never moved in calibration, and a switch (longest run 0), cannot be told to be stuck: its limit is out of reach.
    """
    limits = np.maximum(_RUN_FACTOR * longest_run, _LEAST_RUN)
    return np.where(longest_run == 0, np.iinfo(np.int64).max, limits)


def longest_runs(values: FloatArray) -> IntArray:
    """(signals,) longest run of equal values in (rows, signals); 0 where a signal never moved or has two values only.

    >>> longest_runs(np.array([[1.0, 5.0, 0.0], [1.0, 5.0, 0.0], [2.0, 5.0, 1.0], [3.0, 5.0, 0.0]])).tolist()
    [2, 0, 0]
    """
    out = np.zeros(values.shape[1], dtype=np.int64)
    for column in np.flatnonzero(~are_switches(values)):
        known = values[np.isfinite(values[:, column]), column]
        changes = np.flatnonzero(np.diff(known) != 0)
        if changes.size:
            out[column] = np.diff(np.r_[-1, changes, known.size - 1]).max()
    return out


def are_switches(values: FloatArray) -> BoolArray:
    """(signals,) which of (rows, signals) have two values at most: on and off, which may last, and are no outliers of each other.

    >>> are_switches(np.array([[1.0, 0.0], [2.0, 1.0], [3.0, np.nan], [3.0, 1.0]])).tolist()
    [False, True]
    """
    low = np.min(values, axis=0, where=np.isfinite(values), initial=np.inf)
    high = np.max(values, axis=0, where=np.isfinite(values), initial=-np.inf)
    return np.asarray((~np.isfinite(values) | (values == low) | (values == high)).all(axis=0))


def longest_spike(sampling_seconds: float) -> int:
    """Readings for which a signal may be away alone before it has really moved.

    Waiting delays an alarm: by 2 readings where they come by the hundred, by one up to 10 s; slower machines are believed at
    once.

    >>> [longest_spike(seconds) for seconds in (0.01, 1.0, 10.0)]
    [2, 1, 0]
    """
    if sampling_seconds < _FAST_BELOW_SECONDS:
        return 2
    return 1 if sampling_seconds < _SPIKES_BELOW_SECONDS else 0


def spike_limits(values: FloatArray, sampling_seconds: float) -> FloatArray:
    """(signals,) distance from the median of the last five readings from which one alone is a spike.

    Three times the largest in a healthy (rows, signals) table, twice where a reading is one of many in a window, which a small
    spike spoils; infinite for a signal that never moved.

    >>> spike_limits(np.array([[1.0, 5.0], [2.0, 5.0], [1.0, 5.0]]), 1.0).tolist()
    [3.0, inf]
    """
    factor = _FAST_SPIKE_FACTOR if sampling_seconds < _FAST_BELOW_SECONDS else _SPIKE_FACTOR
    out = np.full(values.shape[1], np.inf)
    for column, signal in enumerate(values.T):
        known = signal[np.isfinite(signal)]
        if known.size < 2:
            continue
        before = np.lib.stride_tricks.sliding_window_view(np.r_[np.full(_RECENT - 1, known[0]), known[:-1]], _RECENT)
        farthest = float(np.abs(known[1:] - np.median(before, axis=1)).max())
        out[column] = factor * farthest if farthest > 0 else np.inf
    return out


@dataclass
class QualityLane:
    """Finds flaws in the readings of many assets, in arrival order.

    Args:
        asset_type: names the physical ranges.
    """

    asset_type: AssetType

    def __post_init__(self) -> None:
        limits = np.array([signal.limits for signal in self.asset_type.signals], dtype=np.float64)
        self._longest_spike = longest_spike(self.asset_type.sampling_seconds)
        self._low, self._high = limits[:, 0], limits[:, 1]
        self._last = np.empty((0, len(limits)))
        self._run = np.empty((0, len(limits)), dtype=np.int64)
        self._recent = np.empty((0, len(limits), _RECENT))
        self._spikes = np.empty((0, len(limits)), dtype=np.int64)

    def update(
        self, values: FloatArray, slots: IntArray, limits: IntArray, spikes: FloatArray | None = None
    ) -> NDArray[np.int8]:
        """Takes readings and returns their flaws, (rows, signals) indices into `FLAWS`.

        Args:
            values: (rows, signals) in the signals' units; NaN or infinite where there is no number.
            slots: (rows,) assets.
            limits: (assets, signals) from `run_limits`.
            spikes: (assets, signals) from `spike_limits`; None: nothing is a spike. A spike is in one signal alone, for
                `longest_spike` readings at most: what moves several signals, or stays, is the machine's.
        """
        fresh = int(slots.max(initial=-1)) + 1 - len(self._last)
        if fresh > 0:
            width = self._last.shape[1]
            self._last = np.vstack([self._last, np.full((fresh, width), np.nan)])
            self._run = np.vstack([self._run, np.zeros((fresh, width), dtype=np.int64)])
            self._recent = np.concatenate([self._recent, np.full((fresh, width, _RECENT), np.nan)])
            self._spikes = np.vstack([self._spikes, np.zeros((fresh, width), dtype=np.int64)])
        flaws = np.zeros(values.shape, dtype=np.int8)
        farthest = np.full(limits.shape, np.inf) if spikes is None else spikes
        _find(
            np.ascontiguousarray(values), slots, self._low, self._high, limits, farthest, self._last, self._run, self._recent,
            self._spikes, self._longest_spike, flaws,
        )  # fmt: skip
        return flaws

    def told_by_values(self, values: FloatArray) -> NDArray[np.int8]:
        """(rows, signals) indices into `FLAWS`, of those that a value shows alone: missing, out of range. Nothing is remembered.

        Args:
            values: as of `update`.
        """
        flaws = np.empty(values.shape, dtype=np.int8)
        _find_by_values(np.ascontiguousarray(values), self._low, self._high, flaws)
        return flaws

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of what is remembered, as named arrays."""
        return {
            "last": self._last.copy(), "run": self._run.copy(), "recent": self._recent.copy(), "spikes": self._spikes.copy(),
        }  # fmt: skip

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back."""
        self._last, self._run = snapshot["last"].copy(), snapshot["run"].copy()
        self._recent, self._spikes = snapshot["recent"].copy(), snapshot["spikes"].copy()


@njit(cache=True, nogil=True)
def _flaw_of(value: float, low: float, high: float) -> int:
    if not np.isfinite(value):
        return MISSING
    return OUT_OF_RANGE if value < low or value > high else GOOD


@njit(cache=True, nogil=True)
def _find_by_values(values: Any, low: Any, high: Any, flaws: Any) -> None:
    for row in range(values.shape[0]):
        for i in range(values.shape[1]):
            flaws[row, i] = _flaw_of(values[row, i], low[i], high[i])


@njit(cache=True, nogil=True)
def _find(
    values: Any, slots: Any, low: Any, high: Any, limits: Any, farthest: Any, last: Any, run: Any, recent: Any, spikes: Any,
    longest: int, flaws: Any,
) -> None:  # fmt: skip
    for row in range(slots.size):
        slot = slots[row]
        for i in range(values.shape[1]):
            value = values[row, i]
            flaws[row, i] = _flaw_of(value, low[i], high[i])
            if flaws[row, i] != GOOD:
                continue
            run[slot, i] = run[slot, i] + 1 if value == last[slot, i] else 1
            last[slot, i] = value
            if run[slot, i] > limits[slot, i]:
                flaws[row, i] = STUCK
        _find_spikes(values[row], slot, farthest, recent, spikes, longest, flaws[row])


@njit(cache=True, nogil=True)
def _find_spikes(values: Any, slot: int, farthest: Any, recent: Any, spikes: Any, longest: int, flaws: Any) -> None:
    """`recent` holds the last good values, the newest last; `spikes` how many readings a signal has been away."""
    away, alone = -1, 0
    for i in range(values.size):
        if flaws[i] != GOOD or np.isnan(recent[slot, i, 0]):
            continue
        least, most = recent[slot, i, 0], recent[slot, i, 0]
        for k in range(1, _RECENT):
            least, most = min(least, recent[slot, i, k]), max(most, recent[slot, i, k])
        if max(values[i] - least, most - values[i]) <= farthest[slot, i]:
            continue  # the median is between them: to find it costs more than all the rest
        if abs(values[i] - np.median(recent[slot, i])) > farthest[slot, i]:
            away, alone = i, alone + 1
    for i in range(values.size):
        if flaws[i] != GOOD:
            continue
        if i != away or alone > 1:
            spikes[slot, i] = 0
        elif spikes[slot, i] < longest:
            spikes[slot, i] += 1
            flaws[i] = SPIKE
            continue
        for k in range(_RECENT - 1):
            recent[slot, i, k] = recent[slot, i, k + 1]
        recent[slot, i, _RECENT - 1] = values[i]
