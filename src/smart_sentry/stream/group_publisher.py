"""Readings of many callers into Apache Kafka, together: each caller hears when Kafka has all of its own.

What comes while Kafka is being waited for goes with the next pass, so a pass grows by itself with the load. One thread sends, so
readings stand in the topic in the order in which they came.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.errors import IngestBusy, NotPublished, SmartSentryError
from smart_sentry.stream.broker import KafkaUnavailable, ensure_topics
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.epochs import RisingEpochs
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import Form, Readings, dead_letters_of
from smart_sentry.stream.producer import NotDelivered, Producer

MOST_WAITING_BYTES = 64_000_000
"""Of readings that wait for Kafka or are under way to it; beyond it callers are refused at once."""
PATIENCE_S = 5.0
"""For Kafka's acknowledgement, retries included."""
RETRY_AFTER_S = 5
_BUSY_AFTER_S = 1
_TOPIC_PATIENCE_S = 2.0
_LINGER_MS = 5
_MOST_OF_A_PASS = 20_000
_BYTES_OF_A_ROW = 256
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    readings: Sequence[Readings]
    rows: int
    size: int
    done: Future[None]


@dataclass(frozen=True)
class PublishCounts:
    """What became of readings.

    Attributes:
        published: that Kafka acknowledged.
        failed: that it did not, or not in time.
        refused: since too many waited already.
        waiting_bytes: of those that wait, or are under way.
    """

    published: int
    failed: int
    refused: int
    waiting_bytes: int


class GroupPublisher:
    """Numbers readings by their arrival and publishes them; any number of threads may call it.

    A caller's readings get one epoch, the microsecond of their arrival, which rises from caller to caller and from start to start
    also where the clock stands still or goes back; within it `sequence` is as the caller gave it. So nothing is ever stale for
    coming late: what is there twice is told by its id alone.

    Args:
        bootstrap: `host:port` of Kafka.
        topic: of the readings; made where it is missing, with that of its dead letters.
        asset_types: of the readings.
        source: for the header ce_source.
        partitions: of the topic of readings where it is made.
        clock: seconds since 1970 UTC.
        patience_s: for an acknowledgement.
        most_waiting_bytes: that are held; one caller alone may exceed it.
        epochs_file: as of `RisingEpochs`.

    Raises:
        ConfigurationError: a signal has the name of a field of every message.
    """

    def __init__(
        self, bootstrap: str, topic: str, asset_types: Iterable[AssetType], source: str, *,
        partitions: int = 1, clock: Callable[[], float] = time.time, patience_s: float = PATIENCE_S,
        most_waiting_bytes: int = MOST_WAITING_BYTES, epochs_file: Path | None = None,
    ) -> None:  # fmt: skip
        self._bootstrap, self._topic, self._source = bootstrap, topic, source
        self._layouts = {one.name: Layout(one) for one in asset_types}
        self._partitions = partitions
        self._patience_s, self._most = patience_s, most_waiting_bytes
        self._jobs: deque[_Job] = deque()
        self._change = threading.Condition()
        self._epochs = RisingEpochs(clock, epochs_file)
        self._rows = self._bytes = 0
        self._published = self._failed = self._refused = 0
        self._closing = False
        self._producer: Producer | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, readings: Sequence[Readings]) -> Future[None]:
        """Takes readings; all of one call, or none.

        Args:
            readings: of types that are known; epochs are set here, sequences rise within an asset.

        Returns:
            Done once Kafka has acknowledged all; raises NotPublished where it did not.

        Raises:
            IngestBusy: too many wait already. NotPublished: the service is ending.
        """
        rows = sum(len(one) for one in readings)
        size = sum(one.values.nbytes for one in readings) + _BYTES_OF_A_ROW * rows
        with self._change:
            if self._closing:
                raise NotPublished("the service is ending.", RETRY_AFTER_S)
            if self._bytes and self._bytes + size > self._most:
                self._refused += rows
                raise IngestBusy(self._rows, rows, _BUSY_AFTER_S)
            epoch = self._epochs.next()
            numbered = [replace(one, epochs=np.full(len(one), epoch, dtype=np.int64)) for one in readings]
            job = _Job(numbered, rows, size, Future())
            self._jobs.append(job)
            self._rows, self._bytes = self._rows + rows, self._bytes + size
            self._change.notify()
        return job.done

    @property
    def counts(self) -> PublishCounts:
        """What became of readings since it began."""
        with self._change:
            return PublishCounts(self._published, self._failed, self._refused, self._bytes)

    def close(self) -> None:
        """Sends what waits, as far as Kafka takes it, and ends."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()
        self._drop_producer()

    def _run(self) -> None:
        while jobs := self._next():
            try:
                problem = self._send(jobs)
            except Exception as error:  # noqa: BLE001 - the outermost loop: whoever waits must hear of it
                _log.exception("a pass of %d requests failed", len(jobs))
                problem = error
            with self._change:
                self._count(jobs, delivered=problem is None)
                self._let_go(jobs)
            for job in jobs:
                if problem is None:
                    job.done.set_result(None)
                else:
                    job.done.set_exception(problem)

    def _next(self) -> list[_Job]:
        """What waits, as much as goes into a pass; none: it is closed and empty."""
        with self._change:
            jobs: list[_Job] = []
            rows = 0
            while not jobs:
                self._change.wait_for(lambda: self._jobs or self._closing)
                if not self._jobs:
                    return []
                while self._jobs and (not jobs or rows + self._jobs[0].rows <= _MOST_OF_A_PASS):
                    job = self._jobs.popleft()
                    if job.done.set_running_or_notify_cancel():
                        jobs.append(job)
                        rows += job.rows
                    else:  # its caller has gone
                        self._let_go([job])
            return jobs

    def _count(self, jobs: Sequence[_Job], *, delivered: bool) -> None:
        rows = sum(job.rows for job in jobs)
        if delivered:
            self._published += rows
        else:
            self._failed += rows

    def _let_go(self, jobs: Sequence[_Job]) -> None:
        self._rows -= sum(job.rows for job in jobs)
        self._bytes -= sum(job.size for job in jobs)

    def _send(self, jobs: Sequence[_Job]) -> Exception | None:
        """Why the readings are not in Kafka, or None once they are."""
        try:
            producer = self._producer or self._new_producer()
            for job in jobs:
                for readings in job.readings:
                    messages = encode(readings, self._layouts[readings.asset_type], Form.JSON, self._source)
                    producer.send(self._topic, messages)
            producer.flush()
        except (NotDelivered, KafkaUnavailable) as problem:
            _log.error("%s", problem)
            self._drop_producer()  # with whatever is left in it: its senders hear that it was not taken
            told = "did not acknowledge all of them" if isinstance(problem, NotDelivered) else "does not answer"
            return NotPublished(f"Apache Kafka {told}.", RETRY_AFTER_S)
        return None

    def _new_producer(self) -> Producer:
        """Where Kafka is away, this says so sooner than a message that is not acknowledged."""
        wanted = {self._topic: None, dead_letters_of(self._topic): None}
        ensure_topics(self._bootstrap, wanted, _TOPIC_PATIENCE_S, if_new={self._topic: self._partitions})
        self._producer = Producer(
            self._bootstrap, linger_ms=_LINGER_MS, delivery_patience_s=self._patience_s,
            request_patience_s=self._patience_s,
        )  # fmt: skip
        return self._producer

    def _drop_producer(self) -> None:
        if self._producer is not None:
            with suppress(SmartSentryError):
                self._producer.close()
            self._producer = None
