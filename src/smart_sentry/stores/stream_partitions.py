"""How far each partition of a stream has been taken. The offsets stand in the transaction of the readings: exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from smart_sentry.errors import SmartSentryError
from smart_sentry.stores.bulk import insert_of
from smart_sentry.stores.tables import stream_partitions

_ADVANCE = (
    update(stream_partitions)
    .where(*(stream_partitions.c[name] == bindparam(f"its_{name}") for name in ("topic", "partition", "epoch")))
    .values({name: bindparam(f"its_{name}") for name in ("next_offset", "snapshot_offset")})
)
"""Made once: to make it takes as long as to run it."""


@dataclass(frozen=True)
class StreamPlace:
    """Where a partition stands.

    Attributes:
        topic, partition: which.
        epoch: counts its owners; only the newest may write.
        next_offset: of the first message that is not in the database yet.
        snapshot_offset: of the first message that the stored state has not seen; reading again begins there.
    """

    topic: str
    partition: int
    epoch: int
    next_offset: int
    snapshot_offset: int


class Fenced(SmartSentryError):
    """Somebody else has taken a partition over: nothing of this owner is written any more."""

    def __init__(self, topic: str, partition: int, epoch: int) -> None:
        self.topic, self.partition, self.epoch = topic, partition, epoch
        super().__init__(f"{topic}[{partition}] has a newer owner than number {epoch}: leave it to them.")


class StreamPartitions:
    """The places, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def claim(self, topic: str, partition: int) -> StreamPlace:
        """Becomes the owner of a partition: whoever owned it before can write nothing more."""
        table = stream_partitions
        values = {"topic": topic, "partition": partition, "epoch": 0, "next_offset": 0, "snapshot_offset": 0}
        self._connection.execute(insert_of(self._connection)(table).values(values).on_conflict_do_nothing())
        mine = (table.c.topic == topic) & (table.c.partition == partition)
        self._connection.execute(update(table).where(mine).values(epoch=table.c.epoch + 1))
        row = self._connection.execute(select(table).where(mine)).one()
        return StreamPlace(row.topic, row.partition, row.epoch, row.next_offset, row.snapshot_offset)

    def advance(self, place: StreamPlace) -> None:
        """Writes the offsets of a place.

        Raises:
            Fenced: its epoch is not the newest.
        """
        values = {f"its_{name}": value for name, value in vars(place).items()}
        if self._connection.execute(_ADVANCE, values).rowcount != 1:
            raise Fenced(place.topic, place.partition, place.epoch)
