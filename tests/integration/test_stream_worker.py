"""Readings through Kafka into PostgreSQL by workers that are killed, doubled and cut off: each exactly once, judged as ever."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import raw_client
from condition_sample import baseline, running
from confluent_kafka import Producer as Client
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from plant_fixture import PUMP, sqlite_in
from services_fixture import Services, running_services, standing_still
from stream_stage import PARTITIONS, Stage, assessments, calibrate, everything_in, stage
from typer.testing import CliRunner

from smart_sentry.cli import app
from smart_sentry.contracts.alarms import AlarmAction, AlarmState
from smart_sentry.errors import ActionRefused, ChecksumMismatch, NoWorker, UnknownAsset
from smart_sentry.plant import active_baseline
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import purge
from smart_sentry.plant.status import asset_status
from smart_sentry.plant.worked_plant import WorkedPlant
from smart_sentry.servers import free_port
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.store import Store
from smart_sentry.stream.broker import client_settings, ensure_topics
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import Form, Outgoing, Readings, reading_id

ASSETS = tuple(f"pump_{number}" for number in range(6))
ROWS, START = 1500, 1_767_225_600.0
JSON_HEADERS = [
    ("ce_type", b"smart-sentry.reading.v1"),
    ("ce_specversion", b"1.0"),
    ("content-type", b"application/json"),
]
POISON = (
    Outgoing(b"pump_0", b"{broken", [("ce_id", b"p1"), *JSON_HEADERS]),
    Outgoing(b"pump_1", b"no headers at all", []),
    Outgoing(None, b"{}", [("ce_id", b"p2"), *JSON_HEADERS]),
)


def values_of(number: int) -> np.ndarray:
    """(rows, 3) a healthy pump with stretches of a fault."""
    values = running(ROWS, 50 + number)
    rng = np.random.default_rng(number)
    for begin in rng.integers(0, ROWS - 60, 5).tolist():
        values[begin : begin + 40, 2] += 0.2
    return values


def readings_of(number: int) -> Readings:
    asset, count = ASSETS[number], np.arange(ROWS)
    ids = [reading_id(asset, 0, row) for row in range(ROWS)]
    nothing = np.zeros(ROWS, dtype=np.int64)
    return Readings(
        PUMP.name, [asset] * ROWS, ids, START + count, nothing, count, values_of(number), np.empty(0, dtype=np.int64)
    )


def rows_in_turns() -> list[tuple[int, int]]:
    return [(number, row) for row in range(ROWS) for number in range(len(ASSETS))]


def messages_in_turns() -> list[Outgoing]:
    of_asset = [encode(readings_of(number), Layout(PUMP), Form.BINARY, "test") for number in range(len(ASSETS))]
    return [of_asset[number][row] for number, row in rows_in_turns()]


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """Kafka and PostgreSQL."""
    with running_services("kafka", "postgres") as found:
        yield found


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder in which every pump is calibrated."""
    return calibrate(tmp_path_factory.mktemp("models"), ASSETS)


@pytest.fixture(scope="module")
def expected(models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """Assessments by asset of an uninterrupted plant on SQLite."""
    plant = Plant({PUMP.name: PUMP}, models, Store(sqlite_in(tmp_path_factory.mktemp("whole"))))
    values = [values_of(number) for number in range(len(ASSETS))]
    incoming = [
        Incoming(ASSETS[number], reading_id(ASSETS[number], 0, row), START + row,
                 dict(zip(PUMP.signal_names, values[number][row].tolist(), strict=True)), PUMP.name)
        for number, row in rows_in_turns()
    ]  # fmt: skip
    for begin in range(0, len(incoming), 3000):
        plant.take(incoming[begin : begin + 3000], "test")
    found = assessments(plant.store, ASSETS)
    plant.store.close()
    return found


def poisoned(found: Stage) -> list[bytes | None]:
    """Values in the dead-letter topic."""
    return [message.value() for message in everything_in(found.services.kafka_bootstrap, found.dead)]


def assert_exactly_once(found: Stage, expected: dict[str, list[tuple[Any, ...]]]) -> None:
    with Store(found.url) as store:
        told = assessments(store, ASSETS)
        with store.view() as view:
            for asset in ASSETS:
                ids = view.readings.history(asset).reading_ids
                assert len(ids) == len(set(ids)) == ROWS
    for asset in ASSETS:
        assert sorted(told[asset], key=str) == sorted(expected[asset], key=str), asset
        assert len(told[asset]) == ROWS


def await_handler(pid: int, patience_s: float = 60.0) -> None:
    """Until a process answers SIGTERM itself."""
    deadline = time.monotonic() + patience_s
    while (
        not int(re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1], 16) >> signal.SIGTERM - 1 & 1
    ):
        assert time.monotonic() < deadline, "it has not set a handler"
        time.sleep(0.1)


@pytest.mark.timeout(240)
def test_workers_that_are_killed_store_each_reading_once_and_judge_as_one_that_was_not(
    services: Services,
    models: Path,
    expected: dict[str, list[tuple[Any, ...]]],
) -> None:
    messages = messages_in_turns()
    rng = np.random.default_rng(3)
    with stage(services, models, "killed") as found:
        parts = np.array_split(np.arange(len(messages)), 3)
        for number, part in enumerate(parts):
            process = found.worker()
            batch = [messages[row] for row in part.tolist()]
            again = [batch[row] for row in rng.integers(0, len(batch), 30).tolist() if row > len(batch) - 60]
            found.send([*batch, *POISON[number :: len(parts)], *again])
            found.wait_for(int(part[0] + len(part) * rng.uniform(0.05, 0.7)))
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        last = found.worker()
        found.wait_for(len(messages))
        await_handler(last.pid)  # those before it may have stored everything while it was starting
        last.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert last.wait(15) == 0
        assert time.monotonic() - began < 5
        assert_exactly_once(found, expected)
        assert set(poisoned(found)) == {poison.value for poison in POISON}


@pytest.mark.timeout(240)
def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(
    services: Services,
    models: Path,
    expected: dict[str, list[tuple[Any, ...]]],
) -> None:
    messages = messages_in_turns()
    third = len(messages) // 3
    with stage(services, models, "shared") as found:
        first = found.worker()
        found.send(messages[:third])
        found.wait_for(third // 2)
        second = found.worker()
        found.send(messages[third : 2 * third])
        found.wait_for(2 * third)
        first.send_signal(signal.SIGTERM)
        assert first.wait(15) == 0
        found.send(messages[2 * third :])
        found.wait_for(len(messages))
        second.send_signal(signal.SIGTERM)
        assert second.wait(15) == 0
        assert_exactly_once(found, expected)


@pytest.mark.timeout(240)
def test_database_that_goes_away_is_waited_for_and_nothing_is_lost(
    services: Services,
    models: Path,
    expected: dict[str, list[tuple[Any, ...]]],
) -> None:
    messages = messages_in_turns()
    half = len(messages) // 2
    with stage(services, models, "away") as found:
        process = found.worker()
        found.send(messages[:half])
        found.wait_for(half // 3)
        services.stop(services.postgres)
        found.send(messages[half:])
        time.sleep(3)
        assert process.poll() is None, "the worker must wait, not end"
        services.start(services.postgres)
        found.wait_for(len(messages))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert_exactly_once(found, expected)


@pytest.mark.timeout(240)
def test_worker_that_is_told_to_stop_while_the_database_hangs_ends_in_time_and_nothing_is_lost(
    services: Services,
    models: Path,
    expected: dict[str, list[tuple[Any, ...]]],
) -> None:
    messages = messages_in_turns()
    half = len(messages) // 2
    with stage(services, models, "hangs") as found:
        process = found.worker()
        found.send(messages[:half])
        found.wait_for(half // 3)
        with standing_still(services.postgres):
            found.send(messages[half:])
            time.sleep(3)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
            assert time.monotonic() - began < 5
        found.worker()
        found.wait_for(len(messages))
        assert_exactly_once(found, expected)


def test_message_of_a_purged_epoch_is_stale_and_a_new_epoch_begins_anew(services: Services, models: Path) -> None:
    with stage(services, models, "epochs") as found:
        first = replace(readings_of(0))
        anew = replace(
            first, epochs=np.ones(ROWS, dtype=np.int64), reading_ids=[reading_id(ASSETS[0], 1, row) for row in range(ROWS)],
            seconds=first.seconds + 10_000,
        )  # fmt: skip
        port = free_port()
        process = found.worker(port)
        found.send([*encode(first, Layout(PUMP), Form.JSON, "test")[:200], POISON[0]])
        found.send(encode(anew, Layout(PUMP), Form.JSON, "test")[:200])
        found.send(encode(first, Layout(PUMP), Form.JSON, "test")[200:300])
        found.send(encode(anew, Layout(PUMP), Form.JSON, "test")[200:250])
        found.wait_for(450)
        stored, deadline = 'smart_sentry_stream_readings_total{outcome="stored"} 450.0', time.monotonic() + 10
        while stored not in (told := httpx.get(f"http://127.0.0.1:{port}/metrics").text):
            assert time.monotonic() < deadline, told  # it counts after the transaction
            time.sleep(0.1)
        assert 'smart_sentry_stream_readings_total{outcome="stale"} 100.0' in told
        assert 'smart_sentry_stream_dead_letters_total{reason="wrong_json"} 1.0' in told
        assert "smart_sentry_stream_latency_seconds_count" in told
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        assert found.stored() == 450


def test_reading_that_came_another_way_is_stored_once_and_the_others_follow(services: Services, models: Path) -> None:
    all_of_it = readings_of(0)
    with stage(services, models, "another-way") as found:
        with Store(found.url) as store, store.transaction() as batch:
            batch.readings.add(ReadingRows(
                [ASSETS[0]] * 2, [str(one) for one in all_of_it.reading_ids[10:12]], all_of_it.seconds[10:12],
                all_of_it.values[10:12], PUMP.signal_names, "http", START,
            ))  # fmt: skip
        process = found.worker()
        found.send(encode(all_of_it, Layout(PUMP), Form.BINARY, "test"))
        found.wait_for(ROWS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        with Store(found.url) as store, store.view() as view:
            assert len(set(view.readings.history(ASSETS[0]).reading_ids)) == ROWS
            assert len(view.assessments.history(ASSETS[0])) == ROWS - 2


def test_what_operators_ask_is_done_by_the_worker_that_watches_the_asset(
    services: Services, models: Path, tmp_path: Path
) -> None:
    own = tmp_path / "models"
    shutil.copytree(models, own)
    faulty = values_of(0)
    faulty[100:400, 2] += 3.0
    sick = replace(readings_of(0), values=faulty)
    messages = encode(sick, Layout(PUMP), Form.BINARY, "test")
    with stage(services, own, "asked") as found, Store(found.url) as store:
        process = found.worker()
        found.send(messages[:400])
        found.wait_for(400)
        plant = WorkedPlant({PUMP.name: PUMP}, own, store)
        asset = ASSETS[0]
        before = asset_status(plant, asset)
        assert before.open_alarms == 1
        assert before.degradation is not None
        assert before.degradation > 0.0

        done = plant.alarms.act(asset, "anomaly", AlarmAction.ACKNOWLEDGE, "Ann", "seen", None)
        assert (done.to_state, done.author) == (AlarmState.ACKNOWLEDGED, "Ann")
        with pytest.raises(ActionRefused, match="ACKNOWLEDGED"):
            plant.alarms.act(asset, "anomaly", AlarmAction.ACKNOWLEDGE, "Ben", "me, too", None)
        with pytest.raises(UnknownAsset):
            plant.maintenance.record("nobody", "Ann", "bearing changed")

        plant.maintenance.record(asset, "Ann", "bearing changed")
        found.send(messages[500:501])
        found.wait_for(401)
        assert asset_status(plant, asset).degradation == 0.0

        new = encode(replace(sick, asset_ids=["fresh"] * ROWS), Layout(PUMP), Form.BINARY, "test")
        found.send(new[600:700])
        _wait_until(lambda: _scores(store, "fresh") == [None] * 100)
        active_baseline.commission(plant, "fresh", baseline(rows=300, seed=9, asset_id="fresh"), "Ann")
        _wait_until(lambda: not _waiting(store))
        found.send(new[700:800])
        _wait_until(lambda: len(_scores(store, "fresh")) == 200)
        assert None not in _scores(store, "fresh")[100:]
        assert asset_status(plant, "fresh").system_state == "MONITORING"

        first = plant.calibrated_watch_of("fresh").baselines.history("fresh")[-1]
        active_baseline.commission(plant, "fresh", baseline(rows=300, seed=10, asset_id="fresh"), "Ann")
        _wait_until(lambda: not _waiting(store))
        began = time.monotonic()
        assert active_baseline.roll_back(plant, "fresh", "Ann", "too many flags") == first
        _wait_until(lambda: not _waiting(store))
        assert time.monotonic() - began < 5.0
        active_baseline.commission(plant, "fresh", baseline(rows=300, seed=11, asset_id="fresh"), "Ann")
        arrays = own / PUMP.name / "baselines" / "fresh" / first / "baseline.npz"
        arrays.write_bytes(arrays.read_bytes() + b"!")
        with pytest.raises(ChecksumMismatch):
            active_baseline.roll_back(plant, "fresh", "Ann", "too many flags")
        _wait_until(lambda: "model" in _alarms(store, "fresh"))
        assert plant.calibrated_watch_of("fresh").baselines.history("fresh")[-1] != first

        told = purge(plant, "fresh", "fresh", None, "Ann")
        assert told["deleted"]["readings"] == 200
        _wait_until(lambda: not _waiting(store))
        found.send(new[800:810])
        _wait_until(lambda: _scores(store, "fresh") == [None] * 10)

        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        plant.workers.patience_seconds = 0.5
        with pytest.raises(NoWorker, match="stream work"):
            plant.maintenance.record(asset, "Ann", "nobody is there")
        assert not _waiting(store)


def _scores(store: Store, asset: str) -> list[float | None]:
    with store.view() as view:
        return [one.score for one in view.assessments.history(asset)]


def _alarms(store: Store, asset: str) -> list[str]:
    with store.view() as view:
        return [one.kind for one in view.alarms.current(asset) if one.state != "NORMAL"]


def _waiting(store: Store) -> bool:
    with store.view() as view:
        return bool(view.commands.waiting())


def _wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_message_that_is_too_large_for_its_dead_letter_stops_nothing(
    services: Services, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = encode(readings_of(0), Layout(PUMP), Form.BINARY, "test")
    with stage(services, models, "large") as found:
        found.send(messages[:10])
        _send_large(services.kafka_bootstrap, found.topic, b"0" * 1_040_000)  # the broker takes 1,048,588 by default
        found.send(messages[10:20])
        process = found.worker()
        found.wait_for(20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        (kept,) = poisoned(found)
        assert kept is not None
        assert 990_000 < len(kept) < 1_000_000
        monkeypatch.setenv("SMART_SENTRY_KAFKA_BOOTSTRAP", services.kafka_bootstrap)
        words = ("stream", "dead-letters", "--topic", found.dead)
        assert "bytes are missing" in CliRunner().invoke(app, words).output.replace("\n", "")
        said = CliRunner().invoke(app, [*words, "--replay"]).output
        assert said.startswith(f"0 dead letters of {found.dead} sent back; 1 not, as they were too large")
        assert f"{found.dead}[0]@0" in said


def _send_large(bootstrap: str, topic: str, value: bytes) -> None:
    """By a client that is allowed more than ours; to the partition of pump_0."""
    client = Client({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000, "partitioner": "murmur2_random"})
    client.produce(topic, value, b"pump_0", headers=[("ce_id", b"large"), *JSON_HEADERS])
    assert client.flush(20) == 0


def test_message_of_which_a_headers_name_is_not_utf_8_stops_nothing(services: Services, models: Path) -> None:
    messages = encode(readings_of(0), Layout(PUMP), Form.BINARY, "test")
    with stage(services, models, "names") as found:
        found.send(messages[:10])
        raw_client.produce(services.kafka_bootstrap, found.topic, b"pump_0", b"odd", {b"ce_\xff": b"1"})
        found.send(messages[10:20])
        process = found.worker()
        found.wait_for(20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert poisoned(found) == [b"odd"]


@pytest.mark.parametrize("state", [1000, 0], ids=["state stored", "state of the beginning"])
def test_topic_that_ends_before_what_the_database_has_of_it_is_not_read(
    services: Services, models: Path, state: int
) -> None:
    with stage(services, models, f"anew-{state}") as found:
        found.send(encode(readings_of(0), Layout(PUMP), Form.BINARY, "test")[:10])
        with Store(found.url) as store, store.transaction() as batch:
            for partition in range(PARTITIONS):
                place = batch.stream.claim(found.topic, partition)
                batch.stream.advance(replace(place, next_offset=1000, snapshot_offset=state))
        assert found.worker().wait(30) != 0
        assert found.stored() == 0


def test_topic_that_is_made_anew_under_a_working_worker_ends_it_with_the_reason(
    services: Services, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    messages = encode(readings_of(0), Layout(PUMP), Form.BINARY, "test")
    with stage(services, models, "anew") as found:
        found.send(messages[:1000])
        process = found.worker()
        found.wait_for(1000)
        admin = AdminClient(client_settings(services.kafka_bootstrap))
        admin.delete_topics([found.topic])[found.topic].result(30)
        _wait_until(lambda: found.topic not in admin.list_topics(timeout=10).topics)
        ensure_topics(services.kafka_bootstrap, {found.topic: PARTITIONS})
        found.send(messages[1000:1020])
        assert process.wait(60) == 1
        assert found.stored() == 1000
        assert "the topic was deleted and made anew" in capfd.readouterr().err


def test_messages_that_kafka_deletes_under_a_worker_before_they_are_read_are_told(
    services: Services, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    messages = encode(readings_of(0), Layout(PUMP), Form.BINARY, "test")
    with stage(services, models, "deleted") as found:
        found.send(messages[:100])
        process = found.worker()
        found.wait_for(100)
        process.send_signal(signal.SIGSTOP)  # it falls behind
        found.send(messages[100:300])
        admin = AdminClient(client_settings(services.kafka_bootstrap))
        (partition,) = {message.partition() for message in everything_in(services.kafka_bootstrap, found.topic)}
        before = TopicPartition(found.topic, partition, 250)
        admin.delete_records([before])[before].result(30)
        process.send_signal(signal.SIGCONT)
        found.wait_for(150)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert "Kafka has deleted messages 100 to 249 before they were read; going on at 250" in capfd.readouterr().err
