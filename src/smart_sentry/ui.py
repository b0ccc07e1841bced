"""MLflow's and Prefect's web interfaces on this machine, started together and stopped together."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from smart_sentry.config import Settings
from smart_sentry.environment import library_environment
from smart_sentry.servers import Server, running
from smart_sentry.tracking.links import mlflow_address, training_runs_page
from smart_sentry.tracking.records import experiment_name

EVERY_EXPERIMENT = experiment_name("")
"""What the names of the project's experiments begin with."""


@dataclass(frozen=True)
class Link:
    """A page to open."""

    text: str
    url: str


def mlflow_server(settings: Settings) -> Server:
    """MLflow on the project's SQLite database; one worker, so that it starts in half a minute instead of one."""
    folder = settings.mlruns_folder.resolve()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", settings.host]
    command += ["--port", str(settings.mlflow_port), "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--default-artifact-root", (folder / "artifacts").as_uri()]
    return Server("MLflow", command, settings.host, settings.mlflow_port, "/health", _variables(settings), folder)


def prefect_server(settings: Settings) -> Server:
    """Prefect's server on the database that flows without a server write to as well."""
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", settings.host, "--port", str(settings.prefect_port)]
    pages = {
        # Its pages would ask port 4200 whatever the server's own port is.
        "PREFECT_SERVER_UI_API_URL": f"http://{settings.host}:{settings.prefect_port}/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }
    variables = _variables(settings) | pages
    return Server("Prefect", command, settings.host, settings.prefect_port, "/api/health", variables)


def _variables(settings: Settings) -> dict[str, str]:
    return {name: os.environ.get(name, value) for name, value in library_environment(settings.home).items()}


@contextmanager
def open_interfaces(settings: Settings) -> Iterator[list[Link]]:
    """Both interfaces for the length of the block; one that a setting names elsewhere is linked, not started.

    Raises:
        ConfigurationError: a port is taken.
        ServerNotReady: a server does not come up.
    """
    logs = settings.home.resolve() / ".home" / "logs"
    elsewhere = os.environ.get("PREFECT_API_URL")
    with ExitStack() as stack:
        if not (settings.mlflow_tracking_uri or "").startswith("http"):
            settings.mlruns_folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(running(mlflow_server(settings), logs / "mlflow.log"))
        if not elsewhere:
            stack.enter_context(running(prefect_server(settings), logs / "prefect.log"))
        prefect = elsewhere.rstrip("/").removesuffix("/api") if elsewhere else prefect_server(settings).address
        yield [*training_links(mlflow_address(settings)), Link("Prefect flow runs", f"{prefect}/runs")]


@contextmanager
def open_prefect(settings: Settings, announce: Callable[[str], object] = print) -> Iterator[str]:
    """Prefect's server for the length of the block, or the one that PREFECT_API_URL names: the address of its API.

    Until the block begins, SIGTERM ends this process as Ctrl-C does: the server must not outlive it.

    Raises:
        ConfigurationError: the port is taken.
        ServerNotReady: the server does not come up.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    elsewhere = os.environ.get("PREFECT_API_URL")
    with ExitStack() as stack:
        address = f"{prefect_server(settings).address}/api" if elsewhere is None else elsewhere.rstrip("/")
        if elsewhere is None:
            announce("Starting Prefect's server: half a minute.")
            log = settings.home.resolve() / ".home" / "logs" / "prefect.log"
            stack.enter_context(running(prefect_server(settings), log))
        pages = address.removesuffix("/api")
        announce(f"Flow runs: {pages}/runs; deployments: {pages}/deployments; automations: {pages}/automations")
        yield address


def training_links(address: str) -> list[Link]:
    """One link for each experiment of the project to its training runs, or MLflow's list of experiments where there is none."""
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": 1000, "filter": f"name LIKE '{EVERY_EXPERIMENT}%'"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        experiments = json.load(answer).get("experiments", [])
    links = [
        Link(
            f"MLflow {found['name'].removeprefix(EVERY_EXPERIMENT)}",
            training_runs_page(address, found["experiment_id"]),
        )
        for found in sorted(experiments, key=lambda found: str(found["name"]))
    ]
    return links or [Link("MLflow (no training yet)", f"{address}/#/experiments")]


def run_ui(settings: Settings, announce: Callable[[str], object] = print) -> None:
    """Starts both interfaces, prints their links, and stops them on Ctrl-C or when the process is told to end."""
    signal.signal(signal.SIGTERM, _interrupt)
    announce("Starting MLflow and Prefect: about a minute.")
    try:
        with open_interfaces(settings) as links:
            for link in links:
                announce(f"{link.text}: {link.url}")
            announce("Ctrl-C stops both.")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        announce("Stopped.")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
