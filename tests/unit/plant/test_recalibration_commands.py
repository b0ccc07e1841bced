"""`smart-sentry recalibrate`, `recalibrations` and `baselines`, against a running service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from plant_fixture import PUMP, sqlite_in
from recalibration_fixture import ASSET, MOVED, Moved, pump_at_new_duty
from typer.testing import CliRunner, Result

from smart_sentry.cli import app
from smart_sentry.errors import ModelUnavailable, ServiceRefused
from smart_sentry.servers import free_port

Run = Callable[..., Result]
WHO = ("--author", "Ada", "--reason", "seen to")


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moved]:
    with pump_at_new_duty(tmp_path) as found:
        kind = tmp_path / "configs" / "assets" / f"{PUMP.name}.yaml"
        kind.parent.mkdir(parents=True)
        kind.write_text(yaml.safe_dump(PUMP.model_dump(mode="json", by_alias=True, exclude_unset=True)))
        for name, value in (
            ("HOME", str(tmp_path)), ("PORT", str(found.client.base_url.port)), ("DATABASE", sqlite_in(tmp_path)),
        ):  # fmt: skip
            monkeypatch.setenv(f"SMART_SENTRY_{name}", value)
        monkeypatch.setenv("COLUMNS", "200")
        yield found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_recalibration_that_waits_is_listed_approved_compared_and_rolled_back(moved: Moved) -> None:
    asked = run("recalibrate", ASSET, "--minutes", str(MOVED / 60.0), "--author", "Ada")
    assert asked.exit_code == 0, asked.output
    assert "injected faults: passed" in asked.output
    assert "Nobody has looked why the readings moved." in asked.output
    assert "recalibration 1 of motor_01: AWAITING_APPROVAL" in asked.output
    assert re.search(r"1 +│ motor_01 +│ AWAITING_APPROVAL", run("recalibrations", "list", "--open").output)
    assert "WATCHING" in run("recalibrations", "approve", "1", *WHO).output

    old, new = moved.baselines.history(ASSET)
    listed = run("baselines", "list", ASSET).output
    assert re.search(rf"{new} +│ active ", listed)
    assert re.search(rf"{old} +│ earlier", listed)
    compared = run("baselines", "diff", ASSET).output
    sigma = re.search(r"current_a +│ +([\d.]+) +│ +([\d.]+) +│ +\+([\d.]+)", compared)
    assert sigma is not None, compared
    assert float(sigma[2]) - float(sigma[1]) == pytest.approx(2.0, abs=0.2)
    assert float(sigma[3]) == pytest.approx(2.0, abs=0.2)

    assert f"baseline {old} is active again" in run("baselines", "rollback", ASSET, *WHO).output
    assert moved.baselines.history(ASSET) == [old]


def test_approve_at_once_and_override_after_a_degradation(moved: Moved) -> None:
    moved.find("degradation")
    held = run("recalibrate", ASSET, "--minutes", str(MOVED / 60.0), "--author", "Ada", "--approve")
    assert isinstance(held.exception, ServiceRefused)
    assert "would learn the fault" in str(held.exception)
    done = run("recalibrate", ASSET, "--author", "Ada", "--approve", "--override")
    assert done.exit_code == 0, done.output
    assert "recalibration 1 of motor_01: WATCHING" in done.output


def test_rejected_and_refused_recalibrations_end_with_exit_code_1(moved: Moved) -> None:
    moved.client.post("/api/v1/alarms", json={"asset_id": ASSET, "action": "acknowledge", "author": "Ada"})
    refused = run("recalibrate", ASSET, "--minutes", str(MOVED / 60.0))
    assert refused.exit_code == 1
    assert "REFUSED" in refused.output
    again = run("recalibrate", ASSET)
    assert isinstance(again.exception, ServiceRefused)
    assert "less than 24 h ago" in str(again.exception)


def test_without_a_service_the_error_says_how_to_start_it(moved: Moved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_SENTRY_PORT", str(free_port()))
    for command in (
        ("recalibrate", ASSET), ("recalibrations", "list"), ("recalibrations", "reject", "1", *WHO),
        ("baselines", "rollback", ASSET, *WHO),
    ):  # fmt: skip
        error = run(*command).exception
        assert isinstance(error, ServiceRefused), command
        assert "Start it: smart-sentry monitor" in str(error)
    assert isinstance(run("baselines", "list", "nobody").exception, ModelUnavailable)
    assert isinstance(run("baselines", "diff", ASSET).exception, ModelUnavailable)
