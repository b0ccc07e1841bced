"""A worker of the consumer group: takes the partitions that Kafka gives it, batch by batch, until it is told to stop.

    messages -> decode, drop repeated and stale -> dead letters -> one database transaction -> Kafka's offsets (for lag only)

What stands in the database decides where a partition goes on; Kafka's own offsets are there for lag. When the database is away
the partitions pause, and the worker stays in its group, until it answers again.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from smart_sentry.champion import WatchedModel
from smart_sentry.errors import StoreUnavailable
from smart_sentry.plant.alarm_clock import EVERY_SECONDS as ALARM_CLOCK_SECONDS
from smart_sentry.plant.plant import Taken
from smart_sentry.stores.commands import Command
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.stream_partitions import Fenced
from smart_sentry.stores.throughput import Throughput
from smart_sentry.stream.dead_letters import dead_letter
from smart_sentry.stream.producer import NotDelivered, Producer
from smart_sentry.worker.consumer import SENDERS_CLOCK, GroupConsumer, WorkerOptions
from smart_sentry.worker.latency import alarm_latencies
from smart_sentry.worker.messages import Timed
from smart_sentry.worker.metrics import DATABASE, DECODE, JUDGE, KAFKA, POLL, STORE, WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant, Pending, Read, StateIsLost
from smart_sentry.worker.storing import Storing
from smart_sentry.worker.throughput import ThroughputBook

_log = logging.getLogger(__name__)
_PATIENT_S = 1.0
"""For the database, before the group is told that the worker is alive."""
_LOOK_EVERY_S = 0.5
_LOOK_AT_MODEL_EVERY_S = 1.0
"""How often a worker looks whether operators have asked for something."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_TELL_LAG_EVERY_S = 5.0
_ENDING_PATIENCE_S = 2.5
"""For database and Kafka, once the worker has been told to stop."""


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
        model: the champion as it changes, which `open_partition` judges by; None: there is never another one.
        give_up: ends every wait for database and Kafka; called where the worker was told to stop and they do not let it.

    Attributes:
        ended: set once `run` is over.
    """

    def __init__(
        self, options: WorkerOptions, open_partition: Callable[[int], PartitionPlant], dead_letters: Producer,
        metrics: WorkerMetrics | None = None, record: Callable[[Sequence[Throughput]], None] | None = None,
        model: WatchedModel | None = None, give_up: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self.options, self.metrics = options, metrics or WorkerMetrics()
        self.outcomes, self.refused = Counter[str](), Counter[str]()
        """What became of readings, and why messages went to the dead letters, since the worker began."""
        self._open, self._dead_letters = open_partition, dead_letters
        self._plants: dict[int, PartitionPlant] = {}
        self._storing: Storing[_Job, Taken] = Storing(self._store)
        self._stop, self.ended, self._give_up = threading.Event(), threading.Event(), give_up
        self._looked_at = self._lag_told = self._time_passed_at = time.monotonic()
        self._clock_seen = False
        self._record, self._model, self._model_seen = record, model, time.monotonic()
        self._throughput = ThroughputBook(f"{socket.gethostname()}:{os.getpid()}", options.topic, time.time())
        self._consumer = GroupConsumer(options, partial(self.metrics.answers, KAFKA))

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
        self._consumer.subscribe(self._assigned, self._revoked, self._lost)
        try:
            while not self._stop.is_set():
                self._work()
                between()
                self._obey()
                self._pass_time()
                self._follow_model()
                self._tell_lag(ask=False)
                if self._throughput.is_due(time.time()):
                    self._log_throughput()
        except BaseException:
            for plant in self._plants.values():
                plant.lost = True  # who knows how far its state is
            raise
        finally:
            self._stop.set()
            self._leave(list(self._plants))
            self._storing.close()
            self._log_throughput()
            self._consumer.close()
            self.ended.set()

    def _end_in_time(self) -> None:
        self._stop.wait()
        if self.ended.wait(_ENDING_PATIENCE_S):
            return
        _log.warning("%s: ending without what is not stored yet: its next owner reads it again", self.options.topic)
        for plant in list(self._plants.values()):
            plant.lost = True
        self._give_up()

    def _work(self) -> None:
        batches: dict[int, list[Timed]] = {}
        brought = self._consumer.messages(self._plants.get)
        plants = dict(self._plants)
        if brought.messages:
            self.metrics.took(POLL, brought.seconds)
        for message in brought.messages:
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
        if plant is None or plant.lost or not plant.caught_up:
            return
        try:
            plant.obey(command)
        except Fenced as problem:
            _log.warning("%s", problem)

    def _pass_time(self) -> None:
        """Lets time pass for the alarms of assets that have fallen silent."""
        if not self._plants or time.monotonic() - self._time_passed_at < ALARM_CLOCK_SECONDS:
            return
        self._time_passed_at = time.monotonic()
        self._storing.drain()
        self._settle()
        for partition, plant in self._plants.items():
            try:
                if plant.caught_up and not plant.lost:
                    plant.alarms.pass_time()
            except (StoreUnavailable, Fenced) as problem:
                _log.warning("%s[%d]: alarms of silent assets wait: %s", self.options.topic, partition, problem)

    def _follow_model(self) -> None:
        """Has its partitions judged by another champion once it is there; one that is not whole is refused."""
        model = self._model
        if model is None or time.monotonic() - self._model_seen < _LOOK_AT_MODEL_EVERY_S:
            return
        self._model_seen = time.monotonic()
        if model.look() and model.bundle is not None:
            _log.warning("%s: %s judges from now on", self.options.topic, model.bundle.version)
        bundle = model.bundle
        if bundle is None or all(plant.watches.is_judging(bundle) for plant in self._plants.values()):
            return
        self._storing.drain()
        self._settle()
        for partition, plant in self._plants.items():
            try:
                plant.judge_by(bundle)
            except (StoreUnavailable, Fenced) as problem:
                _log.warning("%s[%d] reads some messages again: %s", self.options.topic, partition, problem)
        self._wait_for_store([partition for partition, plant in self._plants.items() if plant.lost])

    def _judge(self, partition: int, plant: PartitionPlant, messages: Sequence[Timed]) -> None:
        if not self._wait_for_room():  # first: while it waits, the partition may go to another worker
            return
        messages = [message for message in messages if message.offset() >= plant.position]
        if not messages or plant.lost or self._plants.get(partition) is not plant:
            return
        self._look_at_clock(messages[0])
        began, judging = time.perf_counter(), plant.judging_seconds
        read = plant.read(messages)
        self.metrics.took(DECODE, time.perf_counter() - began)
        pending = None if plant.position < plant.careful_until or read.sent_back else plant.judge(read)
        if pending is not None:
            self.metrics.took(JUDGE, plant.judging_seconds - judging)
        self._storing.submit(_Job(partition, plant, messages, read, pending))
        if pending is None:
            self._storing.drain()

    def _look_at_clock(self, message: Timed) -> None:
        """Says once where the time of messages is their senders' own: a clock that is wrong then passes for one that is right."""
        if self._clock_seen or message.timestamp()[0] != SENDERS_CLOCK:
            return
        self._clock_seen = True
        _log.warning(
            "%s: its messages bear their senders' time (message.timestamp.type=CreateTime), so readings from the future are not"
            " told: kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config"
            " message.timestamp.type=LogAppendTime",
            self.options.topic, self.options.topic,
        )  # fmt: skip

    def _wait_for_room(self) -> bool:
        """Keeps its place in the group while the database takes its time; false where the worker was told to stop meanwhile."""
        if self._storing.wait_for_room(_PATIENT_S):
            return True
        _log.warning("%s: the database takes its time: no further messages are read meanwhile", self.options.topic)
        since = self._hold()
        while not (room := self._storing.wait_for_room(_PATIENT_S)) and not self._stop.is_set():
            since = self._wait_on(len(self._plants), since)
        self._go_on(since)
        return room

    def _hold(self) -> float:
        """Reads nothing more until `_go_on`; returns the time, as `time.monotonic` has it."""
        self._consumer.hold()
        self.metrics.waiting(len(self._plants))
        return time.monotonic()

    def _wait_on(self, partitions: int, since: float) -> float:
        """What is to be done every now and then while partitions wait: the group and Prometheus hear of the worker. The time."""
        now = time.monotonic()
        self.metrics.waiting(partitions)
        self.metrics.held(now - since)
        self._consumer.show_life()
        self._tell_lag(ask=True)
        return now

    def _go_on(self, since: float) -> None:
        self.metrics.held(time.monotonic() - since)
        self.metrics.waiting(0)
        self._consumer.go_on()

    def _tell_lag(self, *, ask: bool) -> None:
        """How many messages wait, also where none of them is read; `ask`: Kafka itself."""
        if time.monotonic() - self._lag_told < _TELL_LAG_EVERY_S:
            return
        self._lag_told = time.monotonic()
        for partition, plant in self._plants.items():
            if (waiting := self._consumer.waiting(partition, plant.next_offset, ask=ask)) is None and ask:
                return  # Kafka is away, too: it need not be asked of each
            self._note_lag(partition, waiting)

    def _note_lag(self, partition: int, waiting: int | None) -> None:
        if waiting is not None:
            self.metrics.lag(partition, waiting)
            self._throughput.lag(partition, waiting)

    def _store(self, job: _Job) -> Taken:
        """Dead letters, then the database; in the storing thread."""
        began, judging = time.perf_counter(), job.plant.judging_seconds
        try:
            if job.plant.lost:
                raise StateIsLost  # its messages come again, and with them its dead letters
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
                _log.warning(
                    "%s", problem
                )  # it is claimed again, unless Kafka says meanwhile that it is another worker's
            else:
                self.metrics.answers(DATABASE, True)
                self._count(job.partition, job.read, taken, time.time() - job.newest)
                self._note_lag(job.partition, self._consumer.tell(job.partition, job.read.next_offset))

    def _count(self, partition: int, read: Read, taken: Taken, age: float) -> None:
        outcomes = {"stored": int(taken.new.sum()), "flagged": int(taken.flag.sum()), **read.dropped}
        outcomes["duplicate"] = outcomes.get("duplicate", 0) + int((~taken.new).sum())  # told by their ids
        refused = Counter(one.reason.value for one in read.refusals)
        self.outcomes.update(outcomes)
        self.refused.update(refused)
        self.metrics.batch(outcomes, refused, len(taken.transitions))
        self._throughput.took(partition, outcomes, len(read.refusals), age)

    def _log_throughput(self) -> None:
        rows = self._throughput.close(time.time())
        if self._record is None or not rows:
            return
        try:
            self._record(rows)
        except Exception as problem:  # noqa: BLE001 - figures about the work must never end it
            _log.warning("%d rows of throughput are lost: %s", len(rows), problem)
            self.metrics.lost_throughput(len(rows))

    def _tell_waiting(self, partition: int, problem: Exception) -> None:
        if isinstance(problem, StoreUnavailable):
            self.metrics.answers(DATABASE, False)
        where = {"topic": self.options.topic, "partition": partition}
        _log.error("%s[%d] waits: %s", self.options.topic, partition, problem, extra=where)

    def _wait_for_store(self, lost: Sequence[int]) -> None:
        """Keeps its place in the group until the lost partitions' state has been read again."""
        since, pause = self._hold(), _FIRST_PAUSE_S
        while not self._stop.is_set() and any(
            self._plants[partition].lost for partition in lost if partition in self._plants
        ):
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
            since = self._wait_on(sum(plant.lost for plant in self._plants.values()), since)
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
                self._consumer.go_back(partition, plant.position)
                _log.info("%s[%d] goes on at offset %d", self.options.topic, partition, plant.position)
        self._go_on(since)

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        for place in partitions:
            plant = self._opened(place.partition)
            if plant is None:
                return
            self._consumer.demand_reachable(place.partition, plant.position, plant.next_offset)
            self._plants[place.partition] = plant
            place.offset = plant.position
        self._consumer.begin(partitions)
        self.metrics.answers(KAFKA, True)
        told = ", ".join(f"{place.partition} from {place.offset}" for place in partitions)
        _log.info("%s: got partitions %s", self.options.topic, told or "none")

    def _opened(self, partition: int) -> PartitionPlant | None:
        """Its plant, once the database answers; None where the worker was told to stop before."""
        pause, since = _FIRST_PAUSE_S, time.monotonic()
        while not self._stop.is_set():
            try:
                plant = self._open(partition)
                self.metrics.answers(DATABASE, True)
                self.metrics.waiting(0)
                return plant
            except StoreUnavailable as problem:
                self._tell_waiting(partition, problem)
                self.metrics.waiting(len(self._plants) + 1)  # the others are not read either
                self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
                self.metrics.held(time.monotonic() - since)
                since = time.monotonic()
                pause = min(2.0 * pause, _LONGEST_PAUSE_S)
        return None

    def _revoked(self, consumer: Any, partitions: list[Any]) -> None:
        self._leave([place.partition for place in partitions])
        consumer.incremental_unassign(partitions)

    def _lost(self, consumer: Any, partitions: list[Any]) -> None:
        """Others have them already: nothing may be stored any more, and the fence would refuse it."""
        for place in partitions:
            if (plant := self._plants.pop(place.partition, None)) is not None:
                plant.lost = True
        self._storing.drain()
        self._settle()
        for place in partitions:
            self.metrics.left(place.partition)
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
