"""What stands: of the plant, of one asset, and what was learnt of it."""

from __future__ import annotations

from typing import Any

from smart_sentry.contracts.monitoring import AssetStatus, PlantStatus
from smart_sentry.errors import ModelUnavailable, UnknownAsset
from smart_sentry.features.steps import window_length
from smart_sentry.phases import Phase
from smart_sentry.plant.failure_watch import FailureWatch
from smart_sentry.plant.other_names import with_other_models, with_short_means, with_short_statistics
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.stored_status import status_of, stored_status


def asset_status(plant: Plant, asset_id: str) -> AssetStatus:
    """One asset as it stands; of one whose type is not configured any more, what is stored, and that nobody judges it.

    Raises:
        UnknownAsset: no reading of it has come.
    """
    with plant.store.view() as batch:
        stored = stored_status(batch, asset_id, plant.clock())
    if stored.state.asset_type not in plant.asset_types:
        why = str(UnknownAsset(asset_id, stored.state.asset_type))
        return status_of(stored, None, None).model_copy(update={"reason": why})
    watch = plant.watch_of(asset_id)
    return status_of(stored, watch.baseline_of(asset_id), watch.judge_of(asset_id))


def plant_status(plant: Plant, asset_id: str | None) -> PlantStatus:
    """The plant, and the asset that is asked for, or the only one."""
    with plant.store.view() as batch:
        states = batch.states.all()
    if asset_id is None and len(states) == 1:
        asset_id = next(iter(states))
    asset = None if asset_id is None else asset_status(plant, asset_id)
    found = {state.state for state in states.values()}
    overall = next((state for state in ("CALIBRATING", "MONITORING", "CALIBRATED") if state in found), "IDLE")
    return PlantStatus(
        system_state=overall if asset is None else asset.system_state,
        calibration_active="CALIBRATING" in found if asset is None else asset.calibration_active,
        assets=len(states), asset=asset,
        baseline_established=None if asset is None else asset.baseline_established,
        models_loaded=None if asset is None else with_other_models(asset.models_loaded),
        baseline_summary=None if asset is None else _summary(plant, asset),
    )  # fmt: skip


def _summary(plant: Plant, asset: AssetStatus) -> dict[str, float]:
    kind = plant.asset_types.get(asset.asset_type)
    return asset.baseline_summary if kind is None else with_short_means(kind, asset.baseline_summary)


def baseline_of(plant: Plant, asset_id: str | None) -> dict[str, Any]:
    """The thresholds that were learnt, phase by phase, and the acceptance report.

    Raises:
        UnknownAsset: no reading of it has come, or several assets are there and none is named.
        ModelUnavailable: it was not calibrated.
    """
    if asset_id is None:
        with plant.store.view() as batch:
            names = list(batch.states.all())
        if len(names) != 1:
            raise UnknownAsset("an asset (name one: asset_id=...)")
        asset_id = names[0]
    watch = plant.watch_of(asset_id)
    baseline = watch.baseline_of(asset_id)
    if isinstance(watch, FailureWatch):
        return {"asset_id": asset_id, "version": watch.bundle.version, "failure_model": watch.facts()}
    if baseline is None:
        raise ModelUnavailable(f"baseline of {asset_id}", "Calibrate it first: POST /api/v1/calibration/start.")
    phases = {name: part.statistics.as_dict() for name, part in baseline.phases.items()}
    steady = phases.get(Phase.STEADY, phases.get(Phase.UNKNOWN, next(iter(phases.values()))))
    windows = with_short_statistics(watch.asset_type, steady) if window_length(watch.asset_type) > 1 else {}
    return {
        "asset_id": asset_id, "version": baseline.version, "created": baseline.created,
        "baseline": {} if windows else steady, "batch_baseline": windows,
        "phases": phases, "acceptance": vars(baseline.acceptance),
    }  # fmt: skip
