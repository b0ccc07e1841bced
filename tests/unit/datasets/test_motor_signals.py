"""The motor by its statistics: means and spreads by the table of its faults, harder cases, lying sensors, the bench."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.assets import load_asset_type
from smart_sentry.datasets.motor_signals import (
    FAULTS,
    HIGHEST,
    LOWEST,
    SEVERITIES,
    SIGNALS,
    Fault,
    developing_readings,
    faulty_readings,
    healthy_readings,
    loaded_readings,
)
from smart_sentry.datasets.sensor_faults import SensorFault
from smart_sentry.datasets.simulated_motors import BenchMotor, Scenario, StatisticalMotor, machine_for, readings_table
from smart_sentry.errors import ConfigurationError

ROWS = 40_000


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_healthy_readings_have_the_nominal_means_and_deviations():
    values = healthy_readings(ROWS, rng())
    np.testing.assert_allclose(values.mean(axis=0), [230.0, 15.0, 0.92, 0.15], rtol=2e-3)
    # the vibration is cut off at 0.05, 3.3 deviations below its mean, the power factor at 1, 4 above
    np.testing.assert_allclose(values.std(axis=0), [2.0, 1.0, 0.02, 0.03], rtol=0.02)


@pytest.mark.parametrize(
    ("kind", "severity", "expected"),
    [
        # the middle of each range
        ("DEFAULT", "MILD", [237.5, 17.0, 0.855, 0.2325]),
        ("DEFAULT", "MEDIUM", [247.5, 20.0, 0.805, 0.45]),
        # the middle of the lower half
        ("DRIFT", "MILD", [236.25, 16.5, 0.8625, 0.21375]),
        ("DRIFT", "SEVERE", [261.25, 24.0, 0.7325, 1.125]),
        # 1.2 times the offset, 1.3 times the vibration
        ("SPIKE", "MILD", [239.0, 17.4, 0.842, 0.30225]),
        ("SPIKE", "MEDIUM", [251.0, 21.0, 0.782, 0.585]),
        # nothing moves
        ("JITTER", "MILD", [230.0, 15.0, 0.92, 0.15]),
    ],
)
def test_fault_moves_the_means_as_its_severity_says(kind, severity, expected):
    values = faulty_readings(ROWS, Fault(kind, severity), rng())
    np.testing.assert_allclose(values.mean(axis=0), expected, rtol=5e-3)


def test_jitter_is_uniform_with_its_half_widths():
    values = faulty_readings(ROWS, Fault("JITTER", "MILD"), rng())
    np.testing.assert_allclose(values.std(axis=0), np.array([8, 2, 0.06, 0.10]) / np.sqrt(3.0), rtol=0.02)
    assert np.abs(values - [230, 15, 0.92, 0.15]).max(axis=0) == pytest.approx([8, 2, 0.06, 0.10], rel=1e-3)
    half = faulty_readings(ROWS, Fault("JITTER", "MILD", intensity=0.5), rng())
    assert np.abs(half - [230, 15, 0.92, 0.15]).max(axis=0) == pytest.approx([4, 1, 0.03, 0.05], rel=1e-3)


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_no_fault_leaves_the_sensors_range(kind, severity):
    values = faulty_readings(ROWS, Fault(kind, severity), rng())
    assert (values >= LOWEST).all()
    assert (values <= HIGHEST).all()


def test_fault_of_one_signal_leaves_the_others_healthy():
    values = faulty_readings(ROWS, Fault("DEFAULT", "MEDIUM", signals=("current_a",)), rng())
    np.testing.assert_allclose(values.mean(axis=0), [230.0, 20.0, 0.92, 0.15], rtol=5e-3)


def test_developing_fault_grows_from_nothing_under_the_scatter_of_a_healthy_motor():
    values = developing_readings(Fault("DRIFT", "MILD"), np.repeat([0.0, 0.5, 1.0], ROWS), rng()).reshape(3, ROWS, 4)
    np.testing.assert_allclose(values.mean(axis=1)[:, 0], [230.0, 233.125, 236.25], atol=0.05)
    np.testing.assert_allclose(values.std(axis=1)[:, 0], 2.0, rtol=0.02)


def test_developing_jitter_strikes_ever_more_readings():
    spread = [
        developing_readings(Fault("JITTER", "SEVERE"), np.full(ROWS, share), rng())[:, 0].std() for share in (0, 0.5, 1)
    ]
    # a mixture's variance is the mean of both: 4 and 625 / 3
    np.testing.assert_allclose(spread, [2.0, np.sqrt((4 + 625 / 3) / 2), np.sqrt(625 / 3)], rtol=0.02)


def test_current_follows_the_load():
    values = loaded_readings(np.repeat([0.8, 1.2], ROWS), rng())
    assert values[:ROWS, 1].mean() == pytest.approx(12.0, abs=0.05)
    assert values[ROWS:, 1].mean() == pytest.approx(18.0, abs=0.05)


@pytest.mark.parametrize(
    "wrong", [{"kind": "RUST"}, {"severity": "AWFUL"}, {"intensity": 0.0}, {"signals": ("speed_rpm",)}, {"signals": ()}]
)
def test_unknown_fault_is_refused(wrong):
    with pytest.raises(ConfigurationError):
        Fault(**wrong)


def test_stuck_sensor_repeats_its_first_value_over_all_calls():
    sensor, values = SensorFault("STUCK", 1), healthy_readings(20, rng())
    shown = np.concatenate([sensor.apply(values[:5], rng()), sensor.apply(values[5:], rng())])
    assert (shown[:, 1] == values[0, 1]).all()
    np.testing.assert_array_equal(shown[:, [0, 2, 3]], values[:, [0, 2, 3]])


def test_missing_sensor_has_no_values_and_spiking_one_a_few_wild_ones():
    values = healthy_readings(ROWS, rng())
    assert np.isnan(SensorFault("MISSING", 0).apply(values, rng())[:, 0]).all()
    ratio = SensorFault("SPIKING", 3).apply(values, rng())[:, 3] / values[:, 3]
    struck = ratio != 1.0
    assert struck.mean() == pytest.approx(0.02, abs=0.003)
    assert ratio[struck].min() >= 3.0 - 1e-9
    assert ratio[struck].max() <= 8.0 + 1e-9
    with pytest.raises(ConfigurationError):
        SensorFault("BENT", 0)


def test_motor_is_the_same_from_the_same_seed_and_tells_what_is_true():
    scenario = Scenario(fault="JITTER", severity="MILD", sensor_fault="STUCK", sensor="current_a")
    first, again, other = (StatisticalMotor(scenario, 1.0, rng(seed)).take(50) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)
    assert (first.condition, first.sensor, first.is_faulty) == ("JITTER MILD", "STUCK current_a", True)
    assert set(first.phase) == {"STEADY"}


def test_ramp_goes_on_from_one_call_to_the_next():
    motor = StatisticalMotor(Scenario(fault="DEFAULT", severity="SEVERE", ramp_seconds=200.0), 0.1, rng())
    first, second, after = (motor.take(1000).values[:, 0].mean() for _ in range(3))
    # offset 37.5 at the end; the middle of each 100 s: 1/4 and 3/4 of it, then all
    assert [first, second, after] == pytest.approx([230 + 9.375, 230 + 28.125, 267.5], abs=0.5)


def test_load_changes_are_healthy_and_held_for_a_minute():
    simulated = StatisticalMotor(Scenario(load_changes=True), 1.0, rng()).take(600)
    assert not simulated.is_faulty
    minutes = simulated.values[:, 1].reshape(10, 60).mean(axis=1)
    nearest = np.abs(minutes[:, None] - 15.0 * np.array([0.8, 0.9, 1.1, 1.2])).min(axis=1)
    assert nearest.max() < 0.5
    assert np.ptp(minutes) > 2.0


def test_bench_tells_its_phases_and_its_fault_shakes_the_motor():
    healthy, worn = (
        BenchMotor(scenario, 1.0, rng(5)).take(900) for scenario in (Scenario(), Scenario(fault="BEARING", severity="SEVERE"))
    )  # fmt: skip
    assert {"OFF", "STARTUP", "STEADY"} <= set(healthy.phase)
    assert not healthy.is_faulty
    assert worn.is_faulty
    column = BenchMotor.signal_names.index("vibration_g")
    steady = [simulated.values[simulated.phase == "STEADY", column].mean() for simulated in (healthy, worn)]
    assert steady[1] > 2.0 * steady[0]


@pytest.mark.parametrize(
    "scenario", [Scenario(fault="JITTER"), Scenario(ramp_seconds=60.0), Scenario(intensity=0.5), Scenario(signals=("speed_rpm",))]
)  # fmt: skip
def test_bench_refuses_what_it_cannot_simulate(scenario):
    with pytest.raises(ConfigurationError):
        BenchMotor(scenario, 1.0, rng())


def test_asset_types_find_their_machine(assets_folder, turbofan):
    for name, machine in (("motor", StatisticalMotor), ("motor_fast", StatisticalMotor), ("motor_bench", BenchMotor)):
        asset_type = load_asset_type(assets_folder / f"{name}.yaml")
        assert isinstance(machine_for(asset_type, Scenario(), 1.0, 1), machine)
    with pytest.raises(ConfigurationError, match="no simulated machine"):
        machine_for(turbofan, Scenario(), 1.0, 1)


def test_table_has_the_named_signals_and_the_truth():
    motor = StatisticalMotor(Scenario(fault="DRIFT", severity="MILD"), 1.0, rng())
    table = readings_table(motor, motor.take(2), "m", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"], SIGNALS[::-1])
    assert list(table.columns) == [
        "timestamp", "asset_id", "vibration_g", "power_factor", "current_a", "voltage_v", "true_phase", "true_condition",
        "true_sensor", "is_faulty",
    ]  # fmt: skip
    assert table["voltage_v"].between(230, 245).all()
    assert table["true_condition"].tolist() == ["DRIFT MILD"] * 2
