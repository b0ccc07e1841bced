"""The OpenAPI page tells the truth: requests made of it by schemathesis meet no 5xx and no answer that it does not document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from bundle_fixture import ASSET_TYPE, LiveService, live_service
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from smart_sentry.config import Settings

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = hypothesis.settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def statuses_of(operation: Any, mode: schemathesis.GenerationMode) -> set[int]:
    """Sends generated requests of one kind, valid or spoilt, and checks every answer; the status codes that came."""
    statuses = set()

    @EXAMPLES
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case) -> None:
        answer = case.call()
        case.validate_response(answer, checks=CHECKS)
        statuses.add(answer.status_code)

    send()
    return statuses


def test_service_answers_generated_requests_as_documented(service: LiveService) -> None:
    api = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
    operations = {operation.path: operation for operation in (found.ok() for found in api.get_all_operations())}
    assert set(operations) == {"/predict", "/model", "/health", "/ready", "/metrics"}
    for path in ("/model", "/health", "/ready", "/metrics"):
        assert statuses_of(operations[path], schemathesis.GenerationMode.POSITIVE) == {200}
    valid = statuses_of(operations["/predict"], schemathesis.GenerationMode.POSITIVE)
    spoilt = statuses_of(operations["/predict"], schemathesis.GenerationMode.NEGATIVE)
    assert 200 in valid  # names and limits are in the document, so that generated requests are good ones
    assert valid | spoilt <= {200, 400, 415, 422}
    assert 422 in spoilt


@pytest.fixture(scope="module")
def document(service: LiveService) -> dict[str, Any]:
    content: dict[str, Any] = service.client.get("/openapi.json").json()
    return content


def test_document_names_every_signal_with_its_limits_in_both_forms(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for owner in ("Reading", "AssetReadings"):
        signals = schemas[owner]["properties"]["signals"]
        assert tuple(signals["properties"]) == ASSET_TYPE.signal_names
        assert signals["additionalProperties"] is False
    vibration = schemas["Reading"]["properties"]["signals"]["properties"]["vibration"]
    assert (vibration["minimum"], vibration["maximum"]) == (-5, 20)
    assert schemas["AssetReadings"]["properties"]["signals"]["properties"]["vibration"]["items"] == vibration


def test_documented_examples_can_be_sent(service: LiveService, document: dict[str, Any]) -> None:
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == {"rows", "columns"}
    for example in body["examples"].values():
        assert service.client.post("/predict", json=example["value"]).status_code == 200


def test_document_has_every_refusal_of_predict(document: dict[str, Any]) -> None:
    refusals = {"400", "401", "413", "415", "422", "429", "500", "503"}
    assert set(document["paths"]["/predict"]["post"]["responses"]) == {"200", *refusals}


def test_documentation_page_asks_no_other_host(service: LiveService) -> None:
    page = service.client.get("/docs").text
    assert 'src="/static_content/swagger-ui-bundle.js"' in page
    assert "//" not in page.replace("<!DOCTYPE html>", "").replace("// ", "")


@pytest.fixture(scope="module")
def service_without_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    home: Path = tmp_path_factory.mktemp("empty")
    with live_service(home, Settings()) as live:
        yield live


@pytest.mark.parametrize(("method", "path"), [("GET", "/ready"), ("GET", "/model"), ("POST", "/predict")])
def test_service_without_model_lives_and_says_why_it_is_not_ready(
    service_without_model: LiveService, method: str, path: str
) -> None:
    client = service_without_model.client
    answer = client.request(method, path, json={} if method == "POST" else None)
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "model_unavailable"
    assert "package.json" in error["message"]
    assert "smart-sentry train" in error["message"]
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/openapi.json").status_code == 200
