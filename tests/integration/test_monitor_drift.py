"""The flow `monitor-drift` on a real Prefect API and a real database: findings, alarms, artifacts, events, reports."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from drift_fleet import PUMP, VERDICTS, Fleet, make_fleet
from tiny_project import FOLDERS, ROOT, PrefectServer, environment_of, run_program

from smart_sentry.servers import free_port

MOVED = {name: verdict for name, verdict in VERDICTS.items() if verdict != "none"}


@dataclass(frozen=True)
class Round:
    """What one run of the flow left."""

    fleet: Fleet
    server: PrefectServer
    environment: dict[str, str]
    flow_run: dict[str, Any]
    log: str
    began: str


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer) -> Round:
    home = tmp_path_factory.mktemp("plant")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    (home / "configs" / "assets" / "pump.yaml").write_text(
        yaml.safe_dump(PUMP.model_dump(mode="json", exclude={"features"}))
    )
    fleet = make_fleet(home)
    (home / "failures.csv").write_text("asset_id,failed_at\npump worn,2026-01-01T02:00:00Z\n")
    environment = environment_of(
        home, PREFECT_API_URL=f"{prefect_server.address}/api", SMART_SENTRY_DATABASE=fleet.source.database_url,
        SMART_SENTRY_PORT=str(free_port()),  # no service runs: the flow opens the plant itself
        SMART_SENTRY_FAILURE_OUTCOMES="failures.csv",
    )  # fmt: skip
    began = datetime.now(UTC).isoformat()
    log = run_program(["pipelines.monitoring"], home, environment, patience_s=900)
    # Other files' tests deploy flows: those have runs that are scheduled, or were.
    (run,) = prefect_server.flow_runs(deployment_id={"is_null_": True})
    return Round(fleet, prefect_server, environment, run, log, began)


def test_flow_ends_well_with_a_task_a_round(done: Round) -> None:
    assert done.flow_run["state"]["type"] == "COMPLETED", done.log
    question = {"task_runs": {"flow_run_id": {"any_": [done.flow_run["id"]]}}}
    names = [task["name"] for task in done.server.post("/task_runs/filter", question)]
    assert sum(name.startswith("watch pump") for name in names) == 1
    assert sum(name.startswith("report pump ") for name in names) == len(MOVED)


def test_outcomes_of_the_setting_are_read_by_every_round(done: Round) -> None:
    question = {"task_runs": {"flow_run_id": {"any_": [done.flow_run["id"]]}}}
    names = [task["name"] for task in done.server.post("/task_runs/filter", question)]
    assert sum(name.startswith("judge predictions") for name in names) == 1


def test_findings_are_stored_with_their_pages_and_alarms_stand(done: Round) -> None:
    with done.fleet.store.view() as batch:
        found = {name: one.finding for name, one in batch.drift_findings.latest().items()}
        alarms = {(one.asset_id, one.kind) for one in batch.alarms.current() if one.details.get("active")}
    assert {name: one.verdict for name, one in found.items()} == VERDICTS
    assert alarms == {
        ("pump worn", "maintenance"), ("pump stuck", "sensor drift:vibration_g"), ("pump stepped", "drift"),
    }  # fmt: skip
    for name, finding in found.items():
        assert (finding.report is not None) == (name in MOVED)
        assert finding.report is None or (done.fleet.home / finding.report).stat().st_size > 100_000


def test_events_say_what_moved_and_only_the_explained_proposes_a_recalibration(done: Round) -> None:
    with done.fleet.store.view() as batch:
        numbers = {name: one.finding_id for name, one in batch.drift_findings.latest().items()}
    deadline = time.monotonic() + 60
    while len(found := events(done, "smart-sentry.drift.finding")) < len(MOVED) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert {one["payload"]["asset_id"]: one["payload"]["verdict"] for one in found} == MOVED
    (proposed,) = events(done, "smart-sentry.drift.recalibration-proposed")
    assert proposed["resource"]["prefect.resource.id"] == "smart-sentry.asset.pump mended"
    assert proposed["payload"]["finding_id"] == numbers["pump mended"]
    assert "Impeller renewed." in proposed["payload"]["reason"]


def test_artifacts_show_the_table_the_summary_and_the_reports(done: Round) -> None:
    question = {"artifacts": {"flow_run_id": {"any_": [done.flow_run["id"]]}}}
    artifacts = {one["key"]: one for one in done.server.post("/artifacts/filter", question) if one["key"]}
    assert {"drift-pump", "drift-summary-pump", "drift-reports-pump"} <= set(artifacts)
    rows = json.loads(artifacts["drift-pump"]["data"])
    assert {row["asset"]: row["verdict"] for row in rows} == VERDICTS
    assert "/#/experiments/" in artifacts["drift-reports-pump"]["data"]
    assert list((done.fleet.home / "mlruns" / "artifacts" / "drift-pump").glob("*/artifacts/pump-signals.html"))


def test_command_prints_the_same_verdicts(done: Round, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    program = str(Path(sys.executable).with_name("smart-sentry"))
    command = [program, "drift", "pump worn", "--json", "--report", str(page)]
    said = subprocess.run(
        command, env=done.environment, cwd=done.fleet.home, capture_output=True, text=True, timeout=300, check=False
    )
    assert said.returncode == 0, said.stderr
    (told,) = json.loads(said.stdout)
    assert (told["asset_id"], told["verdict"], told["may_recalibrate"]) == ("pump worn", "degradation", False)
    assert page.stat().st_size > 100_000


def events(done: Round, name: str) -> list[dict[str, Any]]:
    """Those of this round: other files' tests use the same server."""
    wanted = {"event": {"name": [name]}, "occurred": {"since": done.began}}
    found: list[dict[str, Any]] = done.server.post("/events/filter", {"filter": wanted})["events"]
    return found
