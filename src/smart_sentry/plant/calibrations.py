"""Calibrations of running assets: started at once, done in the background, and followed step by step."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from smart_sentry.detection.baseline import Acceptance, Baseline
from smart_sentry.detection.calibration import LEAST_READINGS, Readings, calibrate
from smart_sentry.errors import InsufficientData, SmartSentryError, StateForbids, StoreUnavailable, TrackingFailed
from smart_sentry.plant import active_baseline
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.asset_states import AssetState, State
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch
from smart_sentry.tracking.records import CalibrationOutcome, CalibrationRecord

_log = logging.getLogger(__name__)
_SEED = 20
_CALIBRATING: tuple[State, ...] = ("CALIBRATING",)
_FROM: tuple[State, ...] = ("IDLE", "CALIBRATED", "MONITORING")


@dataclass(frozen=True)
class CalibrationStatus:
    """Where a calibration stands.

    Attributes:
        asset_id: whose.
        stage: started, reading, learning, accepted, refused or failed.
        progress: 0..1.
        readings: how many it has.
        version: of the baseline, once accepted.
        acceptance: the report, once accepted.
        problem: why it was refused or failed.
    """

    asset_id: str
    stage: str
    progress: float
    readings: int = 0
    version: str | None = None
    acceptance: Acceptance | None = None
    problem: str | None = None


Track = Callable[[CalibrationRecord], object]


class Calibrations:
    """Calibrates assets of a plant in the background, two at a time.

    Args:
        plant: has the readings, and takes the baselines.
        track: told of every accepted calibration once its baseline is active; what it raises is only logged.
        retry_seconds: between two tries to put an asset's state back while the database is away.
    """

    def __init__(self, plant: Plant, track: Track | None = None, retry_seconds: float = 5.0) -> None:
        self._plant = plant
        self._track = track
        self._retry_seconds = retry_seconds
        self._ending = threading.Event()
        self._statuses: dict[str, CalibrationStatus] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(2, "calibration")
        self._settle_interrupted()

    def start(self, asset_id: str, lookback_minutes: float, author: str) -> int:
        """Starts a calibration on the readings of the last minutes, and returns how many there are.

        Raises:
            UnknownAsset: no reading of it has come. StateForbids: one is running.
            InsufficientData: fewer than 100 readings.
        """
        # A purge comes before or after: it neither takes the readings away nor leaves a state behind.
        with self._plant.lock:
            return self._start(asset_id, lookback_minutes, author)

    def _start(self, asset_id: str, lookback_minutes: float, author: str) -> int:
        plant = self._plant
        name = plant.calibrated_watch_of(asset_id).asset_type.name
        readings = self._recent(asset_id, lookback_minutes)
        rows = len(readings.seconds)
        if rows < LEAST_READINGS:
            what = f"readings of {asset_id} in the last {lookback_minutes:g} minutes before its newest"
            raise InsufficientData(what, rows, LEAST_READINGS)
        calibrating = AssetState(asset_id, "CALIBRATING", name, plant.clock())
        with plant.store.transaction(assets=[asset_id]) as batch:
            before = batch.states.find(asset_id)
            if not batch.states.change(calibrating, only_from=_FROM):
                raise StateForbids("calibration", asset_id, "CALIBRATING", ["monitoring/status", "data/simple"])
        self._tell(CalibrationStatus(asset_id, "started", 0.0, rows))
        self._pool.submit(self._run, asset_id, readings, author, "IDLE" if before is None else before.state)
        return rows

    def status(self, asset_id: str) -> CalibrationStatus | None:
        """Where the newest calibration of an asset stands; None where none was started since the service's start or a purge."""
        with self._lock:
            return self._statuses.get(asset_id)

    def forget(self, asset_id: str | None) -> None:
        """Forgets how calibrations of a purged asset, or of everybody (None), ended. One that runs was started since."""
        with self._lock:
            named = [asset_id] if asset_id is not None else list(self._statuses)
            for asset in named:
                if asset in self._statuses and self._statuses[asset].progress == 1.0:
                    del self._statuses[asset]

    def close(self) -> None:
        """Waits for those that run. A state that could not be put back until now is put back at the next start."""
        self._ending.set()
        self._pool.shutdown()

    def _recent(self, asset_id: str, lookback_minutes: float) -> Readings:
        """Readings before the newest one: machines whose clock stands, or whose data were sent late, are calibrated too."""
        with self._plant.store.view() as batch:
            newest = batch.readings.newest(asset_id)
            end = 0.0 if newest is None else newest
            kind = self._plant.watch_of(asset_id).asset_type
            span = Span.last_minutes(lookback_minutes, end)
            return Readings(*batch.readings.values(asset_id, kind.signal_names, span))

    def _run(self, asset_id: str, readings: Readings, author: str, before: State) -> None:
        try:
            self._tell(CalibrationStatus(asset_id, "learning", 0.3, len(readings.seconds)))
            kind = self._plant.watch_of(asset_id).asset_type
            created = datetime.fromtimestamp(self._plant.clock(), UTC).isoformat(timespec="seconds")
            baseline = calibrate(asset_id, kind, readings, created=created, seed=_SEED)
            with self._plant.lock:  # a purge, and what is forgotten with it, comes after both
                version = active_baseline.commission(self._plant, asset_id, baseline, author, readings)
                self._tell(self._accepted(asset_id, baseline, version, len(readings.seconds)))
        except StoreUnavailable as problem:
            self._give_up(asset_id, before, "failed", str(problem))
        except SmartSentryError as problem:
            self._give_up(asset_id, before, "refused", str(problem))
        except Exception:  # noqa: BLE001 - the outermost loop of a background thread: it must be told
            _log.exception("the calibration of %s failed", asset_id)
            self._give_up(asset_id, before, "failed", "The calibration failed; the service's log says why.")
        else:
            self._tell_tracking(asset_id, kind.name, readings, version, baseline.acceptance)

    def _tell_tracking(
        self, asset_id: str, asset_type: str, readings: Readings, version: str, acceptance: Acceptance
    ) -> None:
        if self._track is None:
            return
        checksum = hashlib.sha256(readings.seconds.tobytes() + readings.values.tobytes()).hexdigest()
        outcome = CalibrationOutcome(asset_id, version, acceptance, None)
        try:
            self._track(CalibrationRecord(asset_type, "readings over HTTP", checksum, _SEED, (outcome,)))
        except TrackingFailed as problem:
            _log.warning("the calibration of %s stands: %s", asset_id, problem, exc_info=True)

    def _accepted(self, asset_id: str, baseline: Baseline, version: str, rows: int) -> CalibrationStatus:
        return CalibrationStatus(asset_id, "accepted", 1.0, rows, version, baseline.acceptance)

    def _give_up(self, asset_id: str, before: State, stage: str, problem: str) -> None:
        """Tells the end also while the database is away; the asset's state then follows as soon as it answers."""
        with self._plant.lock:  # a purge, and what is forgotten with it, comes after both
            back = self._is_put_back(asset_id, before)
            with self._lock:
                status = self._statuses[asset_id]
                self._statuses[asset_id] = replace(status, stage=stage, progress=1.0, problem=problem)
        while not back and not self._ending.wait(self._retry_seconds):
            back = self._is_put_back(asset_id, before)

    def _tell(self, status: CalibrationStatus) -> None:
        with self._lock:
            self._statuses[status.asset_id] = status

    def _is_put_back(self, asset_id: str, before: State) -> bool:
        try:
            self._put_back(asset_id, before)
        except Exception:  # noqa: BLE001 - the outermost loop of a background thread: what failed is tried again
            _log.exception("%s is still CALIBRATING", asset_id)
            return False
        return True

    def _put_back(self, asset_id: str, before: State) -> None:
        with self._plant.store.transaction(assets=[asset_id]) as batch:
            found = batch.states.find(asset_id)
            if found is not None:
                batch.states.change(replace(found, state=before, time=self._plant.clock()), only_from=_CALIBRATING)

    def _settle_interrupted(self) -> None:
        """A calibration that a stop of the service cut off has left its asset CALIBRATING."""
        with self._plant.store.view() as batch:
            cut = [state for state in batch.states.all().values() if state.state == "CALIBRATING"]
            noted = {state.asset_id: _by_rows(batch, state.asset_id) for state in cut}
        for state in cut:
            before = noted[state.asset_id]
            if state.asset_type in self._plant.asset_types:
                judged = self._plant.watch(state.asset_type).judge_of(state.asset_id) is not None
                before = "IDLE" if not judged else "CALIBRATED" if before == "IDLE" else before
            self._put_back(state.asset_id, before)


def _by_rows(batch: Batch, asset_id: str) -> State:
    """What an asset is in by its active baseline and newest reading. A worker that judges it already does not say so again."""
    active, came = batch.baselines.active(asset_id), batch.readings.newest_came(asset_id)
    if active is None:
        return "IDLE"
    return "MONITORING" if came is not None and came > active.time else "CALIBRATED"
