"""Which row of the state arrays each asset has: slots are counted from 0, in the order in which assets come."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_EMPTY = "\0empty:"


def slots_of(asset_ids: Sequence[str], known: dict[str, int]) -> NDArray[np.int64]:
    """(rows,) slots of assets.

    Args:
        asset_ids: (rows,)
        known: asset -> its slot; those that are new are added.

    >>> slots_of(["b", "c", "b", "d"], {"a": 0, "b": 1}).tolist()
    [1, 2, 1, 3]
    """
    slots = list(map(known.get, asset_ids))
    if None in slots:
        for asset in asset_ids:
            known.setdefault(asset, len(known))
        slots = list(map(known.get, asset_ids))
    return np.array(slots, dtype=np.int64)


def empty_place(slot: int) -> str:
    """Stands in place of an asset that is forgotten: no other may have its slot, where its memory still is."""
    return f"{_EMPTY}{slot}"


def is_empty_place(name: str) -> bool:
    """Whether a name stands in place of an asset that is forgotten.

    >>> is_empty_place(empty_place(3)), is_empty_place("pump 3")
    (True, False)
    """
    return name.startswith(_EMPTY)
