"""Signals that stand still in one asset while they move in the others: reported, never failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from smart_sentry.assets import ASSET_COLUMN

SLOWEST_SHARE = 0.1
EXPECTED_CHANGES = 10.0
"""A signal is stuck in an asset if nine of ten of the others would have shown this many changes in as many rows. C-MAPSS FD001's
sensor_6 is constant in 38 of 100 healthy engines and hardly moves in the rest: that is its resolution, not a fault."""


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
    names = list(signals)
    by_asset = readings.groupby(ASSET_COLUMN, sort=True)
    rows = by_asset.size()
    moves = (readings[names] != by_asset[names].shift()).loc[by_asset.cumcount() > 0]
    rates = moves.groupby(readings[ASSET_COLUMN]).mean()  # an asset with a single row has none
    found = []
    for signal in names:
        for asset_id in rates.index[rates[signal] == 0]:
            slowest = rates[signal].drop(asset_id).quantile(SLOWEST_SHARE, interpolation="lower")
            if slowest * (rows[asset_id] - 1) >= EXPECTED_CHANGES:  # false for the NaN of a fleet of one
                value = float(by_asset[signal].first()[asset_id])
                found.append(StuckSignal(split, int(asset_id), signal, value, int(rows[asset_id])))
    return tuple(found)
