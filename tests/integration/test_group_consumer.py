"""Members of a consumer group against a real Kafka."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from services_fixture import Services, running_services

from smart_sentry.stream.broker import ensure_topics
from smart_sentry.worker.consumer import GroupConsumer, WorkerOptions


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with running_services("kafka") as found:
        yield found


@contextmanager
def member(options: WorkerOptions, came: Callable[[], object], went: Callable[[], object]) -> Iterator[None]:
    """One that polls as a worker does; it is told of every partition that comes or goes."""
    consumer, ended = GroupConsumer(options, lambda up: None), threading.Event()

    def assigned(_: Any, partitions: list[Any]) -> None:
        consumer.begin(partitions)
        for _one in partitions:
            came()

    def revoked(_: Any, partitions: list[Any]) -> None:
        for _one in partitions:
            went()

    def run() -> None:
        consumer.subscribe(assigned, revoked, revoked)
        while not ended.is_set():
            consumer.messages(lambda partition: None, 100)
        consumer.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)


@pytest.mark.timeout(120)
def test_partition_that_goes_to_another_member_is_soon_read_again(services: Services) -> None:
    topic = f"handed-over-{uuid.uuid4()}"
    ensure_topics(services.kafka_bootstrap, {topic: 2})
    options = WorkerOptions(services.kafka_bootstrap, topic, f"{topic}-dead-letters", group=topic)
    held, gone, got = threading.Semaphore(0), list[float](), threading.Event()
    with member(options, held.release, lambda: gone.append(time.monotonic())):
        assert held.acquire(timeout=30)
        assert held.acquire(timeout=30)
        with member(options, got.set, lambda: None):
            assert got.wait(30)
            unread = time.monotonic() - gone[0]
    assert unread < 2.0  # with the client's own heartbeats, every 3 s, up to 3 s
