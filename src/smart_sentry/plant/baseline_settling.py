"""Which baseline is active stands in files and in the database's index: what has come apart is brought together again.

A stop between the files and the transaction of a calibration, a promotion or a rollback leaves the files ahead: the database is
right. A calibration from a file knows no database: its baseline is entered in the index, as of its creation.
"""

from __future__ import annotations

import logging

from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.watches import enter_from_file
from smart_sentry.stores.recalibrations import Recalibration

_log = logging.getLogger(__name__)


def settle_baselines(plant: Plant) -> None:
    """Undoes what a stop cut off, and enters what was calibrated from a file, of every asset that the plant knows."""
    with plant.lock:
        with plant.store.view() as batch:
            calibrating = {asset for asset, its in batch.states.all().items() if its.state == "CALIBRATING"}
            opened = {one.asked.asset_id: one for one in batch.recalibrations.history(open_only=True)}
        apart = False
        for asset, name in sorted(plant.watches.type_of.items()):
            watch = plant.watch(name)
            if isinstance(watch, ConditionWatch):
                apart |= _settle(plant, watch, asset, opened.get(asset), asset in calibrating)
        if apart:
            plant.restore()


def _settle(
    plant: Plant, watch: ConditionWatch, asset_id: str, opened: Recalibration | None, calibrating: bool
) -> bool:
    """Whether an asset's files were put back."""
    history = watch.baselines.history(asset_id)
    with plant.store.view() as batch:
        right = batch.baselines.active(asset_id)
    if not history or (right is not None and right.version == history[-1]):
        return False
    if right is not None and right.version not in history and right.version in watch.baselines.versions(asset_id):
        watch.baselines.put_back(asset_id, right.version)  # a rollback was cut off
    elif right is not None and right.version in history and (calibrating or _is_candidate(history[-1], opened)):
        watch.baselines.roll_back(asset_id)  # a calibration or a promotion was
    else:
        _enter_active(plant, watch, asset_id, history[-1])
        return False
    _log.warning("%s: baseline %s is active again, as a stop cut off its end", asset_id, right.version)
    with plant.store.transaction(assets=[asset_id]) as batch:
        plant.tell_switched(batch, asset_id)
    return True


def _is_candidate(version: str, opened: Recalibration | None) -> bool:
    return opened is not None and opened.candidate_version == version


def _enter_active(plant: Plant, watch: ConditionWatch, asset_id: str, version: str) -> None:
    try:
        baseline = watch.baselines.load(asset_id, version)
    except (ModelUnavailable, ChecksumMismatch):
        return  # the alarm about it says so
    with plant.store.transaction(assets=[asset_id]) as batch:
        enter_from_file(batch, baseline, plant.clock())
