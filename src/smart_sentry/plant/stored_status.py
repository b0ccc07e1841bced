"""How an asset stands, from what is stored of it: pure, and the same for every surface."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from smart_sentry.contracts.monitoring import AssetStatus, Prediction
from smart_sentry.detection.baseline import Baseline
from smart_sentry.errors import UnknownAsset
from smart_sentry.health.degradation import grade, remaining_life_hours
from smart_sentry.plant.watch import MAINTENANCE, SENSOR, WORK_BEGUN, WORK_ENDED
from smart_sentry.stores.alarm_log import AlarmState
from smart_sentry.stores.assessments import StoredAssessment
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.audit import PURGE, AuditEntry
from smart_sentry.stores.predictions import StoredPrediction
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

_DAMAGE_SECONDS = 3600.0


@dataclass(frozen=True)
class StoredStatus:
    """What the database says of an asset at a time.

    Attributes:
        state: what it is in.
        newest: its newest assessment; None before the first.
        hour: the first assessment of the hour that ends with the newest.
        alarms: those that are not normal, the longest-standing first.
        predicted: the newest prediction of a failure model.
        worked_on_until: until when people are at work on it at most, seconds since 1970 UTC; None: nobody is.
    """

    state: AssetState
    newest: StoredAssessment | None
    hour: StoredAssessment | None
    alarms: Sequence[AlarmState]
    predicted: StoredPrediction | None
    worked_on_until: float | None


def stored_status(batch: Batch, asset_id: str, now: float, until: float | None = None) -> StoredStatus:
    """Reads what is stored of an asset.

    Args:
        batch: the transaction.
        asset_id: which one.
        now: seconds since 1970 UTC.
        until: seconds since 1970 UTC, included; None: everything.

    Raises:
        UnknownAsset: no reading of it has come.
    """
    state = batch.states.find(asset_id)
    if state is None:
        raise UnknownAsset(asset_id)
    end = None if until is None else math.nextafter(until, math.inf)
    newest = batch.assessments.history(asset_id, Span(end=end, limit=1, newest_first=True))
    hour: list[StoredAssessment] = []
    if newest:
        hour = batch.assessments.history(asset_id, Span(newest[0].time - _DAMAGE_SECONDS, end, limit=1))
    alarms = batch.reports.open_alarms(asset_id, math.inf if until is None else until)
    return StoredStatus(
        state, newest[0] if newest else None, hour[0] if hour else None, alarms, batch.predictions.newest(asset_id, end),
        _work_until(batch.audit.newest(asset_id, (WORK_BEGUN, WORK_ENDED, MAINTENANCE, PURGE), until), now),
    )  # fmt: skip


def status_of(stored: StoredStatus, baseline: Baseline | None, judge: str | None) -> AssetStatus:
    """One asset as it stands.

    Args:
        stored: what the database says.
        baseline: what it is held against; None where a failure model judges it, or nothing does yet.
        judge: version of the baseline or of the failure model; None: nothing judges it yet.
    """
    state, newest, predicted = stored.state, stored.newest, stored.predicted
    last = newest if judge is not None else None
    return AssetStatus(
        asset_id=state.asset_id, asset_type=state.asset_type, system_state=state.state,
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
        degradation=None if last is None else last.degradation,
        remaining_life_hours=None if last is None or baseline is None else _life_hours(last, stored.hour),
        prediction=_prediction(predicted) if predicted and judge is not None and baseline is None else None,
        reason="" if last is None else last.reason, open_alarms=len(stored.alarms),
        health_uncertain=any(
            alarm.kind.startswith(SENSOR) and alarm.details.get("active") for alarm in stored.alarms
        ),
        maintenance_until=_moment(stored.worked_on_until),
        time=_moment(None if newest is None else newest.time),
    )  # fmt: skip


def _work_until(newest: AuditEntry | None, now: float) -> float | None:
    """Until when people are at work at most, by the newest word about it; None where nobody is."""
    if newest is None or newest.action != WORK_BEGUN or newest.details["until"] <= now:
        return None
    return float(newest.details["until"])


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _life_hours(last: StoredAssessment, hour: StoredAssessment | None) -> float | None:
    """At the damage rate of the last hour; None where no damage was done in it and some life is left."""
    rate = 0.0
    if hour is not None:
        rate = (last.degradation - hour.degradation) / (max(last.time - hour.time, 1.0) / 3600.0)
    hours = float(remaining_life_hours(np.array([last.degradation]), np.array([rate]))[0])
    return hours if math.isfinite(hours) else None


def _prediction(found: StoredPrediction) -> Prediction:
    facts = vars(found)
    return Prediction(**{name: facts[name] for name in Prediction.model_fields})


def _means(baseline: Baseline) -> dict[str, float]:
    statistics = baseline.steady.statistics
    columns = zip(statistics.names, statistics.mean, strict=True)
    return {name: float(mean) for name, mean in columns if name not in baseline.acceptance.derived}
