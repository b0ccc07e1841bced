"""What a worker does while the database keeps it waiting: it reads nothing, and stays in its group."""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from smart_sentry.worker.consumer import GroupConsumer
from smart_sentry.worker.lag import Lag
from smart_sentry.worker.metrics import WorkerMetrics

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0


class Pauses:
    """Pauses between one try and the next, each up to twice as long as the one before.

    A try that failed leaves its exception and all that its frames hold, in a circle; a worker looks for such circles between two
    batches only (`garbage.collected_between_batches`), and now there are none.

    Args:
        stop: ends a pause.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._next_s = stop, _FIRST_PAUSE_S

    def wait(self) -> None:
        """Waits for the length of the next one; what the try before has left is freed."""
        gc.collect(1)
        self._stop.wait(self._next_s * random.uniform(0.5, 1.0))  # noqa: S311  jitter
        self._next_s = min(2.0 * self._next_s, _LONGEST_PAUSE_S)


class Standstill:
    """Times in which a worker reads nothing, and Kafka and Prometheus still hear of it.

    Args:
        consumer: brings nothing meanwhile.
        metrics: told how many partitions wait, and for how long.
        lag: told meanwhile, too.
    """

    def __init__(self, consumer: GroupConsumer, metrics: WorkerMetrics, lag: Lag) -> None:
        self._consumer, self._metrics, self._lag = consumer, metrics, lag
        self._since = 0.0

    @contextmanager
    def of(self, partitions: int) -> Iterator[None]:
        """Nothing is read within the block, which must `show_life` every now and then; where it fails, the worker ends."""
        self._consumer.hold()
        self._metrics.waiting(partitions)
        self._since = time.monotonic()
        yield
        self._metrics.held(time.monotonic() - self._since)
        self._metrics.waiting(0)
        self._consumer.go_on()

    def show_life(self, partitions: int) -> None:
        """Keeps the worker's place in the group, and tells how many partitions wait now; some may come and go within."""
        now = time.monotonic()
        self._metrics.waiting(partitions)
        self._metrics.held(now - self._since)
        self._since = now
        self._consumer.show_life()
        self._lag.tell_when_due(ask=True)
