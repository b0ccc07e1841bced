"""The OpenAPI page of the application with a plant tells the truth: no 5xx but a documented 503, no undocumented answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import numpy as np
import pytest
import schemathesis
from condition_sample import running
from plant_fixture import PUMP, SIGNALS, calibrate_asset, client_of_pumps, healthy, readings_of, send_batch
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

DOCUMENTED = [status_code_conformance, content_type_conformance, response_schema_conformance]
ASSET, WRITTEN, LEARNT_ANEW, PURGED, ROLLED_BACK = "motor_01", "motor_02", "motor_03", "motor_04", "motor_05"
"""Nothing but the data routes writes readings of WRITTEN, and each other route that changes what is stored has its own asset."""
ASKED_ABOUT = {
    "/api/v1/data/simple": WRITTEN, "/api/v1/data/batch": WRITTEN,
    "/api/v1/calibration/start": LEARNT_ANEW, "/api/v1/system/purge": PURGED,
    "/api/v1/calibration/rollback": ROLLED_BACK,
}  # fmt: skip
"""By path; the others are asked about ASSET."""
VALID, SPOILT = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
EXAMPLES = hypothesis.settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
OPERATIONS = (
    "GET /health", "GET /ready", "GET /model", "GET /metrics", "POST /predict",
    "POST /api/v1/data/simple", "POST /api/v1/data/batch", "GET /api/v1/data/history",
    "POST /api/v1/calibration/start", "GET /api/v1/calibration/status", "POST /api/v1/calibration/rollback",
    "GET /api/v1/recalibrations", "POST /api/v1/recalibrations", "POST /api/v1/recalibrations/{number}/advance",
    "POST /api/v1/recalibrations/{number}/approve", "POST /api/v1/recalibrations/{number}/reject",
    "GET /api/v1/monitoring/status", "GET /api/v1/monitoring/baseline", "GET /api/v1/assets",
    "GET /api/v1/drift", "POST /api/v1/drift",
    "GET /api/v1/alarms", "GET /api/v1/alarms/kpis", "POST /api/v1/alarms", "GET /api/v1/logs", "POST /api/v1/logs",
    "GET /api/v1/reports/executive", "GET /api/v1/reports/industrial", "GET /api/v1/reports/excel", "GET /api/v1/reports/fleet",
    "POST /api/v1/whatif", "GET /api/v1/whatif/presets", "POST /api/v1/maintenance",
    "POST /api/v1/maintenance/begin", "POST /api/v1/maintenance/end", "POST /api/v1/system/purge",
)  # fmt: skip
"""The purge stands last: it may take away all that the others ask about. But for that, any of them may be asked alone."""
UNAVAILABLE = {"GET /ready", "GET /model", "POST /predict", "GET /api/v1/monitoring/baseline", "POST /api/v1/whatif"}
"""They answer 503 where no model was trained or the asset was not calibrated."""
WORKING = {
    "POST /api/v1/data/simple": 200, "POST /api/v1/data/batch": 200, "GET /api/v1/data/history": 200,
    "POST /api/v1/calibration/start": 200, "GET /api/v1/calibration/status": 200,
    "POST /api/v1/calibration/rollback": 200,
    "GET /api/v1/recalibrations": 200, "POST /api/v1/recalibrations": 201,
    "GET /api/v1/monitoring/status": 200, "GET /api/v1/monitoring/baseline": 200, "GET /api/v1/assets": 200,
    "GET /api/v1/drift": 200, "POST /api/v1/drift": 201,
    "GET /api/v1/alarms": 200, "GET /api/v1/alarms/kpis": 200,
    "POST /api/v1/alarms": 200, "GET /api/v1/logs": 200, "POST /api/v1/logs": 201,
    "GET /api/v1/reports/executive": 200, "GET /api/v1/reports/industrial": 200, "GET /api/v1/reports/excel": 200,
    "GET /api/v1/reports/fleet": 200,
    "POST /api/v1/whatif": 200, "GET /api/v1/whatif/presets": 200,
    "POST /api/v1/maintenance": 200, "POST /api/v1/system/purge": 200,
}  # fmt: skip
"""What requests about a known asset must reach at least once: else this test would only see refusals."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A plant of which two assets are calibrated; the first has had a fault, an alarm and a note."""
    with client_of_pumps(tmp_path_factory.mktemp("plant")) as opened:
        for asset in (ASSET, WRITTEN, LEARNT_ANEW, PURGED, ROLLED_BACK):
            send_batch(opened, healthy(300, 1, asset))
        for asset in (ASSET, WRITTEN, ROLLED_BACK):
            calibrate_asset(opened, asset)
        send_batch(opened, healthy(300, 2, ROLLED_BACK, 7200))
        calibrate_asset(opened, ROLLED_BACK)
        send_batch(opened, readings_of(running(20, 4) + np.array([0, 0, 0.4]), ASSET, range(300, 320)))
        note = {"asset_id": ASSET, "author": "Ada", "text": "bearing is loud"}
        assert opened.post("/api/v1/logs", json=note).status_code == 201
        yield opened


@pytest.fixture(scope="module")
def operations(client: httpx.Client) -> dict[str, Any]:
    """Every documented operation, by method and path."""
    document = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    found = [operation.ok() for operation in document.get_all_operations()]
    return {f"{operation.method.upper()} {operation.path}": operation for operation in found}


def about_a_known_asset(case: schemathesis.Case) -> None:
    """Turns a valid request into one about a known asset with its signals; everything else stays as generated."""
    asset = ASKED_ABOUT.get(case.path, ASSET)
    if case.method == "GET":
        if case.path != "/api/v1/assets":
            case.query = {**(case.query or {}), "asset_id": asset}
    elif case.path == "/api/v1/data/batch":
        case.body = a_known_batch(case.body)
    elif case.path == "/api/v1/data/simple":
        case.body = with_signals(case.body)
    elif case.path == "/api/v1/drift":
        known = {"asset_id": asset, "time": "2026-01-01T00:00:00Z", "may_recalibrate": False}
        case.body = {"findings": [finding | known for finding in case.body["findings"]]}
    else:
        case.body = {**case.body, "asset_id": asset}
        if "key" in case.body:
            case.body["key"] = "anomaly"
        if "confirm" in case.body:
            case.body["confirm"] = asset
        case.body.pop("corrects", None)
        case.body.pop("lookback_minutes", None)
        case.body.pop("finding_id", None)
    if case.path == "/api/v1/whatif":
        case.body["readings"] = [with_signals(reading, named=()) for reading in case.body["readings"]]


def a_known_batch(body: Any) -> Any:
    """The same rows, window or windows, of a known asset."""
    if isinstance(body, list):
        return [a_known_batch(window) for window in body]
    if "readings" in body:
        return {"readings": [with_signals(reading) for reading in body["readings"]]}
    values = next(iter(body["columns"].values()), []) or [None]
    columns = dict.fromkeys(SIGNALS, values)
    return body | {"asset_id": WRITTEN, "interval_seconds": PUMP.sampling_seconds, "columns": columns}


def with_signals(
    reading: dict[str, Any], named: tuple[str, ...] = ("event_id", "is_faulty", "asset_id")
) -> dict[str, Any]:
    """The same reading, its generated numbers under the names of the pump's signals."""
    numbers = [value for value in reading.values() if isinstance(value, float)]
    values = {name: numbers[place] if place < len(numbers) else None for place, name in enumerate(SIGNALS)}
    kept = {name: value for name, value in reading.items() if name in named}
    return kept | values | ({"asset_id": WRITTEN} if named else {})


def statuses_of(operation: Any, mode: schemathesis.GenerationMode, known_asset: bool = False) -> set[int]:
    """Sends generated requests and checks every answer; the status codes that came."""
    statuses = set()

    @EXAMPLES
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case) -> None:
        if known_asset:
            about_a_known_asset(case)
        answer = case.call()
        checks = DOCUMENTED if answer.status_code == 503 else [not_a_server_error, *DOCUMENTED]
        case.validate_response(answer, checks=checks)
        statuses.add(answer.status_code)

    send()
    return statuses


def test_every_operation_is_asked(operations: dict[str, Any]) -> None:
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_generated_requests_are_answered_as_documented(operations: dict[str, Any], name: str) -> None:
    operation = operations[name]
    statuses = statuses_of(operation, VALID)
    if name in WORKING:
        told = statuses_of(operation, VALID, known_asset=True)
        assert WORKING[name] in told, told
        statuses |= told
    if operation.body or operation.query:
        statuses |= statuses_of(operation, SPOILT)
    assert name in UNAVAILABLE or 503 not in statuses
    assert 401 not in statuses  # no key is set
    assert 403 not in statuses


def test_document_has_every_refusal_of_a_body(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    posts = {path: methods["post"] for path, methods in paths.items() if "post" in methods and "/v1/" in path}
    assert len(posts) == 16
    for path, operation in posts.items():
        assert {"400", "401", "403", "404", "409", "413", "415", "422", "503"} <= set(operation["responses"]), path


@pytest.mark.parametrize("path", ["/api/v1/data/simple", "/api/v1/data/batch"])
def test_document_tells_that_readings_may_be_judged_later_and_when_to_send_them_again(
    client: httpx.Client, path: str
) -> None:
    document = client.get("/openapi.json").json()
    answers = document["paths"][path]["post"]["responses"]
    schemas = {code: answers[code]["content"]["application/json"]["schema"]["$ref"] for code in ("200", "202", "503")}
    assert {code: ref.rpartition("/")[2] for code, ref in schemas.items()} == {
        "200": "ReadingsTaken", "202": "ReadingsPublished", "503": "ErrorBody",
    }  # fmt: skip
    assert set(document["components"]["schemas"]["ReadingsPublished"]["required"]) == {"accepted", "event_ids"}
    assert "Retry-After" in answers["503"]["headers"]
