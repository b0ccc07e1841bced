"""The drift demonstration on a small fleet: real Prefect server, scheduler, service and automation, as processes of their own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_project import ROOT

from smart_sentry.assets import load_asset_type
from smart_sentry.config import Settings
from smart_sentry.datasets.drift_fleet import STORIES, drift_fleet
from smart_sentry.demos.drift import _show, run_drift_demo

KINDS = ("sensor replaced", "mechanical wear")


@pytest.mark.timeout(1800)
@pytest.mark.long
def test_mended_motor_is_recalibrated_by_the_automation_and_the_worn_one_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("configs", "pipelines", "serving"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("prefect.yaml", "params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    said: list[str] = []
    assert run_drift_demo(Settings(home=tmp_path), said.append, KINDS)
    assert any("the automation fires for 1 of 2" in line for line in said)
    rows = [line for line in capsys.readouterr().out.splitlines() if "motor_hall" in line]
    mended, worn = ([cell.strip() for cell in row.split("│")[1:-1]] for row in rows)
    assert mended[2:] == ["step_after_maintenance", "yes: KEPT", "yes"]
    assert worn[2:] == ["degradation", "no", "yes"]


@pytest.mark.long
def test_fleet_lives_every_story_and_the_season_reaches_its_neighbours() -> None:
    fleet = drift_fleet(load_asset_type(ROOT / "configs" / "assets" / "motor_bench.yaml"))
    assert {member.story for member in fleet} == {words for _, words in STORIES}
    assert len(fleet) == 11
    assert sum(member.degrading for member in fleet) == 2
    assert all(not member.explained for member in fleet if member.degrading)


def test_recalibrated_machine_that_degrades_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    bench = load_asset_type(ROOT / "configs" / "assets" / "motor_bench.yaml")
    worn = drift_fleet(bench, ["mechanical wear"])[0]
    told = {worn.asset_id: {"verdict": "degradation"}}
    assert _show([worn], told, {})
    assert not _show([worn], told, {worn.asset_id: {"state": "KEPT"}})
    assert _show([replace(worn, degrading=False)], told, {worn.asset_id: {"state": "KEPT"}})
    assert "NO" in capsys.readouterr().out
