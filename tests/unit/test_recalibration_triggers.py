"""What proposes a recalibration beside drift, and what keeps it from being proposed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plant_fixture import sqlite_in

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.recalibration_triggers import DAY_SECONDS, called_wrong, notes_to_look_at, old_baselines
from smart_sentry.stores import alarm_log
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.drift_findings import Finding
from smart_sentry.stores.notes import Note
from smart_sentry.stores.recalibrations import Asked
from smart_sentry.stores.store import Store

NOW = 1_800_000_000.0
ASSET = "pump 1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(sqlite_in(tmp_path)) as found:
        yield found


def calibrated(store: Store, days_ago: float, asset: str = ASSET, asset_type: str = "pump") -> None:
    at = NOW - days_ago * DAY_SECONDS
    with store.transaction() as batch:
        batch.states.begin([AssetState(asset, "MONITORING", asset_type, at)])
        batch.baselines.activate(ActiveBaseline(asset, "v1", at, "Ada"))


def looked_at(store: Store, verdict: str, days_ago: float = 0.1, asset: str = ASSET) -> int:
    at = NOW - days_ago * DAY_SECONDS
    may = verdict in ("benign_operating_change", "step_after_maintenance")
    with store.transaction() as batch:
        return batch.drift_findings.add(Finding(asset, at, "v1", at - 3600, at, verdict, 0.9, may, ()))


def note(store: Store, kind: str, at: float, corrects: int | None = None) -> int:
    with store.transaction() as batch:
        return batch.notes.add(Note(ASSET, kind, "Ada", at, "seen", corrects))


def alarm(
    store: Store, number: int, at: float, key: str = "anomaly", event: AlarmEvent = AlarmEvent.RAISED,
    was: AlarmState = AlarmState.NORMAL,
) -> None:  # fmt: skip
    name = f"{ASSET}:{key}:{number}"
    step = AlarmTransition(
        name, ASSET, key, was, AlarmState.UNACKNOWLEDGED, event, at, "system", "high score",
        AlarmPriority.HIGH, 2.0,
    )  # fmt: skip
    state = alarm_log.AlarmState(name, ASSET, key, "HIGH", "UNACKNOWLEDGED", at, "high score")
    with store.transaction() as batch:
        batch.alarms.record([state], [step])


def test_old_baseline_of_an_asset_that_is_as_it_was_is_proposed(store: Store) -> None:
    calibrated(store, 91)
    calibrated(store, 89, "pump 2")
    finding = looked_at(store, "none")
    with store.view() as batch:
        (one,) = old_baselines(batch, NOW, 90)
        assert old_baselines(batch, NOW, 90, "motor") == []
    assert (one.asset_id, one.reason, one.finding_id, one.objection) == (
        ASSET, "baseline v1 is 91 days old", finding, None,
    )  # fmt: skip


@pytest.mark.parametrize("verdict", ["degradation", "sensor_fault", "unknown", "skipped"])
def test_old_baseline_is_held_back_by_what_the_newest_finding_says(store: Store, verdict: str) -> None:
    calibrated(store, 91)
    looked_at(store, "none", days_ago=1)
    finding = looked_at(store, verdict)
    with store.view() as batch:
        (one,) = old_baselines(batch, NOW, 90)
    assert one.objection == f"finding {finding} says {verdict}"


@pytest.mark.parametrize("days_ago", [None, 8.0])
def test_old_baseline_of_an_asset_that_nobody_has_looked_at_lately_is_held_back(
    store: Store, days_ago: float | None
) -> None:
    calibrated(store, 91)
    if days_ago is not None:
        looked_at(store, "none", days_ago)
    with store.view() as batch:
        (one,) = old_baselines(batch, NOW, 90)
    assert one.objection == "its drift has not been looked at since: run monitor-drift first"


def test_asset_with_an_open_recalibration_is_held_back(store: Store) -> None:
    calibrated(store, 91)
    looked_at(store, "none")
    with store.transaction() as batch:
        number = batch.recalibrations.ask(Asked(ASSET, NOW, "Ada", "old", "v1"))
    with store.view() as batch:
        (one,) = old_baselines(batch, NOW, 90)
    assert one.objection == f"recalibration {number} is open: ASKED"


def test_alarms_called_wrong_count_from_the_share_on_and_each_note_calls_the_newest_before_it(store: Store) -> None:
    calibrated(store, 10)
    looked_at(store, "none")
    for number in range(1, 5):
        alarm(store, number, NOW - 1000 * (5 - number))
    alarm(store, 1, NOW - 10, key="sensor:vibration_g")
    note(store, "false alarm", NOW - 3500)  # the first
    note(store, "false alarm", NOW - 3400)  # the first once more
    with store.view() as batch:
        assert called_wrong(batch, NOW, 0.5, 3) == []
    note(store, "false alarm", NOW - 5)  # the fourth
    with store.view() as batch:
        (one,) = called_wrong(batch, NOW, 0.5, 3)
        assert called_wrong(batch, NOW, 0.5, 5) == []
    assert one.reason == "2 of 4 anomaly alarms since baseline v1 were called wrong"
    assert one.objection is None


def test_alarms_before_the_active_baseline_and_corrected_notes_do_not_count(store: Store) -> None:
    calibrated(store, 1)
    looked_at(store, "none")
    for number in range(1, 4):
        alarm(store, number, NOW - 2 * DAY_SECONDS + number)
        note(store, "false alarm", NOW - 2 * DAY_SECONDS + number + 0.5)
    with store.view() as batch:
        assert called_wrong(batch, NOW, 0.5, 1) == []
    alarm(store, 4, NOW - 100)
    wrong = note(store, "false alarm", NOW - 50)
    with store.view() as batch:
        assert len(called_wrong(batch, NOW, 0.5, 1)) == 1
    note(store, "observation", NOW - 40, corrects=wrong)
    with store.view() as batch:
        assert called_wrong(batch, NOW, 0.5, 1) == []


@pytest.mark.parametrize("days_ago", [None, 8.0])
def test_alarms_called_wrong_of_an_asset_that_nobody_has_looked_at_lately_are_held_back(
    store: Store, days_ago: float | None
) -> None:
    calibrated(store, 30)
    if days_ago is not None:
        looked_at(store, "none", days_ago)
    alarm(store, 1, NOW - 100)
    note(store, "false alarm", NOW - 50)
    with store.view() as batch:
        (one,) = called_wrong(batch, NOW, 0.5, 1)
    assert one.objection == "its drift has not been looked at since: run monitor-drift first"


def test_alarm_that_comes_back_from_a_shelf_without_being_raised_counts(store: Store) -> None:
    calibrated(store, 10)
    looked_at(store, "none")
    alarm(store, 1, NOW - 200, event=AlarmEvent.SHELF_EXPIRED, was=AlarmState.SHELVED)
    note(store, "false alarm", NOW - 100)
    with store.view() as batch:
        (one,) = called_wrong(batch, NOW, 0.5, 1)
    assert one.reason == "1 of 1 anomaly alarms since baseline v1 were called wrong"


def test_notes_to_look_at_are_those_about_maintenance_and_operation(store: Store) -> None:
    note(store, "maintenance", NOW - 4000)
    wanted = [note(store, "maintenance", NOW - 300), note(store, "operating change", NOW - 200)]
    note(store, "observation", NOW - 100)
    mistaken = note(store, "maintenance", NOW - 90)
    note(store, "other", NOW - 80, corrects=mistaken)
    with store.view() as batch:
        assert [one.note_id for one in notes_to_look_at(batch, NOW - 3600)] == wanted
