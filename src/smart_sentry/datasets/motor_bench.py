"""A motor on its test bench through time: a program of commands in, readings with their true phase and damage out.

One call advances one motor by any number of sampling intervals of any length (10 s in the run-to-failure fleet, 10 ms in a
live simulator); the state it returns continues where it stopped. A reading is a snapshot at the end of its interval.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.datasets import motor as physics
from smart_sentry.datasets.motor import ElectricalPoint, Faults, MotorDesign
from smart_sentry.datasets.motor_instruments import SIGNALS, measured
from smart_sentry.datasets.motor_wear import Wear, damage_done, faults_at, stress

PHASES = ("OFF", "STARTUP", "STEADY", "SHUTDOWN")
STOP_LOAD_PCT = 45.0
"""The powder brake holds this torque while the shaft coasts down."""

_LONGEST_STEP_S = 0.1
"""Integration step; the fastest time constant of the shaft (its slip at rated load) is about 2 s."""
# Slow disturbances are Ornstein-Uhlenbeck processes: (standard deviation, correlation time in seconds).
_SOURCE_V = (1.2, 300.0)
_BRAKE = (0.02, 20.0)
_AMBIENT_K = (1.5, 3600.0)


class Motor(NamedTuple):
    """One motor: how it is built, how it wears, where it stands."""

    design: MotorDesign
    wear: Wear
    ambient_c: float


class BenchState(NamedTuple):
    """All that a motor remembers between two intervals."""

    speed_rpm: float
    winding_temperature_c: float
    damage: float
    pulsation_phase_rad: float
    run_up_done: bool
    source_deviation_v: float
    brake_deviation: float
    ambient_deviation_c: float


class Trace(NamedTuple):
    """What the bench saw: readings (rows, len(SIGNALS)), index into PHASES (rows,) and true damage (rows,)."""

    readings: NDArray[np.float64]
    phase: NDArray[np.int64]
    damage: NDArray[np.float64]


def at_rest(motor: Motor) -> BenchState:
    """A new motor, standing and at ambient temperature."""
    return BenchState(0.0, motor.ambient_c, 0.0, 0.0, False, 0.0, 0.0, 0.0)


def run_bench(
    motor: Motor,
    state: BenchState,
    run_command: NDArray[np.bool_],
    load_pct: NDArray[np.float64],
    interval_s: float,
    rng: np.random.Generator,
) -> tuple[BenchState, Trace]:
    """Runs a program until it ends or the motor fails.

    The bench's controller engages the brake at `load_pct` once the motor is up to speed, and at 45 % while it coasts down.
    How a program is cut into calls changes which random numbers are drawn, not their distribution.

    Args:
        motor: design and wear.
        state: `at_rest` or what an earlier call returned.
        run_command: contactor closed, shape (rows,).
        load_pct: torque commanded of the brake in percent of rated torque, shape (rows,); heeded once up to speed.
        interval_s: sampling interval, above 0.
        rng: source of every disturbance and of the instruments' noise.

    Returns:
        The state after the last row and the rows. Fewer rows than commanded mean that the motor failed in the last one.
    """
    rows = len(run_command)
    slow = rng.standard_normal((rows, 3))
    noise = rng.standard_normal((rows, len(SIGNALS)))
    exact, phase, damage = np.zeros((rows, len(SIGNALS))), np.zeros(rows, np.int64), np.zeros(rows)
    lived, state = _advance(motor, state, run_command, load_pct, interval_s, slow, rng, exact, phase, damage)
    return state, Trace(measured(exact[:lived], noise[:lived]), phase[:lived], damage[:lived])


@njit()
def _wander(value: float, deviation: float, correlation_s: float, step_s: float, normal: float) -> float:
    """Exact step of an Ornstein-Uhlenbeck process (D. T. Gillespie, Physical Review E 54, 1996)."""
    keep = math.exp(-step_s / correlation_s)
    return value * keep + deviation * math.sqrt(1.0 - keep * keep) * normal


@njit()
def _drawn(
    motor: Motor, faults: Faults, running: bool, source_v: float, speed_rpm: float, temperature_c: float
) -> ElectricalPoint:
    """The circuit's answer; with the contactor open the source's voltage and no current."""
    if not running:
        return ElectricalPoint(source_v, 0.0, 0.0, 0.0, 0.0, 0.0)
    slip = physics.slip_at(motor.design, speed_rpm)
    return physics.electrical_point(motor.design, faults, source_v, slip, temperature_c)


@njit()
def _brake_pct(running: bool, run_up_done: bool, speed_rpm: float, load_pct: float) -> float:
    """The controller of the brake: free while running up, the commanded load when up to speed, the stopping torque after."""
    if running:
        return load_pct if run_up_done else 0.0
    return STOP_LOAD_PCT if speed_rpm > 0.0 else 0.0


@njit()
def _step(motor: Motor, state: BenchState, running: bool, load_pct: float, step_s: float) -> tuple[BenchState, float]:
    """One integration step: shaft by the midpoint rule, winding exactly. Returns the stress on the motor, too."""
    design, faults = motor.design, faults_at(motor.wear, state.damage)
    source_v = design.source_voltage_v + state.source_deviation_v
    brake_pct = _brake_pct(running, state.run_up_done, state.speed_rpm, load_pct)
    brake_nm = brake_pct / 100.0 * design.rated_torque_nm * (1.0 + state.brake_deviation)
    temperature_c = state.winding_temperature_c
    start = _drawn(motor, faults, running, source_v, state.speed_rpm, temperature_c)
    slope = physics.acceleration_rpm_s(design, faults, start.torque_nm, brake_nm, state.speed_rpm)
    midway_rpm = max(state.speed_rpm + 0.5 * step_s * slope, 0.0)
    midway = _drawn(motor, faults, running, source_v, midway_rpm, temperature_c)
    slope = physics.acceleration_rpm_s(design, faults, midway.torque_nm, brake_nm, midway_rpm)
    # A shaft that friction stops within the step stays at rest: it has no slope there to step on with.
    speed_rpm = max(state.speed_rpm + step_s * slope, 0.0) if midway_rpm > 0.0 else 0.0
    heat_w = midway.winding_heat_w + physics.bearing_heat_w(design, faults, midway_rpm)
    ambient_c = motor.ambient_c + state.ambient_deviation_c
    temperature_c = physics.next_winding_temperature_c(design, temperature_c, ambient_c, heat_w, midway_rpm, step_s)
    strain = stress(design, motor.wear.mode, speed_rpm, brake_pct / 100.0, temperature_c, midway.rotor_heat_w)
    slip_turns = step_s * design.synchronous_speed_rpm / 60.0 * physics.slip_at(design, speed_rpm)
    return BenchState(
        speed_rpm,
        temperature_c,
        state.damage,
        (state.pulsation_phase_rad + 4.0 * math.pi * slip_turns) % (2.0 * math.pi),
        running and (state.run_up_done or physics.slip_at(design, speed_rpm) <= design.rated_slip),
        state.source_deviation_v,
        state.brake_deviation,
        state.ambient_deviation_c,
    ), strain


@njit()
def _between_intervals(state: BenchState, normals: NDArray[np.float64], interval_s: float, damage: float) -> BenchState:
    """Lets supply voltage, brake torque and ambient temperature wander for one interval, and adds damage."""
    return BenchState(
        state.speed_rpm,
        state.winding_temperature_c,
        state.damage + damage,
        state.pulsation_phase_rad,
        state.run_up_done,
        _wander(state.source_deviation_v, _SOURCE_V[0], _SOURCE_V[1], interval_s, normals[0]),
        _wander(state.brake_deviation, _BRAKE[0], _BRAKE[1], interval_s, normals[1]),
        _wander(state.ambient_deviation_c, _AMBIENT_K[0], _AMBIENT_K[1], interval_s, normals[2]),
    )


@njit()
def _phase(running: bool, state: BenchState) -> int:
    """Index into PHASES of the true phase."""
    if running:
        return 2 if state.run_up_done else 1
    return 3 if state.speed_rpm > 0.0 else 0


@njit()
def _write_reading(motor: Motor, state: BenchState, running: bool, load_pct: float, row: NDArray[np.float64]) -> None:
    """Exact values of all signals in a state."""
    design, faults = motor.design, faults_at(motor.wear, state.damage)
    source_v = design.source_voltage_v + state.source_deviation_v
    point = _drawn(motor, faults, running, source_v, state.speed_rpm, state.winding_temperature_c)
    pulsation = math.cos(state.pulsation_phase_rad)
    row[0] = _brake_pct(running, state.run_up_done, state.speed_rpm, load_pct)
    row[1] = point.voltage_v
    row[2] = point.current_a * physics.current_pulsation(faults, pulsation)
    row[3] = point.power_factor
    row[4] = physics.vibration_g(design, faults, state.speed_rpm, point.torque_nm / design.rated_torque_nm, pulsation)
    row[5] = state.winding_temperature_c
    row[6] = state.speed_rpm


@njit()
def _advance(
    motor: Motor,
    state: BenchState,
    run_command: NDArray[np.bool_],
    load_pct: NDArray[np.float64],
    interval_s: float,
    slow: NDArray[np.float64],
    rng: np.random.Generator,
    exact: NDArray[np.float64],
    phase: NDArray[np.int64],
    damage: NDArray[np.float64],
) -> tuple[int, BenchState]:
    """Fills `exact`, `phase` and `damage` row by row until the motor fails; returns how many rows it lived, and its state."""
    steps = max(1, math.ceil(interval_s / _LONGEST_STEP_S - 1e-9))
    for row in range(len(run_command)):
        running = run_command[row]
        stress_time_s = 0.0
        for _ in range(steps):
            state, strain = _step(motor, state, running, load_pct[row], interval_s / steps)
            stress_time_s += strain * interval_s / steps
        harm = damage_done(motor.wear, stress_time_s, rng)
        state = _between_intervals(state, slow[row], interval_s, harm)
        _write_reading(motor, state, running, load_pct[row], exact[row])
        phase[row], damage[row] = _phase(running, state), state.damage
        if state.damage >= 1.0:
            return row + 1, state
    return len(run_command), state
