"""`smart-sentry dashboard`: the operators' dashboard. What it needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def dashboard(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="else SMART_SENTRY_DASHBOARD_PORT")] = None,
) -> None:
    """Serve the operators' dashboard on the live feed and the running service, until Ctrl-C."""
    import importlib.util
    import os
    import sys

    from smart_sentry.config import load_settings
    from smart_sentry.environment import library_environment
    from smart_sentry.errors import ConfigurationError
    from smart_sentry.servers import demand_free_port

    settings = load_settings()
    project = _project(settings.home)
    if importlib.util.find_spec("streamlit") is None:
        raise ConfigurationError(
            "streamlit", "it is not installed", "Install it in the checkout: pip install -e '.[dashboard,store]'."
        )
    chosen = settings.dashboard_port if port is None else port
    demand_free_port("the dashboard", settings.host, chosen)
    command = [sys.executable, "-m", "streamlit", "run", str(project / "dashboard" / "app.py")]
    command += ["--server.address", settings.host, "--server.port", str(chosen), "--server.headless", "true"]
    path = os.pathsep.join(filter(None, [str(project), os.environ.get("PYTHONPATH")]))
    os.execve(  # noqa: S606 - no shell is wanted: signals go straight to the server
        sys.executable, command, {**library_environment(settings.home), **os.environ, "PYTHONPATH": path}
    )


def _project(home: Path) -> Path:
    """Where dashboard/ stands: the checkout that this package is installed from, else the project's folder."""
    from smart_sentry.errors import ConfigurationError

    checkout = Path(__file__).resolve().parents[3]
    for folder in (checkout, home.resolve()):
        if (folder / "dashboard" / "app.py").is_file():
            return folder
    raise ConfigurationError(
        home.resolve(),
        "no dashboard/app.py there",
        "Run it from a checkout of the project, or set SMART_SENTRY_HOME to one.",
    )
