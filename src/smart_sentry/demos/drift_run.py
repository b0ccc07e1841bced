"""What the drift demonstration runs on: a service and a scheduler as processes of their own, asked over HTTP."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from smart_sentry.config import Settings
from smart_sentry.datasets.drift_fleet import HALL, INTERVAL_S, YARD, Member
from smart_sentry.datasets.drift_scenarios import Recorded
from smart_sentry.datasets.motor_instruments import SIGNALS
from smart_sentry.environment import library_environment
from smart_sentry.errors import ServerNotReady, ServiceRefused
from smart_sentry.servers import RunningServer, Server, free_port, running
from smart_sentry.service_client import ServiceClient

IN_A_HOME = ("params.yaml", "dvc.yaml")
_BATCH, _PATIENCE_S, _POLL_S = 2000, 900.0, 0.5
_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class Plant:
    """The demonstration's service and scheduler, while they run.

    Attributes:
        client: of the service.
        prefect: of Prefect's API.
        start: time of the readings' second 0.
    """

    client: ServiceClient
    prefect: httpx.Client
    start: datetime

    def send(self, member: Member, part: Recorded) -> None:
        """Sends readings in batches, with their times in the past."""
        shown = [(self.start + timedelta(seconds=at)).isoformat() for at in part.seconds.tolist()]
        readings = [
            {"asset_id": member.asset_id, "asset_type": member.asset_type, "event_id": time, "timestamp": time}
            | dict(zip(SIGNALS, row, strict=True))
            for time, row in zip(shown, part.values.tolist(), strict=True)
        ]
        for first in range(0, len(readings), _BATCH):
            self.client.post("/api/v1/data/batch", {"readings": readings[first : first + _BATCH]})

    def write_log(self, member: Member) -> None:
        """Writes the maintenance log's lines as operators' notes, with the times at which things were done."""
        for line in member.log:
            at = (self.start + timedelta(seconds=line.seconds)).isoformat()
            note = {"asset_id": member.asset_id, "kind": line.kind, "author": "demo", "text": line.text, "time": at}
            self.client.post("/api/v1/logs", note)

    def run(self, flow: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Runs a deployment of the same name and waits for its end.

        Raises:
            ServiceRefused: it did not complete.
        """
        deployment = self._ask("GET", f"/deployments/name/{flow}/{flow}")["id"]
        run: dict[str, Any] = self._ask(
            "POST", f"/deployments/{deployment}/create_flow_run", {"parameters": parameters}
        )
        self.wait(lambda: self._state(run["id"]) in _ENDED, f"flow {flow} has not ended")
        if (state := self._state(run["id"])) != "COMPLETED":
            raise ServiceRefused(f"flow {flow}", f"it ended as {state}", "See the scheduler's log.")
        return run

    def runs_of(self, deployment: str) -> list[str]:
        """States of the flow runs of a deployment that no cron has scheduled."""
        found = self._ask("POST", "/flow_runs/filter", {"deployments": {"name": {"any_": [deployment]}}})
        return [run["state"]["type"] for run in found if not run["auto_scheduled"]]

    def recalibrations(self) -> dict[str, dict[str, Any]]:
        """Asset -> its newest recalibration."""
        found = self.client.get("/api/v1/recalibrations", limit="1000")
        return {one["asset_id"]: one for one in reversed(found)}

    def wait(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Waits until something holds.

        Raises:
            ServiceRefused: it does not after a quarter of an hour.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while not holds():
            if time.monotonic() > deadline:
                raise ServiceRefused(self.client.address, otherwise, "See the logs in .home/logs.")
            time.sleep(_POLL_S)

    def _state(self, run: str) -> str:
        return str(self._ask("GET", f"/flow_runs/{run}")["state"]["type"])

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.prefect.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json()


def make_home(settings: Settings, home: Path) -> None:
    """A project's folder of its own: flows that events start and no clock, and two asset types made of the bench's motor."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(settings.home / "pipelines", home / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    for name in IN_A_HOME:
        shutil.copyfile(settings.home / name, home / name)
    described = yaml.safe_load((settings.home / "prefect.yaml").read_text(encoding="utf-8"))
    for deployment in described["deployments"]:
        deployment.pop("schedules", None)
    (home / "prefect.yaml").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    bench = yaml.safe_load((settings.configs_folder / "assets" / "motor_bench.yaml").read_text(encoding="utf-8"))
    folder = home / "configs" / "assets"
    folder.mkdir(parents=True)
    for name in (HALL, YARD):
        phase = bench["phase"] | {"window_seconds": 2 * INTERVAL_S}
        told = bench | {"name": name, "sampling_seconds": INTERVAL_S, "phase": phase}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")


@contextmanager
def running_plant(settings: Settings, home: Path, start: datetime) -> Iterator[Plant]:
    """Service and scheduler for the length of the block, on free ports and the folder's own database.

    SIGTERM ends the block as Ctrl-C does: neither must outlive it.
    """
    ports = {"SMART_SENTRY_PORT": str(free_port()), "SMART_SENTRY_PREFECT_PORT": str(free_port())}
    private = {"PREFECT_HOME": str(home / ".home" / "prefect"), "PREFECT_RUNNER_POLL_FREQUENCY": "1"}
    own = {"SMART_SENTRY_HOME": str(home), "SMART_SENTRY_DATABASE": f"sqlite:///{home / 'data' / 'demo.db'}"}
    variables = library_environment(settings.home) | private | own | ports
    logs = settings.home.resolve() / ".home" / "logs"
    with (
        _ended_like_ctrl_c(),
        _without(("PREFECT_API_URL", "SMART_SENTRY_API_KEYS", "SMART_SENTRY_KAFKA_BOOTSTRAP", "SMART_SENTRY_INGEST")),
        running(_scheduler(settings, variables), logs / "demo_drift_scheduler.log") as scheduler,
        _gently_stopped(scheduler),
        running(_service(settings, variables), logs / "demo_drift_service.log") as service,
        ServiceClient(service.address, timeout_s=120) as client,
        httpx.Client(base_url=f"{scheduler.address}/api", timeout=30) as prefect,
    ):
        plant = Plant(client, prefect, start)
        _wait_until_served(plant, scheduler, logs / "demo_drift_scheduler.log")
        yield plant


def _service(settings: Settings, variables: dict[str, str]) -> Server:
    port = variables["SMART_SENTRY_PORT"]
    command = [sys.executable, "-m", "bentoml", "serve", "serving.service:PredictionService", "--host", settings.host]
    command += ["--port", port, "--working-dir", str(settings.home.resolve())]
    return Server("the service", command, settings.host, int(port), "/health", variables)


def _scheduler(settings: Settings, variables: dict[str, str]) -> Server:
    program = "from smart_sentry.cli import main; main()"
    command = [sys.executable, "-c", program, "schedule", "--limit", str(max(2, os.cpu_count() or 2))]
    port = int(variables["SMART_SENTRY_PREFECT_PORT"])
    return Server("the scheduler", command, settings.host, port, "/api/health", variables)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _gently_stopped(scheduler: RunningServer) -> Iterator[None]:
    """It has a server of its own to stop, and takes its time."""
    try:
        yield
    finally:
        scheduler.process.terminate()
        with suppress(subprocess.TimeoutExpired):  # whoever started it kills what is left
            scheduler.process.wait(60)


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """Leaves out variables that would lead the demonstration to somebody else's servers."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ |= kept


def _wait_until_served(plant: Plant, scheduler: RunningServer, log: Path) -> None:
    """Until every deployment is registered, the last one of the file too."""
    deadline = time.monotonic() + _PATIENCE_S
    while b"Ctrl-C stops everything." not in log.read_bytes():
        if scheduler.process.poll() is not None or time.monotonic() > deadline:
            raise ServerNotReady("the scheduler", scheduler.address, "it does not serve the deployments", log)
        time.sleep(_POLL_S)


def begin_of(seconds: float) -> datetime:
    """The time of second 0 of readings that are to end a minute ago."""
    return (datetime.now(UTC) - timedelta(seconds=seconds + 60.0)).replace(microsecond=0)
