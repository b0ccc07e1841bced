"""The plant of one partition: the assets whose readings come through it.

A batch is one database transaction: readings, assessments, alarms and the next offset, fenced by the number of the partition's
owner. The state of the monitors is stored every now and then with the offset up to which it has seen the partition; a new owner
restores it and reads again from there. Messages that are in the database already only advance the state, so that it becomes what
it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smart_sentry.assets import AssetType
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.alarms import AlarmState as State
from smart_sentry.errors import SmartSentryError, StoreUnavailable
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.plant.commands import FORGET, SWITCH, do, refusal_of
from smart_sentry.plant.judged_anew import AlarmChanges, changes
from smart_sentry.plant.parts import Part, renumbered
from smart_sentry.plant.plant import Plant, Taken
from smart_sentry.stores.alarm_log import AlarmState
from smart_sentry.stores.commands import Command
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.store import Batch, Store
from smart_sentry.stores.stream_partitions import Fenced, StreamPlace
from smart_sentry.worker.messages import Timed
from smart_sentry.worker.pending import Pending
from smart_sentry.worker.reader import PartitionReader, Read

_log = logging.getLogger(__name__)
_SOURCE = "kafka"
_NOT_NORMAL = [state.value for state in State if state is not State.NORMAL]


class Withdrawn(Exception):
    """Whoever asked for something has given up waiting: it must not be done any more."""


class StateIsLost(Exception):
    """An earlier batch was not stored: the state is ahead of the database, and so is what was judged after it."""


class PartitionPlant(Plant):
    """Owns a partition from the moment it is made; an earlier owner can write nothing more.

    Args:
        asset_types, models_folder, store, clock, failure_model, publisher: as of a `Plant`.
        topic, partition: which.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """

    def __init__(
        self, asset_types: Mapping[str, AssetType], models_folder: Path, store: Store, topic: str, partition: int,
        clock: Callable[[], float] = time.time, failure_model: Bundle | None = None,
        publisher: FeedPublisher | None = None,
    ) -> None:  # fmt: skip
        self._topic, self._partition = topic, partition
        self._reader = PartitionReader(asset_types)
        self._place = StreamPlace(topic, partition, 0, 0, 0)
        self._obeying: int | None = None
        self._settled: int | None = None
        self._unsaved_if_new = 0
        self._standing: list[AlarmState] | None = None
        """Alarms that are not normal in the database, while what it has is judged once more by another baseline or model."""
        self.lost = False
        """Whether the state is ahead of the database: `restore` it and read again from `position`."""
        self.position = 0
        """Offset of the first message that was not read; once everything that was read is judged, that the state has not seen."""
        self.careful_until = 0
        """Up to this offset the database is asked which readings it has."""
        super().__init__(asset_types, models_folder, store, clock, failure_model, publisher)

    def _tell_broken(self) -> None:
        """The service does, for it knows every asset; here it stands in the log."""

    def restore(self) -> None:
        """Becomes the partition's owner and takes the state that was stored last."""
        with self.lock, self.store.transaction() as batch:
            self._place = batch.stream.claim(self._topic, self._partition)
            self.watches.begin(batch.states.all())
            kept, others = batch.snapshots.load(self._snapshot_name), _somebody_switched(batch)
            self._reader.restore(kept, self.watches.type_of)
            if kept is not None:
                for name, state in kept["watches"].items():
                    if name in self.asset_types and not self.watch(name).restore(state):
                        told = "%s: another model judges %s now, or its signals are others; its windows begin anew"
                        _log.warning(told, self._snapshot_name, name)
                        self.watch(name).keep_degradation(state)
                        others = True
            once_more = others and self._place.snapshot_offset < self._place.next_offset
            self._standing = batch.alarms.current(states=_NOT_NORMAL) if once_more else None
        if self.publisher is not None:
            self.publisher.refresh()  # the owner before may have ended between commit and publication
        self.position, self.lost = self._place.snapshot_offset, False
        self._pace.begin_anew(self.clock())

    def read(self, messages: Sequence[Timed]) -> Read:
        """Decodes messages of this partition and drops what is repeated or stale.

        `judge` follows, and `store_judged`, or `write` alone where it says that it is careful. Further messages may be read while
        this is being judged.

        Args:
            messages: without errors, in the order of their offsets.
        """
        read = self._reader.read(messages, self._place.next_offset)
        careful = read.careful or self.position < self.careful_until
        count = sum(len(part.assets) for part in read.parts)
        numbers = self._reader.snapshot() if not careful and self._pace.is_due(count, self.clock()) else None
        self.position = read.next_offset
        return replace(read, careful=careful, numbers=numbers)

    def judge(self, read: Read) -> Pending:
        """Judges what was read; the state advances, and `store_judged` must follow, in this order.

        Nothing is asked of the database. From any thread, one batch after another; the next one may be judged while this one is
        being stored.
        """
        with self.lock:
            self._see_again(read.again)
            followed = self._changes_of_standing(read.next_offset)
            now = self.clock()
            verdicts = tuple(self._judge_part(part, now) for part in read.parts)
            self._pace.unsaved += sum(len(verdict.part.assets) for verdict in verdicts)
            state = None
            if read.numbers is not None and self._pace.is_due(0, now):
                state = self._state(read.numbers)
            return Pending(verdicts, read.next_offset, state, now, followed)

    def _see_again(self, parts: Sequence[Part]) -> None:
        """Readings that are stored: the state advances alone."""
        for part in parts:
            assert part.received is not None
            self.watch(part.asset_type).assess(part.assets, part.seconds, part.values, part.received)

    def _changes_of_standing(self, end: int) -> tuple[AlarmChanges, ...]:
        """How the database's alarms become the watches', once all that it has was judged once more.

        Args:
            end: offset up to which messages were read; those that the database does not have are not judged yet.
        """
        if self._standing is None or end <= self._place.next_offset:
            return ()
        mine = [alarm for alarm in self._standing if self.watches_over(alarm.asset_id)]
        self._standing, types = None, self.watches.type_of
        return tuple(
            changes(self.watch(name), [its for its in mine if types.get(its.asset_id) == name])
            for name in self.watches.begun
        )

    def _tell(self, followed: Sequence[AlarmChanges]) -> None:
        if self.publisher is not None and (moved := [step for its in followed for step in its.transitions]):
            self.publisher.publish([], moved)

    def store_judged(self, pending: Pending) -> Taken | None:
        """Stores what was judged, in one transaction with the next offset; from any thread, one batch after another.

        Returns:
            What became of the readings; None where all of the batch was stored before: it was read again for the state alone.

        Raises:
            StoreUnavailable: the database cannot be reached; `lost` is true.
            Fenced: the partition has another owner; `lost` is true.
            AlreadyStored: another way than this partition has brought one of its readings; `lost` is true, and `write` follows.
        """
        if self.lost:
            raise StateIsLost
        if pending.next_offset <= self._place.next_offset:
            return None
        place = replace(self._place, next_offset=pending.next_offset)
        if pending.state is not None:
            place = replace(place, snapshot_offset=pending.next_offset)
        try:
            with self.store.transaction() as batch:
                pending.write(batch, self.watches, _SOURCE)
                if pending.state is not None:
                    self._pace.store(batch, {self._snapshot_name: pending.state}, self.clock)
                batch.stream.advance(place)
        except AlreadyStored:
            self.lost, self.careful_until = True, pending.next_offset
            raise
        except BaseException:
            self.lost = True
            raise
        self._place = place
        self._tell(pending.followed)
        self._publish(pending.verdicts, pending.now)
        return pending.taken()

    def write(self, read: Read) -> Taken | None:
        """Judges and stores what was read, in one transaction; a reading that is in the database already is not judged.

        Returns:
            As `store_judged`.

        Raises:
            StoreUnavailable: the database cannot be reached; `lost` is true.
            Fenced: the partition has another owner; `lost` is true.
        """
        if self.lost:  # an earlier batch failed while this one waited for its turn
            raise StateIsLost
        with self.lock:
            self._see_again(read.again)
            if read.next_offset <= self._place.next_offset:
                return None
            if followed := self._changes_of_standing(read.next_offset):
                with self.store.transaction() as batch:
                    for its in followed:
                        batch.alarms.record(its.states, its.transitions)
                self._tell(followed)
            self._unsaved_if_new = self._pace.unsaved + sum(len(part.assets) for part in read.parts)
            return self._take(renumbered(read.parts), _SOURCE, self.clock())

    def judge_by(self, model: Bundle) -> None:
        """Judges by another model once it is restored (`lost`): with its alarms, and windows that begin anew.

        Raises:
            StoreUnavailable, Fenced: the state was not stored; messages since the last time are read again.
        """
        if self.watches.is_judging(model):
            return
        self.watches.model = model
        try:
            if not self.lost:
                self.save_now()
        finally:
            self.lost = True

    def save_now(self) -> None:
        """Stores the state, so that the next owner need not read anything again.

        Raises:
            StoreUnavailable, Fenced.
        """
        with self.lock, self.store.transaction() as batch:
            if self.caught_up and not self.lost:
                self.save(batch)

    def save(self, batch: Batch) -> None:
        """Stores state and offset within a transaction."""
        self._pace.store(batch, {self._snapshot_name: self._state(self._reader.snapshot())}, self.clock)
        stored = max(self.position, self._place.next_offset)
        self._place = replace(self._place, next_offset=stored, snapshot_offset=self.position)
        batch.stream.advance(self._place)
        if self._obeying is not None and self._settled != self._obeying:
            if not batch.commands.settle(self._obeying, None, self.clock()):
                raise Withdrawn
            self._settled = self._obeying

    @property
    def caught_up(self) -> bool:
        """Whether the state has seen everything that the database has."""
        return self.position >= self._place.next_offset

    @property
    def next_offset(self) -> int:
        """Offset of the first message that the database does not have."""
        return self._place.next_offset

    def watches_over(self, asset_id: str) -> bool:
        """Whether an asset's readings come through this partition."""
        return self._reader.knows(asset_id)

    def forget(self, asset_id: str | None) -> None:
        """As `Plant.forget`, and its numbers and type, so that the same readings may come anew."""
        with self.lock:
            super().forget(asset_id)
            self._reader.forget(asset_id)

    def obey(self, command: Command) -> None:
        """Does what an operator asks of an asset, and notes what became of it; whatever was judged must have been stored.

        Raises:
            StoreUnavailable: the database cannot be reached; `lost` is true.
            Fenced: the partition has another owner; `lost` is true.
        """
        try:
            if command.action != FORGET:  # the database does not know the asset any more
                # In a transaction of its own: it has happened whatever becomes of the command.
                self.alarms.advance(command.asset_id)
            self._obeying, self._settled = command.number, None
            do(self, command)
        except (StoreUnavailable, Fenced):
            raise
        except Withdrawn:
            _log.info("nobody waits for command %d any more", command.number)
        except SmartSentryError as refused:
            with self.store.transaction() as batch:
                batch.commands.settle(command.number, refusal_of(refused), self.clock())
        finally:
            self._obeying = None

    def _state(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of what is remembered, to be stored, with what the reader remembered then."""
        self._pace.begin_anew(self.clock())
        return {**numbers, "watches": self.watches.snapshots()}

    def _close_transaction(self, batch: Batch, now: float) -> None:
        # Who reads this batch again could not tell any more which of its readings were there.
        some_were_there = self._pace.unsaved < self._unsaved_if_new
        if some_were_there or self._pace.is_due(0, now):
            self.save(batch)
            return
        self._place = replace(self._place, next_offset=self.position)
        batch.stream.advance(self._place)

    def recover(self) -> None:
        """The partition is lost: whoever takes it next restores it."""
        self.lost = True

    @property
    def _snapshot_name(self) -> str:
        return f"stream:{self._topic}/{self._partition}"


def _somebody_switched(batch: Batch) -> bool:
    """Whether another baseline is active than the one that judged what the database has: no worker has come to it yet."""
    return any(command.action == SWITCH for command in batch.commands.waiting())
