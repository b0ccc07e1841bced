"""One motor's life on an accelerated-life bench: how it is built, what it is made to do, and its rows until it fails.

Everything random comes from the motor's own branch of the seed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_sentry.datasets.motor import Faults, MotorDesign
from smart_sentry.datasets.motor_bench import Motor, Trace, at_rest, run_bench
from smart_sentry.datasets.motor_wear import FAULT_MODES, Wear

INTERVAL_S = 10.0
"""One row of the fleet, one cycle: a reading every 10 s."""
LOAD_LEVELS_PCT = (70.0, 85.0, 100.0, 115.0)
"""Steps of the duty programme, in percent of rated torque."""
LONGEST_COAST_ROWS = 18
"""The contactor stays open at least so long: coasting down takes 15 rows at most."""
LEAST_LEFT, MOST_LEFT = 0.01, 0.61
"""A test motor is last seen with a random share of its life left between these."""


class _ModeOdds(NamedTuple):
    """How often a fault mode is the one that ends a life, and how fast. Strengths give lives of about 400 to 1200 rows."""

    probability: float
    strength_s: float
    acceleration: tuple[float, float]


_MODES = {
    "bearing": _ModeOdds(0.40, 5_100.0, (4.0, 5.5)),
    # Hotter windings age faster, which accelerates by itself: the exponential may be flatter.
    "winding": _ModeOdds(0.25, 26_000.0, (0.8, 1.6)),
    "rotor_bar": _ModeOdds(0.20, 15_000.0, (4.0, 5.5)),
    "imbalance": _ModeOdds(0.15, 5_400.0, (4.0, 5.5)),
}
# Relative build tolerances (standard deviation of the logarithm).
_TOLERANCES = {
    "rotor_resistance_ohm": 0.03,
    "magnetising_reactance_ohm": 0.02,
    "friction_torque_nm": 0.10,
    "running_conductance_w_k": 0.04,
    "imbalance_vibration_g": 0.12,
    "load_vibration_g": 0.08,
    "bearing_vibration_g": 0.12,
}


class MotorLife(NamedTuple):
    """A motor from its first row to its failure in the last."""

    motor: Motor
    trace: Trace

    @property
    def life_cycles(self) -> int:
        return len(self.trace.phase)

    @property
    def fault_mode(self) -> str:
        return FAULT_MODES[self.motor.wear.mode]


def branch(seed: int, split: int, number: int) -> np.random.Generator:
    """The random stream of one motor: `SeedSequence(seed).spawn(...)[split].spawn(...)[number]`, however many are spawned."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(split, number)))


def draw_motor(rng: np.random.Generator) -> Motor:
    """A motor within the tolerances of its build, with the fault that it will die of and slight side effects of others."""
    design = MotorDesign()
    spread = {name: getattr(design, name) * _near_one(rng, sigma) for name, sigma in _TOLERANCES.items()}
    design = design._replace(source_voltage_v=design.source_voltage_v + float(rng.normal(0.0, 0.8)), **spread)
    mode = int(rng.choice(len(FAULT_MODES), p=[_MODES[name].probability for name in FAULT_MODES]))
    odds = _MODES[FAULT_MODES[mode]]
    symptoms = rng.uniform(0.0, 0.15, len(FAULT_MODES))
    symptoms[mode] = _near_one(rng, 0.08)
    wear = Wear(
        mode=mode,
        strength_s=odds.strength_s * _near_one(rng, 0.2, 0.7, 1.4),
        acceleration=float(rng.uniform(*odds.acceleration)),
        symptoms=Faults(*symptoms.tolist()),
    )
    return Motor(design, wear, ambient_c=float(rng.uniform(20.0, 30.0)))


def draw_duty(rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """One duty cycle: rest 20..80 s, run 5..13 min with a new load every 80..250 s, then coast down with the contactor open.

    Returns:
        The contactor's command and the load in percent of rated torque, each of shape (rows,), a row every 10 s.
    """
    rest, run = int(rng.integers(2, 9)), int(rng.integers(30, 81))
    loads: list[float] = []
    while len(loads) < run:
        others = [level for level in LOAD_LEVELS_PCT if not loads or level != loads[-1]]
        loads += [float(rng.choice(others))] * int(rng.integers(8, 26))
    command = np.repeat([False, True, False], [rest, run, LONGEST_COAST_ROWS])
    load_pct = np.zeros(len(command))
    load_pct[rest : rest + run] = loads[:run]
    return command, load_pct


def live(rng: np.random.Generator) -> MotorLife:
    """Builds a motor and runs it, duty cycle after duty cycle, until it fails."""
    motor = draw_motor(rng)
    state, traces = at_rest(motor), []
    while state.damage < 1.0:
        command, load_pct = draw_duty(rng)
        state, trace = run_bench(motor, state, command, load_pct, INTERVAL_S, rng)
        traces.append(trace)
    return MotorLife(motor, Trace(*(np.concatenate(parts) for parts in zip(*traces, strict=True))))


def draw_cut(rng: np.random.Generator, life_cycles: int) -> int:
    """Rows that are seen of a test motor, at least one short of its failure.

    The share of life left is 0.01 + 0.6 u^2 with u uniform: without the square hardly a motor would be seen in its last 60
    rows, and a test set with few failures ahead measures nothing. With it about a third are, as in C-MAPSS.
    """
    left = LEAST_LEFT + (MOST_LEFT - LEAST_LEFT) * float(rng.uniform()) ** 2
    return min(max(int((1.0 - left) * life_cycles), 1), life_cycles - 1)


def _near_one(rng: np.random.Generator, sigma: float, low: float = 0.5, high: float = 2.0) -> float:
    """A log-normal factor with median 1, clipped."""
    return float(np.clip(np.exp(rng.normal(0.0, sigma)), low, high))
