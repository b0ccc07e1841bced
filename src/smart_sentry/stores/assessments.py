"""What was said of readings: columns of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import readings

FloatArray = NDArray[np.float64]

JUDGED = readings.c.phase.is_not(None)
"""Whether anything was said of a reading."""
# The newest of each asset, found by skipping through the index from asset to asset.
_LATEST = text(
    "WITH RECURSIVE found(asset_id) AS (SELECT min(asset_id) FROM readings UNION ALL"
    " SELECT (SELECT min(asset_id) FROM readings WHERE readings.asset_id > found.asset_id) FROM found"
    " WHERE found.asset_id IS NOT NULL)"
    " SELECT id FROM (SELECT (SELECT id FROM readings WHERE readings.asset_id = found.asset_id AND phase IS NOT NULL"
    " ORDER BY time DESC, id DESC LIMIT 1) AS id FROM found WHERE asset_id IS NOT NULL) AS newest WHERE id IS NOT NULL"
)
_IDS_A_QUERY = 10_000


@dataclass(frozen=True)
class AssessmentRows:
    """Assessments to be stored, one element a reading.

    Attributes:
        asset_ids, reading_ids: (rows,) the readings that they are of.
        seconds: (rows,) since 1970 UTC.
        phases: (rows,)
        scores: (rows,) 1 is the limit; NaN where nothing was judged.
        flags: (rows,) whether the machine is anomalous.
        votes: (rows,) how many detectors say so.
        health: (rows,) 0..100.
        risks: (rows,)
        degradation: (rows,) 0..1.
        reasons: (rows,) in words, empty where all is well.
    """

    asset_ids: Sequence[str]
    reading_ids: Sequence[str]
    seconds: FloatArray
    phases: Sequence[str]
    scores: FloatArray
    flags: NDArray[np.bool_]
    votes: NDArray[np.int64]
    health: FloatArray
    risks: Sequence[str]
    degradation: FloatArray
    reasons: Sequence[str]


@dataclass(frozen=True)
class StoredAssessment:
    """One assessment, as in `AssessmentRows`; score is None where nothing was judged."""

    asset_id: str
    reading_id: str
    time: float
    phase: str
    score: float | None
    flag: bool
    votes: int
    health: float
    risk: str
    degradation: float
    reason: str


def columns_of(rows: AssessmentRows, part: slice) -> dict[str, Sequence[Any]]:
    """Column name -> value of each row of a part, as `ReadingTable.append` stores them."""
    scores: list[Any] = rows.scores[part].tolist()
    for row in np.flatnonzero(np.isnan(rows.scores[part])).tolist():
        scores[row] = None
    return {
        "phase": rows.phases[part], "score": scores, "flag": rows.flags[part].tolist(), "votes": rows.votes[part].tolist(),
        "health": rows.health[part].tolist(), "risk": rows.risks[part], "degradation": rows.degradation[part].tolist(),
        "reason": rows.reasons[part],
    }  # fmt: skip


class AssessmentTable:
    """The assessments, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def history(self, asset_id: str, span: Span = EVERYTHING, *, flagged_only: bool = False) -> list[StoredAssessment]:
        """An asset's assessments of a stretch of time."""
        query = select(*_COLUMNS).where(readings.c.asset_id == asset_id, JUDGED)
        if flagged_only:
            query = query.where(readings.c.flag)
        return [StoredAssessment(*row) for row in self._connection.execute(span.of(query, readings))]

    def degradation_at(self, asset_id: str, seconds: FloatArray) -> FloatArray:
        """(times,) an asset's degradation index at times (seconds since 1970 UTC); NaN before its first assessment."""
        found = []
        for time in seconds.tolist():
            query = select(readings.c.degradation).where(readings.c.asset_id == asset_id, JUDGED)
            newest = query.where(readings.c.time <= time).order_by(readings.c.time.desc(), readings.c.id.desc())
            value = self._connection.execute(newest.limit(1)).scalar()
            found.append(np.nan if value is None else float(value))
        return np.array(found, dtype=np.float64)

    def scores(self, asset_id: str, span: Span = EVERYTHING, one_in: int = 1) -> FloatArray:
        """(rows,) scores of an asset's judged readings, in the order of time.

        Args:
            asset_id: whose.
            span: of time.
            one_in: about every so-manieth is taken, by the remainder of its number; a prime number keeps clear of the rhythm in
                which assets take turns.
        """
        query = select(readings.c.score).where(readings.c.asset_id == asset_id, readings.c.score.is_not(None))
        if one_in > 1:
            query = query.where(readings.c.id % one_in == 0)
        return np.array(self._connection.execute(span.of(query, readings)).scalars().all(), dtype=np.float64)

    def latest(self) -> dict[str, StoredAssessment]:
        """Asset id -> its newest assessment."""
        numbers = latest_numbers(self._connection)
        found: dict[str, StoredAssessment] = {}
        for first in range(0, len(numbers), _IDS_A_QUERY):
            query = select(*_COLUMNS).where(readings.c.id.in_(numbers[first : first + _IDS_A_QUERY]))
            found |= {row.asset_id: StoredAssessment(*row) for row in self._connection.execute(query)}
        return dict(sorted(found.items()))


def latest_numbers(connection: Connection) -> list[int]:
    """Number of each asset's newest assessment."""
    return [row.id for row in connection.execute(_LATEST)]


_COLUMNS = [readings.c[name] for name in StoredAssessment.__dataclass_fields__]
