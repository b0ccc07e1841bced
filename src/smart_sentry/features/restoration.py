"""Notices an asset that is restored in mid-life: within a reading it shows the health of a machine far younger.

Seven train and two test engines of C-MAPSS FD004 are: worn to the brink of failure, then healthy again. What the filters
remember from before would then call a healthy machine failing, so they begin anew (WindowBank.update's `restarts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class RestorationRule:
    """When a jump of the remaining-share indicator (1 healthy, 0 failing) counts as a restoration.

    The mean of the `after` newest readings stands more than `jump` above the mean of the `before` readings ahead of them,
    and that earlier mean was below `worn`. On the train engines of FD001-FD003, none of which is restored, the largest jump
    seen is about 0.1; the restored engines of FD004 jump by 0.25 to 0.95.
    """

    after: int = 4
    before: int = 10
    jump: float = 0.2
    worn: float = 0.5


class RestorationDetector:
    """Follows one indicator of many assets; state is carried row by row, so batches may be cut anywhere."""

    def __init__(self, rule: RestorationRule = RestorationRule()) -> None:
        self.rule = rule
        self._recent = np.zeros((0, rule.after + rule.before))
        self._count = np.zeros(0, dtype=np.int64)

    def update(self, remaining_share: FloatArray, slots: IntArray) -> BoolArray:
        """Takes rows in arrival order; returns True at the row at which an asset is found restored."""
        restored = np.zeros(remaining_share.shape[0], dtype=np.bool_)
        if restored.size:
            self._reserve(int(slots.max()) + 1)
            rule = self.rule
            _follow(
                remaining_share,
                slots,
                self._recent,
                self._count,
                rule.after,
                rule.before,
                rule.jump,
                rule.worn,
                restored,
            )
        return restored

    def _reserve(self, slots: int) -> None:
        missing = slots - len(self._count)
        if missing > 0:
            room = max(missing, len(self._count))
            self._recent = np.vstack([self._recent, np.zeros((room, self._recent.shape[1]))])
            self._count = np.concatenate([self._count, np.zeros(room, dtype=np.int64)])

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the whole state, as named arrays."""
        return {"recent": self._recent.copy(), "count": self._count.copy()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back."""
        self._recent, self._count = snapshot["recent"].copy(), snapshot["count"].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _follow(
    indicator: Any,
    slots: Any,
    recent: Any,
    count: Any,
    after: int,
    before: int,
    jump: float,
    worn: float,
    restored: Any,
) -> None:
    length = after + before
    for row in range(indicator.shape[0]):
        value, slot = indicator[row], slots[row]
        if not np.isfinite(value):
            continue
        recent[slot, count[slot] % length] = value
        count[slot] += 1
        if count[slot] < length:
            continue
        new, old = 0.0, 0.0
        for age in range(length):
            reading = recent[slot, (count[slot] - 1 - age) % length]
            if age < after:
                new += reading / after
            else:
                old += reading / before
        if new - old > jump and old < worn:
            restored[row] = True
            count[slot] = 0
