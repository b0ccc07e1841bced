"""Sorts what came in by asset type: a part is what one watch judges in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.errors import InvalidReadings
from smart_sentry.plant.incoming import (
    Incoming,
    IncomingWindow,
    refuse_wrong_times,
    refuse_wrong_window,
    type_by_signals,
    values_of,
    values_of_window,
)


@dataclass(frozen=True)
class Part:
    """Readings of assets of one type: asset by asset, each asset's in the order in which they came.

    Databases take neighbours of an index together, in half the time.

    Attributes:
        asset_type: its name.
        positions: (rows,) of the readings in the request.
        assets, reading_ids: (rows,)
        seconds: (rows,) since 1970 UTC.
        values: (rows, signals) in the type's order, NaN where there is no number.
        received: (rows,) when each came, since 1970 UTC; None: now.
    """

    asset_type: str
    positions: NDArray[np.int64]
    assets: Sequence[str]
    reading_ids: Sequence[str]
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]
    received: NDArray[np.float64] | None = None

    def only(self, chosen: NDArray[np.bool_]) -> Part:
        """The rows that are chosen, (rows,)."""
        return self._rows(np.flatnonzero(chosen))

    def by_asset(self) -> Part:
        """The same rows asset by asset."""
        order = sorted(range(len(self.assets)), key=self.assets.__getitem__)
        return self._rows(np.array(order, dtype=np.int64))

    def _rows(self, places: NDArray[np.int64]) -> Part:
        rows = places.tolist()
        return Part(
            self.asset_type, self.positions[places], [self.assets[row] for row in rows],
            [self.reading_ids[row] for row in rows], self.seconds[places], self.values[places],
            None if self.received is None else self.received[places],
        )  # fmt: skip


@dataclass(frozen=True)
class Sorter:
    """Sorts by type.

    Attributes:
        asset_types: name -> type.
        type_of: asset id -> name of its type. An asset keeps the type that its first reading gave it.
        now: seconds since 1970 UTC.
    """

    asset_types: Mapping[str, AssetType]
    type_of: Mapping[str, str]
    now: float

    def readings(self, readings: Sequence[Incoming]) -> list[Part]:
        """The parts of a request in rows.

        Raises:
            InvalidReadings: a time, signal or asset type is wrong.
        """
        refuse_wrong_times(readings, self.now)
        positions: dict[str, list[int]] = {}
        of_new: dict[str, str] = {}
        for position, reading in enumerate(readings):
            name = self.type_of.get(reading.asset_id) or of_new.get(reading.asset_id)
            if name is None:
                name = reading.asset_type or type_by_signals(self.asset_types, list(reading.values), position)
                of_new[reading.asset_id] = self._known(name, position, "asset_type")
            positions.setdefault(name, []).append(position)
        for its in positions.values():
            its.sort(key=lambda at: readings[at].asset_id)
        return [self._part(name, [readings[at] for at in its], its) for name, its in positions.items()]

    def windows(self, windows: Sequence[IncomingWindow]) -> list[Part]:
        """The parts of a request in columns.

        Raises:
            InvalidReadings: a time, interval, signal or asset type is wrong.
        """
        parts: dict[str, list[Part]] = {}
        of_new: dict[str, str] = {}
        at = 0
        for number, window in enumerate(windows):
            field = f"{number}." if len(windows) > 1 else ""
            refuse_wrong_window(window, at, field, self.now)
            name = self.type_of.get(window.asset_id) or of_new.get(window.asset_id)
            if name is None:
                found = window.asset_type or type_by_signals(
                    self.asset_types, list(window.columns), at, window.interval_seconds
                )
                name = of_new[window.asset_id] = self._known(found, at, f"{field}asset_type")
            count = len(window.seconds)
            parts.setdefault(name, []).append(Part(
                name, np.arange(at, at + count), [window.asset_id] * count, window.reading_ids, window.seconds,
                values_of_window(self.asset_types[name], window, at, field),
            ))  # fmt: skip
            at += count
        return [_joined(sorted(its, key=lambda part: part.assets[0])) for its in parts.values()]

    def _known(self, name: str, position: int, field: str) -> str:
        if name not in self.asset_types:
            known = ", ".join(sorted(self.asset_types))
            raise InvalidReadings([(position, field, f"expected one of {known}, found {name!r}")])
        return name

    def _part(self, name: str, readings: Sequence[Incoming], positions: Sequence[int]) -> Part:
        return Part(
            name, np.array(positions, dtype=np.int64), [reading.asset_id for reading in readings],
            [reading.reading_id for reading in readings], np.array([reading.seconds for reading in readings]),
            values_of(self.asset_types[name], readings, positions),
        )  # fmt: skip


def _joined(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    return Part(
        parts[0].asset_type,
        np.concatenate([part.positions for part in parts]),
        [asset for part in parts for asset in part.assets],
        [name for part in parts for name in part.reading_ids],
        np.concatenate([part.seconds for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def renumbered(parts: Sequence[Part]) -> list[Part]:
    """Parts of which rows were left out, as a request has them: positions are those among the rows that are left, from 0."""
    if not parts:
        return []
    order = np.argsort(np.argsort(np.concatenate([part.positions for part in parts])))
    ends = np.cumsum([len(part.assets) for part in parts])
    return [replace(part, positions=order[end - len(part.assets) : end]) for part, end in zip(parts, ends, strict=True)]
