"""The plant: everything that is watched, in one process.

A batch of readings is one transaction: readings, their assessments, alarm transitions and, every now and then, the state of the
monitors with the number of the last reading in it. After a kill -9 the newest state is restored and catches up with the readings
that came after it, through the same code: nothing accepted is lost, nothing counts twice, and the state is what it would have
been.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.alarms import AlarmAction, AlarmTransition
from smart_sentry.errors import ActionRefused, UnknownAsset
from smart_sentry.feed.judged_rows import JudgedRows
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.failure_watch import FailureWatch
from smart_sentry.plant.incoming import Incoming, IncomingWindow
from smart_sentry.plant.parts import Part, Sorter
from smart_sentry.plant.verdicts import Verdict, alarm_states, judge, rows_of
from smart_sentry.plant.watch import Watch
from smart_sentry.stores.asset_states import AssetState, State
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.store import Batch, Store
from smart_sentry.stores.writer import Busy

FloatArray = NDArray[np.float64]

_log = logging.getLogger(__name__)
_CATCH_UP_ROWS = 5000
MODEL = "model"
"""Key of the alarm that says that a model's file is broken."""
SNAPSHOT_READINGS, SNAPSHOT_SECONDS, SNAPSHOT_PAUSE_SECONDS = 20_000, 30.0, 2.0
"""The monitors' state is stored after so many readings or seconds, whichever comes first, with such a pause in between."""


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
        self,
        asset_types: Mapping[str, AssetType],
        models_folder: Path,
        store: Store,
        clock: Callable[[], float] = time.time,
        failure_model: Bundle | None = None,
        publisher: FeedPublisher | None = None,
    ) -> None:
        self.asset_types = dict(asset_types)
        self.publisher = publisher
        self.judging_seconds = 0.0
        """Time that was spent on judging since it began."""
        self.store = store
        self.clock = clock
        self.lock = threading.RLock()
        self._models_folder = models_folder
        self._failure_model = failure_model
        self._watches: dict[str, Watch] = {}
        self._type_of: dict[str, str] = {}
        self._monitored: set[str] = set()
        self._unsaved, self._saved_at = 0, clock()
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
            return self._take(Sorter(self.asset_types, self._type_of, now).readings(readings), source, now)

    def take_at_once(self, readings: Sequence[Incoming], source: str) -> Taken | None:
        """Does what `take` does if it need not wait for anybody, nor store the monitors' state; else nothing, and says None.

        Raises:
            As `take`.
        """
        now = self.clock()
        if not self.lock.acquire(blocking=False):
            return None
        try:
            if self._save_is_due(len(readings), now):
                return None
            parts = Sorter(self.asset_types, self._type_of, now).readings(readings)
            return self._take(parts, source, now, wait=False)
        except Busy:
            return None
        finally:
            self.lock.release()

    def take_windows(self, windows: Sequence[IncomingWindow], source: str) -> Taken:
        """The same of windows: they are judged as the same readings would be one by one; rows are theirs in the order given."""
        now = self.clock()
        with self.lock:
            return self._take(Sorter(self.asset_types, self._type_of, now).windows(windows), source, now)

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
                self._unsaved += int(new.sum())
                self._close_transaction(batch, now)
        except Busy:
            raise
        except BaseException:
            self.recover()  # the monitors may be ahead of the database
            raise
        self._publish(verdicts, now)
        return Taken(new, flags, tuple(moved for verdict in verdicts for moved in verdict.transitions))

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
        if self._save_is_due(0, now):
            self.save(batch)

    def _save_is_due(self, more: int, now: float) -> bool:
        """Whether the monitors' state must be stored, after `more` readings."""
        age = now - self._saved_at
        many = self._unsaved + more >= SNAPSHOT_READINGS and age >= SNAPSHOT_PAUSE_SECONDS
        return many or age >= SNAPSHOT_SECONDS

    def recover(self) -> None:
        """After a transaction that failed: the monitors may be ahead of the database, which is right."""
        self.restore()

    def _tell_broken(self) -> None:
        """Raises an alarm for each asset whose active baseline cannot be read."""
        for name in sorted(set(self._type_of.values())):
            for asset, problem in self.watch(name).broken.items():
                if asset in self._type_of:
                    self.state_condition(asset, MODEL, True, "service", problem)

    @property
    def models_folder(self) -> Path:
        """Baselines are below it."""
        return self._models_folder

    @property
    def failure_model(self) -> Bundle | None:
        """What judges the assets of its type without a calibration; None: there is none."""
        return self._failure_model

    def judge_by(self, model: Bundle) -> None:
        """Judges the assets of a model's type by it from now on; nothing happens where it does already.

        Alarms stand as they stood. Windows are built anew from the stored readings.

        Raises:
            StoreUnavailable: the database cannot be reached; the earlier model stays.
        """
        if self.is_judging(model):
            return
        with self.lock:
            before, self._failure_model = self._failure_model, model
            names = {one.manifest.asset_type.name for one in (before, model) if one is not None}
            try:
                with self.store.transaction() as batch:
                    for name in names & set(self._watches):
                        self._renew(batch, name)
                    self.save(batch)
            except BaseException:
                self._failure_model = before
                self.recover()
                raise
        _log.warning(
            "%s judges from now on%s", model.version, "" if before is None else f", in place of {before.version}"
        )

    def is_judging(self, model: Bundle) -> bool:
        """Whether assets of the model's type are judged by exactly this one."""
        return self._failure_model is not None and self._failure_model.checksum == model.checksum

    def _renew(self, batch: Batch, name: str) -> None:
        """Puts another watch in place of a type's, after the failure model has changed."""
        kept = self._watches.pop(name).snapshot()
        watch = self.watch(name)
        if not watch.restore(kept):
            self._catch_up(batch, watch, 0, batch.readings.last_number())

    def watch_of(self, asset_id: str) -> Watch:
        """The watch that an asset is under.

        Raises:
            UnknownAsset: no reading of it has come.
        """
        name = self._type_of.get(asset_id)
        if name is None:
            raise UnknownAsset(asset_id)
        return self.watch(name)

    def watch(self, asset_type: str) -> Watch:
        """The watch of a type."""
        if asset_type not in self._watches:
            self._watches[asset_type] = self._new_watch(self.asset_types[asset_type])
        return self._watches[asset_type]

    def calibrated_watch_of(self, asset_id: str) -> ConditionWatch:
        """The watch of an asset that is held against a baseline of its own.

        Raises:
            UnknownAsset: no reading of it has come. ActionRefused: a failure model judges it.
        """
        watch = self.watch_of(asset_id)
        if not isinstance(watch, ConditionWatch):
            why = "no calibration is needed"
            raise ActionRefused(
                "calibration", asset_id, f"judged by {watch.judge_of(asset_id)}", ["monitoring/status"], why
            )
        return watch

    def _new_watch(self, kind: AssetType) -> Watch:
        model = self._failure_model
        if model is not None and model.manifest.asset_type.name == kind.name:
            if model.manifest.asset_type.signal_names == kind.signal_names:
                return FailureWatch(model)
            _log.warning("%s has other signals than the type of %s: it is not judged by it", kind.name, model.version)
        return ConditionWatch(kind, self._models_folder)

    def type_of(self, asset_id: str) -> str:
        """Name of an asset's type.

        Raises:
            UnknownAsset: no reading of it has come.
        """
        self.watch_of(asset_id)
        return self._type_of[asset_id]

    def switch(
        self, watch: ConditionWatch, asset_id: str, author: str, action: str, details: Mapping[str, str],
        also: Callable[[Batch], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """Scores an asset with the baseline that is active in its files, from now on.

        Args:
            watch: the asset's.
            asset_id: whose.
            author, action, details: for the audit log.
            also: done in the same transaction.

        Raises:
            ModelUnavailable, ChecksumMismatch: the baseline cannot be read.
            StoreUnavailable: the database cannot be reached; nothing has changed there, and `recover` is the caller's to call.
        """
        baseline, now = watch.baselines.active(asset_id), self.clock()
        with self.store.transaction(assets=[asset_id]) as batch:
            watch.switch(asset_id, baseline)
            batch.baselines.activate(ActiveBaseline(asset_id, baseline.version, now, author))
            batch.states.change(AssetState(asset_id, "CALIBRATED", watch.asset_type.name, now))
            batch.audit.add(AuditEntry(now, author, action, asset_id, {"version": baseline.version, **details}))
            also(batch)
            self._monitored.discard(asset_id)
            self.tell_switched(batch, asset_id)
            self.save(batch)

    def tell_switched(self, batch: Batch, asset_id: str) -> None:
        """For a plant that others watch, too: another baseline of an asset becomes active with this transaction."""

    def is_switched(self, asset_id: str) -> bool:
        """Whether everybody who judges an asset has taken its active baseline."""
        return True

    def take_over_baseline(self, asset_id: str) -> None:
        """Scores an asset with the baseline that somebody else made active.

        Raises:
            UnknownAsset, ActionRefused: as of `calibrated_watch_of`. ModelUnavailable: it has none.
        """
        with self.lock:
            watch = self.calibrated_watch_of(asset_id)
            baseline = watch.baselines.active(asset_id)
            try:
                with self.store.transaction(assets=[asset_id]) as batch:
                    watch.switch(asset_id, baseline)
                    self._monitored.discard(asset_id)
                    self.save(batch)
            except BaseException:
                self.recover()
                raise

    def maintain(self, asset_id: str, author: str, reason: str) -> None:
        """Records a maintenance: the degradation index begins at 0 again."""
        with self.lock:
            watch = self.watch_of(asset_id)
            try:
                with self.store.transaction(assets=[asset_id]) as batch:
                    watch.maintain(asset_id)
                    batch.audit.add(AuditEntry(self.clock(), author, "maintenance", asset_id, {"reason": reason}))
                    self.save(batch)
            except BaseException:
                self.recover()
                raise

    def act(
        self, asset_id: str, key: str, action: AlarmAction, author: str, reason: str, until: float | None
    ) -> AlarmTransition:
        """Does what an operator asks of an alarm.

        Raises:
            UnknownAsset, ActionRefused.
        """
        with self.lock:
            self.advance_alarms(asset_id)
            watch, now = self.watch_of(asset_id), self.clock()
            alarms = watch.alarms
            match action:
                case AlarmAction.ACKNOWLEDGE:
                    done = alarms.acknowledge(asset_id, key, author, now, reason)
                case AlarmAction.SHELVE:
                    done = alarms.shelve(asset_id, key, author, now, reason, now if until is None else until)
                case AlarmAction.UNSHELVE:
                    done = alarms.unshelve(asset_id, key, author, now, reason)
                case AlarmAction.TAKE_OUT_OF_SERVICE:
                    done = alarms.take_out_of_service(asset_id, key, author, now, reason)
                case AlarmAction.RETURN_TO_SERVICE:
                    done = alarms.return_to_service(asset_id, key, author, now, reason)
                case AlarmAction.COMMENT:
                    done = alarms.comment(asset_id, key, author, now, reason)
            self._keep(watch, [done])
            return done

    def advance_alarms(self, asset_id: str) -> None:
        """Stores what time alone has done to the alarms of an asset's type, such as the end of a shelving.

        Raises:
            UnknownAsset.
        """
        with self.lock:
            watch = self.watch_of(asset_id)
            if passed := watch.alarms.advance(self.clock()):
                self._keep(watch, passed)

    def state_condition(self, asset_id: str, key: str, holds: bool, author: str, text: str) -> bool:
        """Raises or returns an alarm about something that no reading says, e.g. that a model's file is broken.

        What stands already stays as it is; the answer is whether anything changed.

        Args:
            asset_id, key: of the alarm.
            holds: whether its condition stands.
            author: who says so, not "system".
            text: the reason, in words.

        Raises:
            UnknownAsset.
        """
        with self.lock:
            watch = self.watch_of(asset_id)
            if moved := watch.state_condition(asset_id, key, holds, self.clock(), author, text):
                self._keep(watch, moved)
            return bool(moved)

    def _keep(self, watch: Watch, transitions: Sequence[AlarmTransition]) -> None:
        try:
            with self.store.transaction() as batch:
                batch.alarms.record(alarm_states(watch, transitions), transitions)
                self.save(batch)
        except BaseException:
            self.recover()
            raise
        if self.publisher is not None:
            self.publisher.publish([], transitions)

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all (None), in memory; the store's rows and the baselines' files are the caller's to remove."""
        with self.lock:
            for name in {self._type_of[asset_id]} if asset_id is not None else set(self._watches):
                self.watch(name).forget(asset_id)
            gone = [asset_id] if asset_id is not None else list(self._type_of)
            for asset in gone:
                self._type_of.pop(asset, None)
                self._monitored.discard(asset)

    def tell_forgotten(self, asset_id: str | None) -> None:
        """For a plant that others watch, too: an asset was purged, or all (None)."""

    def forget_and_save(self, asset_id: str) -> None:
        """Forgets an asset that somebody else purged."""
        with self.lock:
            if asset_id in self._type_of:
                self.forget(asset_id)
            try:
                with self.store.transaction() as batch:
                    self.save(batch)
            except BaseException:
                self.recover()
                raise

    def save(self, batch: Batch) -> None:
        """Stores the monitors' state within a transaction."""
        through = batch.readings.last_number()
        for name, watch in self._watches.items():
            batch.snapshots.save(f"watch:{name}", {"watch": watch.snapshot(), "through": through}, self.clock())
        self._unsaved, self._saved_at = 0, self.clock()

    def restore(self) -> None:
        """Takes the state from the store and catches up with the readings that came after it."""
        with self.lock, self.store.view() as batch:
            states = batch.states.all()
            self._type_of = {
                asset: state.asset_type for asset, state in states.items() if state.asset_type in self.asset_types
            }
            self._monitored = {asset for asset, state in states.items() if state.state == "MONITORING"}
            self._watches = {}
            for name in sorted(set(self._type_of.values())):
                kept = batch.snapshots.load(f"watch:{name}")
                watch = self.watch(name)
                through = 0 if kept is None else int(kept["through"])
                whole = kept is None or watch.restore(kept["watch"])
                self._catch_up(batch, watch, through if whole else 0, through)

    def _catch_up(self, batch: Batch, watch: Watch, number: int, through: int) -> None:
        """Reads again what came after a reading's number; up to `through` only windows are built anew."""
        name, total = watch.asset_type.name, 0
        while True:
            last, assets, history = batch.readings.after(number, _CATCH_UP_ROWS, through if number < through else None)
            if last == number:
                break
            again, number = number < through, last
            mine = np.array([self._type_of.get(asset) == name for asset in assets])
            if mine.any():
                column = {signal: place for place, signal in enumerate(history.signals)}
                order = [column.get(signal) for signal in watch.asset_type.signal_names]
                values = np.column_stack([
                    np.full(len(assets), np.nan) if place is None else history.values[:, place] for place in order
                ])  # fmt: skip
                take = watch.remember if again else watch.assess
                take(
                    [asset for asset, its in zip(assets, mine, strict=True) if its], history.seconds[mine], values[mine],
                    history.received[mine],
                )  # fmt: skip
                total += int(mine.sum())
        if total:
            _log.info("%s: caught up with %d readings", name, total)

    def _take_part(self, batch: Batch, part: Part, source: str, now: float) -> tuple[NDArray[np.bool_], Verdict | None]:
        """Which readings were new, and what was said of them."""
        watch = self.watch(part.asset_type)
        new = batch.readings.add(rows_of(part, watch.asset_type.signal_names, source, now))
        if not new.any():
            return new, None
        verdict = self._judge_part(part if new.all() else part.only(new), now)
        verdict.write(batch)
        self._meet(batch, part.asset_type, verdict.part.assets, now)
        return new, verdict

    def _judge_part(self, part: Part, now: float) -> Verdict:
        began = time.perf_counter()
        verdict = judge(self.watch(part.asset_type), part, now)
        self.judging_seconds += time.perf_counter() - began
        return verdict

    def _meet(self, batch: Batch, name: str, assets: Sequence[str], now: float) -> None:
        """New assets begin IDLE; one that is calibrated or has a failure model is MONITORING once it sends readings."""
        watch = self.watch(name)
        ready: tuple[State, ...] = ("CALIBRATED", "MONITORING") if isinstance(watch, ConditionWatch) else ("IDLE",)
        new: list[AssetState] = []
        for asset in dict.fromkeys(assets):
            judged = watch.judge_of(asset) is not None
            if asset not in self._type_of:
                self._type_of[asset] = name
                new.append(AssetState(asset, "MONITORING" if judged else "IDLE", name, now))
                if judged:
                    self._monitored.add(asset)
                continue
            if not judged or asset in self._monitored:
                continue
            if batch.states.change(AssetState(asset, "MONITORING", name, now), only_from=ready):
                self._monitored.add(asset)
        batch.states.begin(new)
