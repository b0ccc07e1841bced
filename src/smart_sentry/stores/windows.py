"""High-rate windows: many points of an asset in one row, unique by the time of the first point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from smart_sentry.stores.bulk import hold_assets, insert_new
from smart_sentry.stores.layouts import layout_of, read_layouts
from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import windows

BoolArray = NDArray[np.bool_]

POINTS = np.dtype("<f4")


@dataclass(frozen=True)
class HighRateWindow:
    """Equally spaced points.

    Attributes:
        asset_id: whose.
        start: time of the first point, seconds since 1970 UTC.
        interval_seconds: time between two points.
        values: (points, signals) float32; NaN where there is no number.
        signals: names of the columns of values.
        source: where it came from.
        received: when it came, seconds since 1970 UTC.
    """

    asset_id: str
    start: float
    interval_seconds: float
    values: NDArray[np.float32]
    signals: tuple[str, ...]
    source: str
    received: float


class WindowTable:
    """The windows, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, added: Sequence[HighRateWindow]) -> BoolArray:
        """Stores windows and tells which are new: (windows,), false for one whose asset has one of the same start.

        Raises:
            ValueError: a window's values have not a column for each signal.
        """
        for window in added:
            if window.values.ndim != 2 or window.values.shape[1] != len(window.signals):
                raise ValueError(f"values must be (points, {len(window.signals)}), not {window.values.shape}")
        new = np.zeros(len(added), dtype=np.bool_)
        first: dict[tuple[str, float], int] = {}
        for number, window in enumerate(added):
            first.setdefault((window.asset_id, float(window.start)), number)
        if not first:
            return new
        hold_assets(self._connection, (asset for asset, _ in first))
        chosen = [added[number] for number in first.values()]
        layouts = {signals: layout_of(self._connection, signals) for signals in {window.signals for window in chosen}}
        columns: dict[str, Sequence[Any]] = {
            "asset_id": [window.asset_id for window in chosen],
            "time": [float(window.start) for window in chosen],
            "received": [float(window.received) for window in chosen],
            "interval_seconds": [float(window.interval_seconds) for window in chosen],
            "layout": [layouts[window.signals] for window in chosen],
            "values": [np.ascontiguousarray(window.values, dtype=POINTS).tobytes() for window in chosen],
            "source": [window.source for window in chosen],
        }
        for key in insert_new(self._connection, windows, columns, ("asset_id", "time")):
            new[first[(key[0], key[1])]] = True
        return new

    def history(self, asset_id: str, span: Span = EVERYTHING) -> list[HighRateWindow]:
        """An asset's windows that begin in a stretch of time."""
        rows = self._connection.execute(span.of(select(windows).where(windows.c.asset_id == asset_id), windows)).all()
        layouts = read_layouts(self._connection, (row.layout for row in rows))
        return [
            HighRateWindow(
                row.asset_id, row.time, row.interval_seconds,
                np.frombuffer(row.values, POINTS).reshape(-1, len(layouts[row.layout])),
                layouts[row.layout], row.source, row.received,
            )
            for row in rows
        ]  # fmt: skip
