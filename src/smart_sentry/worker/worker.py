"""A worker of the consumer group: takes the partitions that Kafka gives it, batch by batch, until it is told to stop.

    messages -> decode, drop repeated and stale -> dead letters -> one database transaction -> Kafka's offsets (for lag only)

What stands in the database decides where a partition goes on; Kafka's own offsets are there for lag. When the database is away
the partitions pause, and the worker stays in its group, until it answers again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from functools import partial
from typing import Any

from smart_sentry.champion import WatchedModel
from smart_sentry.errors import StoreUnavailable
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.stream_partitions import Fenced
from smart_sentry.stores.throughput import Throughput
from smart_sentry.stream.producer import NotDelivered, Producer
from smart_sentry.worker.assignment import Assignment
from smart_sentry.worker.batch_size import MOST_WAITING, BatchSize, most_on_their_way
from smart_sentry.worker.chores import Chores
from smart_sentry.worker.consumer import SENDERS_CLOCK, GroupConsumer, WorkerOptions
from smart_sentry.worker.lag import Lag
from smart_sentry.worker.messages import Timed
from smart_sentry.worker.metrics import DATABASE, DECODE, KAFKA, POLL, WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant, StateIsLost
from smart_sentry.worker.pipeline import Job, Pipeline
from smart_sentry.worker.tally import Tally
from smart_sentry.worker.waiting import Standstill

_log = logging.getLogger(__name__)
_PATIENT_S, _PATIENT_WITH_ALL_S = 1.0, 5.0
"""For the database to store one batch, or all that are on their way, before the group is told that the worker is alive."""
_ENDING_PATIENCE_S = 2.5
"""For database and Kafka, once the worker has been told to stop."""


class Worker:
    """One member of the group.

    Args:
        options: where it reads.
        open_partition: the plant of a partition, which it then owns.
        dead_letters: sends what is no reading.
        metrics: told of everything.
        record: stores rows of throughput, in a transaction of its own; None: nobody does.
        model: the champion as it changes, which `open_partition` judges by; None: there is never another one.
        give_up: ends every wait for database and Kafka; called where the worker was told to stop and they do not let it.

    Attributes:
        tally: what became of the messages.
        ended: set once `run` is over.
    """

    def __init__(
        self, options: WorkerOptions, open_partition: Callable[[int], PartitionPlant], dead_letters: Producer,
        metrics: WorkerMetrics | None = None, record: Callable[[Sequence[Throughput]], None] | None = None,
        model: WatchedModel | None = None, give_up: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        topic = options.topic
        self._topic, self._bootstrap = topic, options.bootstrap
        self.metrics, self._give_up = metrics or WorkerMetrics(), give_up
        self._stop, self.ended = threading.Event(), threading.Event()
        self._clock_seen, self._last_had = False, 0
        self._plants: dict[int, PartitionPlant] = {}
        self._pipeline, self._batch_size = Pipeline(dead_letters, options.dead_letters, self.metrics), BatchSize()
        self.tally = Tally(topic, self.metrics, record, self._pipeline.store)
        self._consumer = GroupConsumer(options, partial(self.metrics.answers, KAFKA))
        self._lag = Lag(self._consumer, self._plants, self.tally)
        self._standstill = Standstill(self._consumer, self.metrics, self._lag)
        self._assignment = Assignment(
            topic, self._plants, open_partition, self._consumer, self.metrics, self._standstill, self._settle_within,
            self._settle_patiently, lambda plant: self._pipeline.store(plant.save_now), self._stop,
        )  # fmt: skip
        self._chores = Chores(
            topic, self._plants, self._settle_patiently, self._with_database, self._pipeline.is_busy,
            self._assignment.restore_lost, model,
        )  # fmt: skip

    def stop(self) -> None:
        """Lets `run` end after the batch at hand; from any thread or signal handler."""
        self._stop.set()

    def run(self, between: Callable[[], None] = lambda: None) -> None:
        """Works until `stop`. What it owns is then stored, so that the next owner goes on at once.

        Where database or Kafka keep it waiting it ends without: the next owner reads again from where the database stands.

        Args:
            between: called between two batches.
        """
        threading.Thread(target=self._end_in_time, name="ending", daemon=True).start()
        self._consumer.subscribe(self._assignment.come, self._assignment.go, self._assignment.lose)
        try:
            while not self._stop.is_set():
                self._work()
                between()
                self._chores.do()
                self._lag.tell_when_due(ask=False)
                self.tally.record_when_due()
        except BaseException:
            self._lose_all()  # who knows how far their state is
            raise
        finally:
            self._stop.set()
            self._assignment.leave(list(self._plants))
            self.tally.record()
            self._pipeline.close()
            self._chores.close()
            self._consumer.close()
            self.ended.set()

    def _end_in_time(self) -> None:
        self._stop.wait()
        if self.ended.wait(_ENDING_PATIENCE_S):
            return
        _log.warning("%s: ending without what is not stored yet: its next owner reads it again", self._topic)
        self._lose_all()
        self._give_up()

    def _lose_all(self) -> None:
        for plant in list(self._plants.values()):
            plant.lost = True

    def _work(self) -> None:
        if (most := most_on_their_way(self._last_had)) < MOST_WAITING:  # else the next one may be read meanwhile
            self._pipeline.wait_for_room(_PATIENT_S, most)
        brought = self._consumer.messages(self._plants.get, self._batch_size.most)
        self._last_had = len(brought.messages)
        plants = dict(self._plants)
        if brought.messages:
            self.metrics.took(POLL, brought.seconds)
        for partition, messages in _by_partition(brought.messages).items():
            if (plant := plants.get(partition)) is not None:
                self._take(partition, plant, messages)
        self._settle()
        self._assignment.restore_lost()

    def _take(self, partition: int, plant: PartitionPlant, messages: Sequence[Timed]) -> None:
        if not self._wait_for_room():  # first: while it waits, the partition may go to another worker
            return
        if plant.lost or self._plants.get(partition) is not plant:
            return
        if messages[0].offset() != plant.position:
            # Kafka's client goes elsewhere where an offset is not there any more.
            self._consumer.demand_reachable(partition, plant.position, plant.position)
            messages = [message for message in messages if message.offset() >= plant.position]
            if not messages:
                return
        self._look_at_clock(messages[0])
        began = time.perf_counter()
        read = plant.read(messages)
        self.metrics.took(DECODE, time.perf_counter() - began)
        self._pipeline.submit(Job.of(partition, plant, messages, read))
        if read.careful:
            self._wait_for_room(1, _PATIENT_WITH_ALL_S)

    def _look_at_clock(self, message: Timed) -> None:
        """Says once where the time of messages is their senders' own: a clock that is wrong then passes for one that is right."""
        if self._clock_seen or message.timestamp()[0] != SENDERS_CLOCK:
            return
        self._clock_seen = True
        _log.warning(
            "%s: its messages bear their senders' time (message.timestamp.type=CreateTime), so readings from the future are not"
            " told: kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config"
            " message.timestamp.type=LogAppendTime",
            self._topic, self._bootstrap, self._topic,
        )  # fmt: skip

    def _wait_for_room(self, most: int = MOST_WAITING, patience_s: float = _PATIENT_S) -> bool:
        """Keeps its place in the group while the database takes its time; false where the worker was told to stop meanwhile.

        Args:
            most: batches on their way, with the one that there shall be room for; 1 waits until all are stored.
            patience_s: before anybody is told.
        """
        return self._wait(partial(self._pipeline.wait_for_room, most=most), patience_s)

    def _with_database(self, task: Callable[[], None]) -> None:
        """Has something done with the database by the thread that stores; not waited for where the worker was told to stop."""
        done = self._pipeline.store(task)
        if self._wait(lambda seconds: bool(wait([done], seconds).done), _PATIENT_WITH_ALL_S):
            done.result()

    def _wait(self, is_done: Callable[[float], bool], patience_s: float) -> bool:
        """Waits, and keeps its place in the group; false where the worker was told to stop before.

        Args:
            is_done: waits so many seconds at most, and says whether it is done.
            patience_s: before anybody is told.
        """
        if is_done(patience_s):
            return True
        _log.warning("%s: the database takes its time: no further messages are read meanwhile", self._topic)
        with self._standstill.of(len(self._plants)):
            while not (done := is_done(_PATIENT_S)) and not self._stop.is_set():
                self._standstill.show_life(len(self._plants))
        return done

    def _settle_within(self, seconds: float) -> bool:
        """Waits so long until everything that was judged is stored, counts what is, and says whether it is all."""
        settled = self._pipeline.wait_for_room(seconds, 1)
        self._settle()
        return settled

    def _settle_patiently(self) -> bool:
        """Waits as long as it takes, keeping its place in the group; false where the worker was told to stop before."""
        settled = self._wait_for_room(1, _PATIENT_WITH_ALL_S)
        self._settle()
        return settled

    def _settle(self) -> None:
        """Counts what has been stored, and notes what has not."""
        for job, stored in self._pipeline.settled():
            try:
                taken = stored.result()
            except StateIsLost:
                continue
            except AlreadyStored as problem:
                told = "%s[%d]: asking the database which readings it has: %s"
                _log.info(told, self._topic, job.partition, problem)
            except (StoreUnavailable, NotDelivered) as problem:
                self._assignment.tell_waiting(job.partition, problem)
            except Fenced as problem:  # it is claimed again, unless Kafka says meanwhile that it is another worker's
                _log.warning("%s", problem)
            else:
                self.metrics.answers(DATABASE, True)
                if taken is not None:
                    self.tally.batch(job.partition, job.read, taken, time.time() - job.newest)
                self._batch_size.stored(job.messages, time.monotonic() - job.begun)
                if self._plants.get(job.partition) is job.plant:
                    self.tally.lag(job.partition, self._consumer.tell(job.partition, job.read.next_offset))


def _by_partition(messages: Sequence[Any]) -> dict[int, Sequence[Timed]]:
    """Messages of each partition in their order; errors among them are logged."""
    errors = [message.error() for message in messages]
    for error in filter(None, errors):
        _log.warning("kafka: %s", error.str())
    if any(errors):
        messages = [message for message, error in zip(messages, errors, strict=True) if not error]
    partitions = [message.partition() or 0 for message in messages]
    if len(set(partitions)) == 1:
        return {partitions[0]: messages}
    found: defaultdict[int, list[Timed]] = defaultdict(list)
    for partition, message in zip(partitions, messages, strict=True):
        found[partition].append(message)
    return dict(found)
