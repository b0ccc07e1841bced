"""What is said where no Kafka answers: expected, what came, what to do."""

from __future__ import annotations

import time

import numpy as np
import pytest
from stream_sample import LAYOUTS, MOTOR, readings_of

from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError
from smart_sentry.servers import free_port
from smart_sentry.simulation.kafka_sink import KafkaSink, parse_address
from smart_sentry.stream.broker import KafkaUnavailable, bootstrap_of, ensure_topics
from smart_sentry.stream.dead_letters import DeadLetters
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.messages import Form
from smart_sentry.stream.producer import NotDelivered, Producer


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
