"""What became of the messages of a worker: told to Prometheus, added up for the log and for the table of throughput."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from smart_sentry.plant.plant import Taken
from smart_sentry.stores.throughput import Throughput
from smart_sentry.worker.metrics import WorkerMetrics
from smart_sentry.worker.reader import Read
from smart_sentry.worker.throughput import ThroughputBook

_log = logging.getLogger(__name__)


class Tally:
    """Counts the batches of a worker.

    Args:
        topic: of the readings.
        metrics: told of everything.
        record: stores rows of throughput, in a transaction of its own; None: nobody does.
        later: has something done that may take the database's time; nobody waits for it.

    Attributes:
        outcomes: what became of readings since the worker began.
        refused: why messages went to the dead letters since then.
    """

    def __init__(
        self, topic: str, metrics: WorkerMetrics, record: Callable[[Sequence[Throughput]], None] | None,
        later: Callable[[Callable[[], None]], object] = lambda task: task(),
    ) -> None:  # fmt: skip
        self.outcomes, self.refused = Counter[str](), Counter[str]()
        self._metrics, self._record, self._later = metrics, record, later
        self._throughput = ThroughputBook(f"{socket.gethostname()}:{os.getpid()}", topic, time.time())

    def batch(self, partition: int, read: Read, taken: Taken, age_seconds: float) -> None:
        """Counts a batch that is stored; its newest message is so old."""
        outcomes = {"stored": int(taken.new.sum()), "flagged": int(taken.flag.sum()), **read.dropped}
        outcomes["duplicate"] = outcomes.get("duplicate", 0) + int((~taken.new).sum())  # told by their ids
        refused = Counter(one.reason.value for one in read.refusals)
        self.outcomes.update(outcomes)
        self.refused.update(refused)
        self._metrics.batch(outcomes, refused, len(taken.transitions))
        self._throughput.took(partition, outcomes, len(read.refusals), age_seconds)

    def lag(self, partition: int, waiting: int | None) -> None:
        """Notes how many messages wait in a partition; None: nobody knows."""
        if waiting is not None:
            self._metrics.lag(partition, waiting)
            self._throughput.lag(partition, waiting)

    def record_when_due(self) -> None:
        """Stores the rows of throughput every now and then."""
        if self._throughput.is_due(time.time()):
            self.record()

    def record(self) -> None:
        """Has the rows of throughput up to now stored; where that fails they are lost, which is counted and logged."""
        rows = self._throughput.close(time.time())
        if rows:
            self._later(partial(self._store, rows))

    def _store(self, rows: Sequence[Throughput]) -> None:
        if self._record is None:
            return
        try:
            self._record(rows)
        except Exception as problem:  # noqa: BLE001 - figures about the work must never end it
            _log.warning("%d rows of throughput are lost: %s", len(rows), problem)
            self._metrics.lost_throughput(len(rows))
