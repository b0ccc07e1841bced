"""The flows `calibrate-fleet`, `review-feedback` and `retention` on a real Prefect API, beside a real service and database."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from plant_fixture import PUMP, sqlite_in
from recalibration_fixture import ASSET, MOVED, Moved, pump_at_new_duty
from tiny_project import ROOT, PrefectServer, environment_of, run_program

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.plant.recalibration_run import PATH
from smart_sentry.stores import alarm_log
from smart_sentry.stores.drift_findings import Finding
from smart_sentry.stores.notes import Note

pytestmark = pytest.mark.long


def environment(moved: Moved, prefect: PrefectServer, **more: str) -> dict[str, str]:
    """Of a process that finds the service, its database and its baselines, and counts any baseline as old."""
    kind = moved.home / "configs" / "assets" / f"{PUMP.name}.yaml"
    kind.parent.mkdir(parents=True, exist_ok=True)
    kind.write_text(yaml.safe_dump(PUMP.model_dump(mode="json", by_alias=True, exclude_unset=True)))
    return environment_of(
        moved.home, PREFECT_API_URL=f"{prefect.address}/api", SMART_SENTRY_PORT=str(moved.client.base_url.port),
        SMART_SENTRY_DATABASE=sqlite_in(moved.home), SMART_SENTRY_RECALIBRATE_AFTER_DAYS="1e-9",
        SMART_SENTRY_RECALIBRATION_LOOKBACK_MINUTES=str(MOVED / 60.0), **more,
    )  # fmt: skip


def found(moved: Moved, verdict: str) -> int:
    """Stores a finding of just now."""
    now, version = time.time(), moved.baselines.history(ASSET)[-1]
    may = verdict == "benign_operating_change"
    with moved.store.transaction() as batch:
        return batch.drift_findings.add(Finding(ASSET, now, version, now - 900.0, now, verdict, 0.9, may, ()))


def alarm_now(moved: Moved) -> None:
    """An anomaly alarm that has just risen."""
    now, name = time.time(), f"{ASSET}:anomaly:99"
    step = AlarmTransition(
        name, ASSET, "anomaly", AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, now, "system", "score 3",
        AlarmPriority.HIGH, 3.0,
    )  # fmt: skip
    state = alarm_log.AlarmState(name, ASSET, "anomaly", "HIGH", "UNACKNOWLEDGED", now, "score 3")
    with moved.store.transaction() as batch:
        batch.alarms.record([state], [step])


def recalibrations(moved: Moved) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = moved.client.get(PATH, params={"asset_id": ASSET}).json()
    return told


def table(prefect: PrefectServer, key: str) -> list[dict[str, Any]]:
    """The newest table artifact of that key."""
    (newest,) = prefect.post("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
    rows: list[dict[str, Any]] = json.loads(newest["data"])
    return rows


def false_alarm_events(prefect: PrefectServer) -> list[str]:
    """Assets of the events that propose a recalibration for false alarms."""
    proposed = {"filter": {"event": {"name": ["smart-sentry.drift.recalibration-proposed"]}}}
    payloads = [one["payload"] for one in prefect.post("/events/filter", proposed)["events"]]
    return [one["asset_id"] for one in payloads if one["verdict"] == "false alarms"]


@contextmanager
def dask_cluster(home: Path) -> Iterator[str]:
    """Address of a Dask scheduler with one worker process, which has the environment of this one."""
    from distributed import LocalCluster

    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, local_directory=str(home / "dask")
    ) as cluster:
        yield cluster.scheduler_address


def test_old_baseline_is_recalibrated_with_the_same_outcome_in_processes_and_on_dask(
    tmp_path: Path, prefect_server: PrefectServer
) -> None:
    outcomes = []
    for name in ("processes", "dask"):
        (home := tmp_path / name).mkdir()
        with pump_at_new_duty(home) as moved, dask_cluster(home) as address:
            found(moved, "benign_operating_change")
            spread = {"SMART_SENTRY_DASK_SCHEDULER": address} if name == "dask" else {"SMART_SENTRY_WORKERS": "2"}
            run_program(["pipelines.fleet_calibration"], ROOT, environment(moved, prefect_server, **spread), 500)
            (told,) = recalibrations(moved)
            assert (told["state"], told["author"]) == ("WATCHING", "schedule")
            assert "days old" in told["reason"]
            (row,) = table(prefect_server, "calibrate-fleet")
            assert (row["asset"], row["what came of it"]) == (ASSET, "WATCHING")
            outcomes.append(told["checks"])
    assert outcomes[0] == outcomes[1]


def test_old_baseline_of_a_degrading_asset_is_left_alone(tmp_path: Path, prefect_server: PrefectServer) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        number = found(moved, "degradation")
        run_program(["pipelines.fleet_calibration"], ROOT, environment(moved, prefect_server), 300)
        assert recalibrations(moved) == []
    (row,) = table(prefect_server, "calibrate-fleet")
    assert row["what came of it"] == f"finding {number} says degradation"


def test_note_leads_to_one_run_of_monitoring_and_false_alarms_to_a_proposal(
    tmp_path: Path, prefect_server: PrefectServer
) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        where = environment(moved, prefect_server, SMART_SENTRY_FALSE_ALARM_COUNT="1")
        for name in ("pipelines", "prefect.yaml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
            copy(ROOT / name, moved.home / name)
        register = (
            "from pathlib import Path; from pipelines.schedule import deployments_of;"
            "[one.apply() for one in deployments_of(Path()) if one.name == 'monitor-drift']"
        )
        script = moved.home / "register.py"
        script.write_text(register)
        run_program(["register"], moved.home, where)
        found(moved, "none")
        alarm_now(moved)
        with moved.store.transaction() as batch:
            batch.notes.add(Note(ASSET, "maintenance", "Ada", time.time(), "Bearing renewed."))
            batch.notes.add(Note(ASSET, "false alarm", "Ada", time.time(), "It was the cleaning."))
        for _ in range(2):
            run_program(["pipelines.feedback"], ROOT, where)
        deployment = prefect_server.deployment("monitor-drift")["id"]
        runs = prefect_server.flow_runs(deployment_id={"any_": [deployment]})
        asked = [run["parameters"] for run in runs if not run["auto_scheduled"]]
        assert asked == [{"hours": 24, "asset_id": ASSET}]
    (row,) = table(prefect_server, "false-alarms")
    assert (row["asset"], row["proposed"]) == (ASSET, True)
    deadline = time.monotonic() + 60
    while len(told := false_alarm_events(prefect_server)) < 2 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert told == [ASSET, ASSET]


def test_old_measurements_leave_by_the_flow(tmp_path: Path, prefect_server: PrefectServer) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        with moved.store.view() as batch:
            rows = batch.readings.count(ASSET)
        where = environment(moved, prefect_server)
        run_program(["pipelines.retention"], ROOT, where)
        with moved.store.view() as batch:
            assert batch.readings.count(ASSET) == rows
        run_program(["pipelines.retention"], ROOT, where | {"SMART_SENTRY_RETENTION_DAYS": "1"})
        with moved.store.view() as batch:
            assert batch.readings.count(ASSET) < rows
    deleted = {row["table"]: row["deleted rows"] for row in table(prefect_server, "retention")}
    assert deleted["readings"] > 0
