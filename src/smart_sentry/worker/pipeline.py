"""Batches on their way: judged by one thread, stored by another, each in their order, while the next ones are being read.

Reading and storing are mostly Python; judging is mostly compiled, and lets the others work meanwhile.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from smart_sentry.plant.plant import Taken
from smart_sentry.stream.dead_letters import dead_letter
from smart_sentry.stream.producer import Producer
from smart_sentry.worker.batch_size import MOST_WAITING
from smart_sentry.worker.latency import alarm_latencies
from smart_sentry.worker.messages import Timed
from smart_sentry.worker.metrics import JUDGE, STORE, WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant, StateIsLost
from smart_sentry.worker.pending import Pending
from smart_sentry.worker.reader import Read

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """A batch that was read. Its messages are kept no longer: to free thousands of them at once, much later, takes its time.

    Attributes:
        partition, plant: whose it is.
        read: what it came to.
        refused: (refusals of `read`,) the messages that are no readings.
        messages: how many there are.
        newest: time of the newest message, seconds since 1970 UTC.
        begun: when it was read, by `time.monotonic`.
    """

    partition: int
    plant: PartitionPlant
    read: Read
    refused: Sequence[Timed]
    messages: int
    newest: float
    begun: float

    @classmethod
    def of(cls, partition: int, plant: PartitionPlant, messages: Sequence[Timed], read: Read) -> Job:
        """The job of messages, at least one, that were read."""
        refused = [messages[one.position] for one in read.refusals]
        newest = messages[-1].timestamp()[1] / 1000.0
        return cls(partition, plant, read, refused, len(messages), newest, time.monotonic())


class Pipeline:
    """Takes batches in the order in which they come: judges them, sends their dead letters to Kafka, stores the rest.

    Args:
        dead_letters: sends what is no reading.
        topic: of the dead letters.
        metrics: told how long it took.
    """

    def __init__(self, dead_letters: Producer, topic: str, metrics: WorkerMetrics) -> None:
        self._dead_letters, self._topic, self._metrics = dead_letters, topic, metrics
        self._judging, self._storing = ThreadPoolExecutor(1, "judging"), ThreadPoolExecutor(1, "storing")
        self._jobs: deque[tuple[Job, Future[Taken | None]]] = deque()

    def submit(self, job: Job) -> None:
        """Takes a job; see first that there is room."""
        done: Future[Taken | None] = Future()
        self._jobs.append((job, done))
        self._judging.submit(self._judge, job, done)

    def wait_for_room(self, seconds: float, most: int = MOST_WAITING) -> bool:
        """Waits until another job can be taken, and says whether it can.

        Args:
            seconds: the longest wait.
            most: jobs on their way, that one included.
        """
        waiting = [done for _, done in self._jobs if not done.done()]
        if len(waiting) < most:
            return True
        too_many = waiting[: len(waiting) - most + 1]
        wait(too_many, seconds)
        return all(done.done() for done in too_many)

    def is_busy(self) -> bool:
        """Whether more than the batch that came last is on its way."""
        return sum(not done.done() for _, done in self._jobs) > 1

    def store(self, task: Callable[[], T]) -> Future[T]:
        """Has the thread that stores do something else with the database, after what has been judged by now."""
        return self._storing.submit(task)

    def settled(self) -> list[tuple[Job, Future[Taken | None]]]:
        """Jobs that were done since this was asked last, in their order; a job that failed keeps what it raised, one of which all
        was stored before has no result.
        """
        found = []
        while self._jobs and self._jobs[0][1].done():
            found.append(self._jobs.popleft())
        return found

    def close(self) -> None:
        """Ends the threads, after the jobs at hand."""
        self._judging.shutdown()
        self._storing.shutdown()

    def _judge(self, job: Job, done: Future[Taken | None]) -> None:
        pending: Pending | None = None
        try:
            if job.plant.lost:
                raise StateIsLost  # its messages come again
            if not job.read.careful:
                began = time.perf_counter()
                pending = job.plant.judge(job.read)
                self._metrics.took(JUDGE, time.perf_counter() - began)
        except BaseException as problem:  # noqa: BLE001 - whoever asks for what became of the job gets it
            self._fail(job, done, problem)
        else:
            self._storing.submit(self._store, job, pending, done)

    def _store(self, job: Job, pending: Pending | None, done: Future[Taken | None]) -> None:
        began, judged = time.perf_counter(), job.plant.judging_seconds
        try:
            if job.plant.lost:
                raise StateIsLost  # its messages come again, and with them its dead letters
            self._send_refused(job)
            taken = job.plant.write(job.read) if pending is None else job.plant.store_judged(pending)
        except BaseException as problem:  # noqa: BLE001 - as above
            self._fail(job, done, problem)
            return
        judging = 0.0
        if pending is None:
            judging = job.plant.judging_seconds - judged
            self._metrics.took(JUDGE, judging)
        if taken is not None:
            self._tell(job, taken, time.perf_counter() - began - judging)
        done.set_result(taken)

    def _fail(self, job: Job, done: Future[Taken | None], problem: BaseException) -> None:
        job.plant.lost = True  # before the next job: it builds on this one
        done.set_exception(problem)

    def _send_refused(self, job: Job) -> None:
        if job.read.refusals:
            at = datetime.now(UTC)
            found = zip(job.refused, job.read.refusals, strict=True)
            letters = [dead_letter(message, refusal, at) for message, refusal in found]
            self._dead_letters.send(self._topic, letters)
            self._dead_letters.flush()

    def _tell(self, job: Job, taken: Taken, storing_seconds: float) -> None:
        now = time.time()
        self._metrics.took(STORE, storing_seconds)
        self._metrics.committed(now - job.newest)
        for latency in alarm_latencies(job.read.parts, taken.transitions, now):
            self._metrics.alarmed(latency)
