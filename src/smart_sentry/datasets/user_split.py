"""A test set out of a fleet that only has run-to-failure histories: whole assets, cut off at a random time of their life.

An asset is never in both sets, and what follows the cut is never seen: the truth is known because the rest of its life was.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pandas as pd

from smart_sentry.datasets.run_to_failure import NAME_COLUMN


def split_by_asset(histories: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Sets assets aside for the test and cuts them off.

    Which assets are set aside follows from a hash of seed and name alone, so neither the order of the rows nor the machine
    matters; when an asset is cut follows from its own hash, so other assets do not matter either.

    Args:
        histories: asset_name and cycle, rows asset by asset in the order of cycle; at least two assets.
        share: of the assets that go to the test, above 0 and below 1; at least one asset stays on either side.
        seed: another one gives another split.

    Returns:
        Train rows, test rows, and the cycles from each test asset's last row to its failure, indexed by name.
    """
    names = sorted(histories[NAME_COLUMN].unique())
    count = min(max(math.ceil(share * len(names)), 1), len(names) - 1)
    test_names = sorted(names, key=lambda name: _digest(seed, name))[:count]
    in_test = histories[NAME_COLUMN].isin(test_names)
    lives = {str(name): life for name, life in histories[in_test].groupby(NAME_COLUMN, sort=True)}
    seen = {name: life.iloc[: _cut(seed, name, len(life))] for name, life in lives.items()}
    final = {name: int(lives[name]["cycle"].iloc[-1] - rows["cycle"].iloc[-1]) for name, rows in seen.items()}
    return histories[~in_test], pd.concat(list(seen.values())), pd.Series(final, dtype="int64")


def _cut(seed: int, name: str, rows: int) -> int:
    """How many rows are seen of a life: uniform over 1..rows - 1, and all of a life of one row."""
    rng = np.random.default_rng(int.from_bytes(_digest(seed, f"cut {name}")[:8], "big"))
    return int(rng.integers(1, rows)) if rows > 1 else rows


def _digest(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
