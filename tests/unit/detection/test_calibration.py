"""Calibration: what it refuses, what it reports, and that a baseline comes back as it was kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from condition_sample import CREATED, baseline, pump, running, seconds

from smart_sentry.detection.baseline import ARRAYS, FACTS, Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.errors import ChecksumMismatch, ContaminatedCalibration, InsufficientData, ModelUnavailable


def of(values: np.ndarray, times: np.ndarray | None = None) -> Baseline:
    at = seconds(len(values)) if times is None else times
    return calibrate("pump 1", pump(), Readings(at, values), created=CREATED, seed=1)


def test_fewer_than_100_readings_are_refused_with_both_numbers() -> None:
    with pytest.raises(InsufficientData, match="pump 1: have 99, need at least 100"):
        of(running(99, 1))
    assert of(running(100, 1)).acceptance.readings == 100


def test_statistics_are_those_of_the_data() -> None:
    values = running(500, 1)
    statistics = of(values).phases["UNKNOWN"].statistics.as_dict()
    assert statistics["vibration_g"]["mean"] == pytest.approx(values[:, 2].mean())
    assert statistics["current_a"]["std"] == pytest.approx(values[:, 0].std())
    assert statistics["speed_rpm"]["min"] == values[:, 1].min()
    assert statistics["speed_rpm"]["max"] == values[:, 1].max()


def test_data_of_which_too_many_are_outliers_are_refused_with_share_and_worst_channel() -> None:
    values = running(1000, 1)
    values[:70, 2] += 3
    with pytest.raises(
        ContaminatedCalibration, match=r"refused: 7\.0% .* at most 5% may; worst: vibration_g"
    ) as caught:
        of(values)
    assert caught.value.worst[0] == "vibration_g"


def test_few_outliers_are_accepted_and_reported() -> None:
    values = running(1000, 1)
    values[:30, 2] += 3
    acceptance = of(values).acceptance
    assert acceptance.outside_three_sigma == pytest.approx(0.03, abs=0.005)
    assert acceptance.grade > "A"
    assert any("outside 3 standard deviations" in remark for remark in acceptance.remarks)


def test_clean_long_calibration_is_graded_a_and_short_one_lower() -> None:
    assert of(running(1000, 1)).acceptance.grade == "A"
    slow = pump(sampling_seconds=0.01)
    short = calibrate("pump 1", slow, Readings(seconds(1000, 0.01), running(1000, 1)), created=CREATED, seed=1)
    assert short.acceptance.steps == 10
    assert short.acceptance.grade in "BC"
    assert short.reading_forest is None


def test_held_out_false_alarms_come_with_their_interval() -> None:
    acceptance = of(running(1000, 1)).acceptance
    assert acceptance.false_alarm_low <= acceptance.false_alarms <= acceptance.false_alarm_high
    assert acceptance.false_alarms <= 0.005
    assert 0.003 < acceptance.false_alarm_high < 0.02


def test_missing_and_impossible_values_are_left_out_and_counted() -> None:
    values = running(1000, 1)
    values[::20, 0] = np.nan
    values[1::20, 1] = 1e9
    found = of(values)
    assert found.acceptance.missing == pytest.approx(0.1 / 3)
    assert found.phases["UNKNOWN"].normal.centre[1] == pytest.approx(2900, abs=1)


def test_pauses_begin_new_stretches_and_do_no_harm() -> None:
    times = seconds(1000)
    times[500:] += 3600
    assert of(running(1000, 1), times).acceptance.grade == "A"


def test_baseline_kept_and_loaded_is_the_same(tmp_path: Path) -> None:
    kept = baseline()
    version = kept.save(tmp_path)
    loaded = Baseline.load(tmp_path)
    assert loaded.version == version
    assert loaded.acceptance == kept.acceptance
    assert (loaded.asset_id, loaded.channels, loaded.created) == ("pump 1", pump().sensor_names, CREATED)
    first, second = kept.phases["UNKNOWN"], loaded.phases["UNKNOWN"]
    for one, other in zip(first.detector, second.detector, strict=True):
        np.testing.assert_array_equal(one, other)
    assert first.statistics.as_dict() == second.statistics.as_dict()
    live = running(50, 9)
    assert kept.reading_forest is not None
    assert loaded.reading_forest is not None
    np.testing.assert_array_equal(kept.reading_forest.scores(live), loaded.reading_forest.scores(live))


def test_equal_calibrations_have_the_same_version_and_others_another(tmp_path: Path) -> None:
    versions = [part.save(tmp_path / str(n)) for n, part in enumerate((baseline(), baseline(), baseline(seed=2)))]
    assert versions[0] == versions[1] != versions[2]


def test_arrays_that_were_tampered_with_are_refused(tmp_path: Path) -> None:
    baseline().save(tmp_path)
    replace(baseline(seed=2)).save(tmp_path / "other")
    (tmp_path / ARRAYS).write_bytes((tmp_path / "other" / ARRAYS).read_bytes())
    with pytest.raises(ChecksumMismatch, match="Calibrate the asset again"):
        Baseline.load(tmp_path)


@pytest.mark.parametrize("missing", [ARRAYS, FACTS])
def test_half_a_baseline_is_none(tmp_path: Path, missing: str) -> None:
    baseline().save(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ModelUnavailable):
        Baseline.load(tmp_path)


def test_switch_that_is_seldom_on_is_not_taken_for_a_faulty_machine() -> None:
    values = running(500, 1)
    values[:, 2] = np.arange(500) % 14 == 0  # on in 7 % of the readings: 3.6 standard deviations off its mean
    assert of(values).acceptance.outside_three_sigma < 0.02
    values[::14, 0] += 20.0
    with pytest.raises(ContaminatedCalibration, match="worst: current_a"):
        of(values)
