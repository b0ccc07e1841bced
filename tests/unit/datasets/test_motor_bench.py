"""A motor through time: start-up, load changes, coast-down, phases, failure."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.datasets.motor import Faults, MotorDesign
from smart_sentry.datasets.motor_bench import PHASES, BenchState, Motor, Trace, at_rest, run_bench
from smart_sentry.datasets.motor_instruments import SIGNALS, measured
from smart_sentry.datasets.motor_wear import BEARING, ROTOR_BAR, Wear

EVERLASTING = Wear(BEARING, strength_s=1e9, acceleration=4.5, symptoms=Faults())
MOTOR = Motor(MotorDesign(), EVERLASTING, ambient_c=25.0)


def run(interval_s: float, motor: Motor = MOTOR, seed: int = 3) -> tuple[BenchState, Trace]:
    """20 s at rest, 600 s on (70 % load, from 300 s on 115 %), 280 s off."""
    times = np.arange(1, round(900 / interval_s) + 1) * interval_s
    command = (times > 20.0) & (times <= 620.0)
    load_pct = np.where(times <= 300.0, 70.0, 115.0)
    return run_bench(motor, at_rest(motor), command, load_pct, interval_s, np.random.default_rng(seed))


def signal(trace: Trace, name: str) -> np.ndarray:
    return trace.readings[:, SIGNALS.index(name)]


def in_phase(trace: Trace, phase: str) -> np.ndarray:
    return trace.phase == PHASES.index(phase)


@pytest.fixture(scope="module")
def second_by_second() -> Trace:
    return run(1.0)[1]


def test_phases_follow_each_other_in_legal_order(second_by_second):
    changes = second_by_second.phase[np.flatnonzero(np.diff(second_by_second.phase, prepend=-1))]
    assert [PHASES[code] for code in changes] == ["OFF", "STARTUP", "STEADY", "SHUTDOWN", "OFF"]


def test_start_up_takes_more_than_20_s_and_its_current_decays_from_six_times_rated(second_by_second):
    current = signal(second_by_second, "current_a")[in_phase(second_by_second, "STARTUP")]
    assert 20 <= len(current) <= 30
    assert 5.0 * 15.0 < current[:3].mean() < 7.0 * 15.0
    assert current[-3:].mean() < 0.4 * current[:3].mean()


def test_coast_down_is_monotone_and_ends_at_rest(second_by_second):
    speed = signal(second_by_second, "speed_rpm")
    coasting = speed[in_phase(second_by_second, "SHUTDOWN")]
    assert 130 <= len(coasting) <= 160
    assert (np.diff(coasting[::5]) < 0.0).all()  # 100 rpm in 5 s against 2 rpm of noise
    assert (speed[-50:] == 0.0).all()


def test_coast_down_with_worn_bearing_is_shorter():
    worn = Motor(MotorDesign(), EVERLASTING._replace(symptoms=Faults(bearing=1.0)), 25.0)
    state = at_rest(worn)._replace(speed_rpm=2880.0, damage=0.99)
    off, none = np.zeros(200, bool), np.zeros(200)
    _, worn_trace = run_bench(worn, state, off, none, 1.0, np.random.default_rng(4))
    _, new_trace = run_bench(MOTOR, state, off, none, 1.0, np.random.default_rng(4))
    # 15 % of rated torque on top of 45 % of the brake and about 4 % of drag
    ratio = in_phase(worn_trace, "SHUTDOWN").sum() / in_phase(new_trace, "SHUTDOWN").sum()
    assert ratio == pytest.approx(49.0 / 64.0, abs=0.03)


def test_load_change_shows_in_current_speed_and_power_factor(second_by_second):
    steady = in_phase(second_by_second, "STEADY")
    time = np.arange(1, len(steady) + 1)
    light, heavy = steady & (time > 60) & (time <= 300), steady & (time > 320)
    assert signal(second_by_second, "load_pct")[light].mean() == pytest.approx(70.0, abs=0.2)
    assert signal(second_by_second, "load_pct")[heavy].mean() == pytest.approx(115.0, abs=0.2)
    assert (
        signal(second_by_second, "current_a")[heavy].mean() > 1.4 * signal(second_by_second, "current_a")[light].mean()
    )
    assert (
        signal(second_by_second, "speed_rpm")[heavy].mean() < signal(second_by_second, "speed_rpm")[light].mean() - 40
    )
    assert (
        signal(second_by_second, "power_factor")[heavy].mean() > signal(second_by_second, "power_factor")[light].mean()
    )


def test_readings_at_rated_load_are_the_nominal_figures():
    state = at_rest(MOTOR)._replace(speed_rpm=2880.0, winding_temperature_c=73.0, run_up_done=True)
    rows = 2000
    _, trace = run_bench(MOTOR, state, np.ones(rows, bool), np.full(rows, 100.0), 10.0, np.random.default_rng(5))
    mean = dict(zip(SIGNALS, trace.readings.mean(axis=0), strict=True))
    assert mean["voltage_v"] == pytest.approx(230.0, abs=0.5)
    assert mean["current_a"] == pytest.approx(15.0, abs=0.1)
    assert mean["power_factor"] == pytest.approx(0.92, abs=0.003)
    assert mean["vibration_g"] == pytest.approx(0.15, abs=0.003)
    assert mean["winding_temperature_c"] == pytest.approx(73.0, abs=2.0)
    assert mean["speed_rpm"] == pytest.approx(2880.0, abs=3.0)


def test_trajectory_does_not_depend_on_the_sampling_interval():
    coarse, fine = run(10.0)[1], run(0.1)[1]
    each_ten_seconds = slice(99, None, 100)
    # disturbances differ from run to run: 2 % of the brake's torque over a coast-down is some 30 rpm
    gap = np.abs(signal(coarse, "speed_rpm") - signal(fine, "speed_rpm")[each_ten_seconds])
    assert gap.max() < 60.0
    assert in_phase(coarse, "STARTUP").sum() == in_phase(fine, "STARTUP")[each_ten_seconds].sum() == 2


def test_winding_heats_when_started_and_cools_slowly_at_rest(second_by_second):
    temperature = signal(second_by_second, "winding_temperature_c")
    assert temperature[:20].mean() == pytest.approx(25.0, abs=1.5)
    # some 8 kW of copper loss for 20 s, less towards the end, into 6300 J/K
    assert 40.0 < temperature[60:70].mean() < 50.0
    resting = np.flatnonzero(in_phase(second_by_second, "OFF"))[-80:]
    # 80 s of a time constant of 2704 s: 3 % of the way to ambient, about a kelvin
    assert 0.0 < temperature[resting[:20]].mean() - temperature[resting[-20:]].mean() < 2.5


def test_open_contactor_shows_voltage_but_no_current(second_by_second):
    off = in_phase(second_by_second, "OFF") | in_phase(second_by_second, "SHUTDOWN")
    assert signal(second_by_second, "voltage_v")[off].min() > 220.0
    assert signal(second_by_second, "current_a")[off].max() < 0.5
    assert (signal(second_by_second, "power_factor")[off] == 0.0).all()


def test_worn_out_motor_stops_in_the_row_of_its_failure_with_damage_that_never_fell():
    frail = Motor(MotorDesign(), Wear(BEARING, 300.0, 4.5, Faults(bearing=1.0)), 25.0)
    state, trace = run(10.0, frail)
    assert len(trace.phase) < 90
    assert trace.damage[-1] == state.damage >= 1.0
    assert (trace.damage[:-1] < 1.0).all()
    assert (np.diff(trace.damage) >= 0.0).all()


def test_cage_fault_spreads_the_current_and_lowers_the_speed():
    rows = 300
    spread, speed = [], []
    for severity in (0.0, 1.0):
        wear = Wear(ROTOR_BAR, 1e9, 4.5, Faults(rotor_bar=severity))
        state = at_rest(MOTOR)._replace(speed_rpm=2880.0, winding_temperature_c=73.0, run_up_done=True, damage=0.999)
        motor = Motor(MotorDesign(), wear, 25.0)
        _, trace = run_bench(motor, state, np.ones(rows, bool), np.full(rows, 100.0), 10.0, np.random.default_rng(6))
        spread.append(signal(trace, "current_a").std())
        speed.append(signal(trace, "speed_rpm").mean())
    assert spread[1] > 2.0 * spread[0]
    # 4 % slip becomes 8 %: 120 rpm
    assert speed[0] - speed[1] == pytest.approx(120.0, abs=10.0)


def test_same_random_stream_gives_the_same_rows_and_another_one_others():
    first, again, other = run(10.0, seed=7)[1], run(10.0, seed=7)[1], run(10.0, seed=8)[1]
    np.testing.assert_array_equal(first.readings, again.readings)
    assert not np.array_equal(first.readings, other.readings)


def test_instruments_round_to_their_resolution_and_keep_the_power_factor_below_one():
    exact = np.array([[100.0, 230.0, 15.0, 0.999, 0.15, 73.0, 2880.0]])
    read = measured(exact, np.full((1, 7), 1.0))
    # one standard deviation above: +0.3 %, +0.5 V, +0.05 A and 3 %, capped, +0.004 g and 12 %, +0.8 K, +2 rpm
    assert read.tolist() == [[100.3, 230.5, 15.5, 1.0, 0.172, 73.8, 2882.0]]


def test_instruments_never_show_negative_magnitudes_but_frost():
    read = measured(np.array([[0.0, 0.0, 0.0, 0.0, 0.0, -20.0, 0.0]]), np.full((1, 7), -3.0))
    assert read.tolist() == [[0.0, 0.0, 0.0, 0.0, 0.0, -22.4, 0.0]]
