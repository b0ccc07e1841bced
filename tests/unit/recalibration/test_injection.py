"""Injected faults: of every kind, for any machine, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from condition_sample import baseline, pump, running, seconds

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.recalibration.injection import SIZES, InjectedFault, NormalSpread, faults_of, inject

PUMP = pump()
SPREAD = NormalSpread.of(PUMP, baseline())
HEALTHY = Readings(seconds(300), running(300, 4))
ROWS = np.arange(300) >= 200


def injected(kind: str, size: float, signals: tuple[str, ...] = ("vibration_g",)) -> tuple[np.ndarray, np.ndarray]:
    """(altered rows,) what was added to the first signal; (rows,) which rows were altered."""
    fault = InjectedFault(kind, signals, size, seed=7)
    readings, altered = inject(fault, PUMP, SPREAD, HEALTHY, ROWS)
    column = PUMP.signal_names.index(signals[0])
    assert np.array_equal(readings.values[~altered], HEALTHY.values[~altered])
    return (readings.values - HEALTHY.values)[altered, column], altered


def test_offset_and_ramp_are_so_many_normal_spreads() -> None:
    vibration = SPREAD.level[2]
    assert vibration == pytest.approx(0.02, rel=0.1)
    assert injected("offset", 6.0)[0] == pytest.approx(6.0 * vibration)
    ramp, _ = injected("ramp", 10.0)
    assert ramp[0] == pytest.approx(0.0, abs=1e-12)
    assert ramp[-1] == pytest.approx(10.0 * vibration)
    assert np.all(np.diff(ramp) > 0)


def test_gain_moves_the_mean_by_its_size_and_follows_the_signal() -> None:
    added, altered = injected("gain", 6.0, ("current_a",))
    signal = HEALTHY.values[altered, 0]
    assert np.ptp(added / signal) == pytest.approx(0.0, abs=1e-12)
    assert added.mean() == pytest.approx(6.0 * SPREAD.level[0], rel=0.05)


def test_gain_moves_the_mean_as_far_where_the_signal_is_smaller() -> None:
    """Half the current: a gain in per cent of the old mean would move it half as far."""
    half = Readings(HEALTHY.seconds, HEALTHY.values * [0.5, 1.0, 1.0])
    readings, altered = inject(InjectedFault("gain", ("current_a",), 6.0, 7), PUMP, SPREAD, half, ROWS)
    added = (readings.values - half.values)[altered, 0]
    assert added.mean() == pytest.approx(6.0 * SPREAD.level[0], rel=1e-9)


def test_variance_adds_scatter_without_a_shift() -> None:
    added, _ = injected("variance", 6.0, ("current_a",))
    assert added.std() == pytest.approx(6.0 * SPREAD.noise[0], rel=0.3)
    assert abs(added.mean()) < 2.0 * SPREAD.noise[0]


def test_spikes_are_few_and_the_sensor_faults_are_what_they_say() -> None:
    added, altered = injected("spike", 16.0)
    assert 2 <= altered.sum() <= 25
    assert added == pytest.approx(16.0 * SPREAD.noise[2])
    stuck, _ = inject(InjectedFault("stuck", ("vibration_g",), 0.0, 7), PUMP, SPREAD, HEALTHY, ROWS)
    assert np.ptp(stuck.values[ROWS, 2]) == 0.0
    silent, _ = inject(InjectedFault("drop-out", ("vibration_g",), 0.0, 7), PUMP, SPREAD, HEALTHY, ROWS)
    assert np.isnan(silent.values[ROWS, 2]).all()


def test_fault_stays_within_the_physical_limits_of_its_signal() -> None:
    """A shaft at 2900 of at most 2901 revolutions can only fall."""
    tight = AssetType.model_validate(
        PUMP.model_dump()
        | {
            "signals": [
                one | {"limits": [0, 2901]} if one["name"] == "speed_rpm" else one
                for one in PUMP.model_dump()["signals"]
            ]
        }
    )
    fault = InjectedFault("offset", ("speed_rpm",), 6.0, 7)
    readings, _ = inject(fault, tight, SPREAD, HEALTHY, ROWS)
    assert np.all(readings.values[ROWS, 1] < HEALTHY.values[ROWS, 1])


def test_every_kind_is_drawn_and_the_same_again() -> None:
    faults = faults_of(PUMP, 3)
    assert {fault.kind for fault in faults} == set(SIZES)
    assert faults == faults_of(PUMP, 3)
    assert [fault.seed for fault in faults] != [fault.seed for fault in faults_of(PUMP, 4)]


def test_machine_of_many_signals_gets_faults_in_six_of_them_and_one_of_a_single_signal_none_correlated() -> None:
    def kind(count: int) -> AssetType:
        signals = [{"name": f"s{number}", "unit": "1", "limits": [-100, 100]} for number in range(count)]
        return AssetType.model_validate({"name": "many", "signals": signals})

    assert len({name for fault in faults_of(kind(52), 1) for name in fault.signals}) == 6
    assert {fault.kind for fault in faults_of(kind(1), 1)} == set(SIZES) - {"correlated"}


def test_one_reading_at_least_is_a_spike() -> None:
    for seed in range(20):
        _, altered = inject(
            InjectedFault("spike", ("current_a",), 16.0, seed), PUMP, SPREAD, HEALTHY, np.arange(300) >= 297
        )
        assert 1 <= altered.sum() <= 3


def test_spread_of_a_fast_machine_tells_a_second_from_a_reading() -> None:
    fast = pump(sampling_seconds=0.01)
    readings = Readings(seconds(12_000, 0.01), running(12_000, 6))
    spread = NormalSpread.of(fast, calibrate("pump 1", fast, readings, created="2026-01-01T00:00:00+00:00", seed=1))
    assert spread.noise[0] == pytest.approx(1.02, rel=0.1)
    assert spread.level[0] == pytest.approx(0.102, rel=0.3)
