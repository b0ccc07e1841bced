"""Batches on their way into the database: stored in their order by a thread of its own, while the next one is judged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime

from smart_sentry.plant.plant import Taken
from smart_sentry.stream.dead_letters import dead_letter
from smart_sentry.stream.producer import Producer
from smart_sentry.worker.latency import alarm_latencies
from smart_sentry.worker.messages import Timed
from smart_sentry.worker.metrics import JUDGE, STORE, WorkerMetrics
from smart_sentry.worker.partition import PartitionPlant, StateIsLost
from smart_sentry.worker.pending import Pending
from smart_sentry.worker.reader import Read

MOST_WAITING = 2
"""Batches that are being stored or wait for it: memory stays bounded however slow the database is."""


@dataclass(frozen=True)
class Job:
    """A batch to store; `pending` is None where the database must be asked first which readings it has."""

    partition: int
    plant: PartitionPlant
    messages: Sequence[Timed]
    read: Read
    pending: Pending | None

    @property
    def newest(self) -> float:
        """Time of the newest message, seconds since 1970 UTC."""
        return self.messages[-1].timestamp()[1] / 1000.0


class Storing:
    """Stores batches in the order in which they come: dead letters to Kafka, then the rest to the database.

    Args:
        dead_letters: sends what is no reading.
        topic: of the dead letters.
        metrics: told how long it took.
    """

    def __init__(self, dead_letters: Producer, topic: str, metrics: WorkerMetrics) -> None:
        self._dead_letters, self._topic, self._metrics = dead_letters, topic, metrics
        self._thread = ThreadPoolExecutor(1, "storing")
        self._jobs: deque[tuple[Job, Future[Taken]]] = deque()

    def submit(self, job: Job) -> None:
        """Takes a job; see first that there is room."""
        self._jobs.append((job, self._thread.submit(self._store, job)))

    def wait_for_room(self, seconds: float) -> bool:
        """Waits until another job can be taken, and says whether it can."""
        waiting = [future for _, future in self._jobs if not future.done()]
        if len(waiting) < MOST_WAITING:
            return True
        wait(waiting[:1], seconds)
        return waiting[0].done()

    def drain(self) -> None:
        """Waits until every job is done."""
        wait([future for _, future in self._jobs])

    def settled(self) -> list[tuple[Job, Future[Taken]]]:
        """Jobs that were done since this was asked last, in their order; a job that failed keeps what it raised."""
        done = []
        while self._jobs and self._jobs[0][1].done():
            done.append(self._jobs.popleft())
        return done

    def close(self) -> None:
        """Ends the thread, after the jobs at hand."""
        self._thread.shutdown()

    def _store(self, job: Job) -> Taken:
        began, judged = time.perf_counter(), job.plant.judging_seconds
        try:
            if job.plant.lost:
                raise StateIsLost  # its messages come again, and with them its dead letters
            self._send_refused(job)
            taken = job.plant.write(job.read) if job.pending is None else job.plant.store_judged(job.pending)
        except BaseException:
            job.plant.lost = True  # before the next job: it builds on this one
            raise
        judging = 0.0
        if job.pending is None:
            judging = job.plant.judging_seconds - judged
            self._metrics.took(JUDGE, judging)
        self._tell(job, taken, time.perf_counter() - began - judging)
        return taken

    def _send_refused(self, job: Job) -> None:
        if job.read.refusals:
            at = datetime.now(UTC)
            letters = [dead_letter(job.messages[one.position], one, at) for one in job.read.refusals]
            self._dead_letters.send(self._topic, letters)
            self._dead_letters.flush()

    def _tell(self, job: Job, taken: Taken, storing_seconds: float) -> None:
        now = time.time()
        self._metrics.took(STORE, storing_seconds)
        self._metrics.committed(now - job.newest)
        for latency in alarm_latencies(job.read.parts, taken.transitions, now):
            self._metrics.alarmed(latency)
