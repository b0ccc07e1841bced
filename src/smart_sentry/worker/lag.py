"""How many messages wait in each partition of a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping

from smart_sentry.worker.consumer import GroupConsumer
from smart_sentry.worker.partition import PartitionPlant
from smart_sentry.worker.tally import Tally

EVERY_S = 5.0


class Lag:
    """Tells it every few seconds, also where no message is read.

    Args:
        consumer: knows the end of a partition.
        plants: partition -> its plant, as they come and go.
        tally: told.
    """

    def __init__(self, consumer: GroupConsumer, plants: Mapping[int, PartitionPlant], tally: Tally) -> None:
        self._consumer, self._plants, self._tally = consumer, plants, tally
        self._told_at = time.monotonic()

    def tell_when_due(self, *, ask: bool) -> None:
        """Tells it where the time has come; `ask`: Kafka itself, as the client hears nothing of a partition that is held."""
        if time.monotonic() - self._told_at < EVERY_S:
            return
        self._told_at = time.monotonic()
        for partition, plant in self._plants.items():
            if (waiting := self._consumer.waiting(partition, plant.next_offset, ask=ask)) is None and ask:
                return  # Kafka is away, too: it need not be asked of each
            self._tally.lag(partition, waiting)
