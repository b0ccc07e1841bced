"""The plant over HTTP: readings in; calibration, states, alarms, notes and what-if. Routes decode, call and encode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, ValidationError
from starlette.concurrency import run_in_threadpool

from smart_sentry.api.documentation import refusal
from smart_sentry.api.errors import BrokenJson, InvalidRequest
from smart_sentry.api.gathering import Gatherer
from smart_sentry.api.json_route import json_route
from smart_sentry.api.keys import ApiKeys
from smart_sentry.contracts import monitoring as messages
from smart_sentry.contracts.alarms import AlarmAction
from smart_sentry.contracts.prediction import ErrorDetail
from smart_sentry.plant.alarm_figures import alarm_figures
from smart_sentry.plant.calibrations import Calibrations, Track
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant, Taken
from smart_sentry.plant.purge import purge
from smart_sentry.plant.retention import Retention
from smart_sentry.plant.status import asset_status, baseline_of, plant_status
from smart_sentry.plant.what_if import what_if
from smart_sentry.stores.notes import Note
from smart_sentry.stores.span import Span

_MOST_HISTORY = 10_000
_SECONDS_OF_1971 = 31_622_400.0  # a leap year after 1970: the longest span of key figures begins no earlier
_REFUSALS: dict[int | str, dict[str, Any]] = {code: refusal(code) for code in (401, 403, 404, 409, 422, 503)}
_BODY_REFUSALS: dict[int | str, dict[str, Any]] = {code: refusal(code) for code in (400, 413, 415)}
AssetId = Annotated[messages.Name, Query()]


class Desk:
    """What the routes need: a plant and its calibrations, once they are there.

    Args:
        open_plant: opens the plant when the service starts.
        archive_folder: where purged data go.
        retention_days: how long measurements are kept; None: for ever.
        track: told of every accepted calibration; None: nobody is.
    """

    def __init__(
        self, open_plant: Callable[[], Plant], archive_folder: Path, retention_days: float | None = None,
        track: Track | None = None,
    ) -> None:  # fmt: skip
        self._open_plant, self._retention_days, self._track = open_plant, retention_days, track
        self.archive_folder = archive_folder
        self.gather = Gatherer(self._take_each)
        self.plant: Plant
        self.calibrations: Calibrations
        self._retention: Retention | None = None

    def start(self) -> None:
        """Opens the plant and settles what a stop cut off."""
        self.plant = self._open_plant()
        self.calibrations = Calibrations(self.plant, self._track)
        if self._retention_days is not None:
            self._retention = Retention(self.plant, self._retention_days)
            self._retention.start()

    def close(self) -> None:
        """Stores the state of the monitors and lets go of the database."""
        self.gather.close()
        self.calibrations.close()
        if self._retention is not None:
            self._retention.close()
        with self.plant.lock, self.plant.store.transaction() as batch:
            self.plant.save(batch)
        self.plant.store.close()

    def take(self, readings: Sequence[messages.SensorReading]) -> tuple[list[Incoming], Taken]:
        """Takes readings of one request, all or none."""
        now = self.plant.clock()
        incoming = [
            Incoming(
                reading.asset_id, reading.event_id or str(uuid4()),
                now if reading.timestamp is None else reading.timestamp.timestamp(),
                reading.__pydantic_extra__ or {}, reading.asset_type,
            )
            for reading in readings
        ]  # fmt: skip
        return incoming, self.plant.take(incoming, "http")

    def _take_each(self, readings: Sequence[messages.SensorReading]) -> list[messages.ReadingsTaken]:
        incoming, taken = self.take(readings)
        return [
            messages.ReadingsTaken.model_construct(
                accepted=int(new), duplicates=int(not new), flagged=int(flag), event_ids=[one.reading_id]
            )
            for one, new, flag in zip(incoming, taken.new.tolist(), taken.flag.tolist(), strict=True)
        ]


def monitoring_router(desk: Desk, keys: ApiKeys, body_limit_bytes: int) -> APIRouter:
    """All routes below /api/v1."""
    router = APIRouter(prefix="/api/v1", responses=_REFUSALS, route_class=json_route(body_limit_bytes))
    may = {role: [Depends(keys.require(role))] for role in ("read", "ingest", "operate", "admin")}
    _add_data(router, desk, may)
    _add_calibration(router, desk, may)
    _add_alarms(router, desk, may)
    _add_notes(router, desk, may)
    _add_system(router, desk, may)
    return router


def _add_data(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.post(
        "/data/simple",
        responses=_BODY_REFUSALS,
        tags=["data"],
        dependencies=may["ingest"],
        summary="Store and judge one reading",
    )
    async def simple(reading: messages.SensorReading) -> messages.ReadingsTaken:
        return await desk.gather(reading)

    schema = {
        "application/json": {
            "schema": messages.ReadingBatch.model_json_schema(ref_template="#/components/schemas/{model}")
        }
    }
    del schema["application/json"]["schema"]["$defs"]

    @router.post(
        "/data/batch", tags=["data"], dependencies=may["ingest"], summary="Store and judge many readings; gzip is taken",
        openapi_extra={"requestBody": {"required": True, "content": schema}},
        responses=_BODY_REFUSALS,
    )  # fmt: skip
    async def batch(request: Request) -> messages.ReadingsTaken:
        body = await request.body()
        return await run_in_threadpool(lambda: _take(desk, _parsed(body).readings))

    @router.get(
        "/data/history", tags=["data"], dependencies=may["read"], summary="Readings and assessments, newest first"
    )
    def history(
        asset_id: AssetId,
        minutes: Annotated[float, Query(gt=0, le=525_600)] = 60.0,
        limit: Annotated[int, Query(ge=1, le=_MOST_HISTORY)] = 1000,
    ) -> dict[str, Any]:
        desk.plant.type_of(asset_id)
        with desk.plant.store.view() as batch:
            newest = batch.readings.newest(asset_id) or 0.0
            span = Span.last_minutes(minutes, newest, limit=limit, newest_first=True)
            readings, assessed = batch.readings.history(asset_id, span), batch.assessments.history(asset_id, span)
        rows: list[dict[str, Any]] = [
            {"event_id": event, "timestamp": _time(seconds)} | _named(readings.signals, values)
            for event, seconds, values in zip(
                readings.reading_ids, readings.seconds.tolist(), readings.values.tolist(), strict=True
            )
        ]
        told = [vars(one) | {"time": _time(one.time)} for one in assessed]
        return {"asset_id": asset_id, "readings": rows, "assessments": told}


def _add_calibration(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.post(
        "/calibration/start", responses=_BODY_REFUSALS, tags=["calibration"], dependencies=may["operate"], status_code=202,
        summary="Learn what is healthy from the last minutes",
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
        "/alarms", tags=["alarms"], dependencies=may["read"], summary="Alarms as they stand, with their history"
    )
    def alarms(
        asset_id: Annotated[messages.Name | None, Query()] = None, open_only: bool = True, transitions: bool = False
    ) -> dict[str, Any]:
        with desk.plant.store.view() as batch:
            found = batch.alarms.current(asset_id)
            steps = (
                batch.alarms.transitions(Span(limit=_MOST_HISTORY, newest_first=True), asset_id=asset_id)
                if transitions
                else []
            )
        shown = [
            vars(alarm) | {"since": _time(alarm.since)} for alarm in found if not open_only or alarm.state != "NORMAL"
        ]
        return {"alarms": shown, "transitions": [vars(step) | {"time": _time(step.time)} for step in steps]}

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
        if last < _SECONDS_OF_1971:
            raise InvalidRequest([ErrorDetail(field="end", reason="expected a time after 1971")])
        return alarm_figures(desk.plant, asset_id, last - 3600.0 * hours, last, operators)

    @router.post(
        "/alarms",
        responses=_BODY_REFUSALS,
        tags=["alarms"],
        dependencies=may["operate"],
        summary="Acknowledge, shelve, comment, ...",
    )
    def act(asked: messages.AlarmRequest) -> dict[str, Any]:
        until = None if asked.until is None else asked.until.timestamp()
        done = desk.plant.act(
            asked.asset_id, asked.key, AlarmAction(asked.action), asked.author, asked.reason or "no reason given", until
        )
        return vars(done) | {"time": _time(done.time)}


def _add_notes(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.get("/logs", tags=["notes"], dependencies=may["read"], summary="What operators wrote, newest first")
    def notes(
        asset_id: Annotated[messages.Name | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_HISTORY)] = 1000,
    ) -> list[dict[str, Any]]:
        with desk.plant.store.view() as batch:
            found = batch.notes.history(Span(limit=limit, newest_first=True), asset_id=asset_id)
        return [
            vars(one.note) | {"note_id": one.note_id, "corrected_by": one.corrected_by, "time": _time(one.note.time)}
            for one in found
        ]

    @router.post(
        "/logs",
        responses=_BODY_REFUSALS,
        tags=["notes"],
        dependencies=may["operate"],
        status_code=201,
        summary="Write a note",
    )
    def write(asked: messages.NoteRequest) -> dict[str, int]:
        note = Note(asked.asset_id, asked.kind, asked.author, desk.plant.clock(), asked.text, asked.corrects)
        with desk.plant.lock:  # no purge between the question whether the asset is known and the note about it
            desk.plant.type_of(asked.asset_id)
            with desk.plant.store.transaction(assets=[asked.asset_id]) as batch:
                return {"note_id": batch.notes.add(note)}


def _add_system(router: APIRouter, desk: Desk, may: dict[str, Any]) -> None:
    @router.post(
        "/whatif",
        responses=_BODY_REFUSALS,
        tags=["monitoring"],
        dependencies=may["read"],
        summary="Judge hypothetical readings",
    )
    def hypothetical(asked: messages.WhatIfRequest) -> dict[str, Any]:
        return what_if(desk.plant, asked.asset_id, asked.readings)

    @router.post(
        "/maintenance",
        responses=_BODY_REFUSALS,
        tags=["monitoring"],
        dependencies=may["operate"],
        summary="Record a maintenance",
    )
    def maintenance(asked: messages.MaintenanceRequest) -> messages.AssetStatus:
        desk.plant.maintain(asked.asset_id, asked.author, asked.reason)
        return asset_status(desk.plant, asked.asset_id)

    @router.post(
        "/system/purge",
        responses=_BODY_REFUSALS,
        tags=["system"],
        dependencies=may["admin"],
        summary="Delete an asset, or everything",
    )
    def delete(asked: messages.PurgeRequest) -> dict[str, Any]:
        folder = desk.archive_folder if asked.archive else None
        return purge(desk.plant, asked.asset_id, asked.confirm, folder, asked.author)


def _take(desk: Desk, readings: list[messages.SensorReading]) -> messages.ReadingsTaken:
    incoming, taken = desk.take(readings)
    accepted = int(taken.new.sum())
    return messages.ReadingsTaken(
        accepted=accepted, duplicates=len(incoming) - accepted, flagged=int(taken.flag.sum()),
        event_ids=[reading.reading_id for reading in incoming],
    )  # fmt: skip


def _parsed(body: bytes) -> messages.ReadingBatch:
    try:
        return messages.ReadingBatch.model_validate_json(body)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        if mistakes[0]["type"] == "json_invalid":
            raise BrokenJson(mistakes[0]["msg"]) from error
        details = [
            ErrorDetail(field=".".join(str(part) for part in one["loc"]) or "body", reason=one["msg"])
            for one in mistakes
        ]
        raise InvalidRequest(details) from error


def _time(seconds: float) -> str | None:
    if not 0 <= seconds < 253_402_300_800:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _named(signals: tuple[str, ...], values: list[float]) -> dict[str, Any]:
    return {name: None if math.isnan(value) else value for name, value in zip(signals, values, strict=True)}
