"""A recalibration's candidate in MLflow: one run, with the figures of its checks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from smart_sentry.config import Settings
from smart_sentry.plant.recalibration_run import SEED, Workshop, candidate_of
from smart_sentry.recalibration.checks import FALSE_ALARMS, INJECTED, MOVE, PAST
from smart_sentry.tracking.calibration_runs import log_calibration
from smart_sentry.tracking.records import CalibrationOutcome, CalibrationRecord


def track_candidate(shop: Workshop, told: Mapping[str, Any], settings: Settings) -> str | None:
    """Logs the candidate and what its checks said, and returns the run's id; None where there is no candidate.

    Args:
        shop: has the candidate.
        told: the recalibration as the service tells it.
        settings: where MLflow is.

    Raises:
        TrackingFailed: MLflow is not installed, cannot be reached or refuses.
    """
    found = candidate_of(shop, told)
    if found is None:
        return None
    candidate, readings = found
    learnt_from = b"" if readings is None else readings.seconds.tobytes() + readings.values.tobytes()
    refusal = None if told["state"] != "REFUSED" else "; ".join((told["checks"] or {}).get("refused", ()))
    outcome = CalibrationOutcome(told["asset_id"], candidate.version, candidate.acceptance, refusal)
    checksum = hashlib.sha256(learnt_from).hexdigest()
    data = f"recalibration {told['number']} of {told['asset_id']}"
    record = CalibrationRecord(candidate.asset_type, data, checksum, SEED, (outcome,), metrics_of(told["checks"] or {}))
    return log_calibration(record, settings.mlruns_folder, settings.mlflow_tracking_uri)


def metrics_of(said: Mapping[str, Any]) -> dict[str, float | None]:
    """Figures of checks and shadow, by name."""
    figures = {one["name"]: one["figures"] for one in said.get("checks", ())}
    compared = said.get("shadow", {})
    injected, past = figures.get(INJECTED, {}), figures.get(PAST, {})
    return {
        "held_out_flagged": figures.get(FALSE_ALARMS, {}).get("share"),
        "injected_faults_lost": len(injected["lost"]) if "lost" in injected else None,
        "past_faults_lost": len(past["lost_at"]) if "lost_at" in past else None,
        "cumulative_move_sigma": figures.get(MOVE, {}).get("sigma"),
        "shadow_agreement": compared.get("agreement"),
        "shadow_only_active": compared.get("only_active"),
        "shadow_only_candidate": compared.get("only_candidate"),
    }
