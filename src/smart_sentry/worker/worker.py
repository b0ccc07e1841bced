"""A worker of the consumer group: takes the partitions that Kafka gives it, batch by batch, until it is told to stop.

    messages -> decode, drop repeated and stale -> dead letters -> one database transaction -> Kafka's offsets (for lag only)

What stands in the database decides where a partition goes on; Kafka's own offsets are there for lag. When the database is away
the partitions pause, and the worker stays in its group, until it answers again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition

from smart_sentry.errors import StoreUnavailable
from smart_sentry.plant.plant import Taken
from smart_sentry.stores.stream_partitions import Fenced
from smart_sentry.stream.broker import client_settings, sentence_of
from smart_sentry.stream.dead_letters import DEAD_LETTERS_TOPIC, dead_letter
from smart_sentry.stream.messages import READINGS_TOPIC
from smart_sentry.stream.producer import NotDelivered, Producer
from smart_sentry.worker.messages import Timed
from smart_sentry.worker.metrics import WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant, Read

_log = logging.getLogger(__name__)
GROUP = "smart-sentry-workers"
MOST_MESSAGES = 5000
"""Of one batch."""
_WAIT_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_QUEUED_KB = 65_536


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


class Worker:
    """One member of the group.

    Args:
        options: where it reads.
        open_partition: the plant of a partition, which it then owns.
        dead_letters: sends what is no reading.
        metrics: told of everything.
    """

    def __init__(
        self, options: WorkerOptions, open_partition: Callable[[int], PartitionPlant], dead_letters: Producer,
        metrics: WorkerMetrics | None = None,
    ) -> None:  # fmt: skip
        self.options, self.metrics = options, metrics or WorkerMetrics()
        self.outcomes, self.refused = Counter[str](), Counter[str]()
        """What became of readings, and why messages went to the dead letters, since the worker began."""
        self._open, self._dead_letters = open_partition, dead_letters
        self._plants: dict[int, PartitionPlant] = {}
        self._stop = threading.Event()
        self._consumer = Consumer({
            **client_settings(options.bootstrap),
            "group.id": options.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": round(options.session_seconds * 1000),
            "queued.max.messages.kbytes": _QUEUED_KB,
            "fetch.wait.max.ms": 20,
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
        finally:
            self._leave(list(self._plants))
            self._consumer.close()

    def _work(self) -> None:
        batches: dict[int, list[Timed]] = {}
        for message in self._consumer.consume(MOST_MESSAGES, _WAIT_S):
            if error := message.error():
                _log.warning("kafka: %s", error.str())
                continue
            batches.setdefault(int(message.partition() or 0), []).append(cast(Timed, message))
        for partition, messages in batches.items():
            if (plant := self._plants.get(partition)) is not None and not plant.lost:
                self._take(partition, plant, messages)
        lost = [partition for partition, plant in self._plants.items() if plant.lost]
        if lost:
            self._wait_for_store(lost)

    def _take(self, partition: int, plant: PartitionPlant, messages: Sequence[Timed]) -> None:
        messages = [message for message in messages if message.offset() >= plant.position]
        if not messages:
            return
        began = time.perf_counter()
        read = plant.read(messages)
        decoded = time.perf_counter()
        try:
            if read.refusals:
                now = datetime.now(UTC)
                refused = [dead_letter(messages[one.position], one, now) for one in read.refusals]
                self._dead_letters.send(self.options.dead_letters, refused)
                self._dead_letters.flush()
            taken = plant.write(read)
        except (StoreUnavailable, NotDelivered) as problem:
            _log.error("%s[%d] waits: %s", self.options.topic, partition, problem)
            plant.lost = True
            return
        except Fenced as problem:
            _log.warning("%s", problem)
            del self._plants[partition]
            return
        age = time.time() - messages[-1].timestamp()[1] / 1000.0
        self.metrics.took(decoded - began, time.perf_counter() - decoded, age)
        self._count(read, taken)
        self._tell_kafka(partition, read.next_offset)

    def _count(self, read: Read, taken: Taken) -> None:
        outcomes = {"stored": int(taken.new.sum()), "flagged": int(taken.flag.sum()), **read.dropped}
        refused = Counter(one.reason.value for one in read.refusals)
        self.outcomes.update(outcomes)
        self.refused.update(refused)
        self.metrics.batch(outcomes, refused, len(taken.transitions))

    def _tell_kafka(self, partition: int, offset: int) -> None:
        try:
            self._consumer.commit(offsets=[TopicPartition(self.options.topic, partition, offset)], asynchronous=True)
        except KafkaException as error:
            _log.warning("kafka took no offset, so its lag is wrong for a while: %s", sentence_of(error))
        with suppress(KafkaException):  # what the client has heard of last; it asks nobody
            _, end = self._consumer.get_watermark_offsets(TopicPartition(self.options.topic, partition), cached=True)
            self.metrics.lag(partition, max(end - offset, 0))

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
                    _log.error("%s[%d] waits: %s", self.options.topic, partition, problem)
                    break
                self._consumer.seek(TopicPartition(self.options.topic, partition, plant.position))
                _log.info("%s[%d] goes on at offset %d", self.options.topic, partition, plant.position)
        self.metrics.waiting(0)
        self._consumer.resume(self._consumer.assignment())

    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        for place in partitions:
            plant = self._opened(place.partition)
            if plant is None:
                return
            self._plants[place.partition] = plant
            place.offset = plant.position
        consumer.incremental_assign(partitions)
        told = ", ".join(f"{place.partition} from {place.offset}" for place in partitions)
        _log.info("%s: got partitions %s", self.options.topic, told or "none")

    def _opened(self, partition: int) -> PartitionPlant | None:
        """Its plant, once the database answers; None where the worker was told to stop before."""
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                return self._open(partition)
            except StoreUnavailable as problem:
                _log.error("%s[%d] waits: %s", self.options.topic, partition, problem)
                self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
                pause = min(2.0 * pause, _LONGEST_PAUSE_S)
        return None

    def _revoked(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        self._leave([place.partition for place in partitions])
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        """Others have them already: nothing may be stored any more, and the fence would refuse it."""
        for place in partitions:
            self._plants.pop(place.partition, None)
        consumer.incremental_unassign(partitions)

    def _leave(self, partitions: Sequence[int]) -> None:
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
