"""`smart-sentry live` as it is typed, over the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live_stage import ASSETS, Stage, broken, healthy

from smart_sentry.contracts.live import UPDATES, AlarmUpdate, AssetUpdate
from smart_sentry.feed.keys import Keys

PROGRAM = str(Path(sys.executable).with_name("smart-sentry"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    found = Stage(tmp_path, None, Keys())
    found.send(ASSETS[1], broken(20))
    found.send(ASSETS[0], healthy(5))
    return found


def environment(stage: Stage, **more: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("SMART_SENTRY_")}
    database = {"SMART_SENTRY_DATABASE": f"sqlite:///{stage.folder / 'plant.db'}"}
    return others | database | more


def run(stage: Stage, *arguments: str) -> list[str]:
    done = subprocess.run(
        [PROGRAM, "live", *arguments], env=environment(stage), capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_once_shows_every_asset_and_the_open_alarms(stage: Stage) -> None:
    first, second, alarm = run(stage, "--once")
    assert first.startswith("2026-01-01 00:00:04  pump_0  ")
    assert "health" in first
    assert "pump_1" in second
    assert "FLAGGED  High vibration_g" in second
    assert "pump_1  ALARM anomaly (HIGH) RAISED by system: NORMAL -> UNACKNOWLEDGED; score" in alarm


def test_alarms_alone_or_one_asset_alone_as_json(stage: Stage) -> None:
    told = [UPDATES.validate_json(line) for line in run(stage, "--once", "--json")]
    assert [type(one) for one in told] == [AssetUpdate, AssetUpdate, AlarmUpdate]
    assert tuple(told) == (*stage.stored().assets.values(), *stage.stored().alarms)
    assert [json.loads(line)["kind"] for line in run(stage, "--once", "--json", "--alarms-only")] == ["alarm"]
    assert run(stage, "--once", "--json", "--asset", ASSETS[0]) == [told[0].model_dump_json()]
    assert run(stage, "--once", "--alarms-only", "--asset", ASSETS[0]) == []


def _listen_to_control_c() -> None:
    """As on a terminal: tests that a script runs in the background hand down that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_updates_are_printed_as_they_come_until_control_c(stage: Stage) -> None:
    process = subprocess.Popen(
        [PROGRAM, "live", "--json"], env=environment(stage), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=_listen_to_control_c,
    )  # fmt: skip
    assert process.stdout is not None
    before = [UPDATES.validate_json(process.stdout.readline()) for _ in range(3)]
    stage.send(ASSETS[0], healthy(3))
    came = UPDATES.validate_json(process.stdout.readline())
    assert (came.asset_id, came.reading_id) == (ASSETS[0], "r7")
    assert came not in before
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=10)
    assert (process.returncode, out, errors) == (0, "", "")


def test_redis_that_is_away_is_one_sentence_without_the_password(stage: Stage) -> None:
    url = "redis://:geheim@127.0.0.1:1/0"
    done = subprocess.run(
        [PROGRAM, "live", "--once"], env=environment(stage, SMART_SENTRY_REDIS_URL=url), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("smart-sentry: the live feed of Redis at 127.0.0.1:1 cannot be read: ")
    assert "geheim" not in done.stderr
    assert done.stderr.count("\n") == 1
