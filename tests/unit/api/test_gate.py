"""With keys set nobody hears more than that the service lives and is ready; and everybody is counted, whatever is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from bundle_fixture import LiveService, asset_columns, live_service
from live_app import served
from plant_fixture import no_model, open_pumps
from pydantic import SecretStr

from smart_sentry.api.gate import Gate
from smart_sentry.api.keys import ApiKeys
from smart_sentry.api.prediction import create_app
from smart_sentry.api.rates import RateLimits
from smart_sentry.config import Settings

READ, INGEST = "read-0123456789abcdef", "ingest-0123456789abcdef"
KEYS = SecretStr(f"read:{READ},ingest:{INGEST}")
QUESTIONS = [
    ("GET", "/model"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/"), ("POST", "/predict"),
    ("GET", "/predict"), ("GET", "/api/v1/assets"), ("GET", "/api/v1/reports/fleet"), ("GET", "/no-such-page"),
    ("HEAD", "/metrics"), ("OPTIONS", "/model"), ("GET", "/health/"),
]  # fmt: skip


@pytest.fixture(scope="module")
def guarded(packaged_home: Path) -> Iterator[LiveService]:
    """The prediction service with keys."""
    with live_service(packaged_home, Settings(api_keys=KEYS)) as live:
        yield live


@pytest.fixture(scope="module")
def guarded_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A plant with keys, and no model."""
    home = tmp_path_factory.mktemp("guarded")
    app = create_app(no_model, Settings(home=home, api_keys=KEYS), open_plant=lambda: open_pumps(home))
    with served(app) as client:
        yield client


@pytest.mark.parametrize("key", [None, "wrong", READ.upper()])
@pytest.mark.parametrize(("method", "path"), QUESTIONS)
def test_question_without_a_known_key_is_refused_whatever_it_is(
    guarded_plant: httpx.Client, method: str, path: str, key: str | None
) -> None:
    answer = guarded_plant.request(method, path, headers={} if key is None else {"x-api-key": key})
    assert answer.status_code == 401
    if method != "HEAD":
        assert answer.json()["error"]["code"] == "unauthorised"
        assert READ not in answer.text


def test_key_of_the_role_read_opens_predictions_model_metrics_and_contracts(guarded: LiveService) -> None:
    headers = {"x-api-key": READ}
    body = {"assets": [asset_columns("a", slice(0, 3))]}
    assert guarded.client.post("/predict", json=body).status_code == 401
    assert guarded.client.post("/predict", json=body, headers=headers).status_code == 200
    for path in ("/model", "/metrics", "/openapi.json", "/docs"):
        assert guarded.client.get(path, headers=headers).status_code == 200, path
    # The refused one never came to the endpoint.
    lines = guarded.client.get("/metrics", headers=headers).text.splitlines()
    assert 'smart_sentry_predict_requests_total{status="200"} 1.0' in lines


def test_probes_say_yes_or_no_to_everybody_and_the_rest_to_those_who_may_read(
    guarded: LiveService, guarded_plant: httpx.Client
) -> None:
    for client in (guarded.client, guarded_plant):
        assert client.get("/health").json() == {"status": "alive"}
    assert guarded.client.get("/ready").json() == {"status": "ready"}
    assert guarded.client.get("/ready", headers={"x-api-key": "wrong"}).json() == {"status": "ready"}
    assert set(guarded.client.get("/ready", headers={"x-api-key": READ}).json()) == {"status", "model_version"}
    refused = guarded_plant.get("/ready")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_unavailable")
    assert "Train one first" not in refused.text
    assert "Train one first" in guarded_plant.get("/ready", headers={"x-api-key": READ}).text


def test_every_question_counts_against_the_rate_and_probes_do_not(packaged_home: Path) -> None:
    with live_service(packaged_home, Settings(rate_limit_requests=1e-6)) as live:
        for path in ("/health", "/ready", "/health"):
            assert live.client.get(path).status_code == 200
        assert live.client.get("/model").status_code == 200
        refused = live.client.post("/predict", json={"assets": [asset_columns("a", slice(0, 3))]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) >= 1
        assert live.client.get("/metrics").status_code == 429


def test_guesses_of_a_key_are_counted_and_end_in_429(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, api_keys=KEYS, rate_limit_requests=1e-6)
    with served(create_app(no_model, settings, open_plant=lambda: open_pumps(tmp_path))) as client:
        statuses = [client.get("/model", headers={"x-api-key": f"guess {number}"}).status_code for number in range(3)]
        assert statuses == [401, 429, 429]


def test_gate_behind_another_gate_counts_nothing_twice() -> None:
    came: list[str] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        came.append(scope["path"])

    told: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        told.append(message.get("status", 0))

    keys, limits = ApiKeys.parse(KEYS.get_secret_value()), RateLimits.of(1e-6, None)
    gates = Gate(Gate(behind, keys, limits), keys, limits)
    for _ in range(2):
        headers = [(b"x-api-key", READ.encode())]
        scope = {"type": "http", "path": "/anything", "headers": headers, "client": ("10.0.0.1", 1)}
        asyncio.run(gates(scope, None, send))  # type: ignore[arg-type]
    assert came == ["/anything"]
    assert told[0] == 429
