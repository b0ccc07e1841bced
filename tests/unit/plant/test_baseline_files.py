"""Baselines of a plant: back to the earlier one, and purged together with the rows whenever a stop comes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from condition_sample import baseline, running
from plant_fixture import PUMP, calibrate_asset, client_of_pumps, healthy, open_pumps, readings_of, send_batch, take

from smart_sentry.detection.baseline import ARRAYS, Baseline
from smart_sentry.errors import ActionRefused, StoreUnavailable
from smart_sentry.plant import active_baseline
from smart_sentry.plant.calibrations import Calibrations
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import purge, settle_purges
from smart_sentry.stores.store import Store

ASSET = "motor_01"


def watch_of(plant: Plant) -> ConditionWatch:
    watch = plant.watch(PUMP.name)
    assert isinstance(watch, ConditionWatch)
    return watch


def calibrated(home: Path, times: int = 1) -> Plant:
    """A plant with an asset that was calibrated so often, each time on other readings."""
    plant = open_pumps(home)
    for number in range(times):
        take(plant, healthy(200, number, begin=7200 * number))
        calibrations = Calibrations(plant)
        calibrations.start(ASSET, 60, "Ada")
        calibrations.close()
    return plant


def test_rollback_scores_with_the_earlier_baseline_and_is_on_record(tmp_path: Path) -> None:
    plant = calibrated(tmp_path, 2)
    first, second = watch_of(plant).baselines.history(ASSET)
    assert active_baseline.roll_back(plant, ASSET, "Ada", "learnt on a worn bearing") == first
    assert watch_of(plant).judge_of(ASSET) == first
    with plant.store.view() as view:
        assert [one.version for one in view.baselines.history(ASSET)] == [first, second, first]
        last = view.audit.history(asset_id=ASSET)[-1]
    assert (last.action, last.actor) == ("roll back", "Ada")
    assert last.details == {"version": first, "from": second, "reason": "learnt on a worn bearing"}
    plant.store.close()
    again = open_pumps(tmp_path)
    assert watch_of(again).judge_of(ASSET) == first
    with pytest.raises(ActionRefused, match="there is no earlier baseline"):
        active_baseline.roll_back(again, ASSET, "Ada", "further back")
    again.store.close()


def test_rollback_leaves_a_baseline_whose_file_is_broken(tmp_path: Path) -> None:
    plant = calibrated(tmp_path, 2)
    kept = watch_of(plant).baselines
    first, second = kept.history(ASSET)
    (kept.folder_of(ASSET) / second / ARRAYS).write_bytes(b"broken")
    assert active_baseline.roll_back(plant, ASSET, "Ada", "its file is broken") == first
    assert watch_of(plant).judge_of(ASSET) == first
    plant.store.close()


def test_plant_starts_with_the_last_good_baseline_where_the_active_one_is_broken_and_an_alarm_says_so(
    tmp_path: Path,
) -> None:
    plant = calibrated(tmp_path, 2)
    kept = watch_of(plant).baselines
    first, second = kept.history(ASSET)
    plant.store.close()
    with (kept.folder_of(ASSET) / second / ARRAYS).open("r+b") as file:
        file.write(b"tampered")
    again = open_pumps(tmp_path)
    assert watch_of(again).judge_of(ASSET) == first
    with again.store.view() as view:
        (alarm,) = [one for one in view.alarms.current(ASSET) if one.kind == "model"]
        assert alarm.state == "UNACKNOWLEDGED"
    assert active_baseline.roll_back(again, ASSET, "Ada", "its file is broken") == first
    with again.store.view() as view:
        (alarm,) = [one for one in view.alarms.current(ASSET) if one.kind == "model"]
        assert alarm.state == "RETURNED_UNACKNOWLEDGED"
    again.store.close()


def test_rollback_over_http(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as client:
        send_batch(client, healthy(200, 1))
        first = calibrate_asset(client, ASSET)["version"]
        body = {"asset_id": ASSET, "author": "Ada", "reason": "worn bearing"}
        refused = client.post("/api/v1/calibration/rollback", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "action_refused")
        send_batch(client, healthy(200, 2, begin=7200))
        assert calibrate_asset(client, ASSET)["version"] != first
        answer = client.post("/api/v1/calibration/rollback", json=body)
        assert answer.json() == {"asset_id": ASSET, "baseline_version": first}
        status = client.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json()["asset"]
        assert (status["baseline_version"], status["system_state"]) == (first, "CALIBRATED")


def test_baseline_that_the_database_does_not_take_is_not_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = calibrated(tmp_path)
    [first] = watch_of(plant).baselines.history(ASSET)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise StoreUnavailable("sqlite", "the disk is full", "Make room.")

        patch.setattr(plant, "save", full)
        with pytest.raises(StoreUnavailable):
            active_baseline.commission(plant, ASSET, baseline(rows=200, seed=9, asset_id=ASSET), "Ada")
    assert watch_of(plant).judge_of(ASSET) == first
    assert watch_of(plant).baselines.history(ASSET) == [first]
    plant.store.close()


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> Callable[[Plant], AbstractContextManager[None]]:
    """A plant's database takes nothing meanwhile."""

    def full(*_: object) -> None:
        raise StoreUnavailable("sqlite", "the disk is full", "Make room.")

    @contextmanager
    def meanwhile(plant: Plant) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(plant, "save", full)
            yield

    return meanwhile


def learnt(seed: int) -> Baseline:
    return baseline(rows=200, seed=seed, asset_id=ASSET, asset_type=PUMP)


def plant_with(home: Path, seeds: list[int]) -> Plant:
    """A plant that has taken readings, and made baselines of these seeds the active one, one after another."""
    plant = open_pumps(home)
    take(plant, healthy(200, 0))
    for seed in seeds:
        active_baseline.commission(plant, ASSET, learnt(seed), "Ada")
    return plant


@pytest.mark.parametrize("seeds", [[8], [8, 9]], ids=["active", "earlier"])
def test_calibration_on_unchanged_readings_that_the_database_does_not_take_leaves_all_baselines(
    tmp_path: Path, no_room: Callable[[Plant], AbstractContextManager[None]], seeds: list[int]
) -> None:
    """Its version is one that is kept already: the active one, or an earlier one."""
    plant = plant_with(tmp_path, seeds)
    kept = watch_of(plant).baselines
    candidate = kept.keep(learnt(10))
    before, versions = kept.history(ASSET), kept.versions(ASSET)
    with no_room(plant), pytest.raises(StoreUnavailable):
        active_baseline.commission(plant, ASSET, learnt(8), "Ada")
    assert (kept.history(ASSET), kept.versions(ASSET)) == (before, versions)
    assert candidate in versions
    assert watch_of(plant).judge_of(ASSET) == before[-1]
    with plant.store.view() as view:
        active = view.baselines.active(ASSET)
    assert active is not None
    assert active.version == before[-1]
    plant.store.close()


def test_new_baseline_that_the_database_does_not_take_leaves_the_candidates_of_an_asset_without_one(
    tmp_path: Path, no_room: Callable[[Plant], AbstractContextManager[None]]
) -> None:
    plant = plant_with(tmp_path, [])
    kept = watch_of(plant).baselines
    candidate = kept.keep(learnt(10))
    with no_room(plant), pytest.raises(StoreUnavailable):
        active_baseline.commission(plant, ASSET, learnt(8), "Ada")
    assert (kept.history(ASSET), kept.versions(ASSET)) == ([], [candidate])
    plant.store.close()


@pytest.mark.parametrize("seeds", [[8], [8, 9]], ids=["active", "earlier"])
def test_promotion_of_a_baseline_that_was_active_already_leaves_the_history_where_the_database_does_not_take_it(
    tmp_path: Path, no_room: Callable[[Plant], AbstractContextManager[None]], seeds: list[int]
) -> None:
    plant = plant_with(tmp_path, seeds)
    kept = watch_of(plant).baselines
    before = kept.history(ASSET)
    with no_room(plant), pytest.raises(StoreUnavailable):
        active_baseline.promote(plant, ASSET, before[0], "Ada", lambda _: None)
    assert kept.history(ASSET) == before
    assert watch_of(plant).judge_of(ASSET) == before[-1]
    plant.store.close()


def test_first_baseline_that_could_not_be_made_active_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = open_pumps(tmp_path)
    take(plant, healthy(200, 0))
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise StoreUnavailable("sqlite", "the disk is full", "Make room.")

        patch.setattr(plant, "save", full)
        with pytest.raises(StoreUnavailable):
            active_baseline.commission(plant, ASSET, baseline(rows=200, seed=9, asset_id=ASSET), "Ada")
    assert watch_of(plant).judge_of(ASSET) is None
    assert watch_of(plant).baselines.assets() == []
    assert active_baseline.commission(plant, ASSET, baseline(rows=200, seed=9, asset_id=ASSET), "Ada")
    plant.store.close()


def test_plant_of_a_type_that_has_changed_starts_and_judges_nothing_until_it_is_calibrated_again(
    tmp_path: Path,
) -> None:
    calibrated(tmp_path).store.close()
    watch = ConditionWatch(PUMP.model_copy(update={"signals": PUMP.signals[::-1]}), tmp_path / "models")
    assert watch.judge_of(ASSET) is None
    assert "has changed since" in watch.broken[ASSET]


def test_purge_of_everything_takes_baselines_of_assets_that_never_sent_a_reading(tmp_path: Path) -> None:
    plant = calibrated(tmp_path)
    watch_of(plant).baselines.add(baseline(rows=200, asset_id="from a file"))
    purge(plant, None, "ALL", None, "Ada")
    assert watch_of(plant).baselines.assets() == []
    plant.store.close()


def test_purge_that_fails_leaves_the_baseline_where_it_was(tmp_path: Path) -> None:
    plant = calibrated(tmp_path)
    occupied = tmp_path / "occupied"
    occupied.write_text("a file, not a folder")
    with pytest.raises(OSError, match="occupied"):
        purge(plant, ASSET, ASSET, occupied, "Ada")
    assert watch_of(plant).baselines.assets() == [ASSET]
    assert watch_of(plant).judge_of(ASSET) is not None
    plant.store.close()


@pytest.mark.parametrize("committed", [False, True])
def test_purge_that_a_kill_cut_off_is_undone_or_finished_at_the_next_start(tmp_path: Path, committed: bool) -> None:
    """What a kill leaves behind: the folder is aside, and the rows are still there or already gone."""
    plant = calibrated(tmp_path)
    version = watch_of(plant).judge_of(ASSET)
    if committed:
        purge(plant, ASSET, ASSET, None, "Ada")
        watch_of(plant).baselines.add(baseline(rows=200, asset_id=ASSET))
    watch_of(plant).baselines.put_aside(ASSET)
    plant.store.close()
    again = open_pumps(tmp_path)
    settle_purges(again)
    assert watch_of(again).baselines.assets_aside() == []
    assert watch_of(again).baselines.assets() == ([] if committed else [ASSET])
    assert watch_of(again).judge_of(ASSET) == (None if committed else version)
    again.store.close()


@pytest.mark.parametrize(("moment", "committed"), [("tell_forgotten", False), ("remove_aside", True)])
def test_purge_of_everything_that_a_kill_cut_off_settles_baselines_of_assets_without_readings_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, committed: bool
) -> None:
    """The files as they stand within the transaction, or right after it, are what a kill leaves behind."""
    alive, killed = tmp_path / "alive", tmp_path / "killed"
    alive.mkdir()
    before = open_pumps(alive)
    purge(before, None, "ALL", None, "Ada")  # an earlier one, which ended and says nothing about the later
    before.store.close()
    plant = calibrated(alive)
    watch_of(plant).baselines.add(baseline(rows=200, asset_id="from a file"))
    asked = watch_of(plant).baselines if committed else plant
    inside = getattr(asked, moment)

    def copied(*arguments: object) -> None:
        if not killed.exists() and (
            not committed or not plant.watches.type_of
        ):  # files go aside before everybody is forgotten
            shutil.copytree(alive, killed, ignore=shutil.ignore_patterns("*-shm"))
        inside(*arguments)

    monkeypatch.setattr(asked, moment, copied)
    purge(plant, None, "ALL", None, "Ada")
    plant.store.close()
    again = open_pumps(killed)
    settle_purges(again)
    kept = watch_of(again).baselines
    assert kept.assets_aside() == []
    assert kept.assets() == ([] if committed else ["from a file", ASSET])
    assert (watch_of(again).judge_of(ASSET) is None) == committed
    assert sorted(path.name for path in (killed / "models").iterdir()) == [PUMP.name]
    again.store.close()


def test_clock_that_is_ahead_raises_an_alarm_of_its_own_and_makes_health_uncertain(tmp_path: Path) -> None:
    now = 1_767_225_600.0  # START
    plant = Plant({PUMP.name: PUMP}, tmp_path / "models", Store(f"sqlite:///{tmp_path / 'plant.db'}"), lambda: now)
    from smart_sentry.plant.status import asset_status

    def alarms() -> list[tuple[str, str]]:
        with plant.store.view() as view:
            return [(alarm.kind, alarm.state) for alarm in view.alarms.current(ASSET)]

    for second in range(60):
        now += 1.0
        take(plant, readings_of(running(1, second), ASSET, [second + 5.0]))  # five seconds ahead are nobody's business
    assert alarms() == []
    for second in range(60, 70):
        now += 1.0
        take(plant, readings_of(running(1, second), ASSET, [second + 30.0]))
    assert alarms() == [("sensor:timestamp", "UNACKNOWLEDGED")]
    assert asset_status(plant, ASSET).health_uncertain
    for second in range(70, 300):
        now += 1.0
        take(plant, readings_of(running(1, second), ASSET, [float(second)]))
    assert [state for _, state in alarms()] == ["RETURNED_UNACKNOWLEDGED"]
    assert not asset_status(plant, ASSET).health_uncertain
    plant.store.close()


def test_sensor_that_is_silent_makes_health_uncertain(tmp_path: Path) -> None:
    with client_of_pumps(tmp_path) as client:
        send_batch(client, healthy(200, 1))
        calibrate_asset(client, ASSET)
        values = running(30, 2)
        values[:, 0] = np.nan
        send_batch(client, readings_of(values, ASSET, range(200, 230)))
        status = client.get("/api/v1/monitoring/status", params={"asset_id": ASSET}).json()["asset"]
        assert status["health_uncertain"]
        assert status["health"] > 99
