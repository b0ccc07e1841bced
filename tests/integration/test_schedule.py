"""`smart-sentry schedule` as a process of its own: deployments, the automation, and what a stop leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_project import ROOT, PrefectServer, environment_of

from smart_sentry.servers import answers, free_port, stop

PROPOSED = "smart-sentry.drift.recalibration-proposed"
ODD_NAME = "motor & <7> 'x'"
pytestmark = pytest.mark.long

WAITING = '''
"""Stands for the flow of the same name: it takes the same parameters, and its time."""
import time
from pathlib import Path
from prefect import flow

@flow(name="recalibrate")
def recalibrate(asset_id: str, finding_id: int | None = None, reason: str = "", author: str = "schedule") -> None:
    Path("began").write_text(asset_id)
    while not Path("go").exists():
        time.sleep(0.2)
'''


class Scheduler:
    """The command in a checkout, to be started and ended."""

    def __init__(self, checkout: Path) -> None:
        self.checkout, port = checkout, free_port()
        self.environment = environment_of(checkout, SMART_SENTRY_PREFECT_PORT=str(port))
        self.server = PrefectServer(f"http://127.0.0.1:{port}")
        self.log = checkout / "schedule.log"
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """As a script starts it in the background: SIGINT is ignored, SIGTERM has to do."""
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                ["sh", "-c", 'trap "" INT; exec "$0" schedule', str(Path(sys.executable).with_name("smart-sentry"))],
                cwd=self.checkout.parent,
                env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.wait_for(lambda: "Ctrl-C stops everything." in self.said(), 180)

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, what: Callable[[], object], patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not what():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.3)

    def runs_of(self, deployment: str) -> list[dict[str, Any]]:
        """Flow runs of a deployment that nobody scheduled by a cron."""
        found = self.server.post("/flow_runs/filter", {"deployments": {"name": {"any_": [deployment]}}})
        return [run for run in found if not run["auto_scheduled"]]

    def emit(self, *assets: tuple[str, int | None]) -> None:
        events = [
            f"emit_event({PROPOSED!r}, {{'prefect.resource.id': 'smart-sentry.asset.' + asset}},"
            " payload={'asset_id': asset, 'finding_id': number, 'verdict': 'benign_operating_change', 'reason': 'a \"load\"'})"
        ]
        code = "\n".join([
            "import json, sys",
            "from prefect.events import emit_event",
            "from prefect.events.worker import EventsWorker",
            "for asset, number in json.loads(sys.argv[1]):",
            *(f"    {line}" for line in events),
            "EventsWorker.drain_all()",
        ])  # fmt: skip
        environment = {**self.environment, "PREFECT_API_URL": f"{self.server.address}/api"}
        subprocess.run([sys.executable, "-c", code, json.dumps(assets)], env=environment, check=True, timeout=120)

    def end(self) -> int:
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(180)  # Prefect gives each flow run that it stops 30 s


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    checkout = tmp_path_factory.mktemp("scheduled") / "checkout"
    for name in ("configs", "pipelines"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("prefect.yaml", "params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, checkout / name)
    (checkout / "pipelines" / "recalibration.py").write_text(WAITING)
    found = Scheduler(checkout)
    found.start()
    try:
        yield found
    finally:
        stop(found.process)


def test_every_deployment_of_the_file_is_scheduled(scheduler: Scheduler) -> None:
    found = {one["name"]: one for one in scheduler.server.post("/deployments/filter", {})}
    assert {name: [s["schedule"]["cron"] for s in one["schedules"]] for name, one in found.items()} == {
        "train": ["0 3 * * 0"], "monitor-drift": ["15 */6 * * *"], "recalibrate": [], "decide-recalibration": [],
        "review-feedback": ["*/15 * * * *"],
        "calibrate-fleet": ["0 4 * * 6"], "retention": ["30 2 * * *"],
        "file-reports": ["0 5 * * 1"],
    }  # fmt: skip
    assert {name: one["global_concurrency_limit"]["limit"] for name, one in found.items()} == {
        "train": 1, "monitor-drift": 2, "recalibrate": 2, "decide-recalibration": 2, "review-feedback": 1,
        "calibrate-fleet": 1, "retention": 1, "file-reports": 1,
    }  # fmt: skip
    assert not any(one["paused"] for one in found.values())


def test_proposal_starts_one_recalibration_of_its_asset_however_often_it_comes(scheduler: Scheduler) -> None:
    scheduler.emit((ODD_NAME, 12), (ODD_NAME, 13), ("motor_08", None))
    scheduler.wait_for(lambda: len(scheduler.runs_of("recalibrate")) == 2, 60)
    scheduler.emit((ODD_NAME, 14))
    time.sleep(3)  # were it to come twice, it would have come by now
    parameters = sorted(
        (run["parameters"] for run in scheduler.runs_of("recalibrate")), key=lambda one: str(one["asset_id"])
    )
    number = parameters[0]["finding_id"]
    assert number in (12, 13)  # the server looks at several events at once: either may be the first
    assert parameters == [
        {"asset_id": ODD_NAME, "finding_id": number, "reason": 'a "load"'},
        {"asset_id": "motor_08", "finding_id": None, "reason": 'a "load"'},
    ]


def test_stop_in_the_middle_ends_everything_and_the_next_start_goes_on(scheduler: Scheduler) -> None:
    scheduler.wait_for((scheduler.checkout / "began").exists, 60)
    assert scheduler.end() == 0
    assert "Stopped." in scheduler.said()
    assert not answers(f"{scheduler.server.address}/api/health")
    (scheduler.checkout / "go").touch()
    scheduler.start()
    assert "run again" in scheduler.said()

    def all_completed() -> bool:
        return {run["state"]["type"] for run in scheduler.runs_of("recalibrate")} == {"COMPLETED"}

    scheduler.wait_for(all_completed, 90)
    assert len(scheduler.runs_of("recalibrate")) == 2
    automations = scheduler.server.post("/automations/filter", {})
    assert [one["name"] for one in automations] == ["smart-sentry recalibration proposed"]
    found = scheduler.server.post("/deployments/filter", {})
    assert not any(one["paused"] for one in found)
