"""A worker that was told to stop while what it needs keeps it waiting."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from smart_sentry.errors import StoreUnavailable
from smart_sentry.stream.messages import Reason, Refusal
from smart_sentry.stream.producer import Producer
from smart_sentry.worker.batch_size import FULL, MOST_WAITING, SMALL
from smart_sentry.worker.consumer import Brought, WorkerOptions
from smart_sentry.worker.metrics import WorkerMetrics
from smart_sentry.worker.partition import StateIsLost
from smart_sentry.worker.pending import Pending
from smart_sentry.worker.pipeline import Job, Pipeline
from smart_sentry.worker.reader import Read
from smart_sentry.worker.worker import Worker

NOTHING = Pending((), 1, None, 0.0)


class Message:
    """The only one of a batch."""

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_767_225_600_000


class Hanging:
    """A partition's plant whose database says nothing until it is given up."""

    judging_seconds = 0.0

    def __init__(self) -> None:
        self.lost, self.given_up, self.saved = False, threading.Event(), 0

    def judge(self, read: Read) -> Pending:
        return NOTHING

    def store_judged(self, pending: Pending) -> None:
        assert self.given_up.wait(20)
        raise StoreUnavailable("postgresql://h/x", "this process is ending", "Wait.")

    def save_now(self) -> None:
        self.saved += 1


def job(plant: Any, *refusals: Refusal) -> Job:
    return Job.of(0, plant, [Message()], Read((), (), refusals, {}, 1, False))  # type: ignore[list-item]


def worker(plant: Any) -> Worker:
    options = WorkerOptions("127.0.0.1:1")
    found = Worker(options, lambda _: plant, Producer(options.bootstrap), give_up=plant.given_up.set)
    found._plants[0] = plant
    return found


def test_worker_that_is_told_to_stop_waits_for_the_database_no_longer_than_it_may() -> None:
    plant = Hanging()
    its = worker(plant)
    for _ in range(MOST_WAITING):
        its._pipeline.submit(job(plant))
    its.stop()
    began = time.monotonic()
    its.run()
    assert 2.0 < time.monotonic() - began < 5.0
    assert its.ended.is_set()
    assert (plant.lost, plant.saved) == (True, 0)  # the next owner reads again: nothing of this one is stored any more


def test_worker_that_waits_for_room_looks_whether_it_was_told_to_stop() -> None:
    plant = Hanging()
    its = worker(plant)
    for _ in range(MOST_WAITING):
        its._pipeline.submit(job(plant))
    threading.Timer(0.5, its.stop).start()
    began = time.monotonic()
    assert not its._wait_for_room()
    assert time.monotonic() - began < 5.0
    plant.given_up.set()
    its._pipeline.close()
    its._consumer.close()


@pytest.mark.parametrize(("last_had", "at_once"), [(0, 0), (SMALL - 1, 0), (SMALL, 1), (FULL - 1, 1), (FULL, 3)])
def test_next_batch_is_asked_for_at_once_with_fewer_on_their_way_the_smaller_the_last_one_was(
    monkeypatch: pytest.MonkeyPatch, last_had: int, at_once: int
) -> None:
    plant, may_be_asked = Hanging(), list[bool]()
    its = worker(plant)
    its._plants.clear()

    def brought(_owner_of: object, _most: int) -> Brought:
        may_be_asked.append(plant.given_up.is_set())
        return Brought([], 0.0)

    monkeypatch.setattr(its._consumer, "messages", brought)
    for _ in range(at_once):
        its._pipeline.submit(job(plant))
    its._last_had = last_had
    its._work()
    its._pipeline.submit(job(plant))  # one too many: its end is waited for, but not after a full batch
    its._last_had = last_had
    threading.Timer(0.3, plant.given_up.set).start()
    its._work()
    assert may_be_asked == [False, last_had < FULL]
    its._pipeline.close()
    its._consumer.close()


def test_room_for_a_small_batch_is_there_once_all_that_are_too_many_are_done() -> None:
    plant = Hanging()
    pipeline = Pipeline(Producer("127.0.0.1:1"), "dead-letters", WorkerMetrics())
    for _ in range(MOST_WAITING):
        pipeline.submit(job(plant))
    assert not pipeline.wait_for_room(0.1, 2)
    for _, stored in list(pipeline._jobs)[: MOST_WAITING - 2]:
        stored.set_exception(StateIsLost())
    assert not pipeline.wait_for_room(0.1, 2)  # two are on their way: one more would be the third
    plant.given_up.set()
    assert pipeline.wait_for_room(5.0, 2)
    pipeline.close()


def test_batch_after_one_that_was_not_stored_sends_no_dead_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its messages come again, and its dead letters would stand there twice."""
    plant, sent, dead_letters = Hanging(), list[object](), Producer("127.0.0.1:1")
    monkeypatch.setattr(dead_letters, "send", lambda *given: sent.append(given))
    pipeline = Pipeline(dead_letters, "dead-letters", WorkerMetrics())
    plant.lost = True
    pipeline.submit(job(plant, Refusal(0, Reason.EMPTY, "nothing")))
    assert pipeline.wait_for_room(5.0, 1)
    ((_, stored),) = pipeline.settled()
    assert isinstance(stored.exception(), StateIsLost)
    assert sent == []
    pipeline.close()


def test_worker_stays_in_its_group_while_a_chore_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Hanging()
    its, lives = worker(plant), list[float]()
    monkeypatch.setattr("smart_sentry.worker.worker._PATIENT_WITH_ALL_S", 0.1)
    monkeypatch.setattr("smart_sentry.worker.worker._PATIENT_S", 0.1)

    def show_life() -> None:
        waiting = its.metrics.registry.get_sample_value("smart_sentry_stream_waiting_partitions")
        lives.append(waiting or 0.0)
        if len(lives) == 3:
            plant.given_up.set()

    monkeypatch.setattr(its._consumer, "show_life", show_life)
    with pytest.raises(StoreUnavailable):
        its._with_database(lambda: plant.store_judged(NOTHING))
    assert lives == [1.0, 1.0, 1.0]
    assert its.metrics.registry.get_sample_value("smart_sentry_stream_waiting_partitions") == 0.0
    its.stop()
    its.run()
