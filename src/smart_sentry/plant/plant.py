"""The plant: everything that is watched, in one process.

A batch of readings is one transaction: readings, their assessments, alarm transitions and, every now and then, the state of the
monitors with the number of the last reading in it. After a kill -9 the newest state is restored and catches up with the readings
that came after it, through the same code: nothing accepted is lost, nothing counts twice, and the state is what it would have
been.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.errors import StoreUnavailable
from smart_sentry.feed.judged_rows import JudgedRows
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.plant.alarm_actions import AlarmActions, OwnAlarmActions
from smart_sentry.plant.catching_up import catch_up
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.incoming import Incoming, IncomingWindow
from smart_sentry.plant.maintenance import Maintenance, OwnMaintenance
from smart_sentry.plant.parts import Part, Sorter
from smart_sentry.plant.snapshots import SnapshotPace, restore_watches, states_of
from smart_sentry.plant.turns import Turns
from smart_sentry.plant.verdicts import Verdict, judge
from smart_sentry.plant.watch import Watch
from smart_sentry.plant.watches import Watches, calibrated
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.store import Batch, Store
from smart_sentry.stores.writer import Busy

_log = logging.getLogger(__name__)
MODEL = "model"
"""Key of the alarm that says that a model's file is broken."""


@dataclass(frozen=True)
class Taken:
    """What became of a batch of readings.

    Attributes:
        new: (rows,) whether a reading was new; a known one is not scored again.
        flag: (rows,) whether it is new and was flagged.
        transitions: of alarms.
    """

    new: NDArray[np.bool_]
    flag: NDArray[np.bool_]
    transitions: tuple[AlarmTransition, ...]


class Plant:
    """Watches assets of several types. Any number of threads may call it; they take turns.

    Args:
        asset_types: name -> type.
        models_folder: baselines are below it.
        store: of everything else.
        clock: seconds since 1970 UTC.
        failure_model: judges the assets of its type, which need no calibration.
        publisher: told of everything that is committed; None: there is no live feed beside the database.
    """

    def __init__(
        self, asset_types: Mapping[str, AssetType], models_folder: Path, store: Store,
        clock: Callable[[], float] = time.time, failure_model: Bundle | None = None,
        publisher: FeedPublisher | None = None,
    ) -> None:  # fmt: skip
        self.watches = Watches(asset_types, models_folder, failure_model)
        self.publisher = publisher
        self.judging_seconds = 0.0
        """Time that was spent on judging since it began."""
        self.store = store
        self.clock = clock
        self.lock = Turns(self.restore)
        self.began_at = clock()
        """When it was opened, seconds since 1970 UTC."""
        self._pace = SnapshotPace(self.began_at)
        self.restore()
        self._tell_broken()

    def take(self, readings: Sequence[Incoming], source: str) -> Taken:
        """Stores and scores readings, in the order given. All of them are taken, or none.

        Raises:
            InvalidReadings: a time, signal or asset type is wrong.
            StoreUnavailable: the database cannot be reached; nothing was taken.
        """
        now = self.clock()
        with self.lock:
            return self._take(Sorter(self.asset_types, self.watches.type_of, now).readings(readings), source, now)

    def take_at_once(self, readings: Sequence[Incoming], source: str) -> Taken | None:
        """Does what `take` does if it need not wait for anybody, nor store the monitors' state; else nothing, and says None.

        Raises:
            As `take`.
        """
        now = self.clock()
        if not self.lock.acquire_at_once():
            return None
        try:
            if self._pace.is_due(len(readings), now):
                return None
            parts = Sorter(self.asset_types, self.watches.type_of, now).readings(readings)
            return self._take(parts, source, now, wait=False)
        except Busy:
            return None
        finally:
            self.lock.release()

    def take_windows(self, windows: Sequence[IncomingWindow], source: str) -> Taken:
        """The same of windows: they are judged as the same readings would be one by one; rows are theirs in the order given."""
        now = self.clock()
        with self.lock:
            return self._take(Sorter(self.asset_types, self.watches.type_of, now).windows(windows), source, now)

    def _take(self, parts: Sequence[Part], source: str, now: float, *, wait: bool = True) -> Taken:
        count = sum(len(part.positions) for part in parts)
        new, flags = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
        verdicts: list[Verdict] = []
        try:
            assets = sorted({asset for part in parts for asset in part.assets})
            with self.store.transaction(assets=assets, wait=wait) as batch:
                for part in parts:
                    fresh, verdict = self._take_part(batch, part, source, now)
                    new[part.positions] = fresh
                    if verdict is not None:
                        verdicts.append(verdict)
                        flags[verdict.part.positions] = verdict.assessments.flags
                self._pace.unsaved += int(np.count_nonzero(new))
                self._close_transaction(batch, now)
        except Busy:
            raise
        except AlreadyStored as problem:
            self.recover()
            told = "another process has just stored one of these readings"
            raise StoreUnavailable(
                self.store.shown_url, told, "Send them again: those that are stored count once."
            ) from problem
        except BaseException:
            self.recover()  # the monitors may be ahead of the database
            raise
        self._publish(verdicts, now)
        return Taken(new, flags, tuple(moved for verdict in verdicts for moved in verdict.transitions))

    def _take_part(self, batch: Batch, part: Part, source: str, now: float) -> tuple[NDArray[np.bool_], Verdict | None]:
        """Which readings were new, and what was said of them."""
        new = batch.readings.unknown(part.assets, part.reading_ids)
        count = np.count_nonzero(new)
        if not count:
            return new, None
        verdict = self._judge_part(part if count == len(new) else part.only(new), now)
        verdict.write(batch, source, now)
        self.watches.meet(batch, part.asset_type, verdict.part.assets, now)
        return new, verdict

    def _judge_part(self, part: Part, now: float) -> Verdict:
        began = time.perf_counter()
        verdict = judge(self.watch(part.asset_type), part, now)
        self.judging_seconds += time.perf_counter() - began
        return verdict

    def _publish(self, verdicts: Sequence[Verdict], now: float) -> None:
        """What has just been committed, and never anything else."""
        if self.publisher is None or not verdicts:
            return
        rows = [
            JudgedRows(its.part.asset_type, its.signals, its.part.values, now, its.assessments, its.predictions)
            for its in verdicts
        ]
        self.publisher.publish(rows, [moved for its in verdicts for moved in its.transitions])

    def _close_transaction(self, batch: Batch, now: float) -> None:
        """The last thing in a transaction of readings: the monitors' state, every now and then."""
        if self._pace.is_due(0, now):
            self.save(batch)

    @contextmanager
    def changing(self, assets: Iterable[str] = ()) -> Iterator[Batch]:
        """A transaction in which something that is remembered changes: the monitors' state is stored at its end.

        Where it fails, the monitors are put back (`recover`). Nobody else judges meanwhile.

        Args:
            assets: those that will be written, as of `Store.transaction`.

        Raises:
            StoreUnavailable: the database cannot be reached; nothing has changed.
        """
        with self.lock:
            try:
                with self.store.transaction(assets=assets) as batch:
                    yield batch
                    self.save(batch)
            except BaseException:
                self.recover()
                raise

    def recover(self) -> None:
        """After a transaction that failed: the monitors may be ahead of the database, which is right. If they cannot be restored
        now, whoever has the next turn does it before anything else.
        """
        self.lock.stale = True
        try:
            with self.lock:
                pass
        except StoreUnavailable as problem:
            _log.warning("the monitors are restored later: %s", problem)

    def _tell_broken(self) -> None:
        """Raises an alarm for each asset whose active baseline cannot be read."""
        for name in sorted(set(self.watches.type_of.values())):
            for asset, problem in self.watch(name).broken.items():
                if asset in self.watches.type_of:
                    self.alarms.state_condition(asset, MODEL, True, "service", problem)

    @cached_property
    def alarms(self) -> AlarmActions:
        """What can be done to alarms beside judging readings."""
        return OwnAlarmActions(self)

    @cached_property
    def maintenance(self) -> Maintenance:
        """What people who work on machines tell."""
        return OwnMaintenance(self)

    @property
    def asset_types(self) -> dict[str, AssetType]:
        """Name -> type."""
        return self.watches.asset_types

    def renew(self, batch: Batch, name: str) -> None:
        """Puts another watch in place of a type's, within a transaction, after the failure model has changed."""
        kept = self.watches.drop(name).snapshot()
        watch = self.watch(name)
        if not watch.restore(kept):
            catch_up(batch, watch, self.watches.type_of, 0, batch.readings.last_number())

    def watch_of(self, asset_id: str) -> Watch:
        """The watch that an asset is under.

        Raises:
            UnknownAsset: no reading of it has come.
        """
        return self.watches.of(asset_id)

    def watch(self, asset_type: str) -> Watch:
        """The watch of a type."""
        return self.watches.of_type(asset_type)

    def calibrated_watch_of(self, asset_id: str) -> ConditionWatch:
        """The watch of an asset that is held against a baseline of its own.

        Raises:
            UnknownAsset: no reading of it has come. ActionRefused: a failure model judges it.
        """
        return calibrated(self.watch_of(asset_id), asset_id)

    def type_of(self, asset_id: str) -> str:
        """Name of an asset's type.

        Raises:
            UnknownAsset: no reading of it has come.
        """
        return self.watch_of(asset_id).asset_type.name

    def tell_switched(self, batch: Batch, asset_id: str) -> None:
        """For a plant that others watch, too: another baseline of an asset becomes active with this transaction."""

    def is_switched(self, asset_id: str) -> bool:
        """Whether everybody who judges an asset has taken its active baseline."""
        return True

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all (None), in memory; the store's rows and the baselines' files are the caller's to remove."""
        with self.lock:
            self.watches.forget(asset_id)

    def tell_forgotten(self, batch: Batch, assets: Sequence[str]) -> None:
        """For a plant that others watch, too: these assets are purged with this transaction."""

    def save(self, batch: Batch) -> None:
        """Stores the monitors' state within a transaction."""
        self._pace.store(batch, states_of(self.watches, batch.readings.last_number()), self.clock)
        self._pace.begin_anew(self.clock())

    def restore(self) -> None:
        """Takes the state from the store and catches up with the readings that came after it."""
        with self.lock, self.store.view() as batch:
            self.watches.begin(batch.states.all())
            restore_watches(batch, self.watches)
