"""Files and index of baselines that have come apart: by a stop, or by a calibration from a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from condition_sample import CREATED, baseline
from plant_fixture import PUMP, healthy, open_pumps, sqlite_in, take

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.plant.baseline_settling import settle_baselines
from smart_sentry.plant.calibrations import Calibrations
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.watches import FROM_FILE
from smart_sentry.recalibration_triggers import DAY_SECONDS, old_baselines
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.recalibrations import Asked
from smart_sentry.stores.store import Store

ASSET = "motor_01"
AT = datetime.fromisoformat(CREATED).timestamp()


def files_of(home: Path) -> BaselineStore:
    return BaselineStore(home / "models" / PUMP.name / "baselines")


def from_file(home: Path, seed: int) -> str:
    """What `smart-sentry calibrate --data` does: it knows no database."""
    return files_of(home).add(baseline(rows=300, seed=seed, asset_id=ASSET, asset_type=PUMP))


def calibrated(home: Path, times: int) -> list[str]:
    """The versions of an asset that a service has calibrated so often, each time on other readings."""
    plant = open_pumps(home)
    for number in range(times):
        take(plant, healthy(200, number, ASSET, begin=7200 * number))
        calibrations = Calibrations(plant)
        calibrations.start(ASSET, 60, "Ada")
        calibrations.close()
    plant.store.close()
    return files_of(home).history(ASSET)


def opened(home: Path) -> Plant:
    plant = open_pumps(home)
    settle_baselines(plant)
    return plant


def index(plant: Plant) -> list[ActiveBaseline]:
    with plant.store.view() as batch:
        return batch.baselines.history(ASSET)


def test_baseline_from_a_file_is_entered_as_of_its_creation_once(tmp_path: Path) -> None:
    plant = open_pumps(tmp_path)
    take(plant, healthy(10, 1, ASSET))
    plant.store.close()
    version = from_file(tmp_path, 1)
    for _ in range(2):
        plant = opened(tmp_path)
        assert index(plant) == [ActiveBaseline(ASSET, version, AT, FROM_FILE)]
        with plant.store.view() as batch:
            (old,) = old_baselines(batch, AT + 91 * DAY_SECONDS, 90)
        assert old.reason == f"baseline {version} is 91 days old"
        plant.store.close()


def test_baseline_from_a_file_is_entered_when_the_first_reading_of_its_asset_comes(tmp_path: Path) -> None:
    version = from_file(tmp_path, 1)
    plant = opened(tmp_path)
    assert index(plant) == []
    take(plant, healthy(10, 1, ASSET))
    take(plant, healthy(10, 1, ASSET, begin=10))
    assert index(plant) == [ActiveBaseline(ASSET, version, AT, FROM_FILE)]
    plant.store.close()


def test_baseline_from_a_file_after_one_of_the_service_stays_and_is_entered(tmp_path: Path) -> None:
    (first,) = calibrated(tmp_path, 1)
    second = from_file(tmp_path, 9)
    plant = opened(tmp_path)
    assert [one.version for one in index(plant)] == [first, second]
    assert plant.watch_of(ASSET).judge_of(ASSET) == second
    plant.store.close()


def test_calibration_that_was_cut_off_after_its_files_is_undone(tmp_path: Path) -> None:
    (first,) = calibrated(tmp_path, 1)
    with Store(sqlite_in(tmp_path)) as store, store.transaction() as batch:
        batch.states.change(AssetState(ASSET, "CALIBRATING", PUMP.name, AT), only_from=("CALIBRATED", "MONITORING"))
    from_file(tmp_path, 9)  # the files of the calibration, and here the process was killed
    plant = opened(tmp_path)
    assert files_of(tmp_path).history(ASSET) == [first]
    assert [one.version for one in index(plant)] == [first]
    assert plant.watch_of(ASSET).judge_of(ASSET) == first
    plant.store.close()


def test_rollback_by_a_person_that_was_cut_off_after_its_files_is_undone(tmp_path: Path) -> None:
    first, second = calibrated(tmp_path, 2)
    files_of(tmp_path).roll_back(ASSET)  # and here the process was killed
    plant = opened(tmp_path)
    assert files_of(tmp_path).history(ASSET) == [first, second]
    assert plant.watch_of(ASSET).judge_of(ASSET) == second
    plant.store.close()


def test_open_recalibration_of_an_asset_whose_type_is_gone_does_not_keep_the_service_from_starting(
    tmp_path: Path,
) -> None:
    calibrated(tmp_path, 1)
    with Store(sqlite_in(tmp_path)) as store, store.transaction() as batch:
        batch.recalibrations.ask(Asked(ASSET, AT, "Ada", "time", "v1"))
    plant = Plant({}, tmp_path / "models", Store(sqlite_in(tmp_path)))
    settle_baselines(plant)
    plant.store.close()
