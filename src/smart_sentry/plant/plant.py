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
from smart_sentry.condition_files import row_reasons
from smart_sentry.condition_monitor import Condition
from smart_sentry.contracts.alarms import AlarmAction, AlarmTransition
from smart_sentry.detection.baseline import Baseline
from smart_sentry.errors import InvalidReadings, UnknownAsset
from smart_sentry.health.degradation import RISKS, health, risk
from smart_sentry.phases import PHASES
from smart_sentry.plant.incoming import Incoming, refuse_wrong_times, type_by_signals, values_of
from smart_sentry.plant.watch import Watch
from smart_sentry.stores.alarm_log import AlarmState
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.store import Batch, Store

FloatArray = NDArray[np.float64]

_log = logging.getLogger(__name__)
_CATCH_UP_ROWS = 5000
SNAPSHOT_READINGS, SNAPSHOT_SECONDS = 20_000, 30.0
"""The monitors' state is stored after so many readings or seconds, whichever comes first."""


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
    """

    def __init__(
        self,
        asset_types: Mapping[str, AssetType],
        models_folder: Path,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.asset_types = dict(asset_types)
        self.store = store
        self.clock = clock
        self.lock = threading.RLock()
        self._models_folder = models_folder
        self._watches: dict[str, Watch] = {}
        self._type_of: dict[str, str] = {}
        self._monitored: set[str] = set()
        self._unsaved, self._saved_at = 0, clock()
        self.restore()

    def take(self, readings: Sequence[Incoming], source: str) -> Taken:
        """Stores and scores readings, in the order given. All of them are taken, or none.

        Raises:
            InvalidReadings: a time, signal or asset type is wrong.
            StoreUnavailable: the database cannot be reached; nothing was taken.
        """
        now = self.clock()
        refuse_wrong_times(readings, now)
        with self.lock:
            parts = self._by_type(readings)
            new = np.zeros(len(readings), dtype=np.bool_)
            flags = np.zeros(len(readings), dtype=np.bool_)
            transitions: list[AlarmTransition] = []
            try:
                with self.store.transaction(assets=sorted({reading.asset_id for reading in readings})) as batch:
                    for name, positions in parts.items():
                        mine = [readings[position] for position in positions]
                        values = values_of(self.asset_types[name], mine, positions)
                        fresh, its_flags, its_transitions = self._take_part(batch, name, mine, values, source, now)
                        new[positions] = fresh
                        flags[positions] = its_flags
                        transitions += its_transitions
                    self._unsaved += int(new.sum())
                    if self._unsaved >= SNAPSHOT_READINGS or now - self._saved_at >= SNAPSHOT_SECONDS:
                        self.save(batch)
            except BaseException:
                self.restore()  # the monitors may be ahead of the database
                raise
            return Taken(new, flags, tuple(transitions))

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
            self._watches[asset_type] = Watch(self.asset_types[asset_type], self._models_folder)
        return self._watches[asset_type]

    def type_of(self, asset_id: str) -> str:
        """Name of an asset's type.

        Raises:
            UnknownAsset: no reading of it has come.
        """
        self.watch_of(asset_id)
        return self._type_of[asset_id]

    def commission(self, asset_id: str, baseline: Baseline, author: str) -> str:
        """Makes a baseline the active one and returns its version."""
        with self.lock:
            watch = self.watch_of(asset_id)
            version = watch.baselines.add(baseline)
            now = self.clock()
            try:
                with self.store.transaction(assets=[asset_id]) as batch:
                    watch.switch(asset_id, watch.baselines.active(asset_id))
                    batch.baselines.activate(ActiveBaseline(asset_id, version, now, author))
                    batch.states.change(AssetState(asset_id, "CALIBRATED", watch.asset_type.name, now))
                    details = {"version": version, "grade": baseline.acceptance.grade}
                    batch.audit.add(AuditEntry(now, author, "calibrate", asset_id, details))
                    self._monitored.discard(asset_id)
                    self.save(batch)
            except BaseException:
                self.restore()
                raise
            return version

    def maintain(self, asset_id: str, author: str, reason: str) -> None:
        """Records a maintenance: the degradation index begins at 0 again."""
        with self.lock:
            watch = self.watch_of(asset_id)
            try:
                with self.store.transaction(assets=[asset_id]) as batch:
                    watch.monitor.maintain(asset_id)
                    batch.audit.add(AuditEntry(self.clock(), author, "maintenance", asset_id, {"reason": reason}))
                    self.save(batch)
            except BaseException:
                self.restore()
                raise

    def act(
        self, asset_id: str, key: str, action: AlarmAction, author: str, reason: str, until: float | None
    ) -> AlarmTransition:
        """Does what an operator asks of an alarm.

        Raises:
            UnknownAsset, ActionRefused.
        """
        with self.lock:
            watch, now = self.watch_of(asset_id), self.clock()
            alarms = watch.alarms
            if passed := alarms.advance(now):  # it has happened, also where the action is then refused
                self._keep(watch, passed)
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

    def _keep(self, watch: Watch, transitions: Sequence[AlarmTransition]) -> None:
        try:
            with self.store.transaction() as batch:
                self._record(batch, watch, transitions)
                self.save(batch)
        except BaseException:
            self.restore()
            raise

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all (None), in memory; the store's rows and the baselines' files are the caller's to remove."""
        with self.lock:
            for name in {self._type_of[asset_id]} if asset_id is not None else set(self._watches):
                self.watch(name).forget(asset_id)
            gone = [asset_id] if asset_id is not None else list(self._type_of)
            for asset in gone:
                self._type_of.pop(asset, None)
                self._monitored.discard(asset)

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
                number = 0
                if kept is not None:
                    watch.restore(kept["watch"])
                    number = int(kept["through"])
                self._catch_up(batch, name, watch, number)

    def _catch_up(self, batch: Batch, name: str, watch: Watch, number: int) -> None:
        total = 0
        while True:
            last, assets, history = batch.readings.after(number, _CATCH_UP_ROWS)
            if last == number:
                break
            number = last
            mine = np.array([self._type_of.get(asset) == name for asset in assets])
            if mine.any():
                column = {signal: place for place, signal in enumerate(history.signals)}
                order = [column.get(signal) for signal in watch.asset_type.signal_names]
                values = np.column_stack([
                    np.full(len(assets), np.nan) if place is None else history.values[:, place] for place in order
                ])  # fmt: skip
                watch.assess(
                    [asset for asset, its in zip(assets, mine, strict=True) if its], history.seconds[mine], values[mine]
                )
                total += int(mine.sum())
        if total:
            _log.info("%s: caught up with %d readings", name, total)

    def _by_type(self, readings: Sequence[Incoming]) -> dict[str, list[int]]:
        """Type name -> positions of its readings. An asset keeps the type that its first reading gave it."""
        parts: dict[str, list[int]] = {}
        of_new: dict[str, str] = {}
        for position, reading in enumerate(readings):
            name = self._type_of.get(reading.asset_id) or of_new.get(reading.asset_id)
            if name is None:
                name = reading.asset_type or type_by_signals(self.asset_types, list(reading.values), position)
                if name not in self.asset_types:
                    known = ", ".join(sorted(self.asset_types))
                    raise InvalidReadings([(position, "asset_type", f"expected one of {known}, found {name!r}")])
                of_new[reading.asset_id] = name
            parts.setdefault(name, []).append(position)
        return parts

    def _take_part(
        self, batch: Batch, name: str, readings: Sequence[Incoming], values: FloatArray, source: str, now: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], list[AlarmTransition]]:
        watch = self.watch(name)
        seconds = np.array([reading.seconds for reading in readings])
        assets, ids = [reading.asset_id for reading in readings], [reading.reading_id for reading in readings]
        rows = ReadingRows(assets, ids, seconds, values, watch.asset_type.signal_names, source, now)
        new = batch.readings.add(rows)
        if not new.any():
            return new, new, []
        fresh = np.flatnonzero(new).tolist()
        its_assets = [assets[row] for row in fresh]
        self._meet(batch, name, its_assets, now)
        condition, transitions = watch.assess(its_assets, seconds[new], values[new])
        scores = health(condition.degradation)
        batch.assessments.add(AssessmentRows(
            its_assets, [ids[row] for row in fresh], seconds[new], [PHASES[code].value for code in condition.phase.tolist()],
            condition.score, condition.flag, condition.votes, scores, [RISKS[code] for code in risk(scores).tolist()],
            condition.degradation, self._reasons(watch, condition),
        ))  # fmt: skip
        self._record(batch, watch, transitions)
        flags = new.copy()
        flags[new] = condition.flag
        return new, flags, transitions

    def _reasons(self, watch: Watch, condition: Condition) -> list[str]:
        return row_reasons(watch.monitor, condition)

    def _meet(self, batch: Batch, name: str, assets: Sequence[str], now: float) -> None:
        """New assets begin IDLE; a calibrated one that sends readings is MONITORING."""
        baselines = self.watch(name).monitor.baselines
        for asset in dict.fromkeys(assets):
            if asset not in self._type_of:
                self._type_of[asset] = name
                batch.states.change(AssetState(asset, "MONITORING" if asset in baselines else "IDLE", name, now))
                if asset in baselines:
                    self._monitored.add(asset)
                continue
            if asset not in baselines or asset in self._monitored:
                continue
            monitoring = AssetState(asset, "MONITORING", name, now)
            if batch.states.change(monitoring, only_from=("CALIBRATED", "MONITORING")):
                self._monitored.add(asset)

    def _record(self, batch: Batch, watch: Watch, transitions: Sequence[AlarmTransition]) -> None:
        if not transitions:
            return
        states = []
        for asset, key in dict.fromkeys((found.asset_id, found.key) for found in transitions):
            status = watch.alarms.status(asset, key)
            assert status is not None
            details = {"score": status.score, "shelved_until": status.shelved_until, "active": status.active}
            last = next(found for found in reversed(transitions) if (found.asset_id, found.key) == (asset, key))
            states.append(AlarmState(
                status.alarm_id, asset, key, status.priority.value, status.state.value, last.time, last.reason, details
            ))  # fmt: skip
        known = {state.alarm_id for state in states}
        for found in reversed(
            transitions
        ):  # an occurrence that was over within one batch has its row, too, as it ended
            if found.alarm_id not in known:
                known.add(found.alarm_id)
                states.append(AlarmState(
                    found.alarm_id, found.asset_id, found.key, found.priority.value, found.to_state.value, found.time,
                    found.reason,
                ))  # fmt: skip
        batch.alarms.record(states, transitions)
