"""Which baseline is the active one: a new one, a candidate that is promoted, the one before, or what somebody else decided.

Files and database change together: where the transaction fails, the files are put back and the monitors restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.errors import ActionRefused, ChecksumMismatch, ModelUnavailable, StateForbids
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import MODEL, Plant
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.store import Batch


def commission(plant: Plant, asset_id: str, baseline: Baseline, author: str, readings: Readings | None = None) -> str:
    """Makes a baseline the active one, keeps the readings it was learnt from, and returns its version."""
    with plant.lock:
        watch = plant.calibrated_watch_of(asset_id)
        history, kept = watch.baselines.history(asset_id), watch.baselines.versions(asset_id)
        version = watch.baselines.add(baseline, readings)  # one that is kept already, where it was learnt from the same
        try:
            _switch(plant, watch, asset_id, author, "calibrate", {"grade": baseline.acceptance.grade})
        except BaseException:
            watch.baselines.restore_history(asset_id, history)
            if version not in kept:
                watch.baselines.remove(asset_id, version)
            plant.recover()
            raise
        plant.alarms.state_condition(asset_id, MODEL, False, author, "a new baseline is active")
        return version


def promote(plant: Plant, asset_id: str, version: str, author: str, also: Callable[[Batch], None]) -> None:
    """Makes a baseline that is kept beside the active one the active one.

    Args:
        plant: that judges by it.
        asset_id: whose.
        version: of the candidate.
        author: who decided.
        also: done in the transaction that makes it active.

    Raises:
        UnknownAsset: no reading of it has come. StateForbids: a calibration is running.
        ModelUnavailable, ChecksumMismatch: the candidate cannot be read; the active baseline stays.
    """
    with plant.lock:
        watch = _not_calibrating(plant, "promotion", asset_id)
        history = watch.baselines.history(asset_id)
        try:
            watch.baselines.activate(asset_id, version)
        except (ModelUnavailable, ChecksumMismatch) as problem:
            plant.alarms.state_condition(asset_id, MODEL, True, author, str(problem))
            raise
        try:
            _switch(plant, watch, asset_id, author, "promote", {}, also)
        except BaseException:
            watch.baselines.restore_history(asset_id, history)
            plant.recover()
            raise
        plant.alarms.state_condition(asset_id, MODEL, False, author, "a baseline was promoted")


def roll_back(
    plant: Plant, asset_id: str, author: str, reason: str, also: Callable[[Batch], None] = lambda _: None
) -> str:
    """Makes the baseline before the active one active again and returns its version.

    Args:
        plant: that judges by it.
        asset_id: whose.
        author, reason: who decided, and why.
        also: done in the transaction that makes it active.

    Raises:
        UnknownAsset: no reading of it has come. StateForbids: a calibration is running.
        ActionRefused: there is no earlier baseline, or a failure model judges it.
        ModelUnavailable, ChecksumMismatch: the earlier one cannot be read; the active baseline stays.
    """
    with plant.lock:
        watch = _not_calibrating(plant, "rollback", asset_id)
        if len(watch.baselines.history(asset_id)) < 2:
            why = "there is no earlier baseline"
            raise ActionRefused("rollback", asset_id, "calibrated at most once", ["calibration/start"], why)
        left = watch.baselines.history(asset_id)[-1]  # which need not be readable
        version = watch.baselines.roll_back(asset_id)
        try:
            _switch(plant, watch, asset_id, author, "roll back", {"from": left, "reason": reason}, also)
        except BaseException as problem:
            watch.baselines.put_back(asset_id, left)
            plant.recover()
            if isinstance(problem, ModelUnavailable | ChecksumMismatch):
                plant.alarms.state_condition(asset_id, MODEL, True, author, str(problem))
            raise
        plant.alarms.state_condition(asset_id, MODEL, False, author, "an earlier baseline is active again")
        return version


def take_over(plant: Plant, asset_id: str) -> None:
    """Scores an asset with the baseline that somebody else made active.

    Raises:
        UnknownAsset, ActionRefused: as of `Plant.calibrated_watch_of`. ModelUnavailable: it has none.
    """
    with plant.lock:
        watch = plant.calibrated_watch_of(asset_id)
        baseline = watch.baselines.active(asset_id)
        with plant.changing([asset_id]):
            watch.switch(asset_id, baseline)
            plant.watches.monitored.discard(asset_id)


def _switch(
    plant: Plant, watch: ConditionWatch, asset_id: str, author: str, action: str, details: Mapping[str, str],
    also: Callable[[Batch], None] = lambda _: None,
) -> None:  # fmt: skip
    """Scores an asset with the baseline that is active in its files, from now on.

    Args:
        plant: that judges by it.
        watch: the asset's.
        asset_id: whose.
        author, action, details: for the audit log.
        also: done in the same transaction.

    Raises:
        ModelUnavailable, ChecksumMismatch: the baseline cannot be read.
        StoreUnavailable: the database cannot be reached; nothing has changed there, and `Plant.recover` is the caller's to call,
            once the files are as they were.
    """
    baseline, now = watch.baselines.active(asset_id), plant.clock()
    with plant.store.transaction(assets=[asset_id]) as batch:
        watch.switch(asset_id, baseline)
        batch.baselines.activate(ActiveBaseline(asset_id, baseline.version, now, author))
        batch.states.change(AssetState(asset_id, "CALIBRATED", watch.asset_type.name, now))
        batch.audit.add(AuditEntry(now, author, action, asset_id, {"version": baseline.version, **details}))
        also(batch)
        plant.watches.monitored.discard(asset_id)
        plant.tell_switched(batch, asset_id)
        plant.save(batch)


def _not_calibrating(plant: Plant, asked: str, asset_id: str) -> ConditionWatch:
    watch = plant.calibrated_watch_of(asset_id)
    with plant.store.view() as batch:
        state = batch.states.find(asset_id)
    if state is not None and state.state == "CALIBRATING":
        raise StateForbids(asked, asset_id, state.state, ["calibration/status"])
    return watch
