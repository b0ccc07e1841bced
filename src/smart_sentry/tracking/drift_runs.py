"""Monitoring rounds in MLflow: one run each, with its reports as artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smart_sentry.errors import TrackingFailed


def log_drift_round(
    asset_type: str, reports: Path, params: Mapping[str, object], metrics: Mapping[str, float | None], mlruns_folder: Path,
    tracking_uri: str | None = None,
) -> tuple[str, str]:  # fmt: skip
    """Logs one run into the experiment drift-<type> and returns both ids. Imports MLflow, which takes seconds.

    Args:
        asset_type: its name.
        reports: folder of the pages and metrics.
        params, metrics: of the round.
        mlruns_folder, tracking_uri: as `Tracker` takes them.

    Raises:
        TrackingFailed: MLflow is not installed, cannot be reached or refuses.
    """
    try:
        from smart_sentry.tracking.mlflow_tracking import Tracker

        with Tracker(mlruns_folder, tracking_uri).new_run(f"drift-{asset_type}", reports.name) as run:
            run.log_params(params)
            run.log_metrics(metrics)
            run.log_files(reports)
    except Exception as error:  # MLflow raises its own errors, those of SQL and HTTP libraries, and those of files
        what = f"the drift of {asset_type}"
        raise TrackingFailed(what, f"{type(error).__name__}: {error}".rstrip(".")) from error
    return run.experiment_id, run.run_id
