"""The flow `recalibrate` on a real Prefect API, beside a real service; killed in the middle, it goes on where it stood."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from plant_fixture import PUMP, sqlite_in
from recalibration_fixture import ASSET, MOVED, Moved, at_new_duty, pump_at_new_duty
from tiny_project import PrefectServer, environment_of, run_program

from smart_sentry.plant.recalibration_run import PATH, carry_forward, open_or_ask

pytestmark = pytest.mark.long

PROJECT = Path(__file__).parents[2]
FLOW = ["pipelines.recalibration", "--asset-id", ASSET, "--lookback-minutes", str(MOVED / 60.0)]


def environment(moved: Moved, prefect: PrefectServer) -> dict[str, str]:
    """Of a process that finds the service, its database and its baselines."""
    kind = moved.home / "configs" / "assets" / f"{PUMP.name}.yaml"
    kind.parent.mkdir(parents=True, exist_ok=True)
    kind.write_text(yaml.safe_dump(PUMP.model_dump(mode="json", by_alias=True, exclude_unset=True)))
    return environment_of(
        moved.home, PREFECT_API_URL=f"{prefect.address}/api", SMART_SENTRY_PORT=str(moved.client.base_url.port),
        SMART_SENTRY_DATABASE=sqlite_in(moved.home),
    )  # fmt: skip


def recalibrations(moved: Moved) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = moved.client.get(PATH, params={"asset_id": ASSET}).json()
    return found


def artifacts(prefect: PrefectServer, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = prefect.post("/artifacts/filter", {"artifacts": {"key": {"any_": [key]}}})
    return found


def test_flow_has_a_benign_change_promoted_with_its_checks_to_be_seen(
    tmp_path: Path, prefect_server: PrefectServer
) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        finding = moved.find("benign_operating_change", may_recalibrate=True)
        where = environment(moved, prefect_server)
        run_program([*FLOW, "--finding-id", str(finding)], PROJECT, where)
        (told,) = recalibrations(moved)
        assert (told["state"], told["author"], told["finding_id"]) == ("WATCHING", "schedule", finding)
        (table,) = artifacts(prefect_server, f"recalibration-{told['number']}-checks")
        assert "injected faults" in str(table["data"])
        assert [run["name"] for run in prefect_server.flow_runs(name={"like_": "recalibrate"})]
        assert list((tmp_path / "mlruns").glob("*.db"))

        run_program([*FLOW, "--finding-id", str(finding)], PROJECT, where)  # nothing is left to do of it
        assert recalibrations(moved)[0]["state"] == "WATCHING"
        moved.send(at_new_duty(3700, 3))
        deadline = time.monotonic() + 20
        while recalibrations(moved)[0]["state"] != "KEPT":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        run_program(FLOW, PROJECT, where)  # the pause is not over: held back, and no failure
        assert len(recalibrations(moved)) == 1


def test_flow_that_is_killed_in_the_middle_goes_on_where_it_stood(
    tmp_path: Path, prefect_server: PrefectServer
) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        finding = moved.find("benign_operating_change", may_recalibrate=True)
        where = environment(moved, prefect_server)
        command = [sys.executable, "-m", *FLOW, "--finding-id", str(finding)]
        process = subprocess.Popen(
            command, cwd=PROJECT, env=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + 180
            while not (found := recalibrations(moved)) or found[0]["candidate_version"] is None:
                assert process.poll() is None, "the flow ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
        (cut,) = recalibrations(moved)
        assert cut["state"] in ("ASKED", "CHECKED", "SHADOWING")
        assert moved.baselines.history(ASSET) == [cut["active_version"]]

        run_program([*FLOW, "--finding-id", str(finding)], PROJECT, where)
        (told,) = recalibrations(moved)
        assert (told["number"], told["state"]) == (cut["number"], "WATCHING")
        assert told["candidate_version"] == cut["candidate_version"]
        assert moved.audit().count("recalibration: candidate built") == 1
        assert moved.audit().count("promote") == 1


def test_flow_decides_in_a_persons_name_and_fails_where_the_service_refuses(
    tmp_path: Path, prefect_server: PrefectServer
) -> None:
    with pump_at_new_duty(tmp_path) as moved:
        told = carry_forward(moved.shop, open_or_ask(moved.shop, ASSET, "nobody looked")["number"])
        assert told["state"] == "AWAITING_APPROVAL"
        where, number = environment(moved, prefect_server), str(told["number"])
        decision = ["pipelines.decision", "--number", number, "--reason", "two shifts", "--approve"]
        with pytest.raises(AssertionError, match="it needs a person's name"):
            run_program([*decision, "--author", "schedule"], PROJECT, where)
        assert recalibrations(moved)[0]["state"] == "AWAITING_APPROVAL"
        run_program([*decision, "--author", "Ada"], PROJECT, where)
        (told,) = recalibrations(moved)
        assert (told["state"], told["decided_by"]) == ("WATCHING", "Ada")
        named = {"like_": f"Ada decides on recalibration {number}"}
        assert [run["state"]["type"] for run in prefect_server.flow_runs(name=named)] == ["COMPLETED"]
