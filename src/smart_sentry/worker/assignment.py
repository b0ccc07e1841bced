"""The partitions that Kafka has given to a worker: they come, are restored, and go to the next owner."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any

from smart_sentry.errors import StoreUnavailable
from smart_sentry.stores.stream_partitions import Fenced
from smart_sentry.worker.consumer import GroupConsumer
from smart_sentry.worker.metrics import DATABASE, KAFKA, WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant
from smart_sentry.worker.waiting import Pauses, Standstill

_log = logging.getLogger(__name__)
_HAND_OVER_PATIENCE_S = 5.0
"""For the database to store what a partition still has, and again for its state, while nobody reads it. The fence keeps its
former owner from storing anything once it has another."""


class Assignment:
    """Gives every partition its plant, and takes it away.

    Args:
        topic: of the partitions.
        plants: partition -> its plant; kept up to date here, and only here.
        open_partition: the plant of a partition, which it then owns.
        consumer: reads them. metrics: told of them.
        standstill: of the worker.
        settle: waits so many seconds until everything that was judged is stored, and says whether it is.
        settle_patiently: waits for it as long as it takes; false where the worker was told to stop before.
        save: stores the state of a partition, once everything is stored.
        stop: set where the worker was told to stop: nothing is waited for any more.
    """

    def __init__(
        self, topic: str, plants: dict[int, PartitionPlant], open_partition: Callable[[int], PartitionPlant],
        consumer: GroupConsumer, metrics: WorkerMetrics, standstill: Standstill, settle: Callable[[float], bool],
        settle_patiently: Callable[[], bool], save: Callable[[PartitionPlant], Future[None]], stop: threading.Event,
    ) -> None:  # fmt: skip
        self._topic, self._plants, self._open, self._consumer = topic, plants, open_partition, consumer
        self._metrics, self._standstill, self._stop = metrics, standstill, stop
        self._settle, self._settle_patiently, self._save = settle, settle_patiently, save

    def come(self, consumer: Any, partitions: list[Any]) -> None:
        """Kafka's client has been given partitions: they are opened, and read from where the database stands.

        Raises:
            TopicMadeAnew: the topic ends before that.
        """
        for place in partitions:
            plant = self._opened(place.partition)
            if plant is None:
                return
            self._consumer.demand_reachable(place.partition, plant.position, plant.next_offset)
            self._plants[place.partition] = plant
            place.offset = plant.position
        self._consumer.begin(partitions)
        self._metrics.answers(KAFKA, True)
        told = ", ".join(f"{place.partition} from {place.offset}" for place in partitions)
        _log.info("%s: got partitions %s", self._topic, told or "none")

    def _opened(self, partition: int) -> PartitionPlant | None:
        """Its plant, once the database answers; None where the worker was told to stop before."""
        pauses, since = Pauses(self._stop), time.monotonic()
        while not self._stop.is_set():
            try:
                plant = self._open(partition)
                self._metrics.answers(DATABASE, True)
                self._metrics.waiting(0)
                return plant
            except StoreUnavailable as problem:
                self.tell_waiting(partition, problem)
                self._metrics.waiting(len(self._plants) + 1)  # the others are not read either
                pauses.wait()
                self._metrics.held(time.monotonic() - since)
                since = time.monotonic()
        return None

    def go(self, consumer: Any, partitions: list[Any]) -> None:
        """Kafka's client must give partitions away: they are stored first."""
        self.leave([place.partition for place in partitions])
        consumer.incremental_unassign(partitions)

    def lose(self, consumer: Any, partitions: list[Any]) -> None:
        """Others have them already: nothing may be stored any more, and the fence would refuse it."""
        for place in partitions:
            if (plant := self._plants.pop(place.partition, None)) is not None:
                plant.lost = True
        self._settle(_HAND_OVER_PATIENCE_S)
        for place in partitions:
            self._metrics.left(place.partition)
        consumer.incremental_unassign(partitions)

    def leave(self, partitions: Sequence[int]) -> None:
        """Stores the state of partitions, so that their next owner goes on at once, and forgets them.

        A database that takes its time is not waited for: the next owner then reads again what is not stored.
        """
        settled = self._settle(_HAND_OVER_PATIENCE_S)
        leaving = {place: plant for place in partitions if (plant := self._plants.pop(place, None)) is not None}
        saving = {place: self._save(plant) for place, plant in leaving.items() if settled and not plant.lost}
        wait(saving.values(), _HAND_OVER_PATIENCE_S)
        for place, plant in leaving.items():
            if not plant.lost and (problem := _why_unsaved(saving.get(place))):
                _log.warning("%s[%d]: the next owner reads some messages again: %s", self._topic, place, problem)
            plant.lost = True  # a save that still waits for its turn is not begun
        for partition in partitions:
            self._metrics.left(partition)

    def restore_lost(self) -> None:
        """Reads the state of lost partitions again, which go on from there; the worker stands still until all of them do."""
        if not self._lost() or not self._settle_patiently():
            return
        pauses = Pauses(self._stop)
        with self._standstill.of(len(self._plants)):
            while self._lost() and not self._stop.is_set():
                pauses.wait()
                self._standstill.show_life(len(self._lost()))
                self._restore()

    def _lost(self) -> dict[int, PartitionPlant]:
        return {partition: plant for partition, plant in self._plants.items() if plant.lost}

    def _restore(self) -> None:
        for partition, plant in self._lost().items():
            try:
                plant.restore()
            except StoreUnavailable as problem:
                self.tell_waiting(partition, problem)
                return
            self._metrics.answers(DATABASE, True)
            self._consumer.go_back(partition, plant.position)
            _log.info("%s[%d] goes on at offset %d", self._topic, partition, plant.position)

    def tell_waiting(self, partition: int, problem: Exception) -> None:
        """Says that a partition waits, and why."""
        if isinstance(problem, StoreUnavailable):
            self._metrics.answers(DATABASE, False)
        where = {"topic": self._topic, "partition": partition}
        _log.error("%s[%d] waits: %s", self._topic, partition, problem, extra=where)


def _why_unsaved(saved: Future[None] | None) -> str:
    """Why the state of a partition is not stored; empty where it is."""
    if saved is None or not saved.done():
        return "the database takes its time"
    try:
        saved.result()
    except (StoreUnavailable, Fenced) as problem:
        return str(problem)
    return ""
