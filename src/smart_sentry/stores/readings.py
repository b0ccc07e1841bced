"""Readings as they came, with what was said of them: each asset's reading id is stored once, whoever sends it how often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, func, select, text

from smart_sentry.stores import assessments, predictions
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.bulk import append, hold_assets, known_keys
from smart_sentry.stores.layouts import layout_of, read_layouts, union
from smart_sentry.stores.predictions import PredictionRows
from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import readings

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

VALUES = np.dtype("<f8")
_PIECE = 256

# An index is skipped through from name to name: a DISTINCT would read every reading.
_ASSETS = text(
    "WITH RECURSIVE found(asset_id) AS (SELECT min(asset_id) FROM readings UNION ALL"
    " SELECT (SELECT min(asset_id) FROM readings WHERE readings.asset_id > found.asset_id) FROM found"
    " WHERE found.asset_id IS NOT NULL) SELECT asset_id FROM found WHERE asset_id IS NOT NULL"
)


@dataclass(frozen=True)
class ReadingRows:
    """Readings of one list of signals, in the order in which they came.

    Attributes:
        asset_ids: (rows,)
        reading_ids: (rows,) unique within an asset: what makes a repeated reading harmless.
        seconds: (rows,) time of each reading, since 1970 UTC.
        values: (rows, signals) NaN where there is no number.
        signals: names of the columns of values.
        source: where they came from, e.g. "http".
        received: when they came, seconds since 1970 UTC.
    """

    asset_ids: Sequence[str]
    reading_ids: Sequence[str]
    seconds: FloatArray
    values: FloatArray
    signals: tuple[str, ...]
    source: str
    received: float


@dataclass(frozen=True)
class ReadingHistory:
    """One asset's readings.

    Attributes:
        reading_ids, sources: (rows,)
        seconds, received: (rows,) since 1970 UTC.
        values: (rows, signals) NaN where there is no number.
        signals: names of the columns of values: all that any of the readings had.
    """

    reading_ids: tuple[str, ...]
    sources: tuple[str, ...]
    seconds: FloatArray
    received: FloatArray
    values: FloatArray
    signals: tuple[str, ...]


class AlreadyStored(Exception):
    """A reading that should have been new is there."""


class ReadingTable:
    """The readings, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def unknown(self, asset_ids: Sequence[str], reading_ids: Sequence[str]) -> BoolArray:
        """Which of these readings are not stored yet: (rows,), false also for one that stands earlier among them.

        On PostgreSQL the assets are held until the transaction ends, so that one asset's readings are scored one after another.

        Args:
            asset_ids, reading_ids: (rows,)
        """
        unknown = np.zeros(len(asset_ids), dtype=np.bool_)
        if not len(unknown):
            return unknown
        hold_assets(self._connection, asset_ids)
        first: dict[tuple[str, str], int] = {}
        for row, key in enumerate(zip(asset_ids, reading_ids, strict=True)):
            first.setdefault(key, row)
        unknown[list(first.values())] = True
        known = known_keys(self._connection, readings, ("asset_id", "reading_id"), list(first))
        unknown[[first[key] for key in known]] = False
        return unknown

    def append(
        self, rows: ReadingRows, said: AssessmentRows | None = None, predicted: PredictionRows | None = None
    ) -> None:
        """Stores readings that are unknown, with what was said of them.

        Args:
            rows: the readings.
            said: of all of them, in their order; None: nothing.
            predicted: of those among them that a failure model judged; None: of none.

        Raises:
            AlreadyStored: one is there, or comes twice. The transaction can only be undone.
            ValueError: the columns do not have the same number of rows, or values not a column for each signal.
        """
        _check_lengths(rows, said, predicted)
        driver: Any = self._connection.dialect.loaded_dbapi
        try:
            append(self._connection, readings, self._pieces(rows, said, predicted))
        except driver.IntegrityError as error:
            raise AlreadyStored(str(error).strip()) from error

    def _pieces(
        self, rows: ReadingRows, said: AssessmentRows | None, predicted: PredictionRows | None
    ) -> Iterator[dict[str, Sequence[Any]]]:
        """Columns of a few hundred rows at a time: as many as stay in the processor's cache."""
        layout = layout_of(self._connection, rows.signals)
        seconds, values = np.asarray(rows.seconds, dtype=np.float64), np.ascontiguousarray(rows.values, dtype=VALUES)
        for first in range(0, len(seconds), _PIECE):
            part = slice(first, min(first + _PIECE, len(seconds)))
            count = part.stop - first
            yield {
                "asset_id": rows.asset_ids[part], "reading_id": rows.reading_ids[part],
                "time": seconds[part].tolist(), "received": [rows.received] * count,
                "layout": [layout] * count, "values": _packed(values[part]), "source": [rows.source] * count,
                **({} if said is None else assessments.columns_of(said, part)),
                **({} if predicted is None else predictions.columns_of(predicted, part)),
            }  # fmt: skip

    def add(self, rows: ReadingRows) -> BoolArray:
        """Stores the readings that are unknown, and nothing of what is said of them; which they are, as `unknown`."""
        new = self.unknown(rows.asset_ids, rows.reading_ids)
        self.append(ReadingRows(
            list(compress(rows.asset_ids, new)), list(compress(rows.reading_ids, new)),
            np.asarray(rows.seconds, dtype=np.float64)[new], rows.values[new], rows.signals, rows.source, rows.received,
        ))  # fmt: skip
        return new

    def history(self, asset_id: str, span: Span = EVERYTHING) -> ReadingHistory:
        """An asset's readings of a stretch of time."""
        rows = self._connection.execute(
            span.of(select(readings).where(readings.c.asset_id == asset_id), readings)
        ).all()
        return self._readings_of(rows)

    def _readings_of(self, rows: Sequence[Row[Any]]) -> ReadingHistory:
        numbers = np.array([row.layout for row in rows], dtype=np.int64)
        layouts = read_layouts(self._connection, numbers.tolist())
        signals = union(layouts)
        values = np.full((len(rows), len(signals)), np.nan)
        for number, names in layouts.items():
            of_layout = np.flatnonzero(numbers == number).tolist()
            blob = b"".join(rows[row].values for row in of_layout)
            columns = [signals.index(name) for name in names]
            found = np.frombuffer(blob, VALUES).reshape(len(of_layout), len(names))
            values[np.array(of_layout)[:, None], columns] = found
        return ReadingHistory(
            tuple(row.reading_id for row in rows),
            tuple(row.source for row in rows),
            np.array([row.time for row in rows], dtype=np.float64),
            np.array([row.received for row in rows], dtype=np.float64),
            values,
            signals,
        )

    def values(self, asset_id: str, signals: Sequence[str], span: Span = EVERYTHING) -> tuple[FloatArray, FloatArray]:
        """Times and values of an asset's readings, a third of the work of `history`.

        Args:
            asset_id: whose.
            signals: names of the columns that are wanted.
            span: of time.

        Returns:
            (rows,) seconds since 1970 UTC, and (rows, signals), NaN where there is no number.
        """
        columns = (readings.c.time, readings.c.layout, readings.c["values"])
        query = span.of(select(*columns).where(readings.c.asset_id == asset_id), readings)
        result = self._connection.execute(query)
        assert result.cursor is not None
        rows = result.cursor.fetchall()  # as the driver has them: SQLAlchemy's own rows cost as much as the reading
        result.close()
        if not rows:
            return np.empty(0), np.empty((0, len(signals)))
        times, numbers, blobs = zip(*rows, strict=True)
        layouts, of_layout = read_layouts(self._connection, set(numbers)), np.array(numbers, dtype=np.int64)
        if len(layouts) == 1:
            return np.array(times, dtype=np.float64), _ordered(blobs, next(iter(layouts.values())), signals)
        out = np.full((len(rows), len(signals)), np.nan)
        for number, names in layouts.items():
            places = np.flatnonzero(of_layout == number)
            out[places] = _ordered([blobs[place] for place in places.tolist()], names, signals)
        return np.array(times, dtype=np.float64), out

    def last_number(self) -> int:
        """Number of the reading that came last, of whatever asset; 0 before the first. Numbers rise in the order of arrival."""
        return int(self._connection.execute(select(func.max(readings.c.id))).scalar_one() or 0)

    def after(self, number: int, most: int, through: int | None = None) -> tuple[int, list[str], ReadingHistory]:
        """What came after a reading, of all assets, in the order of arrival: what a monitor has to catch up with.

        Args:
            number: of the last reading that is known.
            most: readings at once.
            through: number of the last one that is wanted; None: all.

        Returns:
            The number of the last one in it (`number` where there is none), their assets, and the readings.
        """
        query = select(readings).where(readings.c.id > number).order_by(readings.c.id).limit(most)
        if through is not None:
            query = query.where(readings.c.id <= through)
        rows = self._connection.execute(query).all()
        last = rows[-1].id if rows else max(number, through or number)
        return last, [row.asset_id for row in rows], self._readings_of(rows)

    def count(self, asset_id: str) -> int:
        """How many readings an asset has."""
        query = select(func.count()).select_from(readings).where(readings.c.asset_id == asset_id)
        return self._connection.execute(query).scalar_one()

    def newest(self, asset_id: str) -> float | None:
        """Time of an asset's newest reading, seconds since 1970 UTC; None without one."""
        query = select(func.max(readings.c.time)).where(readings.c.asset_id == asset_id)
        newest: float | None = self._connection.execute(query).scalar_one()
        return newest

    def newest_came(self, asset_id: str) -> float | None:
        """When an asset's newest reading was taken, seconds since 1970 UTC; None without one."""
        query = select(readings.c.received).where(readings.c.asset_id == asset_id)
        newest = query.order_by(readings.c.time.desc(), readings.c.id.desc()).limit(1)
        came: float | None = self._connection.execute(newest).scalar()
        return came

    def assets(self) -> list[str]:
        """Every asset that has readings, sorted by the bytes of its name."""
        return [str(row.asset_id) for row in self._connection.execute(_ASSETS)]


def _ordered(blobs: Sequence[bytes], names: Sequence[str], signals: Sequence[str]) -> FloatArray:
    """(rows, signals) of stored values of one layout."""
    found = np.frombuffer(b"".join(blobs), VALUES).reshape(len(blobs), len(names))
    out = np.full((len(blobs), len(signals)), np.nan)
    for column, name in enumerate(signals):
        if name in names:
            out[:, column] = found[:, names.index(name)]
    return out


def _check_lengths(rows: ReadingRows, said: AssessmentRows | None, predicted: PredictionRows | None) -> None:
    count, shape = len(rows.seconds), np.shape(rows.values)
    if shape != (count, len(rows.signals)):
        raise ValueError(f"values must be ({count}, {len(rows.signals)}), not {shape}")
    columns: dict[str, Any] = {
        "asset_ids": rows.asset_ids,
        "reading_ids": rows.reading_ids,
        **(vars(said) if said else {}),
    }
    for name, column in columns.items():
        if len(column) != count:
            raise ValueError(f"{name} must have {count} rows, not {len(column)}")
    if predicted is not None:
        judged = len(predicted.places)
        for name in ("probability", "rul_cycles", "warming", "restored", "regime"):
            if len(getattr(predicted, name)) != judged:
                raise ValueError(f"{name} must have {judged} rows, not {len(getattr(predicted, name))}")


def _packed(values: FloatArray) -> list[bytes]:
    """(rows,) values, (rows, signals), as they are stored."""
    count = len(values)
    width, packed = values.itemsize * values.shape[1], values.tobytes()
    return [packed[begin : begin + width] for begin in range(0, count * width, width)] if width else [b""] * count
