"""How much a stream's workers did, in stretches of some seconds: what a plant could take, to be looked up later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from smart_sentry.stores.tables import stream_throughput


@dataclass(frozen=True)
class Throughput:
    """What one worker did of one partition.

    Attributes:
        time: end of the stretch, seconds since 1970 UTC.
        worker: its name, unique while it runs.
        topic, partition: of what.
        seconds: length of the stretch.
        readings: that were stored.
        readings_per_second: readings over seconds.
        flagged: of these, how many were anomalous or near a failure.
        dropped: repeated and stale readings.
        dead_lettered: messages that went to the dead letters.
        lag: messages that waited in the partition in the end.
        latency_seconds: from the time of the newest message to its commit, the longest of the stretch.
    """

    time: float
    worker: str
    topic: str
    partition: int
    seconds: float
    readings: int
    readings_per_second: float
    flagged: int
    dropped: int
    dead_lettered: int
    lag: int
    latency_seconds: float


class ThroughputLog:
    """The stretches, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Sequence[Throughput]) -> None:
        """Stores stretches."""
        if rows:
            self._connection.execute(stream_throughput.insert(), [vars(row) for row in rows])

    def newest(self, most: int) -> list[Throughput]:
        """The last stretches of all workers, the newest first."""
        table = stream_throughput
        columns = (table.c[name] for name in Throughput.__dataclass_fields__)
        query = select(*columns).order_by(table.c.time.desc(), table.c.id.desc()).limit(most)
        return [Throughput(*row) for row in self._connection.execute(query)]

    def delete_older(self, before: float) -> int:
        """Deletes what is older than a time (seconds since 1970 UTC) and returns how many rows."""
        return self._connection.execute(delete(stream_throughput).where(stream_throughput.c.time < before)).rowcount
