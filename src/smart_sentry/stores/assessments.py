"""What was said of readings and steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select, text

from smart_sentry.stores.bulk import append
from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import assessments

FloatArray = NDArray[np.float64]

# The newest of each asset, found by skipping through the index from asset to asset.
_LATEST = text(
    "WITH RECURSIVE found(asset_id) AS (SELECT min(asset_id) FROM assessments UNION ALL"
    " SELECT (SELECT min(asset_id) FROM assessments WHERE assessments.asset_id > found.asset_id) FROM found"
    " WHERE found.asset_id IS NOT NULL)"
    " SELECT (SELECT id FROM assessments WHERE assessments.asset_id = found.asset_id ORDER BY time DESC, id DESC LIMIT 1)"
    " AS id FROM found WHERE asset_id IS NOT NULL"
)
_IDS_A_QUERY = 10_000


@dataclass(frozen=True)
class AssessmentRows:
    """Assessments to be stored, one element a reading or step.

    Attributes:
        asset_ids: (rows,)
        reading_ids: (rows,) the reading that it is of; None: a step of a window.
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
    reading_ids: Sequence[str | None]
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
    reading_id: str | None
    time: float
    phase: str
    score: float | None
    flag: bool
    votes: int
    health: float
    risk: str
    degradation: float
    reason: str


class AssessmentTable:
    """The assessments, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: AssessmentRows) -> None:
        """Stores assessments: of readings that `ReadingTable.add` found new, in the same transaction.

        Raises:
            ValueError: the columns do not have the same number of rows.
        """
        columns = {
            "asset_id": rows.asset_ids,
            "reading_id": rows.reading_ids,
            "time": np.asarray(rows.seconds, dtype=np.float64).tolist(),
            "phase": rows.phases,
            "score": [None if math.isnan(score) else score for score in np.asarray(rows.scores).tolist()],
            "flag": np.asarray(rows.flags, dtype=np.bool_).tolist(),
            "votes": np.asarray(rows.votes, dtype=np.int64).tolist(),
            "health": np.asarray(rows.health, dtype=np.float64).tolist(),
            "risk": rows.risks,
            "degradation": np.asarray(rows.degradation, dtype=np.float64).tolist(),
            "reason": rows.reasons,
        }
        append(self._connection, assessments, columns)

    def history(self, asset_id: str, span: Span = EVERYTHING, *, flagged_only: bool = False) -> list[StoredAssessment]:
        """An asset's assessments of a stretch of time."""
        query = select(*_COLUMNS).where(assessments.c.asset_id == asset_id)
        if flagged_only:
            query = query.where(assessments.c.flag)
        return [StoredAssessment(*row) for row in self._connection.execute(span.of(query, assessments))]

    def degradation_at(self, asset_id: str, seconds: FloatArray) -> FloatArray:
        """(times,) an asset's degradation index at times (seconds since 1970 UTC); NaN before its first assessment."""
        found = []
        for time in seconds.tolist():
            query = select(assessments.c.degradation).where(assessments.c.asset_id == asset_id)
            newest = query.where(assessments.c.time <= time).order_by(
                assessments.c.time.desc(), assessments.c.id.desc()
            )
            value = self._connection.execute(newest.limit(1)).scalar()
            found.append(np.nan if value is None else float(value))
        return np.array(found, dtype=np.float64)

    def scores(self, asset_id: str, span: Span = EVERYTHING, one_in: int = 1) -> FloatArray:
        """(rows,) scores of an asset's judged readings and steps, in the order of time.

        Args:
            asset_id: whose.
            span: of time.
            one_in: about every so-manieth is taken, by the remainder of its number; a prime number keeps clear of the rhythm in
                which assets take turns.
        """
        query = select(assessments.c.score).where(assessments.c.asset_id == asset_id, assessments.c.score.is_not(None))
        if one_in > 1:
            query = query.where(assessments.c.id % one_in == 0)
        return np.array(self._connection.execute(span.of(query, assessments)).scalars().all(), dtype=np.float64)

    def latest(self) -> dict[str, StoredAssessment]:
        """Asset id -> its newest assessment."""
        numbers = latest_numbers(self._connection)
        found: dict[str, StoredAssessment] = {}
        for first in range(0, len(numbers), _IDS_A_QUERY):
            query = select(*_COLUMNS).where(assessments.c.id.in_(numbers[first : first + _IDS_A_QUERY]))
            found |= {row.asset_id: StoredAssessment(*row) for row in self._connection.execute(query)}
        return dict(sorted(found.items()))


def latest_numbers(connection: Connection) -> list[int]:
    """Number of each asset's newest assessment."""
    return [row.id for row in connection.execute(_LATEST)]


_COLUMNS = [assessments.c[name] for name in StoredAssessment.__dataclass_fields__]
