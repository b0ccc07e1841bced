"""One fixture of readings, every route: monitor, HTTP one by one, HTTP in batches and a file give the same assessments."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from condition_sample import running
from plant_fixture import PUMP, SIGNALS, START, client_of_pumps, readings_of

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.condition_files import score_file
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.phases import PHASES

ASSETS = ("pump_a", "pump_b")
Told = list[dict[str, Any]]


def fixture_readings(pause_s: int = 600) -> Told:
    """A pump that nobody calibrated, then two in turns: healthy, missing and impossible values, one with faults, a pause."""
    readings = []
    for number, asset in enumerate(ASSETS):
        values = running(120, 20 + number)
        values[10, 0] = np.nan
        values[11, 1] = 9999.0
        values[12] = np.nan
        if asset == ASSETS[0]:
            values[40:60, 2] += 0.4
            values[80:84, 0] += 3.0
        after = np.arange(120) + np.where(np.arange(120) >= 50, pause_s, 0)
        readings.append(readings_of(values, asset, after.tolist()))
    stranger = readings_of(running(5, 30), "pump_new", range(5))
    return [*stranger, *(reading for turn in zip(*readings, strict=True) for reading in turn)]


READINGS = fixture_readings()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a home folder whose baselines are the same as every other's."""
    rows = np.arange(400.0)
    learnt = [
        calibrate(asset, PUMP, Readings(rows, running(400, number)), created=START.isoformat(), seed=1)
        for number, asset in enumerate(ASSETS, start=1)
    ]

    def home_of(name: str) -> Path:
        home = tmp_path_factory.mktemp(name)
        store = BaselineStore(home / "models" / PUMP.name / "baselines")
        for baseline in learnt:
            store.add(baseline)
        return home

    return home_of


@pytest.fixture(scope="module")
def expected(models: Callable[[str], Path]) -> Told:
    """What the monitor itself says of all readings at once."""
    return assessed(models("monitor"), READINGS)


def assessed(home: Path, readings: Told) -> Told:
    """What a fresh monitor with the baselines of a home folder says."""
    monitor = ConditionMonitor(PUMP, BaselineStore(home / "models" / PUMP.name / "baselines").all_active())
    seconds = np.array([datetime.fromisoformat(one["timestamp"]).timestamp() for one in readings])
    values = np.array([[np.nan if one[name] is None else one[name] for name in SIGNALS] for one in readings])
    condition = monitor.assess(monitor.slots([one["asset_id"] for one in readings]), seconds, values)
    return [
        {
            "asset_id": reading["asset_id"], "phase": PHASES[condition.phase[row]].value,
            "score": None if np.isnan(condition.score[row]) else float(condition.score[row]),
            "flag": bool(condition.flag[row]), "reason": reason,
        }
        for row, (reading, reason) in enumerate(zip(readings, row_reasons(monitor, condition), strict=True))
    ]  # fmt: skip


def assert_equal(told: Told, expected: Told) -> None:
    """Phase, flag and reason are the same; scores agree to 1e-9 of themselves."""
    assert len(told) == len(expected)
    for name in ("asset_id", "phase", "flag", "reason"):
        assert [one[name] for one in told] == [one[name] for one in expected], name
    ours, theirs = (
        np.array([np.nan if one["score"] is None else one["score"] for one in part]) for part in (told, expected)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def stored(client: httpx.Client) -> Told:
    """What a service has stored, in the order of the fixture."""
    of_reading: dict[tuple[str, str], dict[str, Any]] = {}
    for asset in (*ASSETS, "pump_new"):
        asked = {"asset_id": asset, "minutes": 1000, "limit": 10_000}
        for one in client.get("/api/v1/data/history", params=asked).json()["assessments"]:
            of_reading[asset, one["reading_id"]] = one
    assert len(of_reading) == len(READINGS)
    return [of_reading[one["asset_id"], one["event_id"]] for one in READINGS]


def test_fixture_has_something_of_everything(expected: Told) -> None:
    assert {one["asset_id"] for one in expected if one["flag"]} == {ASSETS[0]}
    assert sum(one["flag"] for one in expected) >= 15
    reasons = [one["reason"] for one in expected]
    assert "sensor: current_a missing" in reasons
    assert "sensor: speed_rpm out of range" in reasons
    assert any(reason.startswith("High vibration_g") for reason in reasons)
    assert reasons[0] == "not judged: pump_new was not calibrated"
    assert expected[0]["score"] is None


def test_readings_one_by_one_over_http_are_assessed_as_by_the_monitor(
    models: Callable[[str], Path], expected: Told
) -> None:
    with client_of_pumps(models("singly")) as client:
        flagged = [client.post("/api/v1/data/simple", json=reading).json()["flagged"] for reading in READINGS]
        assert flagged == [int(one["flag"]) for one in expected]
        assert_equal(stored(client), expected)


@pytest.mark.parametrize("rows", [1000, 37])
def test_readings_in_batches_over_http_are_assessed_as_by_the_monitor(
    models: Callable[[str], Path], expected: Told, rows: int
) -> None:
    with client_of_pumps(models("batches")) as client:
        for begin in range(0, len(READINGS), rows):
            body = {"readings": READINGS[begin : begin + rows]}
            taken = client.post("/api/v1/data/batch", json=body).json()
            assert taken["flagged"] == sum(one["flag"] for one in expected[begin : begin + rows])
        assert_equal(stored(client), expected)


def test_readings_of_a_file_are_assessed_as_by_the_monitor(
    models: Callable[[str], Path], expected: Told, tmp_path: Path
) -> None:
    home, data = models("file"), tmp_path / "live.csv"
    with data.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["timestamp", "asset_id", *SIGNALS], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(READINGS)
    store = BaselineStore(home / "models" / PUMP.name / "baselines")
    table = score_file(PUMP, data, tmp_path / "scores.csv", store)
    told = [
        {
            "asset_id": row["asset_id"], "phase": row["phase"], "flag": bool(row["flag"]), "reason": row["reason"],
            "score": None if np.isnan(row["score"]) else row["score"],
        }
        for row in table.to_dict("records")
    ]  # fmt: skip
    assert_equal(told, expected)
    assert table["timestamp"].tolist() == [one["timestamp"] for one in READINGS]


def test_fixture_would_show_a_route_that_does_not_see_the_pause(models: Callable[[str], Path], expected: Told) -> None:
    unbroken = assessed(models("unbroken"), fixture_readings(pause_s=0))
    differs = [one["score"] != other["score"] for one, other in zip(expected, unbroken, strict=True)]
    assert sum(differs) >= 10
