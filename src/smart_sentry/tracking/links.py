"""Addresses of pages in MLflow's web interface. Its front page is about GenAI, so people are sent to the training runs."""

from __future__ import annotations

from smart_sentry.config import Settings


def mlflow_address(settings: Settings) -> str:
    """Where people find MLflow's web interface: what is set, else the server that runs go to, else that of `smart-sentry ui`.

    >>> mlflow_address(Settings(mlflow_tracking_uri="http://mlflow:5000", mlflow_url="http://127.0.0.1:5000/"))
    'http://127.0.0.1:5000'
    """
    uri = settings.mlflow_url or settings.mlflow_tracking_uri
    return uri.rstrip("/") if uri and uri.startswith("http") else f"http://{settings.host}:{settings.mlflow_port}"


def training_runs_page(address: str, experiment_id: str) -> str:
    """The table of an experiment's training runs.

    >>> training_runs_page("http://127.0.0.1:5000", "1")
    'http://127.0.0.1:5000/#/experiments/1/runs'
    """
    return f"{address}/#/experiments/{experiment_id}/runs"


def run_page(address: str, experiment_id: str, run_id: str) -> str:
    """One run.

    >>> run_page("http://127.0.0.1:5000", "1", "ab")
    'http://127.0.0.1:5000/#/experiments/1/runs/ab'
    """
    return f"{address}/#/experiments/{experiment_id}/runs/{run_id}"


def model_version_page(address: str, name: str, version: str) -> str:
    """One version of a registered model.

    >>> model_version_page("http://127.0.0.1:5000", "smart-sentry-FD001", "2")
    'http://127.0.0.1:5000/#/models/smart-sentry-FD001/versions/2'
    """
    return f"{address}/#/models/{name}/versions/{version}"


def champion_run_page(settings: Settings, dataset: str) -> str | None:
    """The training run of a data set's champion; None before the first promotion. Imports MLflow, which takes seconds."""
    from smart_sentry.tracking.mlflow_tracking import Tracker
    from smart_sentry.tracking.model_registry import ModelRegistry

    tracker = Tracker(settings.mlruns_folder, settings.mlflow_tracking_uri)
    champion = ModelRegistry(tracker, dataset).champion()
    if champion is None:
        return None
    run = tracker.client.get_run(champion.model.run_id)
    return run_page(mlflow_address(settings), run.info.experiment_id, run.info.run_id)
