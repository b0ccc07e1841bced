"""What a worker says of itself: figures by step and partition, log lines, and a dashboard that asks for what there is."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, TopicPartition
from prometheus_client import CollectorRegistry, generate_latest

from smart_sentry.api.ingest_metrics import IngestCollector
from smart_sentry.api.metrics import ServiceMetrics
from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.feed.open import StoredPlant
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.feed.redis_link import RedisLink
from smart_sentry.logs import JsonLines, set_up_guest_logging
from smart_sentry.plant.parts import Part
from smart_sentry.plant.plant import Taken
from smart_sentry.stores.store import Store
from smart_sentry.stores.throughput import Throughput
from smart_sentry.stream.group_publisher import PublishCounts
from smart_sentry.stream.producer import Producer
from smart_sentry.worker.consumer import WorkerOptions
from smart_sentry.worker.latency import alarm_latencies
from smart_sentry.worker.metrics import KAFKA, WorkerMetrics
from smart_sentry.worker.reader import Read
from smart_sentry.worker.run import record_throughput
from smart_sentry.worker.tally import Tally
from smart_sentry.worker.throughput import ThroughputBook
from smart_sentry.worker.worker import Worker

DASHBOARD = Path(__file__).parents[3] / "docker" / "grafana" / "smart-sentry.json"


def idle_publisher() -> FeedPublisher:
    """Of a Redis that nobody asks."""
    return FeedPublisher(RedisLink("redis://127.0.0.1:1/0"), StoredPlant(None))  # type: ignore[arg-type]


def test_dashboard_asks_only_for_metrics_that_exist_and_for_each_of_the_stream() -> None:
    metrics = WorkerMetrics(idle_publisher())
    of_service = CollectorRegistry()
    of_service.register(IngestCollector(lambda: PublishCounts(0, 0, 0, 0)))
    told = (generate_latest(registry).decode() for registry in (metrics.registry, of_service))
    exposed = {name for text in told for name in re.findall(r"^# TYPE (\S+) ", text, re.M)}
    exposed = {name for name in exposed if not name.endswith("_created")}
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel["targets"]
        for name in re.findall(r"smart_sentry_\w+", target["expr"])
    }
    assert asked == exposed


def test_service_tells_of_the_live_feed_once_however_often_it_starts() -> None:
    metrics = ServiceMetrics()
    assert b"smart_sentry_feed_up" not in metrics.exposition()
    for _ in range(2):
        metrics.feeds(idle_publisher())
    assert metrics.exposition().count(b"\nsmart_sentry_feed_up 0.0") == 1
    metrics.feeds(None)
    assert b"smart_sentry_feed_up" not in metrics.exposition()


def part(assets: list[str], seconds: list[float], received: list[float]) -> Part:
    count = len(assets)
    return Part(
        "pump", np.arange(count), assets, [f"r{row}" for row in range(count)], np.array(seconds), np.zeros((count, 3)),
        np.array(received),
    )  # fmt: skip


def step(asset_id: str, time: float) -> AlarmTransition:
    return AlarmTransition(
        f"{asset_id}:anomaly:1", asset_id, "anomaly", AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, time,
        "system", "", AlarmPriority.HIGH, 2.0,
    )  # fmt: skip


def test_alarms_latency_counts_from_the_message_of_its_reading_else_from_the_assets_oldest() -> None:
    parts = [part(["a", "b", "a", "a"], [1.0, 1.0, 2.0, 3.0], [100.0, 101.0, 102.0, 103.0])]
    steps = [step("a", 2.0), step("a", 2.5), step("b", 1.0), step("of another batch", 1.0)]
    assert list(alarm_latencies(parts, steps, now=110.0)) == [8.0, 10.0, 9.0]


def test_throughput_is_a_row_of_each_partition_of_which_messages_came() -> None:
    book = ThroughputBook("host:1", "readings", now=1000.0)
    book.took(1, {"stored": 30, "flagged": 2, "duplicate": 3, "stale": 4, "quarantined": 1}, 5, 0.5)
    book.took(1, {"stored": 20}, 0, 0.25)
    book.lag(1, 7)
    book.lag(0, 9)
    assert not book.is_due(1009.9)
    assert book.is_due(1010.0)
    assert book.close(1010.0) == [Throughput(1010.0, "host:1", "readings", 1, 10.0, 50, 5.0, 2, 7, 5, 7, 0.5)]
    assert book.close(1020.0) == []


def test_throughput_is_stored_newest_first_and_ages(tmp_path: Path) -> None:
    rows = [Throughput(float(at), "host:1", "readings", 0, 10.0, 50, 5.0, 2, 7, 5, 7, 0.5) for at in (1, 2, 3)]
    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        record_throughput(store, rows)
        with store.transaction() as batch:
            assert [row.time for row in batch.throughput.newest(2)] == [3.0, 2.0]
            assert batch.throughput.newest(9) == rows[::-1]
            assert batch.throughput.delete_older(2.0) == 1
            assert [row.time for row in batch.throughput.newest(9)] == [3.0, 2.0]


def metric(metrics: WorkerMetrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name)


def worker(metrics: WorkerMetrics) -> Worker:
    options = WorkerOptions("127.0.0.1:1")
    return Worker(options, lambda partition: None, Producer(options.bootstrap), metrics)  # type: ignore[arg-type]


def test_throughput_that_cannot_be_stored_is_counted_and_said_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(rows: object) -> None:
        raise RuntimeError("no room")

    metrics = WorkerMetrics()
    tally = Tally("readings", metrics, refuse)
    tally.batch(0, Read((), (), (), {}, 1, False), Taken(np.array([True]), np.array([False]), ()), 0.1)
    tally.record()
    assert metric(metrics, "smart_sentry_stream_throughput_rows_lost_total") == 1
    assert "1 rows of throughput are lost: no room" in caplog.text


def test_kafka_counts_as_away_once_no_broker_answers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    metrics = WorkerMetrics()
    its = worker(metrics)
    for state, up in (("UP", 1.0), ("TRY_CONNECT", 0.0), ("DOWN", 0.0), ("UP", 1.0)):
        its._consumer._heard_of_brokers(json.dumps({"brokers": {"one": {"state": state}, "two": {"state": "INIT"}}}))
        assert metrics.registry.get_sample_value("smart_sentry_stream_up", {"system": KAFKA}) == up
    said = [record.getMessage() for record in caplog.records if record.name.endswith("consumer")]
    assert said == ["kafka: no broker answers", "kafka: answers again"]
    its._consumer.close()


class Slow:
    """Stores nothing until it may."""

    def __init__(self, its: Worker) -> None:
        self._its, self.seen = its, list[tuple[float | None, float | None]]()

    def wait_for_room(self, seconds: float, most: int) -> bool:
        """Notes what Prometheus is told of the partitions that wait, and of the time."""
        time.sleep(0.01)
        names = ("smart_sentry_stream_waiting_partitions", "smart_sentry_stream_held_seconds_total")
        self.seen.append((metric(self._its.metrics, names[0]), metric(self._its.metrics, names[1])))
        return len(self.seen) > 3


class Owned:
    """A partition of which the database has the messages before 40."""

    next_offset = 40
    lost = False


def test_back_pressure_and_lag_are_told_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    its = worker(WorkerMetrics())
    its._plants.update({0: Owned(), 1: Owned()})  # type: ignore[dict-item]
    its._lag._told_at -= 10
    its._pipeline = slow = Slow(its)  # type: ignore[assignment]
    asked = list[bool]()

    def waiting(partition: int, offset: int, *, ask: bool) -> int:
        asked.append(ask)
        return 100 + partition - offset

    monkeypatch.setattr(its._consumer, "waiting", waiting)
    assert its._wait_for_room()
    assert [partitions for partitions, _ in slow.seen] == [0, 2, 2, 2]
    held = [seconds for _, seconds in slow.seen if seconds is not None]
    assert (
        0.0
        == held[0]
        <= held[1]
        < held[2]
        < held[3]
        <= (metric(its.metrics, "smart_sentry_stream_held_seconds_total") or 0)
    )
    assert metric(its.metrics, "smart_sentry_stream_waiting_partitions") == 0
    lag = {
        name: its.metrics.registry.get_sample_value("smart_sentry_stream_lag_messages", {"partition": name})
        for name in "01"
    }
    assert lag == {"0": 60, "1": 61}
    assert asked == [True, True]
    its._consumer.close()


def test_partition_that_was_lost_to_another_worker_has_no_lag_any_more() -> None:
    its = worker(WorkerMetrics())
    its._plants[0] = Owned()  # type: ignore[assignment]
    its.metrics.lag(0, 7)
    its._assignment.lose(Unassigning(), [TopicPartition("readings", 0)])
    assert its.metrics.registry.get_sample_value("smart_sentry_stream_lag_messages", {"partition": "0"}) is None
    its._consumer.close()


class Unassigning:
    """A client that gives partitions away."""

    def incremental_unassign(self, partitions: object) -> None:
        """Nothing more is to be done."""


class Sent:
    """A message, of which only the time is asked."""

    def __init__(self, kind: int) -> None:
        self._kind = kind

    def timestamp(self) -> tuple[int, int]:
        return self._kind, 1_767_225_600_000


def test_topic_whose_messages_bear_their_senders_time_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    its = worker(WorkerMetrics())
    for kind in (TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_CREATE_TIME, TIMESTAMP_CREATE_TIME):
        its._look_at_clock(Sent(kind))  # type: ignore[arg-type]
    (said,) = (record.getMessage() for record in caplog.records if "CreateTime" in record.getMessage())
    assert "--entity-name readings --add-config message.timestamp.type=LogAppendTime" in said
    its._consumer.close()


def test_json_log_is_one_object_a_line_with_extra_fields_and_traceback() -> None:
    logger = logging.getLogger("test.json")
    records: list[logging.LogRecord] = []
    logger.addFilter(lambda record: records.append(record) is not None)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.error("took %d of\n%s", 3, "four", exc_info=True, extra={"partition": 2, "path": Path("x")})
    line = JsonLines().format(records[0])
    assert "\n" not in line
    told = json.loads(line)
    assert {
        "level": "ERROR",
        "logger": "test.json",
        "message": "took 3 of\nfour",
        "partition": 2,
        "path": "x",
    }.items() <= (told.items())
    assert "ValueError: two\nlines" in told["exception"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", told["time"])


@pytest.fixture
def our_logger() -> Iterator[logging.Logger]:
    """The project's logger, which is put back as it was."""
    ours = logging.getLogger("smart_sentry")
    before = (ours.level, list(ours.handlers), ours.propagate)
    yield ours
    ours.setLevel(before[0])
    ours.handlers, ours.propagate = before[1:]


def test_service_writes_its_own_lines_as_json_and_leaves_its_servers_alone(
    our_logger: logging.Logger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up_guest_logging("text")
    assert our_logger.propagate
    set_up_guest_logging("json")
    set_up_guest_logging("json")
    monkeypatch.setattr(our_logger.handlers[0], "stream", sys.stderr)
    logging.getLogger("smart_sentry.plant").info("caught up with %d readings", 3)
    told = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["message"] for line in told] == ["caught up with 3 readings"]
