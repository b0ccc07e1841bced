import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from bundle_fixture import asset_columns

from smart_sentry.answers import AssetHistory, answer_histories
from smart_sentry.api.batching import AdaptiveBatcher
from smart_sentry.api.endpoint import PredictionEndpoint, Shortcut
from smart_sentry.api.metrics import ServiceMetrics
from smart_sentry.api.served import ServedModel
from smart_sentry.bundle import Bundle
from smart_sentry.config import Settings
from smart_sentry.contracts.failure import FailureAssessment

GOOD = json.dumps({"assets": [asset_columns("a", slice(0, 3))]}).encode()
JSON_HEADERS = ((b"content-type", b"application/json"),)


def make_endpoint(
    bundle: Bundle, model: Callable[[Sequence[AssetHistory]], list[FailureAssessment]] | None = None
) -> tuple[PredictionEndpoint, ServiceMetrics]:
    served, metrics = ServedModel(lambda: bundle), ServiceMetrics()
    batcher = AdaptiveBatcher(model or (lambda histories: answer_histories(bundle, histories)), metrics.passed)
    endpoint = PredictionEndpoint(served, Settings(body_limit_bytes=10_000), batcher, metrics)
    served.start()
    endpoint.start()
    return endpoint, metrics


def call(
    app: Callable[..., Any], *parts: bytes | None, path: str = "/predict", method: str = "POST",
    headers: Sequence[tuple[bytes, bytes]] = JSON_HEADERS,
) -> tuple[int | None, dict[str, Any] | None]:  # fmt: skip
    """Sends body parts to an ASGI application, None for a client that hangs up; status and body of its answer, if any."""
    messages = [
        {"type": "http.disconnect"}
        if part is None
        else {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": list(headers)}
    asyncio.run(app(scope, receive, send))
    if not sent:
        return None, None
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_body_in_many_parts_is_put_together(packaged_bundle: Bundle) -> None:
    endpoint, _ = make_endpoint(packaged_bundle)
    status, body = call(endpoint, *(GOOD[place : place + 10] for place in range(0, len(GOOD), 10)))
    assert status == 200
    assert body is not None
    assert body["assessments"][0]["asset_id"] == "a"


def test_client_that_hangs_up_gets_no_answer_and_is_not_counted(packaged_bundle: Bundle) -> None:
    endpoint, metrics = make_endpoint(packaged_bundle)
    assert call(endpoint, GOOD[:10], None) == (None, None)
    assert b"smart_sentry_predict_duration_seconds_count 0.0" in metrics.exposition()


def test_announced_length_above_the_limit_is_refused_before_anything_is_read(packaged_bundle: Bundle) -> None:
    endpoint, _ = make_endpoint(packaged_bundle)
    status, body = call(endpoint, headers=[*JSON_HEADERS, (b"content-length", b"10001")])  # nothing could be received
    assert status == 413
    assert body is not None
    assert body["error"]["code"] == "body_too_large"


def test_failing_model_is_logged_and_told_to_nobody(packaged_bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    def broken(histories: Sequence[AssetHistory]) -> list[FailureAssessment]:
        raise ZeroDivisionError("secret path /srv/models")

    endpoint, metrics = make_endpoint(packaged_bundle, broken)
    with caplog.at_level(logging.ERROR):
        status, body = call(endpoint, GOOD)
    assert status == 500
    assert body == {
        "error": {"code": "internal_error", "message": "The service failed; its log says why.", "details": []}
    }
    assert "secret path" in caplog.text
    assert b'smart_sentry_predict_requests_total{status="500"} 1.0' in metrics.exposition()


def test_alarms_assets_and_readings_are_counted(packaged_bundle: Bundle) -> None:
    endpoint, metrics = make_endpoint(packaged_bundle)
    last = asset_columns("worn", slice(-20, None))
    status, body = call(endpoint, json.dumps({"assets": [asset_columns("new", slice(0, 5)), last]}).encode())
    assert status == 200
    assert body is not None
    assert [one["alarm"] for one in body["assessments"]] == [False, True]
    told = metrics.exposition().decode()
    assert 'smart_sentry_assessments_total{alarm="true"} 1.0' in told
    assert 'smart_sentry_assessments_total{alarm="false"} 1.0' in told
    assert "smart_sentry_readings_total 25.0" in told


@pytest.mark.parametrize(
    ("path", "method", "taken"), [("/predict", "POST", True), ("/predict", "GET", False), ("/model", "POST", False)]
)
def test_shortcut_takes_its_own_path_and_leaves_the_rest(
    packaged_bundle: Bundle, path: str, method: str, taken: bool
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418})
        await send({"type": "http.response.body", "body": b"{}"})

    endpoint, _ = make_endpoint(packaged_bundle)
    status, _ = call(Shortcut(application, endpoint), GOOD, path=path, method=method)
    assert status == (200 if taken else 418)
