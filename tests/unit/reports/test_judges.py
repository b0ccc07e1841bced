"""Which baseline a report holds an asset against: the one of its time, and the one before it where that cannot be read."""

from __future__ import annotations

from pathlib import Path

from condition_sample import baseline
from plant_fixture import PUMP, START, healthy, open_pumps, take

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.config import Settings
from smart_sentry.detection.baseline import ARRAYS
from smart_sentry.plant import active_baseline
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.status import asset_status
from smart_sentry.reports.content import ReportContent
from smart_sentry.reports.gather import gather
from smart_sentry.reports.source import ReportSource

ASSET = "motor_01"
CALIBRATE = "Calibrate the asset on healthy operation."


def calibrated(home: Path, times: int) -> Plant:
    """A plant with an asset that was calibrated so often, each time on other readings, and is being read."""
    plant = open_pumps(home)
    for number in range(times):
        take(plant, healthy(20, number, begin=100 * number))
        active_baseline.commission(plant, ASSET, baseline(rows=200, seed=number, asset_id=ASSET), "Ada")
    take(plant, healthy(20, 9, begin=100 * times))
    return plant


def told(plant: Plant, home: Path, as_of: float | None = None) -> ReportContent:
    return gather(ReportSource.of_plant(plant, Settings(home=home)), ASSET, as_of=as_of)


def break_file(home: Path, version: str) -> None:
    files = BaselineStore(home / "models" / PUMP.name / "baselines")
    (files.folder_of(ASSET) / version / ARRAYS).write_bytes(b"broken")


def test_report_of_a_time_before_the_first_calibration_is_judged_by_nothing(tmp_path: Path) -> None:
    plant = calibrated(tmp_path, 1)
    assert told(plant, tmp_path).baseline is not None
    before = told(plant, tmp_path, START.timestamp() + 10.0)
    assert (before.baseline, before.status.health) == (None, None)
    assert before.why_missing == "no baseline is active, and no failure model judges this type"
    assert [one.what for one in before.actions] == [CALIBRATE]
    plant.store.close()


def test_report_of_a_time_is_judged_by_the_baseline_that_was_active_then(tmp_path: Path) -> None:
    plant = calibrated(tmp_path, 2)
    with plant.store.view() as view:
        first, second = view.baselines.history(ASSET)
    early, late = told(plant, tmp_path, first.time), told(plant, tmp_path, second.time)
    assert early.baseline is not None
    assert late.baseline is not None
    assert (early.baseline.version, late.baseline.version) == (first.version, second.version)
    plant.store.close()


def test_report_is_judged_by_the_baseline_before_where_the_active_one_is_broken_as_the_service_is(
    tmp_path: Path,
) -> None:
    plant = calibrated(tmp_path, 2)
    with plant.store.view() as view:
        first, second = (entry.version for entry in view.baselines.history(ASSET))
    plant.store.close()
    break_file(tmp_path, second)
    again = open_pumps(tmp_path)
    report, status = told(again, tmp_path), asset_status(again, ASSET)
    assert report.baseline is not None
    assert report.baseline.version == status.baseline_version == first
    assert report.status.health == status.health
    assert report.status.health is not None
    break_file(tmp_path, first)
    nothing = told(again, tmp_path)
    assert nothing.baseline is None
    assert nothing.why_missing == f"baseline {second} cannot be read: ChecksumMismatch"
    assert CALIBRATE in [one.what for one in nothing.actions]
    again.store.close()


def test_baseline_that_stands_in_files_alone_judges_from_the_time_it_was_learnt(tmp_path: Path) -> None:
    plant = open_pumps(tmp_path)
    files = BaselineStore(tmp_path / "models" / PUMP.name / "baselines")
    version = files.add(baseline(rows=200, asset_id=ASSET))  # learnt at START
    take(plant, healthy(20, 1))
    report = told(plant, tmp_path, START.timestamp())
    assert report.baseline is not None
    assert report.baseline.version == version
    assert told(plant, tmp_path, START.timestamp() - 1.0).baseline is None
    plant.store.close()
