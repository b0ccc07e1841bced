"""What time and people at work do to alarms where no reading says anything: silent assets, and machines under maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from condition_sample import baseline, running
from plant_fixture import (
    PUMP,
    START,
    calibrate_asset,
    client_of_pumps,
    healthy,
    readings_of,
    send_batch,
    sqlite_in,
    take,
)

from smart_sentry.contracts.alarms import AlarmAction
from smart_sentry.errors import ActionRefused
from smart_sentry.plant.alarm_actions import SILENT_SECONDS
from smart_sentry.plant.condition_watch import ANOMALY, ConditionWatch
from smart_sentry.plant.maintenance import LONGEST_WORK_SECONDS
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

ASSET = "motor_01"
BEGIN = START.timestamp()


@dataclass
class Clock:
    now: float = BEGIN

    def __call__(self) -> float:
        return self.now


def broken(rows: int) -> np.ndarray:
    return running(rows, 5) + 40.0


class Stage:
    """A plant with a calibrated pump, and a clock that stands until it is moved."""

    def __init__(self, home: Path) -> None:
        self.home, self.clock = home, Clock()
        self.plant = self.opened()
        watch = self.plant.watch(PUMP.name)
        assert isinstance(watch, ConditionWatch)
        watch.baselines.add(baseline(rows=300, seed=1, asset_id=ASSET))
        self.plant = self.opened()

    def opened(self) -> Plant:
        return Plant({PUMP.name: PUMP}, self.home / "models", Store(sqlite_in(self.home)), self.clock)

    def take(self, values: np.ndarray, first: int) -> None:
        """Readings of seconds `first` and later, taken when the last of them was made."""
        self.clock.now = BEGIN + first + len(values) - 1
        take(self.plant, readings_of(values, ASSET, range(first, first + len(values))))

    def take_until_off_delay_runs(self, first: int) -> None:
        """Healthy readings until the windows have forgotten the fault."""
        for second in range(first, first + 600):
            self.take(running(1, second), second)
            alarms = self.plant.watch_of(ASSET).alarms.snapshot()
            if alarms["conditions"]["clear_due"][0] is not None:
                return
        raise AssertionError("the fault is not forgotten")

    def state(self) -> str:
        status = self.plant.watch_of(ASSET).alarms.status(ASSET, ANOMALY)
        return "NONE" if status is None else status.state.value

    def after(self, seconds: float) -> str:
        self.clock.now += seconds
        self.plant.alarms.pass_time()
        return self.state()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    found = Stage(tmp_path)
    yield found
    found.plant.store.close()


def test_shelf_of_a_machine_that_fell_silent_expires(stage: Stage) -> None:
    stage.take(broken(30), 0)
    assert stage.state() == "UNACKNOWLEDGED"
    until = stage.clock.now + 3600.0
    stage.plant.alarms.act(ASSET, ANOMALY, AlarmAction.SHELVE, "ada", "known", until)
    assert stage.after(3599.0) == "SHELVED"
    assert stage.after(2.0) == "UNACKNOWLEDGED"
    with stage.plant.store.view() as batch:
        last = batch.alarms.transitions(asset_id=ASSET)[-1]
    assert (last.event.value, last.time) == ("SHELF_EXPIRED", until)


def test_alarm_of_a_silent_machine_is_raised_again_while_nobody_acknowledges_it(stage: Stage) -> None:
    stage.take(broken(30), 0)
    minutes = PUMP.alarms.re_alarm_minutes
    assert minutes is not None
    stage.after(minutes * 60.0 + 30.0)
    with stage.plant.store.view() as batch:
        assert [step.event.value for step in batch.alarms.transitions(asset_id=ASSET)] == ["RAISED", "RE_ALARMED"]


def test_time_of_a_machine_that_is_heard_passes_with_its_readings_alone(stage: Stage) -> None:
    stage.take(broken(30), 0)
    stage.take_until_off_delay_runs(30)
    assert stage.after(SILENT_SECONDS - 1.0) == "UNACKNOWLEDGED"
    assert stage.after(30.0) == "RETURNED_UNACKNOWLEDGED"


def test_time_of_a_downtime_does_not_pass_before_readings_could_come(stage: Stage) -> None:
    stage.take(broken(30), 0)
    stage.take_until_off_delay_runs(30)
    with stage.plant.lock, stage.plant.store.transaction() as batch:
        stage.plant.save(batch)
    stage.plant.store.close()
    stage.clock.now += 3600.0
    stage.plant = stage.opened()
    assert stage.after(SILENT_SECONDS - 1.0) == "UNACKNOWLEDGED"
    assert stage.after(2.0) == "RETURNED_UNACKNOWLEDGED"


def test_machine_under_work_calls_nobody_until_the_work_ends(stage: Stage) -> None:
    stage.take(running(30, 4), 0)
    stage.plant.maintenance.begin(ASSET, "ada", "belt is changed", stage.clock.now + 7200.0)
    stage.take(broken(30), 30)
    assert stage.state() == "SUPPRESSED"
    stage.plant.maintenance.end(ASSET, "ada", "handed back")
    stage.take(broken(30), 60)
    assert stage.state() == "UNACKNOWLEDGED"


def test_work_that_nobody_ends_is_over_at_its_time(stage: Stage) -> None:
    stage.take(running(30, 4), 0)
    stage.plant.maintenance.begin(ASSET, "ada", "belt is changed", stage.clock.now + 15.0)
    stage.take(broken(10), 30)
    assert stage.state() == "SUPPRESSED"
    stage.take(broken(30), 60)
    assert stage.state() == "UNACKNOWLEDGED"


def test_work_on_a_machine_outlives_a_restart(stage: Stage) -> None:
    stage.take(running(30, 4), 0)
    stage.plant.maintenance.begin(ASSET, "ada", "belt is changed", stage.clock.now + 7200.0)
    stage.plant.store.close()
    stage.plant = stage.opened()
    stage.take(broken(30), 30)
    assert stage.state() == "SUPPRESSED"


def test_recorded_maintenance_ends_the_work(stage: Stage) -> None:
    stage.take(running(30, 4), 0)
    stage.plant.maintenance.begin(ASSET, "ada", "belt is changed", stage.clock.now + 7200.0)
    stage.plant.maintenance.record(ASSET, "ada", "new belt")
    with pytest.raises(ActionRefused, match="begin a maintenance"):
        stage.plant.maintenance.end(ASSET, "ada", "handed back")


@pytest.mark.parametrize("after", [0.0, -1.0, LONGEST_WORK_SECONDS + 1.0])
def test_work_that_ends_in_the_past_or_too_far_away_is_refused(stage: Stage, after: float) -> None:
    stage.take(running(3, 4), 0)
    with pytest.raises(ActionRefused, match="within 30 days from now"):
        stage.plant.maintenance.begin(ASSET, "ada", "belt is changed", stage.clock.now + after)


def test_work_over_http_is_told_in_the_status_and_the_audit_log(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as client:
        send_batch(client, healthy(400, 1))
        calibrate_asset(client, ASSET)
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
        body = {"asset_id": ASSET, "author": "Ada", "reason": "belt is changed"}
        begun = client.post("/api/v1/maintenance/begin", json=body | {"until": until.isoformat()})
        assert datetime.fromisoformat(begun.json()["maintenance_until"]) == until
        assert _maintenance_until(client) == begun.json()["maintenance_until"]
        assert client.post("/api/v1/maintenance/end", json=body).json()["maintenance_until"] is None
        assert _maintenance_until(client) is None
        again = client.post("/api/v1/maintenance/end", json=body)
        assert again.status_code == 409
        assert "begin a maintenance" in again.text


@pytest.mark.parametrize(("asset", "confirm"), [(ASSET, ASSET), (None, "ALL")])
def test_purge_ends_the_work_on_a_machine_that_comes_anew_and_forgets_its_calibration(
    tmp_path: Path, asset: str | None, confirm: str
) -> None:
    with client_of_pumps(tmp_path) as client:
        send_batch(client, healthy(400, 1))
        calibrate_asset(client, ASSET)
        until = datetime.now(UTC) + timedelta(hours=1)
        body = {"asset_id": ASSET, "author": "Ada", "reason": "belt is changed"}
        begin = body | {"until": until.isoformat()}
        assert client.post("/api/v1/maintenance/begin", json=begin).status_code == 200
        purged = client.post(
            "/api/v1/system/purge", json={"asset_id": asset, "confirm": confirm, "author": "Ada", "archive": False}
        )
        assert purged.status_code == 200, purged.text
        send_batch(client, healthy(10, 2))
        assert _maintenance_until(client) is None
        told = client.get("/api/v1/calibration/status", params={"asset_id": ASSET}).json()
        assert (told["stage"], told["version"]) == ("none", None)
        assert client.post("/api/v1/maintenance/begin", json=begin).json()["maintenance_until"] is not None
        assert client.post("/api/v1/maintenance/end", json=body).json()["maintenance_until"] is None


def _maintenance_until(client: httpx.Client) -> str | None:
    found: str | None = client.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json()["asset"][
        "maintenance_until"
    ]
    return found
