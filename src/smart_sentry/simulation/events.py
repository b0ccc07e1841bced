"""Readings as events: what the simulator sends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, Signal
from smart_sentry.datasets.simulated_motors import TIME_COLUMN

FAULTY_COLUMN = "is_faulty"


@dataclass(frozen=True)
class Events:
    """Readings of one asset with an identity each.

    Attributes:
        event_ids: (rows,) UUIDs; a reading that is sent again keeps its own.
        table: (rows,) timestamp, asset_id, the signals, then what is true of each row (simulated_motors.TRUTH_COLUMNS).
        signal_names: columns of `table` that are measured.
    """

    event_ids: Sequence[str]
    table: pd.DataFrame
    signal_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.table)

    @classmethod
    def none(cls) -> Events:
        """No readings."""
        return cls((), pd.DataFrame(), ())

    def part(self, begin: int, end: int) -> Events:
        """Readings `begin` up to, not including, `end`."""
        return Events(self.event_ids[begin:end], self.table.iloc[begin:end], self.signal_names)

    def followed_by(self, others: Events) -> Events:
        """These, then others of the same asset."""
        if not len(self):
            return others
        table = pd.concat([self.table, others.table], ignore_index=True)
        return Events([*self.event_ids, *others.event_ids], table, self.signal_names)

    def messages(self) -> list[dict[str, object]]:
        """One JSON object a reading: event_id, asset_id, timestamp, the signals (null where missing) and is_faulty."""
        values = self.table[list(self.signal_names)].to_numpy(dtype=np.float64)
        told = [[None if math.isnan(value) else value for value in row] for row in values.tolist()]
        columns = (self.event_ids, self.table[ASSET_COLUMN], self.table[TIME_COLUMN], self.table[FAULTY_COLUMN], told)
        return [
            {"event_id": event_id, ASSET_COLUMN: asset_id, TIME_COLUMN: timestamp}
            | dict(zip(self.signal_names, row, strict=True))
            | {FAULTY_COLUMN: bool(is_faulty)}
            for event_id, asset_id, timestamp, is_faulty, row in zip(*columns, strict=True)
        ]


def event_ids(stamps: Sequence[str], run: str) -> list[str]:
    """UUIDs made of names (RFC 9562, version 5): the same run sent again has the same, any other run others.

    Args:
        stamps: (rows,) timestamps.
        run: all that makes a run.
    """
    space = uuid5(NAMESPACE_OID, run)
    return [str(uuid5(space, stamp)) for stamp in stamps]


def timestamps(start: datetime, first: int, rows: int, interval_s: float) -> list[str]:
    """ISO 8601 in UTC of readings `first` to `first + rows`, to the microsecond."""
    origin = start.astimezone(UTC)
    return [
        (origin + timedelta(seconds=number * interval_s)).isoformat(timespec="microseconds")
        for number in range(first, first + rows)
    ]


class ReadingLine:
    """Says a reading in a line, e.g. `V=230.5V, I=15.2A, PF=0.92, Vib=0.150g`.

    Decimals follow the size of a signal's first value, one for tens and above, so that columns of lines do not jump.
    """

    def __init__(self, signals: Sequence[Signal]) -> None:
        self._signals = signals
        self._decimals: dict[str, int] = {}

    def of(self, values: Sequence[float]) -> str:
        """The line of one reading, in the order of the signals."""
        return ", ".join(self._one(signal, value) for signal, value in zip(self._signals, values, strict=True))

    def _one(self, signal: Signal, value: float) -> str:
        unit = "" if signal.unit == "1" else signal.unit
        name = signal.symbol or signal.name
        if math.isnan(value):
            return f"{name}=missing"
        if signal.name not in self._decimals and value != 0.0:
            self._decimals[signal.name] = decimals_for(value)
        return f"{name}={value:.{self._decimals.get(signal.name, 1)}f}{unit}"


def decimals_for(value: float) -> int:
    """Decimals to show a value of this size with.

    >>> [decimals_for(value) for value in (230.0, 15.0, 0.92, 0.15)]
    [1, 1, 2, 3]
    """
    return min(max(round(2.0 - math.log10(abs(value))), 1), 6)
