"""Findings about drift over HTTP: those of a round in, those that are stored out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from smart_sentry.api.data_routes import BODY_REFUSALS, MOST_HISTORY
from smart_sentry.api.desk import Desk
from smart_sentry.api.errors import InvalidRequest
from smart_sentry.contracts import drift as messages
from smart_sentry.contracts.monitoring import Name
from smart_sentry.contracts.prediction import ErrorDetail
from smart_sentry.plant.drift import take_findings
from smart_sentry.stores.drift_findings import Finding, StoredFinding
from smart_sentry.stores.span import Span

_AHEAD_SECONDS = 3600.0


def add_drift_routes(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    """GET and POST /drift.

    Args:
        router: takes the routes.
        desk: has the plant.
        may: role -> its dependencies.
    """

    @router.get("/drift", tags=["drift"], dependencies=may["read"], summary="What moved and why, newest first")
    def findings(
        asset_id: Annotated[Name | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_HISTORY)] = 100,
    ) -> list[messages.ShownFinding]:
        if asset_id is not None:
            desk.plant.type_of(asset_id)
        with desk.plant.store.view() as batch:
            found = batch.drift_findings.history(Span(limit=limit, newest_first=True), asset_id=asset_id)
        return [_shown(one) for one in found]

    @router.post(
        "/drift", responses=BODY_REFUSALS, tags=["drift"], dependencies=may["operate"], status_code=201,
        summary="Hand in what a monitoring round found; its alarms stand until a later finding takes them back",
    )  # fmt: skip
    def take(asked: messages.DriftFindings) -> messages.FindingsTaken:
        latest = desk.plant.clock() + _AHEAD_SECONDS
        for place, one in enumerate(asked.findings):
            if not 0 <= one.time.timestamp() <= latest:
                reason = f"expected a time that is not ahead of the service's clock, found {one.time.isoformat()}"
                raise InvalidRequest([ErrorDetail(field=f"body.findings.{place}.time", reason=reason)])
        taken = take_findings(desk.plant, [_stored(one) for one in asked.findings])
        stored = [messages.TakenFinding(asset_id=asset, finding_id=number) for asset, number in taken.stored]
        return messages.FindingsTaken(stored=stored, unknown=list(taken.unknown))


def _stored(told: messages.DriftFinding) -> Finding:
    start, end = (0.0 if time is None else time.timestamp() for time in (told.recent_start, told.recent_end))
    return Finding(
        told.asset_id, told.time.timestamp(), told.baseline_version, start, end, told.verdict, told.confidence,
        told.may_recalibrate, tuple(piece.model_dump() for piece in told.evidence), told.drift_share, told.report,
    )  # fmt: skip


def _shown(stored: StoredFinding) -> messages.ShownFinding:
    found = stored.finding
    return messages.ShownFinding(
        finding_id=stored.finding_id, asset_id=found.asset_id, time=datetime.fromtimestamp(found.time, UTC),
        baseline_version=found.baseline_version, recent_start=_time(found.recent_start), recent_end=_time(found.recent_end),
        verdict=found.verdict, confidence=found.confidence, may_recalibrate=found.may_recalibrate,
        evidence=[messages.DriftEvidence(**piece) for piece in found.evidence], drift_share=found.drift_share,
        report=found.report,
    )  # fmt: skip


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 253_402_300_800 else None
