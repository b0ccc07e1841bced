"""The plant over HTTP: readings in; calibration, states, alarms, notes and what-if. Routes decode, call and encode."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime

from smart_sentry.api.data_routes import BODY_REFUSALS, MOST_HISTORY, add_data_routes, shown_time
from smart_sentry.api.desk import Desk
from smart_sentry.api.documentation import refusal
from smart_sentry.api.drift import add_drift_routes
from smart_sentry.api.errors import InvalidRequest
from smart_sentry.api.json_route import json_route
from smart_sentry.api.keys import ApiKeys
from smart_sentry.api.rates import RateLimits
from smart_sentry.api.recalibration import add_recalibration_routes
from smart_sentry.contracts import monitoring as messages
from smart_sentry.contracts.alarms import AlarmAction
from smart_sentry.contracts.prediction import ErrorDetail
from smart_sentry.plant import active_baseline
from smart_sentry.plant.alarm_figures import alarm_figures
from smart_sentry.plant.purge import purge
from smart_sentry.plant.status import asset_status, baseline_of, plant_status
from smart_sentry.plant.watch import CLOCK_AHEAD_SECONDS
from smart_sentry.plant.what_if import presets, what_if
from smart_sentry.stores.notes import Note
from smart_sentry.stores.span import Span

_SECONDS_OF_1971 = 31_622_400.0  # a leap year after 1970: the longest span of key figures begins no earlier
_SECONDS_OF_10000 = 253_402_300_800.0
_REFUSALS: dict[int | str, dict[str, Any]] = {code: refusal(code) for code in (401, 403, 404, 409, 422, 429, 503)}
_UNCONFIRMED = messages.PurgeRequest()
AssetId = Annotated[messages.Name, Query()]


def monitoring_router(desk: Desk, keys: ApiKeys, limits: RateLimits, body_limit_bytes: int) -> APIRouter:
    """All routes below /api/v1."""

    def count(request: Request, readings: int) -> None:
        host = request.client.host if request.client else ""
        limits.readings.admit(keys.caller(request.headers.get("x-api-key"), host), readings)

    router = APIRouter(prefix="/api/v1", responses=_REFUSALS, route_class=json_route(body_limit_bytes))
    may = {role: [Depends(keys.require(role))] for role in ("read", "ingest", "operate", "admin")}
    add_data_routes(router, desk, may, count)
    add_drift_routes(router, desk, may)
    add_recalibration_routes(router, desk, may)
    _add_calibration(router, desk, may)
    _add_alarms(router, desk, may)
    _add_notes(router, desk, may)
    _add_system(router, desk, may)
    return router


def _add_calibration(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.post(
        "/calibration/start", responses=BODY_REFUSALS, tags=["calibration"], dependencies=may["operate"],
        summary="Learn what is healthy from the last minutes; answered once it has begun",
    )  # fmt: skip
    def start(asked: messages.CalibrationRequest) -> messages.CalibrationStarted:
        rows = desk.calibrations.start(asked.asset_id, asked.lookback_minutes, asked.author)
        return messages.CalibrationStarted(asset_id=asked.asset_id, data_points_collected=rows)

    @router.get("/calibration/status", tags=["calibration"], dependencies=may["read"], summary="How far it is")
    def progress(asset_id: AssetId) -> messages.CalibrationProgress:
        desk.plant.type_of(asset_id)
        found = desk.calibrations.status(asset_id)
        if found is None:
            return messages.CalibrationProgress(asset_id=asset_id, stage="none", progress=0, data_points_collected=0)
        report = None if found.acceptance is None else vars(found.acceptance)
        return messages.CalibrationProgress(
            asset_id=asset_id, stage=found.stage, progress=found.progress, data_points_collected=found.readings,
            version=found.version, acceptance=report, problem=found.problem,
        )  # fmt: skip

    @router.post(
        "/calibration/rollback", responses=BODY_REFUSALS, tags=["calibration"], dependencies=may["operate"],
        summary="Make the baseline before the active one active again",
    )  # fmt: skip
    def roll_back(asked: messages.RollbackRequest) -> messages.RolledBack:
        version = active_baseline.roll_back(desk.plant, asked.asset_id, asked.author, asked.reason)
        return messages.RolledBack(asset_id=asked.asset_id, baseline_version=version)

    @router.get("/monitoring/status", tags=["monitoring"], dependencies=may["read"], summary="The plant, and one asset")
    def status(asset_id: Annotated[messages.Name | None, Query()] = None) -> messages.PlantStatus:
        return plant_status(desk.plant, asset_id)

    @router.get("/monitoring/baseline", tags=["monitoring"], dependencies=may["read"], summary="What was learnt")
    def baseline(asset_id: Annotated[messages.Name | None, Query()] = None) -> dict[str, Any]:
        return baseline_of(desk.plant, asset_id)

    @router.get("/assets", tags=["monitoring"], dependencies=may["read"], summary="Every asset as it stands")
    def assets() -> list[messages.AssetStatus]:
        with desk.plant.store.view() as batch:
            names = list(batch.states.all())
        return [asset_status(desk.plant, name) for name in names]


def _add_alarms(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.get(
        "/alarms", tags=["alarms"], dependencies=may["read"], summary="Alarms as they stand and moved, newest first"
    )
    def alarms(
        asset_id: Annotated[messages.Name | None, Query()] = None,
        open_only: Annotated[bool, Query(description="only alarms that are not normal")] = True,
        transitions: Annotated[bool, Query(description="what happened to alarms, too")] = False,
        history: Annotated[
            bool, Query(description="with open_only=false: every occurrence of each alarm; else its newest")
        ] = False,
        limit: Annotated[
            int, Query(ge=1, le=MOST_HISTORY, description="most alarms, and most transitions; the newest stay")
        ] = 1000,
    ) -> dict[str, Any]:
        with desk.plant.store.view() as batch:
            found = batch.alarms.newest(limit, asset_id=asset_id, open_only=open_only, every=history)
            steps = (
                batch.alarms.transitions(Span(limit=limit, newest_first=True), asset_id=asset_id) if transitions else []
            )
        shown = [vars(alarm) | {"since": shown_time(alarm.since)} for alarm in found]
        return {"alarms": shown, "transitions": [vars(step) | {"time": shown_time(step.time)} for step in steps]}

    @router.get(
        "/alarms/kpis", tags=["alarms"], dependencies=may["read"], summary="Key figures of the alarm system (ISA-18.2)"
    )
    def figures(
        asset_id: Annotated[messages.Name | None, Query()] = None,
        hours: Annotated[float, Query(ge=0.1, le=8784, description="how much is looked at")] = 24.0,
        operators: Annotated[int, Query(ge=1, le=1000, description="who share the alarms")] = 1,
        end: Annotated[AwareDatetime | None, Query(description="when the hours end; default: now")] = None,
    ) -> messages.AlarmFigures:
        last = desk.plant.clock() if end is None else end.timestamp()
        if not _SECONDS_OF_1971 <= last < _SECONDS_OF_10000:
            raise InvalidRequest(
                [ErrorDetail(field="end", reason="expected a time from 1971-01-02 to 9999-12-31 (UTC)")]
            )
        return alarm_figures(desk.plant, asset_id, last - 3600.0 * hours, last, operators)

    @router.post(
        "/alarms",
        responses=BODY_REFUSALS,
        tags=["alarms"],
        dependencies=may["operate"],
        summary="Acknowledge, shelve, comment, ...",
    )
    def act(asked: messages.AlarmRequest) -> dict[str, Any]:
        until = None if asked.until is None else asked.until.timestamp()
        done = desk.plant.alarms.act(
            asked.asset_id, asked.key, AlarmAction(asked.action), asked.author, asked.reason or "no reason given", until
        )
        return vars(done) | {"time": shown_time(done.time)}


def _add_notes(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.get("/logs", tags=["notes"], dependencies=may["read"], summary="What operators wrote, newest first")
    def notes(
        asset_id: Annotated[messages.Name | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_HISTORY)] = 1000,
    ) -> list[dict[str, Any]]:
        with desk.plant.store.view() as batch:
            found = batch.notes.history(Span(limit=limit, newest_first=True), asset_id=asset_id)
        return [
            vars(one.note)
            | {"note_id": one.note_id, "corrected_by": one.corrected_by, "time": shown_time(one.note.time)}
            for one in found
        ]

    @router.post(
        "/logs",
        responses=BODY_REFUSALS,
        tags=["notes"],
        dependencies=may["operate"],
        status_code=201,
        summary="Write a note",
    )
    def write(asked: messages.NoteRequest) -> dict[str, int]:
        now = desk.plant.clock()
        happened = now if asked.time is None else asked.time.timestamp()
        if happened > now + CLOCK_AHEAD_SECONDS:
            raise InvalidRequest([ErrorDetail(field="time", reason="expected a time that is not in the future")])
        note = Note(asked.asset_id, asked.kind, asked.author, happened, asked.text, asked.corrects)
        with desk.plant.lock:  # no purge between the question whether the asset is known and the note about it
            desk.plant.type_of(asked.asset_id)
            with desk.plant.store.transaction(assets=[asked.asset_id]) as batch:
                return {"note_id": batch.notes.add(note)}


def _add_system(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.post(
        "/whatif",
        responses=BODY_REFUSALS,
        tags=["monitoring"],
        dependencies=may["read"],
        summary="Judge hypothetical readings",
    )
    def hypothetical(asked: messages.WhatIfRequest) -> dict[str, Any]:
        return what_if(desk.plant, asked.asset_id, asked.readings)

    @router.get(
        "/whatif/presets", tags=["monitoring"], dependencies=may["read"],
        summary="Hypothetical readings to begin with: the newest ones, and with one sensor off",
    )  # fmt: skip
    def suggested(asset_id: AssetId) -> dict[str, Any]:
        return {"asset_id": asset_id, "presets": presets(desk.plant, asset_id)}

    @router.post(
        "/maintenance",
        responses=BODY_REFUSALS,
        tags=["monitoring"],
        dependencies=may["operate"],
        summary="Record a maintenance",
    )
    def maintenance(asked: messages.MaintenanceRequest) -> messages.AssetStatus:
        desk.plant.maintenance.record(asked.asset_id, asked.author, asked.reason)
        return asset_status(desk.plant, asked.asset_id)

    @router.post(
        "/maintenance/begin", responses=BODY_REFUSALS, tags=["monitoring"], dependencies=may["operate"],
        summary="Suppress an asset's alarms while people work on it",
    )  # fmt: skip
    def begin_maintenance(asked: messages.WorkRequest) -> messages.AssetStatus:
        desk.plant.maintenance.begin(asked.asset_id, asked.author, asked.reason, asked.until.timestamp())
        return asset_status(desk.plant, asked.asset_id)

    @router.post(
        "/maintenance/end", responses=BODY_REFUSALS, tags=["monitoring"], dependencies=may["operate"],
        summary="Judge an asset's alarms again after people have worked on it",
    )  # fmt: skip
    def end_maintenance(asked: messages.WorkEndedRequest) -> messages.AssetStatus:
        desk.plant.maintenance.end(asked.asset_id, asked.author, asked.reason)
        return asset_status(desk.plant, asked.asset_id)

    @router.post(
        "/system/purge",
        responses=BODY_REFUSALS,
        tags=["system"],
        dependencies=may["admin"],
        summary="Delete an asset, or everything",
        openapi_extra={"requestBody": {"required": True}},  # without one the answer says what is to be confirmed
    )
    def delete(asked: messages.PurgeRequest = _UNCONFIRMED) -> dict[str, Any]:
        folder = desk.archive_folder if asked.archive else None
        told = purge(desk.plant, asked.asset_id, asked.confirm, folder, asked.author)
        desk.purged(asked.asset_id)
        return told
