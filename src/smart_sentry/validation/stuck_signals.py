"""Signals that stand still in one asset while they move in the others: reported, never failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN

MOVING_SHARE = 0.9
"""A signal is called stuck only if it moves in this share of the other assets. FD001's sensor_6 is constant in 38 of 100
healthy engines: that is its resolution, not a fault."""
EXPECTED_CHANGES = 10.0
"""... and if the others' rate of change gave this many changes here (none of them by chance: e^-10, if independent)."""


@dataclass(frozen=True)
class StuckSignal:
    """A signal that kept one value over all rows of an asset."""

    split: str
    asset_id: int
    signal: str
    value: float
    rows: int


def stuck_signals(readings: pd.DataFrame, signals: Sequence[str], split: str) -> tuple[StuckSignal, ...]:
    """Finds signals that are constant in one asset but not in the fleet.

    Args:
        readings: asset_id and float64 signals, in order of cycle within each asset.
        signals: columns to look at.
        split: name of the table, kept in the result.
    """
    by_asset = readings.groupby(ASSET_COLUMN, sort=True)
    rows = by_asset.size()
    moves = (readings[list(signals)] != by_asset[list(signals)].shift()) & by_asset.cumcount().gt(0).to_numpy()[:, None]
    changes = moves.groupby(readings[ASSET_COLUMN]).sum()
    steps = rows - 1
    found = []
    for signal in signals:
        still = changes[signal] == 0
        for asset_id in changes.index[still]:
            others = changes.index != asset_id
            if not others.any() or (changes.loc[others, signal] > 0).mean() < MOVING_SHARE:
                continue
            rate = changes.loc[others, signal].sum() / steps[others].sum()
            if rate * steps[asset_id] >= EXPECTED_CHANGES:
                value = float(by_asset[signal].first()[asset_id])
                found.append(StuckSignal(split, int(asset_id), signal, value, int(rows[asset_id])))
    return tuple(found)
