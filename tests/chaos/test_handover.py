"""Partitions that change hands while their worker waits for the database: nothing is lost, and nothing stands still."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from chaos_input import Plan, plan_of
from chaos_stage import Sender, Stage, make_home, stage
from services_fixture import Services

from smart_sentry.stream.messages import Outgoing
from smart_sentry.stream.producer import Producer

pytestmark = pytest.mark.long

SESSION_S = 6.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("chaos") / "home")


@contextmanager
def nobody_may_store(database: str) -> Iterator[None]:
    """Reads go on, and so does the claim of a partition; what stores a reading waits."""
    with psycopg.connect(database) as connection:
        connection.execute("LOCK TABLE readings IN EXCLUSIVE MODE")
        yield


def wait_until(true: Callable[[], bool], found: Stage, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, found.said()
        time.sleep(0.05)


def readings_in(database: str) -> int:
    with psycopg.connect(database) as connection:
        return connection.execute("SELECT count(*) FROM readings").fetchone()[0]


def has_partitions(found: Stage, worker: int) -> bool:
    """Whether a worker has been given any."""
    return "got partitions" in found.log(worker).read_text().replace("got partitions none", "")


def send_half(found: Stage, plan: Plan) -> Sender:
    """A worker has taken the first half; the second waits to be released."""
    sender = Sender(found, plan.messages, 2)
    sender.release()
    wait_until(lambda: (found.taken() or 0) >= sender.ends[0], found)
    return sender


@pytest.mark.timeout(180)
def test_partitions_that_come_while_the_database_is_slow_lose_nothing(
    services: Services,
    home: Path,
) -> None:
    plan = plan_of(rows_each=300, seed=3)
    with stage(services, "come", home, "come", redis=False) as found:
        found.start_worker()
        sender = send_half(found, plan)
        found.start_worker()
        wait_until(lambda: has_partitions(found, 1), found)
        with nobody_may_store(found.database):
            sender.close()
            wait_until(lambda: "takes its time" in found.log(0).read_text(), found)
            found.kill_worker(found.workers[1])
            told = found.log(0).read_text().count("got partitions")
            wait_until(lambda: found.log(0).read_text().count("got partitions") > told, found)
            time.sleep(3)
        wait_until(lambda: (found.taken() or 0) >= len(plan.messages), found)
        found.stop_worker(found.workers[0])
        assert readings_in(found.database) == len(plan.valid)


@pytest.mark.timeout(180)
def test_partitions_that_come_back_to_a_worker_that_waited_are_read_on(
    services: Services,
    home: Path,
) -> None:
    plan = plan_of(rows_each=300, seed=4)
    with stage(services, "back", home, "back", redis=False) as found:
        found.start_worker()
        sender = send_half(found, plan)
        with nobody_may_store(found.database):
            sender.close()
            wait_until(lambda: "takes its time" in found.log(0).read_text(), found)
            found.workers[0].process.send_signal(signal.SIGSTOP)
            time.sleep(SESSION_S + 2)
            found.workers[0].process.send_signal(signal.SIGCONT)
            wait_until(lambda: "session timed out" in found.log(0).read_text(), found)
            time.sleep(3)  # it has heard of it
        wait_until(lambda: (found.taken() or 0) >= len(plan.messages), found)
        found.stop_worker(found.workers[0])


@pytest.mark.timeout(180)
def test_worker_whose_only_batch_hangs_in_the_database_says_so_and_loses_nothing(
    services: Services, home: Path
) -> None:
    plan = plan_of(rows_each=300, seed=5)
    last = last_valid(plan)
    with stage(services, "hangs", home, "hangs", redis=False) as found, sending(found) as producer:
        found.start_worker()
        producer.send(found.topic, [one for one in plan.messages if one is not last])
        producer.flush(60)
        wait_until(lambda: (found.taken() or 0) >= len(plan.messages) - 1, found)
        with nobody_may_store(found.database):
            producer.send(found.topic, [last])
            producer.flush(60)
            wait_until(lambda: "takes its time" in found.log(0).read_text(), found)
            time.sleep(3)
        wait_until(lambda: (found.taken() or 0) >= len(plan.messages), found)
        found.stop_worker(found.workers[0])
        assert readings_in(found.database) == len(plan.valid)


@pytest.mark.timeout(180)
def test_partition_goes_to_another_worker_although_the_database_hangs(services: Services, home: Path) -> None:
    plan = plan_of(rows_each=300, seed=6)
    with stage(services, "leaves", home, "leaves", redis=False) as found:
        found.start_worker()
        sender = send_half(found, plan)
        with nobody_may_store(found.database):
            sender.close()
            wait_until(lambda: "takes its time" in found.log(0).read_text(), found)
            found.start_worker()
            wait_until(
                lambda: "reads some messages again: the database takes its time" in found.log(0).read_text(), found
            )
            wait_until(lambda: has_partitions(found, 1), found)
        wait_until(lambda: (found.taken() or 0) >= len(plan.messages), found)
        for worker in found.workers:
            found.stop_worker(worker)
        assert readings_in(found.database) == len(plan.valid)


def last_valid(plan: Plan) -> Outgoing:
    """The last message that is a valid reading, and comes once."""
    ids = [(message.key, dict(message.headers).get("ce_id")) for message in plan.messages]
    valid = {(asset.encode(), reading.encode()) for asset, reading in plan.valid}
    once = [message for message, its in zip(plan.messages, ids, strict=True) if its in valid and ids.count(its) == 1]
    return once[-1]


@contextmanager
def sending(found: Stage) -> Iterator[Producer]:
    """A producer that is closed in the end."""
    producer = Producer(found.services.kafka_bootstrap)
    try:
        yield producer
    finally:
        producer.close()
