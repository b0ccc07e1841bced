"""A worker that the database keeps waiting: how long its pauses are, and how its partitions go on."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import Future

import pytest

from smart_sentry.errors import StoreUnavailable
from smart_sentry.garbage import collected_between_batches
from smart_sentry.worker import assignment
from smart_sentry.worker.assignment import Assignment
from smart_sentry.worker.lag import Lag
from smart_sentry.worker.metrics import DATABASE, WorkerMetrics
from smart_sentry.worker.tally import Tally
from smart_sentry.worker.waiting import Pauses, Standstill


class Passing(threading.Event):
    """Time passes at once; what was waited for is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waited.append(timeout)
        return self.is_set()


def test_pauses_double_up_to_ten_seconds() -> None:
    stop = Passing()
    pauses = Pauses(stop)
    for _ in range(8):
        pauses.wait()
    longest = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert all(
        most / 2 <= waited <= most for waited, most in zip(stop.waited, longest, strict=True)
    )  # jitter takes at most half


def test_what_failed_tries_leave_does_not_pile_up_while_a_worker_looks_for_it_between_batches_only() -> None:
    pauses, left = Pauses(Passing()), list[weakref.ref[Exception]]()
    with collected_between_batches():
        for _ in range(3):
            problem = StoreUnavailable("here", "nobody answers", "Start it.")
            problem.__context__ = ConnectionError("refused")
            problem.__context__.__cause__ = problem
            left.append(weakref.ref(problem))
            del problem
            pauses.wait()
        assert [ref() for ref in left] == [None] * 3


class Calls:
    """A consumer that notes what it is told."""

    def __init__(self) -> None:
        self.told = list[object]()

    def hold(self) -> None:
        self.told.append("hold")

    def go_on(self) -> None:
        self.told.append("go on")

    def show_life(self) -> None:
        self.told.append("life")

    def go_back(self, partition: int, offset: int) -> None:
        self.told.append((partition, offset))


class Restored:
    """A partition's plant whose database answers at the second try."""

    def __init__(self, *, lost: bool) -> None:
        self.lost, self.position, self.next_offset, self._tries = lost, 40, 40, 0

    def restore(self) -> None:
        self._tries += 1
        if self._tries == 1:
            raise StoreUnavailable("postgresql://h/x", "it is away", "Wait.")
        self.lost, self.position = False, 30


def test_lost_partitions_are_read_again_from_where_the_database_stands_and_others_wait_for_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    consumer, metrics, stop = Calls(), WorkerMetrics(), Passing()
    plants = {0: Restored(lost=False), 1: Restored(lost=True)}
    lag = Lag(consumer, plants, Tally("readings", metrics, None))  # type: ignore[arg-type]
    standstill = Standstill(consumer, metrics, lag)  # type: ignore[arg-type]
    settled = list[str]()

    def settle() -> bool:
        settled.append("all")
        return True

    its = Assignment(
        "readings", plants, lambda _: None, consumer, metrics, standstill, lambda _: True, settle, lambda _: Future(), stop,  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    its.restore_lost()
    assert settled == ["all"]
    assert consumer.told == ["hold", "life", "life", (1, 30), "go on"]
    assert not plants[1].lost
    assert "readings[1] waits: " in caplog.text
    up = metrics.registry.get_sample_value("smart_sentry_stream_up", {"system": DATABASE})
    assert (up, metrics.registry.get_sample_value("smart_sentry_stream_waiting_partitions")) == (1.0, 0.0)
    its.restore_lost()
    assert consumer.told[-1] == "go on"
    assert len(stop.waited) == 2


def leaving(plants: dict[int, Restored], *, settled: bool, saves: list[Future[None]]) -> list[Restored]:
    """The plants whose state was to be stored when all partitions were given away; each save is what comes next of `saves`."""
    consumer, metrics, stop = Calls(), WorkerMetrics(), Passing()
    lag = Lag(consumer, plants, Tally("readings", metrics, None))  # type: ignore[arg-type]
    standstill = Standstill(consumer, metrics, lag)  # type: ignore[arg-type]
    asked = list[Restored]()

    def save(plant: Restored) -> Future[None]:
        asked.append(plant)
        return saves[len(asked) - 1]

    its = Assignment(
        "readings", plants, lambda _: None, consumer, metrics, standstill, lambda _: settled, lambda: True, save, stop,  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    its.leave(list(plants))
    return asked


def done(problem: Exception | None = None) -> Future[None]:
    found = Future[None]()
    if problem is None:
        found.set_result(None)
    else:
        found.set_exception(problem)
    return found


def test_partition_is_given_away_without_its_state_where_the_database_takes_its_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(assignment, "_HAND_OVER_PATIENCE_S", 0.05)
    away = StoreUnavailable("postgresql://h/x", "it is away", "Wait.")
    plants = {number: Restored(lost=False) for number in range(3)}
    each = list(plants.values())
    assert leaving(plants, settled=True, saves=[done(), done(away), Future()]) == each
    assert plants == {}
    assert all(plant.lost for plant in each), "what still waits for its turn must not begin"
    told = [record.getMessage() for record in caplog.records]
    assert [one.partition(":")[0] for one in told] == ["readings[1]", "readings[2]"]
    assert "it is away" in told[0]
    assert told[1].endswith("the next owner reads some messages again: the database takes its time")


def test_state_of_a_partition_is_not_stored_while_batches_before_it_are_not(caplog: pytest.LogCaptureFixture) -> None:
    plants = {0: Restored(lost=False), 1: Restored(lost=True)}
    assert leaving(plants, settled=False, saves=[]) == []
    assert plants == {}
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["readings[0]"]
