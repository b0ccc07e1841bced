"""Which readings of a stream are new: told from their numbers alone, as IPsec tells replayed packets (RFC 4303, section 3.4.3).

Of every asset the highest number is remembered, and which of the 64 numbers up to it have come. What is above is new; what is
below and has not come is late, and new; what has come is a duplicate; what is further below is stale, and nobody can tell. An
asset that starts anew numbers anew in a higher epoch; messages of an earlier epoch are stale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.features.slots import slots_of

IntArray = NDArray[np.int64]

NEW, DUPLICATE, STALE = 0, 1, 2
"""What a reading may be."""
REACH = 64
"""Numbers below the highest within which a late reading is told from a repeated one."""


class SequenceGate:
    """Remembers what has come of each asset."""

    def __init__(self) -> None:
        self._slot_of: dict[str, int] = {}
        self._epoch, self._highest = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        self._come = np.empty(0, dtype=np.uint64)

    def judge(self, asset_ids: Sequence[str], epochs: IntArray, sequences: IntArray) -> NDArray[np.int8]:
        """Takes readings in the order of arrival.

        Args:
            asset_ids: (rows,)
            epochs, sequences: (rows,) from 0.

        Returns:
            (rows,) NEW, DUPLICATE or STALE.
        """
        known = self._slot_of
        slots = slots_of(asset_ids, known)
        self._reserve(len(known))
        out = np.empty(len(slots), dtype=np.int8)
        _judge(slots, epochs, sequences, self._epoch, self._highest, self._come, out)
        return out

    def knows(self, asset_id: str) -> bool:
        """Whether a reading of an asset has come."""
        return asset_id in self._slot_of

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all (None): its numbers may come anew."""
        slot = self._slot_of.pop(asset_id, None) if asset_id is not None else slice(None)
        if slot is None:
            return
        if asset_id is None:
            self._slot_of.clear()
        self._epoch, self._highest = np.delete(self._epoch, slot), np.delete(self._highest, slot)
        self._come = np.delete(self._come, slot)
        self._slot_of = {asset: place for place, asset in enumerate(self._slot_of)}  # in the order of their slots

    def snapshot(self) -> dict[str, Any]:
        """A copy of the state."""
        count = len(self._slot_of)
        return {
            "assets": list(self._slot_of), "epoch": self._epoch[:count].copy(), "highest": self._highest[:count].copy(),
            "come": self._come[:count].copy(),
        }  # fmt: skip

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Puts a snapshot back."""
        self._slot_of = {asset: slot for slot, asset in enumerate(snapshot["assets"])}
        self._epoch, self._highest = snapshot["epoch"].copy(), snapshot["highest"].copy()
        self._come = snapshot["come"].copy()

    def _reserve(self, count: int) -> None:
        have = len(self._epoch)
        if count > have:
            fresh = max(count, 2 * have) - have
            self._epoch = np.concatenate([self._epoch, np.full(fresh, -1, dtype=np.int64)])
            self._highest = np.concatenate([self._highest, np.full(fresh, -1, dtype=np.int64)])
            self._come = np.concatenate([self._come, np.zeros(fresh, dtype=np.uint64)])


@njit(cache=True, nogil=True)
def _judge(slots: Any, epochs: Any, sequences: Any, epoch: Any, highest: Any, come: Any, out: Any) -> None:
    one = np.uint64(1)
    for row in range(slots.size):
        slot, sequence = slots[row], sequences[row]
        if epochs[row] < epoch[slot]:
            out[row] = STALE
            continue
        if epochs[row] > epoch[slot]:
            epoch[slot], highest[slot], come[slot] = epochs[row], -1, np.uint64(0)
        ahead = sequence - highest[slot]
        if ahead > 0:
            come[slot] = (come[slot] << np.uint64(ahead)) if ahead < REACH else np.uint64(0)
            come[slot] |= one
            highest[slot] = sequence
            out[row] = NEW
        elif -ahead >= REACH:
            out[row] = STALE
        else:
            bit = one << np.uint64(-ahead)
            out[row] = DUPLICATE if come[slot] & bit else NEW
            come[slot] |= bit
