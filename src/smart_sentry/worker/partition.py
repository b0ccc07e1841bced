"""The plant of one partition: the assets whose readings come through it.

A batch is one database transaction: readings, assessments, alarms and the next offset, fenced by the number of the partition's
owner. The state of the monitors is stored every now and then with the offset up to which it has seen the partition; a new owner
restores it and reads again from there. Messages that are in the database already only advance the state, so that it becomes what
it was.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.bundle import Bundle
from smart_sentry.errors import SmartSentryError, StoreUnavailable
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.plant.commands import FORGET, do, refusal_of
from smart_sentry.plant.incoming import FARTHEST_AHEAD_SECONDS, OLDEST_SECONDS
from smart_sentry.plant.parts import Part
from smart_sentry.plant.plant import Plant, Taken
from smart_sentry.plant.verdicts import Verdict
from smart_sentry.stores.commands import Command
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.store import Batch, Store
from smart_sentry.stores.stream_partitions import Fenced, StreamPlace
from smart_sentry.stream.decoding import decode_batch
from smart_sentry.stream.layouts import Layouts
from smart_sentry.stream.messages import Readings, Reason, Refusal
from smart_sentry.stream.sequence import DUPLICATE, NEW, STALE, SequenceGate
from smart_sentry.worker.asset_types import FirstTypes
from smart_sentry.worker.messages import Timed

_log = logging.getLogger(__name__)
_SOURCE = "kafka"
QUARANTINED = "quarantined"
"""Readings from the future: they go to the dead letters, and no state sees them."""


@dataclass(frozen=True)
class Read:
    """What a batch of messages comes to, before anything is written.

    Attributes:
        again: readings that the database has already: they advance the state alone.
        parts: readings to store and judge.
        refusals: messages for the dead letters.
        dropped: reason -> how many readings were left out: duplicate, stale, or quarantined, which are among the refusals.
        next_offset: of the first message after the batch.
        sent_back: whether there are dead letters among them that were sent back: the database knows whether they are new.
    """

    again: tuple[Part, ...]
    parts: tuple[Part, ...]
    refusals: tuple[Refusal, ...]
    dropped: Mapping[str, int]
    next_offset: int
    sent_back: bool


@dataclass(frozen=True)
class Pending:
    """A batch that was judged and waits to be stored.

    Attributes:
        verdicts: what was said of its readings.
        next_offset: of the first message after the batch.
        state: a copy of the state after it; None: it is not stored this time.
        now: when it was judged, seconds since 1970 UTC.
    """

    verdicts: tuple[Verdict, ...]
    next_offset: int
    state: dict[str, Any] | None
    now: float


@dataclass(frozen=True)
class _Numbered:
    """Readings with what tells whether they are new: epochs and sequences, one a row."""

    part: Part
    epochs: NDArray[np.int64]
    sequences: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> _Numbered:
        """The rows that are chosen, (rows,)."""
        return _Numbered(self.part.only(chosen), self.epochs[chosen], self.sequences[chosen])


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
        self._layouts = Layouts(asset_types.values())
        self._gate, self._types = SequenceGate(), FirstTypes({})
        self._place = StreamPlace(topic, partition, 0, 0, 0)
        self._obeying: int | None = None
        self._settled: int | None = None
        self._unsaved_if_new = 0
        self.lost = False
        """Whether the state is ahead of the database: `restore` it and read again from `position`."""
        self.position = 0
        """Offset of the first message that the state has not seen."""
        self.careful_until = 0
        """Up to this offset the database is asked which readings it has: `write`, not `judge`."""
        super().__init__(asset_types, models_folder, store, clock, failure_model, publisher)

    def _tell_broken(self) -> None:
        """The service does, for it knows every asset; here it stands in the log."""

    def restore(self) -> None:
        """Becomes the partition's owner and takes the state that was stored last."""
        with self.lock, self.store.transaction() as batch:
            self._place = batch.stream.claim(self._topic, self._partition)
            self.watches.begin(batch.states.all())
            self._gate = SequenceGate()
            kept = batch.snapshots.load(self._snapshot_name)
            self._types = self._types_of({} if kept is None else kept.get("types", {}))
            if kept is not None:
                self._gate.restore(kept["gate"])
                for name, state in kept["watches"].items():
                    if name in self.asset_types and not self.watch(name).restore(state):
                        _log.warning(
                            "%s: another model judges %s now; its windows begin anew", self._snapshot_name, name
                        )
        if self.publisher is not None:
            self.publisher.refresh()  # the owner before may have ended between commit and publication
        self.position, self.lost = self._place.snapshot_offset, False
        self._pace.begin_anew(self.clock())

    def read(self, messages: Sequence[Timed]) -> Read:
        """Decodes messages of this partition and drops what is repeated or stale. The state advances: `write` must follow.

        Args:
            messages: without errors, in the order of their offsets.
        """
        offsets = np.array([message.offset() for message in messages], dtype=np.int64)
        received = np.array([message.timestamp()[1] for message in messages], dtype=np.float64) / 1000.0
        decoded = decode_batch(messages, self._layouts)
        refusals, dropped = list(decoded.refusals), Counter[str]()
        told = (
            offsets < self._place.next_offset
        )  # what is no reading was sent to the dead letters before that was stored
        again, parts = [], []
        timely = [_timely(its, received[its.positions], refusals, dropped) for its in decoded.readings]
        for its in self._of_their_types(timely, refusals):
            kept, verdict = its.part, self._gate.judge(its.part.assets, its.epochs, its.sequences)
            if decoded.sent_back:
                verdict[np.isin(kept.positions, decoded.sent_back)] = NEW  # unless the database has it
            for name, code in (("duplicate", DUPLICATE), ("stale", STALE)):
                dropped[name] += int(np.sum(verdict == code))
            if (verdict != NEW).any():
                kept = kept.only(verdict == NEW)
            kept = kept.by_asset()
            stored = told[kept.positions]
            again += [kept.only(stored)] if stored.any() else []
            parts += [kept if not stored.any() else kept.only(~stored)]
        new = tuple(refusal for refusal in refusals if not told[refusal.position])
        return Read(
            tuple(again), tuple(part for part in parts if len(part.assets)), new, dropped, int(offsets[-1]) + 1,
            bool(decoded.sent_back),
        )  # fmt: skip

    def _types_of(self, kept: Mapping[str, Sequence[str]]) -> FirstTypes:
        """Types as a stored state has them (type -> assets); of assets that it does not know as the database has them."""
        own = {asset: name for name, its in kept.items() if name in self.asset_types for asset in its}
        return FirstTypes(self.watches.type_of | own)

    def _of_their_types(self, found: Sequence[_Numbered], refusals: list[Refusal]) -> Iterator[_Numbered]:
        """Readings but those of assets that are known as another type, which are refused."""
        strangers = self._types.strangers([its.part for its in found])
        for its, rows in zip(found, strangers, strict=True):
            refusals += [self._of_another_type(its.part, row) for row in rows]
            yield its.only(~np.isin(np.arange(len(its.part.assets)), rows)) if rows else its

    def _of_another_type(self, part: Part, row: int) -> Refusal:
        asset = part.assets[row]
        known = f"expected a reading of a {self._types.type_of(asset)}, as which {asset!r:.140} is known"
        return Refusal(int(part.positions[row]), Reason.OTHER_TYPE, f"{known}, found a {part.asset_type}'s")

    def judge(self, read: Read) -> Pending:
        """Judges what was read; the state advances, and `store` must follow, in this order. Nothing is asked of the database.

        The next batch may be judged while this one is being stored.
        """
        with self.lock:
            for part in read.again:
                assert part.received is not None
                self.watch(part.asset_type).assess(part.assets, part.seconds, part.values, part.received)
            now = self.clock()
            verdicts = tuple(self._judge_part(part, now) for part in read.parts)
            self.position = read.next_offset
            self._pace.unsaved += sum(len(verdict.part.assets) for verdict in verdicts)
            state = self._state() if self._pace.is_due(0, now) else None
            return Pending(verdicts, self.position, state, now)

    def store_judged(self, pending: Pending) -> Taken:
        """Stores what was judged, in one transaction with the next offset; from any thread, one batch after another.

        Raises:
            StoreUnavailable: the database cannot be reached; `lost` is true.
            Fenced: the partition has another owner; `lost` is true.
            AlreadyStored: another way than this partition has brought one of its readings; `lost` is true, and `take` follows.
        """
        if self.lost:
            raise StateIsLost
        if pending.next_offset <= self._place.next_offset:
            return _nothing_taken()
        place = replace(self._place, next_offset=pending.next_offset)
        if pending.state is not None:
            place = replace(place, snapshot_offset=pending.next_offset)
        try:
            with self.store.transaction() as batch:
                for verdict in pending.verdicts:
                    batch.readings.add_all(verdict.readings(_SOURCE, pending.now))
                    verdict.write(batch)
                    self.watches.meet(batch, verdict.part.asset_type, verdict.part.assets, pending.now)
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
        self._publish(pending.verdicts, pending.now)
        flags = [verdict.assessments.flags for verdict in pending.verdicts]
        flag = np.concatenate(flags) if flags else np.zeros(0, dtype=np.bool_)
        moved = tuple(one for verdict in pending.verdicts for one in verdict.transitions)
        return Taken(np.ones(len(flag), dtype=np.bool_), flag, moved)

    def write(self, read: Read) -> Taken:
        """Judges and stores what was read, in one transaction; a reading that is in the database already is not judged.

        Raises:
            StoreUnavailable: the database cannot be reached; `lost` is true.
            Fenced: the partition has another owner; `lost` is true.
        """
        if self.lost:  # an earlier batch failed while this one waited for its turn
            raise StateIsLost
        with self.lock:
            for part in read.again:
                assert part.received is not None
                self.watch(part.asset_type).assess(part.assets, part.seconds, part.values, part.received)
            self.position = read.next_offset
            if read.next_offset <= self._place.next_offset:
                return _nothing_taken()
            self._unsaved_if_new = self._pace.unsaved + sum(len(part.assets) for part in read.parts)
            return self._take(_renumbered(read.parts), _SOURCE, self.clock())

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
            if self.caught_up:
                self.save(batch)

    def save(self, batch: Batch) -> None:
        """Stores state and offset within a transaction."""
        self._pace.store(batch, {self._snapshot_name: self._state()}, self.clock)
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
        return self._gate.knows(asset_id)

    def forget(self, asset_id: str | None) -> None:
        """As `Plant.forget`, and its numbers and type, so that the same readings may come anew."""
        with self.lock:
            super().forget(asset_id)
            self._gate.forget(asset_id)
            self._types.forget(asset_id)

    def obey(self, command: Command) -> None:
        """Does what an operator asks of an asset, and notes what became of it; whatever was judged must have been stored.

        Raises:
            StoreUnavailable: the database cannot be reached; `lost` is true.
            Fenced: the partition has another owner; `lost` is true.
        """
        try:
            if command.action != FORGET:  # the database does not know the asset any more
                # in a transaction of its own: it has happened whatever becomes of the command
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

    def _state(self) -> dict[str, Any]:
        """A copy of what is remembered, to be stored."""
        self._pace.begin_anew(self.clock())
        return {
            "gate": self._gate.snapshot(), "types": self._types.snapshot(self._gate.knows),
            "watches": self.watches.snapshots(),
        }  # fmt: skip

    def _close_transaction(self, batch: Batch, now: float) -> None:
        some_were_there = (
            self._pace.unsaved < self._unsaved_if_new
        )  # who reads this batch again could not tell them any more
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


def _nothing_taken() -> Taken:
    return Taken(np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.bool_), ())


def _timely(readings: Readings, came: NDArray[np.float64], refusals: list[Refusal], dropped: Counter[str]) -> _Numbered:
    """Readings but those whose time cannot be; these are refused, and those of the future counted."""
    ahead = readings.seconds > came + FARTHEST_AHEAD_SECONDS
    wrong = ahead | (readings.seconds < OLDEST_SECONDS)
    dropped[QUARANTINED] += int(ahead.sum())
    refusals += [_of_another_time(readings, row, came[row]) for row in np.flatnonzero(wrong).tolist()]
    part = Part(
        readings.asset_type, readings.positions, readings.asset_ids, readings.reading_ids, readings.seconds,
        readings.values, came,
    )  # fmt: skip
    all_of_them = _Numbered(part, readings.epochs, readings.sequences)
    return all_of_them.only(~wrong) if wrong.any() else all_of_them


def _of_another_time(readings: Readings, row: int, came: float) -> Refusal:
    expected = f"expected a time since 1970 and at most {FARTHEST_AHEAD_SECONDS:g} s after its arrival"
    detail = f"{expected}, found one {float(readings.seconds[row]) - came:+.0f} s from it"
    return Refusal(int(readings.positions[row]), Reason.WRONG_VALUE, detail)


def _renumbered(parts: Sequence[Part]) -> list[Part]:
    """Parts as a request has them: their positions are those of the rows that are left."""
    order = (
        np.argsort(np.argsort(np.concatenate([part.positions for part in parts]))) if parts else np.empty(0, np.int64)
    )
    ends = np.cumsum([len(part.assets) for part in parts])
    return [replace(part, positions=order[end - len(part.assets) : end]) for part, end in zip(parts, ends, strict=True)]
