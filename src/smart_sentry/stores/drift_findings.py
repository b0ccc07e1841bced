"""Why assets' readings are not what their baselines were learnt from: one row a triage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, text

from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import drift_findings

# The newest of each asset, found by skipping through the index from asset to asset.
_LATEST = text(
    "WITH RECURSIVE found(asset_id) AS (SELECT min(asset_id) FROM drift_findings UNION ALL"
    " SELECT (SELECT min(asset_id) FROM drift_findings WHERE drift_findings.asset_id > found.asset_id) FROM found"
    " WHERE found.asset_id IS NOT NULL)"
    " SELECT (SELECT id FROM drift_findings WHERE drift_findings.asset_id = found.asset_id"
    " ORDER BY time DESC, id DESC LIMIT 1) AS id FROM found WHERE asset_id IS NOT NULL"
)
_NUMBERS_A_QUERY = 10_000


@dataclass(frozen=True)
class Finding:
    """What a triage said of an asset.

    Attributes:
        asset_id: about whom.
        time: when it was found, seconds since 1970 UTC.
        baseline_version: that was active.
        recent_start, recent_end: first and last time of the readings that were looked at, seconds since 1970 UTC.
        verdict: a `drift.case.Verdict`, as text.
        confidence: 0..1, how clear the evidence is.
        may_recalibrate: whether a recalibration may be proposed.
        evidence: kind, signals, figures and sentence of each piece, the weightiest first; plain JSON values.
        drift_share: share of signals whose distribution moved, 0..1; None where that was not computed.
        report: address of the HTML report; None: there is none.
    """

    asset_id: str
    time: float
    baseline_version: str
    recent_start: float
    recent_end: float
    verdict: str
    confidence: float
    may_recalibrate: bool
    evidence: tuple[Mapping[str, Any], ...]
    drift_share: float | None = None
    report: str | None = None


@dataclass(frozen=True)
class StoredFinding:
    """A finding with its number."""

    finding_id: int
    finding: Finding


class DriftFindings:
    """The findings, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, finding: Finding) -> int:
        """Stores a finding and returns its number."""
        row = vars(finding) | {"evidence": json.dumps([dict(piece) for piece in finding.evidence])}
        inserted = drift_findings.insert().values(**row).returning(drift_findings.c.id)
        return int(self._connection.execute(inserted).scalar_one())

    def find(self, finding_id: int) -> StoredFinding | None:
        """A finding by its number; None where there is none."""
        row = self._connection.execute(select(drift_findings).where(drift_findings.c.id == finding_id)).one_or_none()
        return None if row is None else _stored(row)

    def history(self, span: Span = EVERYTHING, *, asset_id: str | None = None) -> list[StoredFinding]:
        """Findings of a stretch of time, about one asset or all."""
        query = select(drift_findings)
        if asset_id is not None:
            query = query.where(drift_findings.c.asset_id == asset_id)
        return [_stored(row) for row in self._connection.execute(span.of(query, drift_findings))]

    def latest(self) -> dict[str, StoredFinding]:
        """Asset id -> the newest finding about it."""
        numbers = [row.id for row in self._connection.execute(_LATEST)]
        found: dict[str, StoredFinding] = {}
        for first in range(0, len(numbers), _NUMBERS_A_QUERY):
            chosen = drift_findings.c.id.in_(numbers[first : first + _NUMBERS_A_QUERY])
            rows = map(_stored, self._connection.execute(select(drift_findings).where(chosen)))
            found |= {one.finding.asset_id: one for one in rows}
        return found

    def newest(self, asset_id: str) -> StoredFinding | None:
        """The newest finding about an asset; None before the first."""
        found = self.history(Span(limit=1, newest_first=True), asset_id=asset_id)
        return found[0] if found else None


def _stored(row: Row[Any]) -> StoredFinding:
    facts = row._asdict()
    number = facts.pop("id")
    return StoredFinding(number, Finding(**facts | {"evidence": tuple(json.loads(facts["evidence"]))}))
