"""What stands: of the plant, of one asset, and what was learnt of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from smart_sentry.contracts.monitoring import AssetStatus, PlantStatus, Prediction
from smart_sentry.detection.baseline import Baseline
from smart_sentry.errors import ModelUnavailable, UnknownAsset
from smart_sentry.features.steps import window_length
from smart_sentry.health.degradation import grade
from smart_sentry.phases import Phase
from smart_sentry.plant.failure_watch import FailureWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.watch import SENSOR
from smart_sentry.stores.predictions import StoredPrediction
from smart_sentry.stores.span import Span

_DAMAGE_SECONDS = 3600.0


def asset_status(plant: Plant, asset_id: str) -> AssetStatus:
    """One asset as it stands.

    Raises:
        UnknownAsset: no reading of it has come.
    """
    with plant.store.view() as batch:
        state = batch.states.find(asset_id)
        if state is None:
            raise UnknownAsset(asset_id)
        newest = batch.assessments.history(asset_id, Span(limit=1, newest_first=True))
        time = newest[0].time if newest else None
        hour = (
            batch.assessments.history(asset_id, Span(start=time - _DAMAGE_SECONDS, limit=1)) if time is not None else []
        )
        alarms = [alarm for alarm in batch.alarms.current(asset_id) if alarm.state != "NORMAL"]
        predicted = batch.predictions.history(asset_id, Span(limit=1, newest_first=True))
    watch = plant.watch_of(asset_id)
    baseline, judge = watch.baseline_of(asset_id), watch.judge_of(asset_id)
    last = newest[0] if newest and judge is not None else None
    life = None
    if last is not None and baseline is not None and hour and last.degradation > hour[0].degradation:
        hours = max(last.time - hour[0].time, 1.0) / 3600.0
        life = (1.0 - last.degradation) / ((last.degradation - hour[0].degradation) / hours)
    return AssetStatus(
        asset_id=asset_id, asset_type=state.asset_type, system_state=state.state,
        calibration_active=state.state == "CALIBRATING", baseline_established=baseline is not None,
        models_loaded={
            "covariance": baseline is not None,
            "reading_forest": baseline is not None and baseline.reading_forest is not None,
            "window_forest": baseline is not None and baseline.window_forest is not None,
            "failure": baseline is None and judge is not None,
        },
        baseline_version=None if baseline is None else baseline.version,
        baseline_summary={} if baseline is None else _means(baseline),
        phase=None if last is None else last.phase, score=None if last is None else last.score,
        flagged=last is not None and last.flag, health=None if last is None else last.health,
        risk=None if last is None else last.risk, grade=None if last is None else grade(last.health),
        degradation=None if last is None else last.degradation, remaining_life_hours=life,
        prediction=_prediction(predicted[0]) if predicted and judge is not None and baseline is None else None,
        reason="" if last is None else last.reason, open_alarms=len(alarms),
        health_uncertain=any(alarm.kind.startswith(SENSOR) and alarm.details.get("active") for alarm in alarms),
        time=None if time is None else datetime.fromtimestamp(time, UTC),
    )  # fmt: skip


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
    )  # fmt: skip


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
    fast = window_length(watch.asset_type) > 1
    return {
        "asset_id": asset_id, "version": baseline.version, "created": baseline.created,
        "baseline": {} if fast else steady, "batch_baseline": steady if fast else {},
        "phases": phases, "acceptance": vars(baseline.acceptance),
    }  # fmt: skip


def _prediction(found: StoredPrediction) -> Prediction:
    facts = vars(found)
    return Prediction(**{name: facts[name] for name in Prediction.model_fields})


def _means(baseline: Baseline) -> dict[str, float]:
    statistics = baseline.steady.statistics
    columns = zip(statistics.names, statistics.mean, strict=True)
    return {name: float(mean) for name, mean in columns if name not in baseline.acceptance.derived}
