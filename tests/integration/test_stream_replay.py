"""Replays, the simulator and dead letters through a real Kafka."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message
from confluent_kafka import Producer as Client
from postgres_server import folder_for_all
from services_fixture import Services, services_in
from stream_sample import LAYOUTS, MOTOR, TYPES, readings_of
from stream_stage import everything_in
from typer.testing import CliRunner

from smart_sentry.cli import app
from smart_sentry.config import load_settings
from smart_sentry.datasets.simulated_motors import Scenario
from smart_sentry.errors import ConfigurationError
from smart_sentry.services import process
from smart_sentry.simulation.kafka_sink import KafkaSink
from smart_sentry.simulation.simulator import Run, Simulator, sink_for
from smart_sentry.stream.broker import ensure_topics, partitions_of
from smart_sentry.stream.dead_letters import DeadLetters, dead_letter
from smart_sentry.stream.decoding import Decoded, decode_batch
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.group_publisher import GroupPublisher
from smart_sentry.stream.layouts import Layouts
from smart_sentry.stream.messages import SENT_BACK, Form, Outgoing, Reason
from smart_sentry.stream.producer import NotDelivered, Producer
from smart_sentry.stream.replay import send_replay
from smart_sentry.stream.sources import Clock, of_machines

CLOCK = Clock(datetime(2026, 1, 1, tzinfo=UTC), 1.0)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def broker() -> Iterator[Services]:
    with folder_for_all() as folder:
        found = services_in(folder)
        try:
            found.start(found.kafka)
            yield found
        finally:
            found.stop(found.kafka)


@pytest.fixture
def kafka(broker: Services) -> str:
    return broker.kafka_bootstrap


@pytest.fixture
def topic() -> str:
    return f"readings-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def at_home(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with the asset types of this one."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "assets").symlink_to(TYPES)
    monkeypatch.setenv("SMART_SENTRY_HOME", str(tmp_path))
    monkeypatch.setenv("SMART_SENTRY_KAFKA_BOOTSTRAP", kafka)
    return tmp_path


def run(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def decoded_of(bootstrap: str, topic: str) -> Decoded:
    return decode_batch(everything_in(bootstrap, topic), LAYOUTS)


@pytest.mark.parametrize("encoding", ["json", "binary"])
def test_fd001_arrives_whole_in_order_and_with_the_same_ids_again(
    at_home: Path, kafka: str, topic: str, encoding: str
) -> None:
    words = ("stream", "replay", "FD001", "--topic", topic, "--encoding", encoding)
    assert f"FD001/test -> {topic} (3 partitions): 13,096 readings in " in run(*words, "--partitions", "3")
    messages = everything_in(kafka, topic)
    (readings,) = decode_batch(messages, LAYOUTS).readings
    assert len(readings) == len(set(readings.reading_ids)) == 13_096
    table = pd.DataFrame({"asset": readings.asset_ids, "sequence": readings.sequences})
    assert table["asset"].nunique() == 100
    assert (table.groupby("asset")["sequence"].diff().dropna() == 1).all()
    assert (table.groupby("asset")["sequence"].first() == 1).all()
    of_asset = pd.DataFrame({"asset": readings.asset_ids, "partition": [one.partition() for one in messages]})
    assert (of_asset.groupby("asset")["partition"].nunique() == 1).all()
    assert of_asset["partition"].nunique() == 3
    run(*words)
    again = decoded_of(kafka, topic).readings[0]
    assert len(again) == 2 * 13_096
    assert set(again.reading_ids) == set(readings.reading_ids)


def test_a_replay_is_what_the_data_set_holds(at_home: Path, kafka: str, topic: str) -> None:
    run("stream", "replay", "FD001", "--split", "train", "--topic", topic, "--encoding", "binary")
    (found,) = decoded_of(kafka, topic).readings
    raw = np.loadtxt(at_home / "data" / "raw" / "cmapss" / "train_FD001.txt")
    rows = {(f"FD001-train-{int(row[0])}", int(row[1])): row[2:] for row in raw}
    assert len(found) == len(raw) == len(rows)
    expected = [rows[key] for key in zip(found.asset_ids, found.sequences.tolist(), strict=True)]
    np.testing.assert_array_equal(found.values, expected)


def test_a_file_is_replayed_up_to_the_limit(at_home: Path, kafka: str, topic: str) -> None:
    path = at_home / "motor.csv"
    rows = [f"2026-01-01T00:00:{second:02d}Z,m1,230,15,0.9,0.1" for second in range(30)]
    path.write_text("timestamp,asset_id,voltage_v,current_a,power_factor,vibration_g\n" + "\n".join(rows))
    said = run("stream", "replay", str(path), "--type", "motor", "--topic", topic, "--limit", "20")
    assert f"motor.csv -> {topic} (1 partition): 20 readings in " in said
    (found,) = decoded_of(kafka, topic).readings
    assert found.reading_ids == [f"m1:0:{number}" for number in range(1, 21)]


def test_topics_are_made_once_and_never_changed(kafka: str, topic: str) -> None:
    assert ensure_topics(kafka, {topic: 4, f"{topic}-dead": None}) == {topic: 4, f"{topic}-dead": 1}
    assert ensure_topics(kafka, {topic: None, f"{topic}-dead": 1}) == {topic: 4, f"{topic}-dead": 1}
    assert ensure_topics(kafka, {topic: None}, if_new={topic: 2}) == {topic: 4}
    with pytest.raises(ConfigurationError, match="it has 4 partitions, 2 are asked for"):
        ensure_topics(kafka, {topic: 2})
    assert partitions_of(kafka, topic) == 4


def test_messages_bear_the_brokers_time_whatever_their_sender_says(kafka: str, topic: str) -> None:
    ensure_topics(kafka, {topic: 1})
    client, begin = Client({"bootstrap.servers": kafka}), time.time()
    client.produce(topic, b"1", timestamp=1000)
    assert client.flush(20) == 0
    (message,) = everything_in(kafka, topic)
    kind, milliseconds = message.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert begin - 1 < milliseconds / 1000 < time.time() + 1


def test_whoever_makes_the_topic_gives_it_the_partitions_of_the_settings(
    at_home: Path, kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMART_SENTRY_KAFKA_PARTITIONS", "3")
    replay = ("stream", "replay", "simulator", "--type", "motor", "--assets", "1", "--rows", "2", "--topic")
    assert f"-> {topic}-a (3 partitions)" in run(*replay, f"{topic}-a")
    assert f"-> {topic}-b (2 partitions)" in run(*replay, f"{topic}-b", "--partitions", "2")
    KafkaSink(f"kafka://{kafka}/{topic}-c", MOTOR, 1, load_settings().kafka_partitions).close()
    publisher = GroupPublisher(kafka, f"{topic}-d", [MOTOR], "test", partitions=load_settings().kafka_partitions)
    publisher.publish([readings_of(MOTOR, ["m"], [1], np.ones((1, 4)))]).result(30)
    publisher.close()
    assert [partitions_of(kafka, f"{topic}-{name}") for name in "abcd"] == [3, 2, 3, 3]
    assert partitions_of(kafka, f"{topic}-d-dead-letters") == 1


def test_a_full_queue_makes_the_sender_wait_and_loses_nothing(kafka: str, topic: str) -> None:
    ensure_topics(kafka, {topic: 1})
    readings = readings_of(MOTOR, ["m"] * 500, range(1, 501), np.ones((500, 4)))
    producer = Producer(kafka, queued_messages=10, linger_ms=5)
    producer.send(topic, encode(readings, LAYOUTS.by_name["motor"], Form.JSON, "test"))
    producer.flush()
    producer.close()
    assert (producer.sent, producer.delivered) == (500, 500)
    assert decoded_of(kafka, topic).readings[0].sequences.tolist() == list(range(1, 501))


def test_a_message_that_is_too_large_is_reported_and_the_others_arrive(kafka: str, topic: str) -> None:
    ensure_topics(kafka, {topic: 1})
    producer = Producer(kafka)
    producer.send(topic, [Outgoing(b"m", value, []) for value in (b"1", b"0" * 2_000_000, b"2")])
    with pytest.raises(NotDelivered, match=rf"{topic}: 1 not delivered: .*too large") as told:
        producer.flush()
    producer.close()
    assert told.value.pending == 0
    assert [message.value() for message in everything_in(kafka, topic)] == [b"1", b"2"]


def test_a_replay_keeps_the_pace_that_is_asked_for(kafka: str, topic: str) -> None:
    """Two readings at each of 0, 1, ..., 9 s, ten times as fast: the last ones leave after 0.9 s."""
    ensure_topics(kafka, {topic: 1})
    moment, waits = [100.0], list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        moment[0] += seconds

    sent: list[tuple[float, int]] = []
    producer = Producer(kafka)
    done = send_replay(
        of_machines(MOTOR, 2, 10, 1, CLOCK), producer, topic, Form.JSON, 10.0,
        lambda count: sent.append((round(moment[0] - 100.0, 6), count)), lambda: moment[0], sleep,
    )  # fmt: skip
    producer.close()
    assert sent == [(round(0.1 * step, 6), 2 * (step + 1)) for step in range(10)]
    assert (len(waits), done.readings, done.seconds) == (9, 20, pytest.approx(0.9))


def test_a_broker_that_stalls_is_waited_for_and_nothing_comes_twice(broker: Services, kafka: str, topic: str) -> None:
    """The broker stands still for 2 s in the middle, requests time out and are repeated: one message each, in order."""
    ensure_topics(kafka, {topic: 1})
    record = process.running_in(broker.kafka.folder)
    assert record is not None
    readings = readings_of(MOTOR, ["m"] * 4000, range(1, 4001), np.ones((4000, 4)))
    messages = encode(readings, LAYOUTS.by_name["motor"], Form.BINARY, "test")
    producer = Producer(kafka, linger_ms=1, request_patience_s=0.5)
    producer.send(topic, messages[:2000])
    producer.flush()
    os.kill(record.pid, signal.SIGSTOP)
    waker = threading.Timer(2.0, os.kill, (record.pid, signal.SIGCONT))
    waker.start()
    try:
        producer.send(topic, messages[2000:])
        producer.flush()
    finally:
        waker.join()
    producer.close()
    assert producer.delivered == 4000
    assert decoded_of(kafka, topic).readings[0].sequences.tolist() == list(range(1, 4001))


def poison(kafka: str, topic: str, dead_topic: str) -> list[Message]:
    """A readable message and three that are none; those are dead letters afterwards."""
    ensure_topics(kafka, {topic: 1, dead_topic: 1})
    readings = readings_of(MOTOR, ["m"], [1], np.ones((1, 4)))
    good = encode(readings, LAYOUTS.by_name["motor"], Form.JSON, "test")[0]
    bad = [Outgoing(b"m", value, good.headers) for value in (b"\xff\x00[bold]", None)]
    bad.append(Outgoing(None, good.value, [("own", b"1"), ("own", b"2")]))
    producer = Producer(kafka)
    producer.send(topic, [bad[0], good, *bad[1:]])
    producer.flush()
    messages = everything_in(kafka, topic)
    decoded = decode_batch(messages, LAYOUTS)
    producer.send(dead_topic, [dead_letter(messages[one.position], one, NOW) for one in decoded.refusals])
    producer.flush()
    producer.close()
    return [messages[refusal.position] for refusal in decoded.refusals]


def raw(message: Message) -> tuple[Any, ...]:
    return message.key(), message.value(), message.headers()


def test_dead_letters_tell_why_and_hold_the_bytes_that_came(kafka: str, topic: str) -> None:
    came = poison(kafka, topic, f"{topic}-dead")
    with DeadLetters(kafka, f"{topic}-dead") as dead:
        letters = list(dead.read())
    assert [letter.reason for letter in letters] == [Reason.WRONG_JSON, Reason.EMPTY, Reason.WRONG_HEADERS]
    assert [(letter.topic, letter.source_partition, letter.source_offset) for letter in letters] == [
        (topic, 0, 0), (topic, 0, 2), (topic, 0, 3)
    ]  # fmt: skip
    assert [letter.refused_at for letter in letters] == ["2026-01-02T00:00:00.000+00:00"] * 3
    originals = [(one.original.key, one.original.value, one.original.headers) for one in letters]
    assert originals == [raw(message) for message in came]


def test_dead_letters_are_listed_and_sent_back_once(at_home: Path, kafka: str, topic: str) -> None:
    dead_topic = f"{topic}-dead"
    came = poison(kafka, topic, dead_topic)
    words = ("stream", "dead-letters", "--topic", dead_topic)
    listed = run(*words)
    assert f"{topic}[0]@0" in listed.replace("\n", "")
    assert "wrong_json" in listed
    assert listed.endswith(f"3 dead letters in {dead_topic}\n")
    assert run(*words, "--replay", "--limit", "1") == f"1 dead letters of {dead_topic} sent back\n"
    assert run(*words).endswith(f"2 dead letters in {dead_topic}\n")
    assert run(*words, "--replay") == f"2 dead letters of {dead_topic} sent back\n"
    assert run(*words) == f"{dead_topic}: no dead letters that have not been sent back\n"
    assert run(*words, "--replay") == f"0 dead letters of {dead_topic} sent back\n"
    assert run(*words, "--all").endswith(f"3 dead letters in {dead_topic}\n")
    back = everything_in(kafka, topic)[4:]
    marked = [(key, value, [*headers, (SENT_BACK, b"1")]) for key, value, headers in map(raw, came)]
    assert [raw(message) for message in back] == marked


def test_dead_letters_without_a_topic_are_none(at_home: Path, topic: str) -> None:
    assert run("stream", "dead-letters", "--topic", topic).startswith(f"{topic}: no dead letters")


@pytest.mark.parametrize(("speed", "batch"), [(0.0, 1000), (0.0, 7)])
def test_the_simulator_sends_to_kafka(kafka: str, topic: str, speed: float, batch: int) -> None:
    run_of = Run("m-1", 25.0, 1.0, Scenario(sensor_fault="MISSING", sensor="current_a"), speed, batch, 4, CLOCK.start)

    def simulate() -> None:
        sink = sink_for(f"kafka://{kafka}/{topic}", None, batch, print, None, MOTOR, run_of.start)
        assert Simulator(MOTOR, run_of, sink, lambda line: None).simulate().failed == 0

    simulate()
    (first,) = decoded_of(kafka, topic).readings
    assert set(first.asset_ids) == {"m-1"}
    assert first.sequences.tolist() == list(range(1, 26))
    np.testing.assert_array_equal(first.seconds, CLOCK.start.timestamp() + np.arange(25))
    assert np.isnan(first.values[:, MOTOR.signal_names.index("current_a")]).any()
    simulate()
    (both,) = decoded_of(kafka, topic).readings
    assert len(set(both.reading_ids)) == 25
    assert (set(both.epochs.tolist()), len(both)) == ({round(CLOCK.start.timestamp() * 1e6)}, 50)


def test_every_asset_type_of_the_project_can_be_streamed() -> None:
    from smart_sentry.assets import load_asset_type

    layouts = Layouts(load_asset_type(path) for path in sorted(TYPES.glob("*.yaml")))
    assert len({layout.fingerprint for layout in layouts.by_name.values()}) == len(layouts.by_name) >= 5
