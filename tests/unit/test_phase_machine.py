"""Phases of the physical motor bench, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.assets import PhaseRule
from smart_sentry.datasets.motor_bench import Trace, at_rest, run_bench
from smart_sentry.datasets.motor_life import draw_motor
from smart_sentry.phase_machine import (
    OFF,
    SHUTDOWN,
    STARTUP,
    STEADY,
    UNKNOWN,
    PhaseMachine,
    PhaseNumbers,
    learn_phase_numbers,
    valley,
)  # fmt: skip

RULE = PhaseRule(load_signal="current_a", speed_signal="speed_rpm")
CURRENT, SPEED = 2, 6


def life(interval: float, seed: int, cycles: int = 3) -> Trace:
    """Rest, run-up, work under changing load and coast-down, several times."""
    rng = np.random.default_rng(seed)
    motor = draw_motor(rng)
    state, traces = at_rest(motor), []
    for _ in range(cycles):
        rest, run = int(rng.integers(20, 60) / interval), int(rng.integers(200, 400) / interval)
        command = np.repeat([False, True, False], [rest, run, int(180 / interval)])
        load = np.repeat(
            rng.choice([70.0, 85.0, 100.0, 115.0], len(command) // int(60 / interval) + 1), int(60 / interval)
        )
        state, trace = run_bench(motor, state, command, load[: len(command)], interval, rng)
        traces.append(trace)
    return Trace(*(np.concatenate(parts) for parts in zip(*traces, strict=True)))


def follow(trace: Trace, numbers: PhaseNumbers, interval: float) -> np.ndarray:
    machine = PhaseMachine(RULE, interval)
    machine.set_numbers(0, numbers)
    readings = trace.readings
    return machine.update(readings[:, CURRENT], readings[:, SPEED], np.zeros(len(readings), dtype=np.int64))


@pytest.mark.parametrize(("interval", "seed"), [(1.0, 1), (1.0, 2), (1.0, 3), (0.2, 1)])
def test_phases_are_right_and_transitions_found_within_two_seconds(interval: float, seed: int) -> None:
    learnt_on, trace = life(interval, seed), life(interval, seed + 100)
    numbers = learn_phase_numbers(RULE, learnt_on.readings[:, CURRENT], learnt_on.readings[:, SPEED], interval)
    found = follow(trace, numbers, interval)
    assert np.mean(found == trace.phase) >= 0.98
    changes = np.flatnonzero(np.diff(trace.phase)) + 1
    assert len(changes) >= 8
    for change in changes:
        window = found[change : change + round(2 / interval) + 1]
        assert trace.phase[change] in window, (change, trace.phase[change], window)


def test_phase_codes_are_those_of_the_bench() -> None:
    assert (OFF, STARTUP, STEADY, SHUTDOWN) == (0, 1, 2, 3)


def test_phases_do_not_depend_on_how_the_stream_is_cut() -> None:
    trace = life(1.0, 1)
    numbers = learn_phase_numbers(RULE, trace.readings[:, CURRENT], trace.readings[:, SPEED], 1.0)
    whole = follow(trace, numbers, 1.0)
    machine, parts = PhaseMachine(RULE, 1.0), []
    machine.set_numbers(0, numbers)
    for begin in range(0, len(whole), 13):
        part = trace.readings[begin : begin + 13]
        parts.append(machine.update(part[:, CURRENT], part[:, SPEED], np.zeros(len(part), dtype=np.int64)))
        again = PhaseMachine(RULE, 1.0)
        again.restore(machine.snapshot())
        machine = again
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_asset_without_numbers_is_unknown() -> None:
    machine = PhaseMachine(RULE, 1.0)
    assert machine.update(np.array([1.0]), np.array([2.0]), np.array([3])).tolist() == [UNKNOWN]


def test_missing_reading_keeps_the_phase() -> None:
    machine = PhaseMachine(RULE, 1.0)
    machine.set_numbers(0, PhaseNumbers(1.0, 5.0, 10.0, 3000.0, 2900.0))
    slots = np.zeros(6, dtype=np.int64)
    load = np.array([0.0, 60.0, np.nan, 60.0, 15.0, 15.0])
    speed = np.array([0.0, 50.0, np.nan, 1500.0, 2950.0, 2950.0])
    assert machine.update(load, speed, slots).tolist() == [OFF, STARTUP, STARTUP, STARTUP, STEADY, STEADY]


def test_machine_that_was_never_off_in_its_calibration_is_steady() -> None:
    rng = np.random.default_rng(1)
    load, speed = 15 + rng.normal(0, 1, 500), 2900 + rng.normal(0, 2, 500)
    numbers = learn_phase_numbers(RULE, load, speed, 1.0)
    machine = PhaseMachine(RULE, 1.0)
    machine.set_numbers(0, numbers)
    assert np.mean(machine.update(load, speed, np.zeros(500, dtype=np.int64))[3:] == STEADY) == 1.0
    assert numbers.off_below < 5


def test_numbers_that_a_person_gave_are_kept() -> None:
    rule = RULE.model_copy(update={"off_below": 2.5, "moving_above": 33.0})
    trace = life(1.0, 1)
    numbers = learn_phase_numbers(rule, trace.readings[:, CURRENT], trace.readings[:, SPEED], 1.0)
    assert (numbers.off_below, numbers.moving_above) == (2.5, 33.0)


def test_valley_lies_between_two_humps_and_one_hump_has_none() -> None:
    rng = np.random.default_rng(1)
    two = np.r_[rng.normal(0, 1, 900), rng.normal(10, 1, 100)]
    found = valley(two)
    assert found is not None
    assert 2 < found < 8
    assert valley(rng.normal(0, 1, 1000)) is None
    assert valley(np.full(100, 3.0)) is None


LOAD_ALONE = PhaseRule(load_signal="current_a", window_seconds=1.0, dwell_seconds=1.0)


def phases_of(*load: float) -> list[int]:
    """Of a machine of 15 A, followed by its current alone, a reading a second."""
    machine = PhaseMachine(LOAD_ALONE, 1.0)
    machine.set_numbers(0, PhaseNumbers(4.5, 0.5, 0.15, 15.0, 14.0))
    current = np.array(load)
    return machine.update(current, current, np.zeros(len(load), dtype=np.int64)).tolist()


def test_ramp_down_under_load_is_one_shutdown() -> None:
    assert phases_of(0, 8, 15, 15, 11, 8, 6, 0) == [
        OFF, STARTUP, STEADY, STEADY, SHUTDOWN, SHUTDOWN, SHUTDOWN, OFF,
    ]  # fmt: skip


def test_ramp_to_less_than_half_the_load_ends_at_work() -> None:
    assert phases_of(0, 15, 15, 15, 10, 6.5, 6.5, 6.5, 6.5)[-5:] == [SHUTDOWN, SHUTDOWN, SHUTDOWN, STEADY, STEADY]


def test_start_to_less_than_half_the_load_ends_at_work() -> None:
    assert phases_of(0, 6.5, 6.5, 6.5, 6.5) == [OFF, STARTUP, STARTUP, STEADY, STEADY]


def test_load_that_returns_during_a_coast_down_is_a_start_at_once() -> None:
    machine = PhaseMachine(RULE, 1.0)
    machine.set_numbers(0, PhaseNumbers(4.5, 20.0, 15.0, 1500.0, 1450.0))
    current, speed = np.array([15.0, 15, 0, 0, 15]), np.array([1500.0, 1500, 1400, 1200, 1100])
    assert machine.update(current, speed, np.zeros(5, dtype=np.int64)).tolist()[2:] == [SHUTDOWN, SHUTDOWN, STARTUP]
