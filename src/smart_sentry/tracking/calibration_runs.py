"""Calibrations in MLflow: one run each, with every asset's acceptance report as a table."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from smart_sentry.errors import TrackingFailed
from smart_sentry.tracking.records import CalibrationRecord

REPORT = "acceptance.json"
"""Artifact with one row an asset."""


def log_calibration(record: CalibrationRecord, mlruns_folder: Path, tracking_uri: str | None = None) -> str:
    """Logs one run into the experiment calibration-<type> and returns its id. Imports MLflow, which takes seconds.

    Args:
        record: what was calibrated, and what became of it.
        mlruns_folder, tracking_uri: as `Tracker` takes them.

    Raises:
        TrackingFailed: MLflow is not installed, cannot be reached or refuses.
    """
    what = f"the calibration of {len(record.outcomes)} {record.asset_type} asset{'s' * (len(record.outcomes) != 1)}"
    try:
        return _log(record, mlruns_folder, tracking_uri)
    except Exception as error:  # MLflow raises its own errors, those of SQL and HTTP libraries, and those of files
        raise TrackingFailed(what, f"{type(error).__name__}: {error}".rstrip(".")) from error


def _log(record: CalibrationRecord, mlruns_folder: Path, tracking_uri: str | None) -> str:
    from smart_sentry.tracking.mlflow_tracking import Tracker

    accepted = [one.acceptance for one in record.outcomes if one.acceptance is not None]
    false_alarms = [report.false_alarms for report in accepted]
    with Tracker(mlruns_folder, tracking_uri).new_run(f"calibration-{record.asset_type}", record.data) as run:
        run.log_params({
            "type": record.asset_type, "data": record.data, "data_sha256": record.data_sha256,
            "assets": len(record.outcomes), "seed": record.seed,
        })  # fmt: skip
        run.log_metrics({
            "accepted": len(accepted), "refused": len(record.outcomes) - len(accepted),
            "false_alarms_median": median(false_alarms) if accepted else None,
            "false_alarms_worst": max(false_alarms, default=None),
            **record.metrics,
        })  # fmt: skip
        run.log_table(_reports(record), REPORT)
    return run.run_id


def _reports(record: CalibrationRecord) -> dict[str, list[object]]:
    """Column -> one value an asset; empty where a refused asset has none."""
    names = list(dict.fromkeys(name for one in record.outcomes if one.acceptance for name in vars(one.acceptance)))
    columns: dict[str, list[object]] = {
        "asset_id": [one.asset_id for one in record.outcomes],
        "version": [one.version or "" for one in record.outcomes],
        "refusal": [one.refusal or "" for one in record.outcomes],
    }
    for name in names:
        columns[name] = [
            None if one.acceptance is None else _shown(vars(one.acceptance)[name]) for one in record.outcomes
        ]
    return columns


def _shown(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{key} {count}" for key, count in value.items())
    return "; ".join(value) if isinstance(value, tuple) else value
