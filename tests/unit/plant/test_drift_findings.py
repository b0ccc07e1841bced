"""Findings about drift in a running plant: stored once, their alarms stand until a later finding takes them back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plant_fixture import PUMP, START, client_of_pumps, healthy, open_pumps, send_batch, sqlite_in, take

from smart_sentry.plant.commands import do
from smart_sentry.plant.drift import take_findings
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.worked_plant import WorkedPlant
from smart_sentry.stores.drift_findings import Finding
from smart_sentry.stores.store import Store

ASSET, NOW = "motor_01", START.timestamp() + 3600.0
STUCK = {"kind": "stuck", "signals": ["vibration_g"], "figures": {"readings": 900.0}, "sentence": "It stands still."}
SHIFT = {"kind": "shift", "signals": ["current_a"], "figures": {"size": 3.0}, "sentence": "It rises."}
IDLE: dict[str, Any] = {"kind": "nothing to compare", "signals": [], "figures": {}, "sentence": "It hardly ran."}
FOUND = Finding(ASSET, NOW, "v1", NOW - 1000.0, NOW - 1.0, "degradation", 0.9, False, (SHIFT,), 0.5)


def at(minutes: float, verdict: str, **changes: Any) -> Finding:
    return replace(FOUND, time=NOW + 60.0 * minutes, verdict=verdict, **changes)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    opened = open_pumps(tmp_path)
    take(opened, healthy(10, 1, ASSET))
    return opened


def standing(plant: Plant) -> dict[str, str]:
    """Kind -> state of the asset's alarms whose condition stands."""
    with plant.store.view() as batch:
        return {one.kind: one.state for one in batch.alarms.current(ASSET) if one.details.get("active")}


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (at(0, "degradation"), {"maintenance"}),
        (at(0, "unknown"), {"drift"}),
        (at(0, "sensor_fault", evidence=(STUCK,)), {"sensor drift:vibration_g"}),
        (at(0, "benign_operating_change", may_recalibrate=True), set()),
        (at(0, "none"), set()),
        (at(0, "skipped"), set()),
        (at(0, "unknown", evidence=(IDLE,)), set()),
    ],
)
def test_each_verdict_raises_its_alarm(plant: Plant, found: Finding, kinds: set[str]) -> None:
    assert take_findings(plant, [found]).stored == ((ASSET, 1),)
    assert standing(plant).keys() == kinds


def test_alarm_tells_why_and_returns_with_a_finding_that_does_not_confirm_it(plant: Plant) -> None:
    take_findings(plant, [at(0, "degradation")])
    with plant.store.view() as batch:
        (alarm,) = batch.alarms.current(ASSET)
    assert "It rises." in alarm.message
    take_findings(plant, [at(60, "skipped")])
    assert standing(plant) == {"maintenance": "UNACKNOWLEDGED"}
    take_findings(plant, [at(120, "unknown")])
    assert standing(plant).keys() == {"drift"}
    take_findings(plant, [at(180, "none")])
    assert standing(plant) == {}


def test_readings_do_not_take_back_an_alarm_about_drift(plant: Plant) -> None:
    take_findings(plant, [at(0, "sensor_fault", evidence=(STUCK,))])
    take(plant, healthy(300, 2, ASSET, begin=100))
    assert standing(plant).keys() == {"sensor drift:vibration_g"}


def test_a_finding_handed_in_again_is_stored_once_and_an_older_one_moves_no_alarm(plant: Plant) -> None:
    first = take_findings(plant, [at(60, "degradation")])
    assert take_findings(plant, [at(60, "degradation")]) == first
    take_findings(plant, [at(30, "none")])
    assert standing(plant).keys() == {"maintenance"}
    with plant.store.view() as batch:
        assert len(batch.drift_findings.history()) == 2


def test_a_finding_about_nobody_is_told_and_not_stored(plant: Plant) -> None:
    taken = take_findings(plant, [replace(FOUND, asset_id="nobody"), FOUND])
    assert (taken.unknown, taken.stored) == (("nobody",), ((ASSET, 1),))


def test_where_workers_judge_the_alarm_is_theirs(plant: Plant, tmp_path: Path) -> None:
    service = WorkedPlant({PUMP.name: PUMP}, tmp_path / "models", Store(sqlite_in(tmp_path)))
    take_findings(service, [at(0, "degradation")])
    assert standing(plant) == {}
    with plant.store.view() as batch:
        (command,) = batch.commands.waiting()
    do(plant, command)
    assert standing(plant).keys() == {"maintenance"}
    service.store.close()


def message(verdict: str, **changes: Any) -> dict[str, Any]:
    return {
        "asset_id": ASSET, "time": "2026-01-01T02:00:00Z", "baseline_version": "v1", "recent_start": "2026-01-01T00:00:00Z",
        "recent_end": "2026-01-01T01:59:00Z", "verdict": verdict, "confidence": 0.9, "may_recalibrate": False,
        "evidence": [SHIFT], "drift_share": 0.5,
    } | changes  # fmt: skip


def test_findings_over_http_are_shown_and_counted(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as client:
        send_batch(client, healthy(10, 1, ASSET))
        before = client.get("/metrics").text
        assert "smart_sentry_drift" not in before
        answer = client.post(
            "/api/v1/drift", json={"findings": [message("degradation"), message("none", asset_id="nobody")]}
        )
        assert answer.status_code == 201, answer.text
        assert answer.json() == {"stored": [{"asset_id": ASSET, "finding_id": 1}], "unknown": ["nobody"]}
        (shown,) = client.get("/api/v1/drift", params={"asset_id": ASSET}).json()
        assert (shown["finding_id"], shown["verdict"], shown["evidence"][0]["sentence"]) == (
            1,
            "degradation",
            "It rises.",
        )
        (alarm,) = client.get("/api/v1/alarms").json()["alarms"]
        assert alarm["kind"] == "maintenance"
        metrics = client.get("/metrics").text
    assert 'smart_sentry_drift_share{asset_type="pump"} 0.5' in metrics
    assert 'smart_sentry_drift_assets{asset_type="pump",verdict="degradation"} 1.0' in metrics
    assert "smart_sentry_drift_last_round_seconds" in metrics
    assert ASSET not in metrics


@pytest.mark.parametrize(
    "changes",
    [
        {"may_recalibrate": True},
        {"verdict": "broken"},
        {"confidence": 1.5},
        {"time": "2999-01-01T00:00:00Z"},
        {"extra": 1},
    ],
)
def test_a_finding_that_cannot_be_is_refused_by_field(tmp_path: Path, changes: dict[str, Any]) -> None:
    with client_of_pumps(tmp_path) as client:
        send_batch(client, healthy(10, 1, ASSET))
        answer = client.post("/api/v1/drift", json={"findings": [message("degradation") | changes]})
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["field"].startswith("body.findings.0")
        assert client.get("/api/v1/drift").json() == []
