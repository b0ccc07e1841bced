"""What the libraries read from the environment, set before they are imported: no telemetry, and their files inside the project.

Values that a person has set are kept.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError

NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",  # Prefect, Evidently and others
    "BENTOML_DO_NOT_TRACK": "True",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it takes DO_NOT_TRACK=true only, not the customary 1
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}

QUICK_START = {
    # Prefect's in-process API takes about 20 s to start on two cores, and by default gives up after 20.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Without job execution MLflow's server is two processes instead of a dozen.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}

SHOWN_IN_PREFECT = {
    "PREFECT_LOGGING_EXTRA_LOGGERS": "smart_sentry",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # outside of a flow there is no flow run's log
}
"""What the stages log stands in the flow run's log."""


def library_environment(home: Path) -> dict[str, str]:
    """The variables that the libraries are run with.

    Args:
        home: the project's folder; Prefect and BentoML keep their files in `.home` under it.
    """
    private = home.resolve() / ".home"
    folders = {"PREFECT_HOME": str(private / "prefect"), "BENTOML_HOME": str(private / "bentoml")}
    return NO_TELEMETRY | QUICK_START | SHOWN_IN_PREFECT | folders


def prepare_environment(settings: Settings, environment: MutableMapping[str, str] = os.environ) -> None:
    """Fills in what is not set yet. Call it before Prefect, MLflow, BentoML, DVC, Evidently or Streamlit are imported."""
    for name, value in library_environment(settings.home).items():
        environment.setdefault(name, value)
    # Prefect's in-process server does not start where its folder is missing.
    Path(environment["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)


def work_in_place() -> dict[str, str]:
    """Prefect's pull step: a flow runs in the checkout that the worker's machine has, and nothing is downloaded.

    The checkout is SMART_SENTRY_HOME where that is set, else the folder that this package is installed from.

    Returns:
        the folder, as Prefect expects it of a pull step.

    Raises:
        ConfigurationError: neither is a checkout.
    """
    named = os.environ.get("SMART_SENTRY_HOME")
    folder = Path(named).resolve() if named else Path(__file__).resolve().parents[2]
    if not (folder / "prefect.yaml").is_file():
        raise ConfigurationError(
            folder,
            "no prefect.yaml, so this is no checkout of the project",
            "Set SMART_SENTRY_HOME in the worker's environment.",
        )
    os.chdir(folder)
    return {"directory": str(folder)}
