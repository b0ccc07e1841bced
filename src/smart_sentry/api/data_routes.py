"""Readings over HTTP: one, many as rows, many as columns, and what became of them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from smart_sentry.api.desk import Desk, status_of
from smart_sentry.api.documentation import refusal, refusal_of_readings
from smart_sentry.api.errors import BrokenJson, InvalidRequest
from smart_sentry.contracts.monitoring import (
    Name,
    ReadingBatch,
    ReadingsPublished,
    ReadingsTaken,
    ReadingWindow,
    SensorReading,
)
from smart_sentry.contracts.prediction import ErrorDetail
from smart_sentry.stores.span import Span

MOST_HISTORY = 10_000
MOST_READINGS = 60_000
"""Readings of one request: ten minutes at 100 Hz. Others wait while they are judged."""
BODY_REFUSALS: dict[int | str, dict[str, Any]] = {code: refusal(code) for code in (400, 413, 415)}
_ANSWERS: dict[int | str, dict[str, Any]] = BODY_REFUSALS | {
    202: {
        "description": "Readings go through Apache Kafka (SMART_SENTRY_INGEST=kafka), which has all of them; workers judge them.",
        "model": ReadingsPublished,
    },
    503: refusal_of_readings(),
}
Count = Callable[[Request, int], None]

_WINDOWS = TypeAdapter(list[ReadingWindow])
_FIRST_KEY = re.compile(rb'\s*\{\s*"([^"\\]*)"')
_SCHEMAS = "#/components/schemas/{model}"


def add_data_routes(router: APIRouter, desk: Desk, may: dict[str, Any], count: Count) -> None:
    """POST /data/simple and /data/batch, GET /data/history.

    Args:
        router: takes the routes.
        desk: takes the readings.
        may: role -> its dependencies.
        count: is told how many readings a request brings, and raises where they are too many for its sender.
    """

    @router.post(
        "/data/simple", responses=_ANSWERS, tags=["data"], dependencies=may["ingest"],
        summary="Store and judge one reading", response_model=ReadingsTaken,
    )  # fmt: skip
    async def simple(reading: SensorReading, request: Request) -> Response:
        count(request, 1)
        return _answer(await desk.take_one(reading))

    @router.post(
        "/data/batch", tags=["data"], dependencies=may["ingest"],
        summary="Store and judge many readings, as rows or as columns; gzip is taken",
        description="Rows: any readings of any assets. Columns: one window of equally spaced readings of an asset, or a list of"
        f" windows. All of a request is taken or nothing; at most {MOST_READINGS} readings.",
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": _documented()}}},
        responses=_ANSWERS, response_model=ReadingsTaken,
    )  # fmt: skip
    async def batch(request: Request) -> Response:
        body = await request.body()
        return _answer(await run_in_threadpool(_take, desk, body, lambda readings: count(request, readings)))

    @router.get(
        "/data/history", tags=["data"], dependencies=may["read"], summary="Readings and assessments, newest first"
    )
    def history(
        asset_id: Annotated[Name, Query()],
        minutes: Annotated[float, Query(gt=0, le=525_600)] = 60.0,
        limit: Annotated[int, Query(ge=1, le=MOST_HISTORY)] = 1000,
    ) -> dict[str, Any]:
        desk.plant.type_of(asset_id)
        with desk.plant.store.view() as stored:
            newest = stored.readings.newest(asset_id) or 0.0
            span = Span.last_minutes(minutes, newest, limit=limit, newest_first=True)
            readings, assessed = stored.readings.history(asset_id, span), stored.assessments.history(asset_id, span)
            predicted = stored.predictions.history(asset_id, span)
        rows: list[dict[str, Any]] = [
            {"event_id": event, "timestamp": shown_time(seconds)} | _named(readings.signals, values)
            for event, seconds, values in zip(
                readings.reading_ids, readings.seconds.tolist(), readings.values.tolist(), strict=True
            )
        ]
        told = [vars(one) | {"time": shown_time(one.time)} for one in assessed]
        predictions = [vars(one) | {"time": shown_time(one.time)} for one in predicted]
        return {"asset_id": asset_id, "readings": rows, "assessments": told, "predictions": predictions}


def shown_time(seconds: float) -> str | None:
    """A time (seconds since 1970 UTC) in ISO 8601; None where there is none."""
    if not 0 <= seconds < 253_402_300_800:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def parse_batch(body: bytes) -> list[SensorReading] | list[ReadingWindow]:
    """The readings of a body as rows, or its windows.

    Raises:
        BrokenJson: it is no JSON.
        InvalidRequest: it is none of the documented forms, or too much; by field.
    """
    readings: list[SensorReading] | list[ReadingWindow]
    try:
        if body.lstrip()[:1] == b"[":
            readings = _WINDOWS.validate_json(body)
        elif (first := _FIRST_KEY.match(body)) is not None and first[1].decode("latin-1") in ReadingWindow.model_fields:
            readings = [ReadingWindow.model_validate_json(body)]
        else:
            readings = ReadingBatch.model_validate_json(body).readings
    except ValidationError as error:
        raise _worded(error) from error
    if not readings:
        raise InvalidRequest([ErrorDetail(field="body", reason="expected at least one window")])
    if (many := _count(readings)) > MOST_READINGS:
        reason = f"expected at most {MOST_READINGS} readings a request, found {many}: send them in several"
        raise InvalidRequest([ErrorDetail(field="body", reason=reason)])
    return readings


def _answer(taken: ReadingsTaken | ReadingsPublished) -> Response:
    return Response(taken.__pydantic_serializer__.to_json(taken), status_of(taken), media_type="application/json")


def _take(desk: Desk, body: bytes, count: Callable[[int], None]) -> ReadingsTaken | ReadingsPublished:
    readings = parse_batch(body)
    count(_count(readings))
    if isinstance(readings[0], ReadingWindow):
        return desk.take_windows(readings)
    return desk.take(readings)


def _count(readings: Sequence[SensorReading] | Sequence[ReadingWindow]) -> int:
    return sum(one.count for one in readings if isinstance(one, ReadingWindow)) or len(readings)


def _worded(error: ValidationError) -> BrokenJson | InvalidRequest:
    mistakes = error.errors(include_url=False, include_input=False)
    if mistakes[0]["type"] == "json_invalid":
        return BrokenJson(mistakes[0]["msg"])
    return InvalidRequest([
        ErrorDetail(field=".".join(str(part) for part in one["loc"]) or "body", reason=one["msg"]) for one in mistakes
    ])  # fmt: skip


def _documented() -> dict[str, Any]:
    """The three forms of a body, each with an example."""
    rows, window = (
        model.model_json_schema(ref_template=_SCHEMAS) | {"title": title}
        for model, title in ((ReadingBatch, "rows"), (ReadingWindow, "columns"))
    )
    del rows["$defs"]
    second = {
        "asset_id": "motor_07", "asset_type": "motor_fast", "start": "2026-01-01T00:00:00Z", "interval_seconds": 0.01,
        "columns": {
            "voltage_v": [230.1, 229.8], "current_a": [15.0, 15.1], "power_factor": [0.92, 0.91], "vibration_g": [0.15, None],
        },
    }  # fmt: skip
    reading = {"asset_id": "motor_01", "event_id": "e-2", "voltage_v": 229.8, "current_a": 14.7, "power_factor": 0.91}
    return {
        "schema": {
            "oneOf": [rows, window, {"title": "list of columns", "type": "array", "items": window, "minItems": 1}]
        },
        "examples": {
            "rows": {"summary": "rows", "value": {"readings": [reading | {"vibration_g": None}]}},
            "columns": {"summary": "columns (faster)", "value": second},
        },
    }


def _named(signals: tuple[str, ...], values: list[float]) -> dict[str, Any]:
    return {name: None if math.isnan(value) else value for name, value in zip(signals, values, strict=True)}
