"""Readings over HTTP into Kafka, and by a worker into PostgreSQL: none lost, none twice, judged as the service itself would."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from condition_sample import running
from confluent_kafka import Message
from live_app import served
from plant_fixture import PUMP, SIGNALS, START, no_model, readings_of, sqlite_in
from services_fixture import Services, running_services
from stream_stage import Stage, assessments, calibrate, everything_in, new_stage

from smart_sentry.api.gate import Gate
from smart_sentry.api.prediction import create_app
from smart_sentry.api.shortcut import ReadingShortcut
from smart_sentry.config import Settings
from smart_sentry.contracts.monitoring import ReadingsPublished
from smart_sentry.plant.plant import Plant
from smart_sentry.servers import free_port
from smart_sentry.stores.store import Store
from smart_sentry.stream.decoding import decode_batch
from smart_sentry.stream.layouts import Layouts

ASSETS = ("pump_a", "pump_b")
ROWS = 200
Told = list[dict[str, Any]]


def values_of(number: int) -> np.ndarray:
    """(rows, 3) a healthy pump with a stretch of a fault."""
    values = running(ROWS, 70 + number)
    values[100:130, 2] += 0.3
    return values


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """Kafka and PostgreSQL."""
    with running_services("kafka", "postgres") as found:
        yield found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder in which both pumps are calibrated."""
    return calibrate(tmp_path_factory.mktemp("models"), ASSETS)


def stage_of(services: Services, models: Path, name: str) -> Stage:
    """On a topic that is not there yet: the service makes it."""
    return new_stage(services, models, name, partitions=None)


@contextmanager
def service(stage: Stage, **settings: Any) -> Iterator[httpx.Client]:
    """The service that publishes, with its short cut, as it is deployed."""
    found = {
        "ingest": "kafka", "kafka_bootstrap": stage.services.kafka_bootstrap, "kafka_topic": stage.topic,
        "home": stage.models, **settings,
    }  # fmt: skip
    app = create_app(
        no_model, Settings(**found), open_plant=lambda: Plant({PUMP.name: PUMP}, stage.models, Store(stage.url))
    )
    with served(Gate(ReadingShortcut(app, **app.state.reading_shortcut), **app.state.gate)) as client:
        yield client


@contextmanager
def worker(stage: Stage, metrics_port: int | None = None) -> Iterator[None]:
    """Works for the length of the block."""
    process = stage.worker(metrics_port)
    try:
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        stage.close()


def messages_in(stage: Stage) -> list[Message]:
    return everything_in(stage.services.kafka_bootstrap, stage.topic)


def outcomes(metrics_port: int, *names: str) -> list[float]:
    """What the worker counted."""
    lines = dict(
        line.rsplit(" ", 1)
        for line in httpx.get(f"http://127.0.0.1:{metrics_port}/metrics").text.splitlines()
        if line.startswith("smart_sentry_stream_readings_total")
    )
    return [float(lines.get(f'smart_sentry_stream_readings_total{{outcome="{name}"}}', 0)) for name in names]


def published(answer: httpx.Response) -> ReadingsPublished:
    assert answer.status_code == 202, answer.text
    return ReadingsPublished.model_validate(answer.json())


def simple(client: httpx.Client, reading: dict[str, Any]) -> httpx.Response:
    return client.post("/api/v1/data/simple", json=reading)


def batch(client: httpx.Client, readings: Told) -> httpx.Response:
    return client.post("/api/v1/data/batch", json={"readings": readings})


def window_of(readings: Told) -> dict[str, Any]:
    return {
        "asset_id": readings[0]["asset_id"], "start": readings[0]["timestamp"], "interval_seconds": 1.0, "event_id": "w",
        "columns": {name: [one[name] for one in readings] for name in SIGNALS},
    }  # fmt: skip


def send_by_every_form(client: httpx.Client) -> list[httpx.Response]:
    """Pump a as single readings and rows, pump b as rows and a window, in turns."""
    first, second = (readings_of(values_of(n), asset, range(ROWS)) for n, asset in enumerate(ASSETS))
    told = [simple(client, one) for one in first[:50]]
    told.append(batch(client, [*first[50:], *second[:80]]))
    told.append(client.post("/api/v1/data/batch", json=window_of(second[80:])))
    return told


@pytest.mark.timeout(240)
def test_every_form_is_in_kafka_when_it_is_answered_and_a_worker_judges_it_as_the_service_would(
    services: Services, models: Path, tmp_path: Path
) -> None:
    stage = stage_of(services, models, "forms")
    with service(stage) as client:
        told = [published(answer) for answer in send_by_every_form(client)]
        messages = messages_in(stage)
    assert [len(one.event_ids) for one in told] == [one.accepted for one in told] == [*[1] * 50, 230, 120]
    assert [message.headers()[0][1].decode() for message in messages[:50]] == [one.event_ids[0] for one in told[:50]]
    assert len(messages) == 2 * ROWS
    decoded = decode_batch(messages, Layouts([PUMP]))
    assert decoded.refusals == ()
    (readings,) = decoded.readings
    for number, asset in enumerate(ASSETS):
        its = [row for row, name in enumerate(readings.asset_ids) if name == asset]
        np.testing.assert_array_equal(readings.values[its], values_of(number))
        np.testing.assert_allclose(readings.seconds[its], START.timestamp() + np.arange(ROWS), atol=1e-6)
    assert {message.key().decode() for message in messages} == set(ASSETS)
    assert dict(messages[0].headers())["ce_source"] == b"smart-sentry/http"
    assert stage.stored() == 0
    with worker(stage):
        stage.wait_for(2 * ROWS)
    plain = create_app(
        no_model, Settings(home=tmp_path),
        open_plant=lambda: Plant({PUMP.name: PUMP}, models, Store(sqlite_in(tmp_path))),
    )  # fmt: skip
    with served(plain) as client:
        assert {answer.status_code for answer in send_by_every_form(client)} == {200}
    with Store(stage.url) as left, Store(sqlite_in(tmp_path)) as right:
        found, expected = assessments(left, ASSETS), assessments(right, ASSETS)
    for asset in ASSETS:
        assert sorted(found[asset], key=str) == sorted(expected[asset], key=str)
        assert any(flag for _, _, _, flag, *_ in found[asset])


@pytest.mark.timeout(240)
def test_reading_that_comes_twice_is_stored_once_and_a_late_one_is_not_lost(services: Services, models: Path) -> None:
    stage = stage_of(services, models, "late")
    port = free_port()
    first = readings_of(values_of(0), ASSETS[0], range(ROWS))
    hour_ago = (START - timedelta(hours=1)).isoformat()
    with worker(stage, port):
        with service(stage) as client:
            published(batch(client, first[100:]))
            stage.wait_for(100)
            published(batch(client, first[:100]))  # a hundred seconds late
            published(batch(client, first[50:150]))  # again: Kafka gets none of them
            published(simple(client, first[0]))
            assert len(messages_in(stage)) == ROWS
        with service(stage) as client:  # it remembers nothing: the worker finds them in the database
            published(batch(client, first[50:150]))
            published(simple(client, first[0]))
            published(simple(client, first[0] | {"event_id": "same time, another reading"}))
            published(simple(client, first[0] | {"event_id": "an hour late", "timestamp": hour_ago}))
            published(simple(client, {name: first[0][name] for name in ("asset_id", *SIGNALS)}))  # neither id nor time
            assert len(messages_in(stage)) == ROWS + 104
            stage.wait_for(ROWS + 3)
            last = published(simple(client, first[0] | {"event_id": "last"}))
        stage.wait_for(ROWS + 4)
        deadline = time.monotonic() + 10  # the worker counts what it has committed
        while outcomes(port, "stored") < [ROWS + 4] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert outcomes(port, "stored", "stale", "duplicate", "quarantined") == [ROWS + 4, 0, 101, 0]
    assert last.event_ids == ["last"]
    assert stage.stored() == ROWS + 4


@pytest.mark.timeout(240)
def test_service_that_starts_again_goes_on_with_the_same_assets(services: Services, models: Path) -> None:
    stage = stage_of(services, models, "again")
    first = readings_of(values_of(0), ASSETS[0], range(ROWS))
    with worker(stage):
        for begin in (0, 100):
            with service(stage) as client:
                published(batch(client, first[begin : begin + 100]))
        stage.wait_for(ROWS)


def test_wrong_reading_is_refused_as_ever_and_nothing_is_published(services: Services, models: Path) -> None:
    stage = stage_of(services, models, "wrong")
    good = readings_of(values_of(0)[:2], ASSETS[0], range(2))
    with service(stage, rate_limit_requests=10) as client:
        assert simple(client, good[0] | {"vibration_g": "much"}).status_code == 422
        assert simple(client, {"asset_id": "x", "unheard_of": 1.0}).json()["error"]["code"] == "invalid_readings"
        future = good[0] | {"timestamp": "2999-01-01T00:00:00Z"}
        assert batch(client, [good[0], future]).status_code == 422
        assert (
            client.post("/api/v1/data/batch", content=b"{", headers={"content-type": "application/json"}).status_code
            == 400
        )
        published(simple(client, good[1]))
        refused = next(answer for _ in range(50) if (answer := simple(client, {"asset_id": "x"})).status_code != 422)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
    assert len(messages_in(stage)) == 1


@pytest.mark.timeout(240)
def test_kafka_that_is_away_is_told_and_readings_are_taken_again_once_it_is_back(
    services: Services, models: Path
) -> None:
    stage = stage_of(services, models, "away")
    good = readings_of(values_of(0), ASSETS[0], range(ROWS))
    with service(stage) as client:
        published(simple(client, good[0]))
        services.stop(services.kafka)
        try:
            for answer in (simple(client, good[1]), batch(client, good[1:3])):
                assert answer.status_code == 503, answer.text
                assert answer.headers["retry-after"] == "5"
                error = answer.json()["error"]
                assert error["code"] == "not_published"
                assert "Apache Kafka" in error["message"]
                assert "Send them again in 5 s, with the same event_id" in error["message"]
                assert str(services.kafka.port) not in error["message"]
        finally:
            services.start(services.kafka)
        deadline = time.monotonic() + 60
        while (answer := batch(client, good[:3])).status_code != 202:
            assert time.monotonic() < deadline, answer.text
    with worker(stage):
        stage.wait_for(3)
        time.sleep(1)
    assert stage.stored() == 3


@pytest.mark.timeout(240)
def test_database_that_is_away_keeps_nobody_from_sending(services: Services, models: Path) -> None:
    stage = stage_of(services, models, "no-database")
    with service(stage) as client:
        services.stop(services.postgres)
        try:
            published(simple(client, readings_of(values_of(0)[:1], "a new pump", [0])[0]))
        finally:
            services.start(services.postgres)
    with worker(stage):
        stage.wait_for(1)
