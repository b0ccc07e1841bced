"""A worker of the consumer group: takes the partitions that Kafka gives it, batch by batch, until it is told to stop.

    messages -> decode, drop repeated and stale -> dead letters -> one database transaction -> Kafka's offsets (for lag only)

What stands in the database decides where a partition goes on; Kafka's own offsets are there for lag. When the database is away
the partitions pause, and the worker stays in its group, until it answers again.
"""

from __future__ import annotations

import json
import logging
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition

from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.errors import SmartSentryError, StoreUnavailable
from smart_sentry.plant.parts import Part
from smart_sentry.plant.plant import Taken
from smart_sentry.stores.commands import Command
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.stream_partitions import Fenced
from smart_sentry.stores.throughput import Throughput
from smart_sentry.stream.broker import client_settings, sentence_of
from smart_sentry.stream.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from smart_sentry.stream.messages import READINGS_TOPIC
from smart_sentry.stream.producer import NotDelivered, Producer
from smart_sentry.worker.messages import Timed
from smart_sentry.worker.metrics import DATABASE, DECODE, JUDGE, KAFKA, POLL, STORE, WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant, Pending, Read, StateIsLost
from smart_sentry.worker.storing import Storing
from smart_sentry.worker.throughput import ThroughputBook

_log = logging.getLogger(__name__)
GROUP = "smart-sentry-workers"
MOST_MESSAGES = 5000
"""Of one batch."""
_WAIT_S, _GATHER_S, _PATIENT_S = 0.1, 0.01, 1.0
"""For a first message; for those right after it; and for the database, before the group is told that the worker is alive."""
_LOOK_EVERY_S = 0.5
"""How often a worker looks whether operators have asked for something."""
_ANSWER_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_QUEUED_KB = 65_536
_STATISTICS_MS = 5000
"""How often the client says which brokers answer."""


@dataclass(frozen=True)
class WorkerOptions:
    """Where a worker reads.

    Attributes:
        bootstrap: `host:port` of Kafka.
        topic, dead_letters: of the readings, and of what is none.
        group: workers of one group share the partitions.
        session_seconds: after so long a silence a worker counts as dead, and its partitions go to others.
    """

    bootstrap: str
    topic: str = READINGS_TOPIC
    dead_letters: str = DEAD_LETTERS_TOPIC
    group: str = GROUP
    session_seconds: float = 10.0


class TopicMadeAnew(SmartSentryError):
    """A topic ends before what the database has of it: it is another one of the same name."""

    def __init__(self, topic: str, partition: int, offset: int, end: int) -> None:
        super().__init__(
            f"{topic}[{partition}]: the database has read it up to offset {offset}, but it ends at {end}: the topic was deleted"
            " and made anew, or this is another Kafka. Set SMART_SENTRY_KAFKA_TOPIC to a new name, or use the database that"
            " belongs to this Kafka."
        )


@dataclass(frozen=True)
class _Job:
    """A batch on its way to the database; `pending` is None where the database must be asked first which readings it has."""

    partition: int
    plant: PartitionPlant
    messages: Sequence[Timed]
    read: Read
    pending: Pending | None

    @property
    def newest(self) -> float:
        """Time of the newest message, seconds since 1970 UTC."""
        return self.messages[-1].timestamp()[1] / 1000.0


class Worker:
    """One member of the group.

    Args:
        options: where it reads.
        open_partition: the plant of a partition, which it then owns.
        dead_letters: sends what is no reading.
        metrics: told of everything.
        record: stores rows of throughput, in a transaction of its own; None: nobody does.
    """

    def __init__(
        self, options: WorkerOptions, open_partition: Callable[[int], PartitionPlant], dead_letters: Producer,
        metrics: WorkerMetrics | None = None, record: Callable[[Sequence[Throughput]], None] | None = None,
    ) -> None:  # fmt: skip
        self.options, self.metrics = options, metrics or WorkerMetrics()
        self.outcomes, self.refused = Counter[str](), Counter[str]()
        """What became of readings, and why messages went to the dead letters, since the worker began."""
        self._open, self._dead_letters = open_partition, dead_letters
        self._plants: dict[int, PartitionPlant] = {}
        self._storing: Storing[_Job, Taken] = Storing(self._store)
        self._stop = threading.Event()
        self._looked_at = time.monotonic()
        self._record, self._kafka_up = record, True
        self._throughput = ThroughputBook(f"{socket.gethostname()}:{os.getpid()}", options.topic, time.time())
        self._consumer = Consumer({
            **client_settings(options.bootstrap),
            "group.id": options.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": round(options.session_seconds * 1000),
            "queued.max.messages.kbytes": _QUEUED_KB,
            "fetch.wait.max.ms": 20,
            "statistics.interval.ms": _STATISTICS_MS,
            "stats_cb": self._heard_of_brokers,
        })  # fmt: skip

    def stop(self) -> None:
        """Lets `run` end after the batch at hand; from any thread or signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Works until `stop`. What it owns is then stored, so that the next owner goes on at once."""
        self._consumer.subscribe(
            [self.options.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        try:
            while not self._stop.is_set():
                self._work()
                self._obey()
                if self._throughput.is_due(time.time()):
                    self._log_throughput()
        except BaseException:
            for plant in self._plants.values():
                plant.lost = True  # who knows how far its state is
            raise
        finally:
            self._leave(list(self._plants))
            self._storing.close()
            self._log_throughput()
            self._consumer.close()

    def _work(self) -> None:
        batches: dict[int, list[Timed]] = {}
        messages = self._messages()
        plants = dict(self._plants)
        for message in messages:
            if error := message.error():
                _log.warning("kafka: %s", error.str())
                continue
            batches.setdefault(int(message.partition() or 0), []).append(cast(Timed, message))
        for partition, its in batches.items():
            if (plant := plants.get(partition)) is not None:
                self._judge(partition, plant, its)
        self._settle()
        lost = [partition for partition, plant in self._plants.items() if plant.lost]
        if lost:
            self._storing.drain()
            self._settle()
            self._wait_for_store(lost)

    def _obey(self) -> None:
        """Does what operators have asked of the assets of its partitions."""
        if not self._plants or time.monotonic() - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        try:
            with next(iter(self._plants.values())).store.view() as view:
                waiting = view.commands.waiting()
            for command in waiting:
                self._obey_one(command)
        except StoreUnavailable as problem:
            _log.warning("%s: what operators asked waits: %s", self.options.topic, problem)

    def _obey_one(self, command: Command) -> None:
        owner = next((place for place, its in self._plants.items() if its.watches_over(command.asset_id)), None)
        if owner is None:  # another worker's
            return
        self._storing.drain()
        self._settle()
        plant = self._plants.get(owner)
        if plant is None or plant.lost:
            return
        try:
            plant.obey(command)
        except Fenced as problem:
            _log.warning("%s", problem)
            del self._plants[owner]

    def _messages(self) -> list[Any]:
        """At once when one has come, together with what comes right after it."""
        first = self._consumer.poll(_WAIT_S)
        if first is None:
            return []
        began, partition = time.perf_counter(), int(first.partition() or 0)
        owner = self._plants.get(partition)
        messages = self._consumer.consume(MOST_MESSAGES - 1, _GATHER_S)
        self.metrics.took(POLL, time.perf_counter() - began)
        if (
            self._plants.get(partition) is not owner
        ):  # it changed hands meanwhile, and will be read again from where it stands
            return list(messages)
        return [first, *messages]

    def _judge(self, partition: int, plant: PartitionPlant, messages: Sequence[Timed]) -> None:
        self._wait_for_room()  # first: while it waits, the partition may go to another worker
        messages = [message for message in messages if message.offset() >= plant.position]
        if not messages or plant.lost or self._plants.get(partition) is not plant:
            return
        began, judging = time.perf_counter(), plant.judging_seconds
        read = plant.read(messages)
        self.metrics.took(DECODE, time.perf_counter() - began)
        pending = None if plant.position < plant.careful_until else plant.judge(read)
        if pending is not None:
            self.metrics.took(JUDGE, plant.judging_seconds - judging)
        self._storing.submit(_Job(partition, plant, messages, read, pending))
        if pending is None:
            self._storing.drain()

    def _wait_for_room(self) -> None:
        """Keeps its place in the group while the database takes its time."""
        if self._storing.wait_for_room(_PATIENT_S):
            return
        _log.warning("%s: the database takes its time: no further messages are read meanwhile", self.options.topic)
        self._consumer.pause(self._consumer.assignment())
        while not self._storing.wait_for_room(_PATIENT_S):
            self._consumer.poll(0)
        self._consumer.resume(self._consumer.assignment())

    def _store(self, job: _Job) -> Taken:
        """Dead letters, then the database; in the storing thread."""
        began, judging = time.perf_counter(), job.plant.judging_seconds
        try:
            if job.read.refusals:
                at = datetime.now(UTC)
                refused = [dead_letter(job.messages[one.position], one, at) for one in job.read.refusals]
                self._dead_letters.send(self.options.dead_letters, refused)
                self._dead_letters.flush()
            if job.pending is None:
                taken = job.plant.write(job.read)
                judging = job.plant.judging_seconds - judging
                self.metrics.took(JUDGE, judging)
            else:
                taken, judging = job.plant.store_judged(job.pending), 0.0
        except BaseException:
            job.plant.lost = True  # before the next job: it builds on this one
            raise
        now = time.time()
        self.metrics.took(STORE, time.perf_counter() - began - judging)
        self.metrics.committed(now - job.newest)
        for latency in alarm_latencies(job.read.parts, taken.transitions, now):
            self.metrics.alarmed(latency)
        return taken

    def _settle(self) -> None:
        """Counts what has been stored, and notes what has not."""
        for job, stored in self._storing.settled():
            try:
                taken = stored.result()
            except StateIsLost:
                continue
            except AlreadyStored as problem:
                _log.info(
                    "%s[%d]: asking the database which readings it has: %s", self.options.topic, job.partition, problem
                )
            except (StoreUnavailable, NotDelivered) as problem:
                self._tell_waiting(job.partition, problem)
            except Fenced as problem:
                _log.warning("%s", problem)
                if self._plants.get(job.partition) is job.plant:
                    del self._plants[job.partition]
            else:
                self.metrics.answers(DATABASE, True)
                self._count(job.partition, job.read, taken, time.time() - job.newest)
                self._tell_kafka(job.partition, job.read.next_offset)

    def _count(self, partition: int, read: Read, taken: Taken, age: float) -> None:
        outcomes = {"stored": int(taken.new.sum()), "flagged": int(taken.flag.sum()), **read.dropped}
        refused = Counter(one.reason.value for one in read.refusals)
        self.outcomes.update(outcomes)
        self.refused.update(refused)
        self.metrics.batch(outcomes, refused, len(taken.transitions))
        self._throughput.took(partition, outcomes, len(read.refusals), age)

    def _tell_kafka(self, partition: int, offset: int) -> None:
        try:
            self._consumer.commit(offsets=[TopicPartition(self.options.topic, partition, offset)], asynchronous=True)
        except KafkaException as error:
            _log.warning("kafka took no offset, so its lag is wrong for a while: %s", sentence_of(error))
        with suppress(KafkaException):  # what the client has heard of last; it asks nobody
            _, end = self._consumer.get_watermark_offsets(TopicPartition(self.options.topic, partition), cached=True)
            waiting = max(end - offset, 0)
            self.metrics.lag(partition, waiting)
            self._throughput.lag(partition, waiting)

    def _log_throughput(self) -> None:
        rows = self._throughput.close(time.time())
        if self._record is None or not rows:
            return
        try:
            self._record(rows)
        except Exception as problem:  # noqa: BLE001 - figures about the work must never end it
            _log.warning("%d rows of throughput are lost: %s", len(rows), problem)
            self.metrics.lost_throughput(len(rows))

    def _heard_of_brokers(self, statistics: str) -> None:
        brokers = json.loads(statistics)["brokers"].values()
        up = any(broker["state"] == "UP" for broker in brokers)
        self.metrics.answers(KAFKA, up)
        if up is not self._kafka_up:
            _log.log(logging.INFO if up else logging.ERROR, "kafka: %s", "answers again" if up else "no broker answers")
        self._kafka_up = up

    def _tell_waiting(self, partition: int, problem: Exception) -> None:
        if isinstance(problem, StoreUnavailable):
            self.metrics.answers(DATABASE, False)
        where = {"topic": self.options.topic, "partition": partition}
        _log.error("%s[%d] waits: %s", self.options.topic, partition, problem, extra=where)

    def _wait_for_store(self, lost: Sequence[int]) -> None:
        """Keeps its place in the group until the lost partitions' state has been read again."""
        self._consumer.pause(self._consumer.assignment())
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set() and any(
            self._plants[partition].lost for partition in lost if partition in self._plants
        ):
            self.metrics.waiting(sum(plant.lost for plant in self._plants.values()))
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
            self._consumer.poll(0)
            pause = min(2.0 * pause, _LONGEST_PAUSE_S)
            for partition in lost:
                if (plant := self._plants.get(partition)) is None or not plant.lost:
                    continue
                try:
                    plant.restore()
                except StoreUnavailable as problem:
                    self._tell_waiting(partition, problem)
                    break
                self.metrics.answers(DATABASE, True)
                self._consumer.seek(TopicPartition(self.options.topic, partition, plant.position))
                _log.info("%s[%d] goes on at offset %d", self.options.topic, partition, plant.position)
        self.metrics.waiting(0)
        self._consumer.resume(self._consumer.assignment())

    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        for place in partitions:
            plant = self._opened(place.partition)
            if plant is None:
                return
            self._demand_reachable(place.partition, plant.position)
            self._plants[place.partition] = plant
            place.offset = plant.position
        consumer.incremental_assign(partitions)
        self.metrics.answers(KAFKA, True)
        told = ", ".join(f"{place.partition} from {place.offset}" for place in partitions)
        _log.info("%s: got partitions %s", self.options.topic, told or "none")

    def _demand_reachable(self, partition: int, offset: int) -> None:
        """The topic must still be the one that the database knows."""
        with suppress(KafkaException):  # it will be asked again when it answers
            place = TopicPartition(self.options.topic, partition)
            first, end = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
            if offset > end:
                raise TopicMadeAnew(self.options.topic, partition, offset, end)
            if offset < first:
                _log.error(
                    "%s[%d]: Kafka has deleted messages %d to %d before they were read; going on at %d",
                    self.options.topic, partition, offset, first - 1, first,
                )  # fmt: skip

    def _opened(self, partition: int) -> PartitionPlant | None:
        """Its plant, once the database answers; None where the worker was told to stop before."""
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                plant = self._open(partition)
                self.metrics.answers(DATABASE, True)
                return plant
            except StoreUnavailable as problem:
                self._tell_waiting(partition, problem)
                self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
                pause = min(2.0 * pause, _LONGEST_PAUSE_S)
        return None

    def _revoked(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        self._leave([place.partition for place in partitions])
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        """Others have them already: nothing may be stored any more, and the fence would refuse it."""
        for place in partitions:
            if (plant := self._plants.pop(place.partition, None)) is not None:
                plant.lost = True
        self._storing.drain()
        self._settle()
        consumer.incremental_unassign(partitions)

    def _leave(self, partitions: Sequence[int]) -> None:
        self._storing.drain()
        self._settle()
        for partition in partitions:
            plant = self._plants.pop(partition, None)
            self.metrics.left(partition)
            if plant is None or plant.lost:
                continue
            try:
                plant.save_now()
            except (StoreUnavailable, Fenced) as problem:
                _log.warning(
                    "%s[%d]: the next owner reads some messages again: %s", self.options.topic, partition, problem
                )


def alarm_latencies(parts: Sequence[Part], transitions: Sequence[AlarmTransition], now: float) -> Iterator[float]:
    """Seconds from the message of the reading that moved an alarm to `now`, one a transition.

    An alarm that another time than that of a reading moved, such as the end of its shelving, counts from its asset's oldest
    message.
    """
    moved = {step.asset_id for step in transitions}
    came: dict[str, list[tuple[float, float]]] = {}
    for part in parts if moved else ():
        assert part.received is not None
        for asset, seconds, received in zip(part.assets, part.seconds.tolist(), part.received.tolist(), strict=True):
            if asset in moved:
                came.setdefault(asset, []).append((seconds, received))
    for step in transitions:
        its = came.get(step.asset_id, [])
        if its:
            oldest = min(received for _, received in its)
            yield now - next((received for seconds, received in its if seconds == step.time), oldest)
