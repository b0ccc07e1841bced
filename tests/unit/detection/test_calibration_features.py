"""What a baseline keeps of derived features: their statistics by phase; and that no detector knows of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from condition_sample import CREATED, baseline, pump, running, seconds

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.detection.baseline import FACTS, Baseline, FeatureStatistics
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.features.derived import ratio, spike_count

MOTOR = load_asset_type(Path(__file__).parents[3] / "configs" / "assets" / "motor.yaml")
SIX = (
    "voltage_rolling_mean_1h", "current_spike_count", "power_factor_efficiency_score", "vibration_intensity_rms",
    "voltage_stability", "power_vibration_ratio",
)  # fmt: skip
LOAD_RATIO = {
    "name": "shake_per_ampere",
    "kind": "ratio",
    "numerator": "vibration_g",
    "denominator": "current_a",
    "offset": 1,
}


def motor_readings(rows: int = 300) -> np.ndarray:
    return np.random.default_rng(3).normal([230, 15, 0.92, 0.15], [2, 1, 0.02, 0.03], (rows, 4)).clip(0.01)


def learnt(kind: AssetType, values: np.ndarray) -> Baseline:
    return calibrate(
        "m 1", kind, Readings(seconds(len(values), kind.sampling_seconds), values), created=CREATED, seed=1
    )


def test_baseline_of_a_motor_has_the_six_beside_its_signals() -> None:
    values = motor_readings()
    found = learnt(MOTOR, values)
    statistics = found.phases["UNKNOWN"].statistics.as_dict()
    assert tuple(statistics) == MOTOR.sensor_names + SIX
    assert found.acceptance.derived == SIX
    voltage, current, power_factor, vibration = values.T
    mean_so_far = np.cumsum(voltage) / np.arange(1, 301)
    for name, expected in (
        ("voltage_rolling_mean_1h", mean_so_far), ("current_spike_count", spike_count(current, 10, 3.0)),
        ("power_factor_efficiency_score", (power_factor - 0.8) / 0.2 * 100), ("voltage_stability", np.abs(voltage - 230)),
        ("power_vibration_ratio", vibration / (power_factor + 0.01)),
    ):  # fmt: skip
        said = [np.nanmean(expected), np.nanstd(expected), np.nanmin(expected), np.nanmax(expected)]
        assert list(statistics[name].values()) == pytest.approx(said), name
    assert 0.1 < statistics["vibration_intensity_rms"]["min"] < statistics["vibration_intensity_rms"]["max"] < 0.2


def test_missing_and_impossible_values_are_in_no_feature() -> None:
    values = motor_readings()
    values[50, 0], values[51, 0] = np.nan, 9999.0
    statistics = learnt(MOTOR, values).phases["UNKNOWN"].statistics.as_dict()
    assert statistics["voltage_stability"]["max"] < 20


def test_features_are_told_phase_by_phase() -> None:
    kind = pump(phase={"load_signal": "current_a", "speed_signal": "speed_rpm", "off_below": 4.5})
    values, resting = running(1200, 3), np.arange(1200) % 120 >= 60
    values[resting] = np.abs(np.random.default_rng(1).normal(0, 0.01, (int(resting.sum()), 3)))
    distance = {"name": "from_rated", "kind": "distance", "signal": "current_a", "from": 15}
    found = learnt(kind.model_validate(kind.model_dump() | {"features": [distance]}), values)
    means = {phase: part.statistics.as_dict()["from_rated"]["mean"] for phase, part in found.phases.items()}
    assert means["OFF"] == pytest.approx(15, abs=0.1)
    assert means["STEADY"] < 2


def test_no_detector_knows_of_derived_features() -> None:
    values, live = running(400, 1), running(200, 2) + np.array([0, 0, 0.1])
    with_features, without = pump(features=[LOAD_RATIO]), pump(features=[])
    scores = []
    for kind in (with_features, without):
        monitor = ConditionMonitor(kind, {"m 1": learnt(kind, values)})
        scores.append(monitor.assess(monitor.slots(["m 1"] * 200), seconds(200), live).score)
    assert (scores[0] > 1).any()
    np.testing.assert_array_equal(*scores)


def test_fast_machine_keeps_its_sixteen_features_and_may_add_the_ratio_of_its_means() -> None:
    fast, values = {"sampling_seconds": 0.01}, running(3000, 1)
    plain = learnt(pump(**fast), values)
    names = plain.phases["UNKNOWN"].statistics.names
    assert len(names) == 4 * 3
    assert plain.acceptance.derived == ()
    more = learnt(pump(**fast, features=[LOAD_RATIO]), values).phases["UNKNOWN"].statistics
    assert more.names == (*names, "shake_per_ampere")
    means = values.reshape(30, 100, 3).mean(axis=1)
    assert more.mean[-1] == pytest.approx(ratio(means[:, 2], means[:, 0], 1.0).mean())


def test_feature_without_a_single_value_is_left_out() -> None:
    values = np.array([[1.0, np.nan], [3.0, np.nan]])
    assert FeatureStatistics.of(("a", "b"), values).as_dict() == {"a": {"mean": 2, "std": 1, "min": 1, "max": 3}}


def test_features_and_ratios_come_back_from_the_store(tmp_path: Path) -> None:
    kind, store = pump(features=[LOAD_RATIO]), BaselineStore(tmp_path)
    kept = learnt(kind, running(300, 1))
    store.add(kept)
    found = store.active("m 1")
    assert found.acceptance == kept.acceptance
    assert found.acceptance.derived == ("shake_per_ampere",)
    assert found.ratios == kept.ratios == kind.features
    assert found.phases["UNKNOWN"].statistics.as_dict() == kept.phases["UNKNOWN"].statistics.as_dict()


def test_baseline_of_before_there_were_derived_features_is_still_read(tmp_path: Path) -> None:
    baseline(asset_type=pump(features=[])).save(tmp_path)
    facts = json.loads((tmp_path / FACTS).read_text())
    del facts["ratios"], facts["acceptance"]["derived"]
    (tmp_path / FACTS).write_text(json.dumps(facts))
    found = Baseline.load(tmp_path)
    assert (found.ratios, found.acceptance.derived) == ((), ())
    assert found.phases["UNKNOWN"].statistics.names == pump().sensor_names


def test_ratio_with_a_setting_is_shown_and_not_kept_for_reasons() -> None:
    signals = [signal.model_dump() for signal in pump().signals]
    kind = pump(signals=[signals[0] | {"role": "setting"}, *signals[1:]], features=[LOAD_RATIO])
    found = learnt(kind, running(300, 1))
    assert "shake_per_ampere" in found.phases["UNKNOWN"].statistics.names
    assert found.ratios == ()
