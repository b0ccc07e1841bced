"""What is wrong with readings before anything is judged: masks, one for each way in which a sensor lies. Nothing is repaired.

Missing, out of the physical range and stuck are told apart from a machine's faults: the value is masked, so that no detector
learns from it or alarms on it, and a sensor is blamed.
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

GOOD, MISSING, OUT_OF_RANGE, STUCK = 0, 1, 2, 3
FLAWS = ("good", "missing", "out of range", "stuck")
"""A flaw's code is its place in this tuple."""
_LEAST_RUN = 20
_RUN_FACTOR = 3


def run_limits(longest_run: IntArray) -> IntArray:
    """(signals,) readings of equal value from which a signal is stuck: three times the longest healthy run, at least 20.

    A signal that never moved in calibration (longest run 0) cannot be told to be stuck: its limit is out of reach.
    """
    limits = np.maximum(_RUN_FACTOR * longest_run, _LEAST_RUN)
    return np.where(longest_run == 0, np.iinfo(np.int64).max, limits)


def longest_runs(values: FloatArray) -> IntArray:
    """(signals,) longest run of equal values in (rows, signals); 0 where a signal never moved.

    >>> longest_runs(np.array([[1.0, 5.0], [1.0, 5.0], [2.0, 5.0]])).tolist()
    [2, 0]
    """
    out = np.zeros(values.shape[1], dtype=np.int64)
    for column, signal in enumerate(values.T):
        known = signal[np.isfinite(signal)]
        changes = np.flatnonzero(np.diff(known) != 0)
        if changes.size:
            out[column] = np.diff(np.r_[-1, changes, known.size - 1]).max()
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
        self._low, self._high = limits[:, 0], limits[:, 1]
        self._last = np.empty((0, len(limits)))
        self._run = np.empty((0, len(limits)), dtype=np.int64)

    def update(self, values: FloatArray, slots: IntArray, limits: IntArray) -> NDArray[np.int8]:
        """Takes readings and returns their flaws, (rows, signals) indices into `FLAWS`.

        Args:
            values: (rows, signals) in the signals' units; NaN or infinite where there is no number.
            slots: (rows,) assets.
            limits: (assets, signals) from `run_limits`.
        """
        fresh = int(slots.max(initial=-1)) + 1 - len(self._last)
        if fresh > 0:
            width = self._last.shape[1]
            self._last = np.vstack([self._last, np.full((fresh, width), np.nan)])
            self._run = np.vstack([self._run, np.zeros((fresh, width), dtype=np.int64)])
        flaws = np.zeros(values.shape, dtype=np.int8)
        _find(np.ascontiguousarray(values), slots, self._low, self._high, limits, self._last, self._run, flaws)
        return flaws

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of what is remembered, as named arrays."""
        return {"last": self._last.copy(), "run": self._run.copy()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back."""
        self._last, self._run = snapshot["last"].copy(), snapshot["run"].copy()


@njit(cache=True, nogil=True)
def _find(values: Any, slots: Any, low: Any, high: Any, limits: Any, last: Any, run: Any, flaws: Any) -> None:
    for row in range(slots.size):
        slot = slots[row]
        for i in range(values.shape[1]):
            value = values[row, i]
            if not np.isfinite(value):
                flaws[row, i] = MISSING
                continue
            if value < low[i] or value > high[i]:
                flaws[row, i] = OUT_OF_RANGE
                continue
            run[slot, i] = run[slot, i] + 1 if value == last[slot, i] else 1
            last[slot, i] = value
            if run[slot, i] > limits[slot, i]:
                flaws[row, i] = STUCK
