"""What is said where no Kafka answers: expected, what came, what to do."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import numpy as np
import pytest
from stream_sample import LAYOUTS, MOTOR, readings_of
from typer.testing import CliRunner

from smart_sentry.cli import app
from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError, SmartSentryError
from smart_sentry.servers import free_port
from smart_sentry.simulation.kafka_sink import KafkaSink, parse_address
from smart_sentry.stream.broker import KafkaUnavailable, bootstrap_of, ensure_topics
from smart_sentry.stream.dead_letters import DeadLetters
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.messages import Form
from smart_sentry.stream.producer import NotDelivered, Producer
from smart_sentry.stream.replay import send_replay
from smart_sentry.stream.sources import Clock, of_machines


@pytest.fixture
def nobody() -> str:
    return f"127.0.0.1:{free_port()}"


def test_topics_cannot_be_made_where_nobody_answers(nobody: str) -> None:
    with pytest.raises(KafkaUnavailable) as told:
        ensure_topics(nobody, {"readings": 1}, patience_s=0.5)
    assert f"Apache Kafka at {nobody}: expected an answer within 0.5 s, found " in str(told.value)
    assert "smart-sentry services start kafka" in str(told.value)


def test_dead_letters_cannot_be_read_where_nobody_answers(nobody: str) -> None:
    with pytest.raises(KafkaUnavailable, match=f"{nobody}: expected an answer within 0.5 s"):
        DeadLetters(nobody, patience_s=0.5)


def test_messages_that_nobody_takes_are_reported_with_topic_and_reason(nobody: str) -> None:
    producer = Producer(nobody, delivery_patience_s=0.5)
    readings = readings_of(MOTOR, ["m"] * 3, [1, 2, 3], np.ones((3, 4)))
    producer.send("readings", encode(readings, LAYOUTS.by_name["motor"], Form.JSON, "test"))
    begin = time.monotonic()
    with pytest.raises(NotDelivered) as told:
        producer.flush()
    assert time.monotonic() - begin < 10.0
    (failure,) = told.value.failures
    assert (failure.topic, failure.partition, failure.count) == ("readings", None, 3)
    assert f"{nobody}: expected every message to be acknowledged, found readings: 3 not delivered: " in str(told.value)
    assert (producer.sent, producer.delivered, producer.failed) == (3, 0, 0)
    producer.flush()  # what was reported is not reported again
    producer.close()


def test_a_replay_stops_where_messages_cannot_be_delivered(nobody: str) -> None:
    producer = Producer(nobody, delivery_patience_s=0.3, queued_messages=1000)
    replay = of_machines(MOTOR, 10, 10_000, 1, Clock(datetime(2026, 1, 1, tzinfo=UTC), 1.0))
    with pytest.raises(NotDelivered):
        send_replay(replay, producer, "readings", Form.JSON, 0.0)
    assert 1000 <= producer.sent <= 5000
    producer.close()


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(nobody: str, speed: float) -> None:
    replay = of_machines(MOTOR, 1, 1, 1, Clock(datetime(2026, 1, 1, tzinfo=UTC), 1.0))
    with pytest.raises(ConfigurationError, match="is not 0"):
        send_replay(replay, Producer(nobody), "readings", Form.JSON, speed)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simulator"], "no asset type is named. Add --type"),
        (["readings.csv"], "no asset type is named. Add --type"),
        (["readings.csv", "--type", "motor"], "expected a CSV or Parquet file, found no file"),
        (["simulator", "--type", "motor", "--encoding", "xml"], "Name one of json, binary, binary32"),
        (["simulator", "--type", "motor", "--interval", "0"], "interval: 0 s is not"),
        (["simulator", "--type", "turbofan"], "no simulated machine has all of its signals"),
        (["FD009"], "'FD009' is not known"),
    ],
)
def test_a_replay_that_cannot_be_is_refused_before_kafka_is_asked(nobody: str, words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["stream", "replay", *words, "--bootstrap", nobody])
    assert isinstance(done.exception, SmartSentryError)
    assert said in str(done.exception)


def test_flush_waits_no_longer_than_it_is_told_to(nobody: str) -> None:
    producer = Producer(nobody, delivery_patience_s=60.0)
    readings = readings_of(MOTOR, ["m"], [1], np.ones((1, 4)))
    producer.send("readings", encode(readings, LAYOUTS.by_name["motor"], Form.JSON, "test"))
    begin = time.monotonic()
    with pytest.raises(NotDelivered, match="found 1 without an answer"):
        producer.flush(0.2)
    assert 0.1 < time.monotonic() - begin < 5.0
    producer.close()


def test_an_address_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="SMART_SENTRY_KAFKA_BOOTSTRAP: it is not set"):
        bootstrap_of(Settings(kafka_bootstrap=None))
    assert bootstrap_of(Settings(kafka_bootstrap="a:1")) == "a:1"
    assert bootstrap_of(Settings(kafka_bootstrap="a:1"), "b:2") == "b:2"


@pytest.mark.parametrize(
    "address",
    ["kafka://", "kafka:///t", "kafka://host/t", "kafka://h:1/a b", "kafka://h:1/a/b", "kafka://u:p@h:1/t", "kafka://h:1/t?x=1"],
)  # fmt: skip
def test_addresses_that_lead_to_no_topic_are_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="is not kafka://HOST:PORT/TOPIC"):
        parse_address(address)


def test_the_simulators_sink_says_so_before_it_begins(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smart_sentry.stream.broker.ANSWER_PATIENCE_S", 0.5)
    with pytest.raises(KafkaUnavailable):
        KafkaSink(f"kafka://{nobody}/readings", MOTOR, epoch=1)
