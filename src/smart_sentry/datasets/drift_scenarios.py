"""Months in the life of a motor fleet, with the truth: what shifted, when, why, and which verdicts on it are right.

Motors run on the physical bench (motor_bench.py): rests, start-ups, steady running at several loads, coast-downs. One window of
hours is the reference, the next the recent one. What happens in the recent window is set from outside (ambient temperature, duty,
severity of a fault, a sensor's error), so that its truth is exact. The scenarios that thresholds are tuned on and those that the
figure is taken from have seeds of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.datasets.motor_bench import BenchState, Motor, at_rest, run_bench
from smart_sentry.datasets.motor_instruments import SIGNALS
from smart_sentry.datasets.motor_life import LOAD_LEVELS_PCT, draw_motor
from smart_sentry.datasets.motor_wear import BEARING, IMBALANCE, ROTOR_BAR, WINDING
from smart_sentry.errors import ConfigurationError

FloatArray = NDArray[np.float64]

TUNING_SEEDS = range(10_000, 20_000)
"""Seeds of the scenarios that thresholds are chosen on."""
FIGURE_SEEDS = range(50_000, 60_000)
"""Seeds of the scenarios that a published figure is taken from; nothing is chosen on them."""

NONE, SENSOR, BENIGN, STEP, DEGRADATION, UNKNOWN = (
    "none", "sensor_fault", "benign_operating_change", "step_after_maintenance", "degradation", "unknown",
)  # fmt: skip

_COAST_S, _LONGEST_WARM_UP_S = 180.0, 3600.0
_FRESH_S = 7200.0
_INTERVALS_S = (1.0, 2.0, 5.0, 10.0)
_MODES = {"bearing": BEARING, "winding": WINDING, "rotor_bar": ROTOR_BAR, "imbalance": IMBALANCE}
# Error of a drifting sensor, in its unit: least and greatest.
_OFFSETS = {
    "voltage_v": (4.0, 10.0), "current_a": (0.8, 2.0), "power_factor": (-0.08, -0.03), "vibration_g": (0.05, 0.15),
    "winding_temperature_c": (7.0, 15.0),
}  # fmt: skip
# Scatter that a noisy sensor adds, in its unit: that of the instrument, several times.
_NOISE = {
    "voltage_v": 0.5,
    "current_a": 0.45,
    "power_factor": 0.008,
    "vibration_g": 0.018,
    "winding_temperature_c": 0.8,
}


@dataclass(frozen=True)
class Recorded:
    """Readings of one motor.

    Attributes:
        seconds: (rows,) since the beginning of the reference.
        values: (rows, signals) in the order and units of motor_instruments.SIGNALS.
    """

    seconds: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class LogLine:
    """One line of the maintenance log: when (seconds), kind of the note, text."""

    seconds: float
    kind: str
    text: str


@dataclass(frozen=True)
class DriftScenario:
    """What a triage is shown, and the truth.

    Attributes:
        kind: one of `KINDS`.
        seed: that it was drawn with.
        asset_type: the bench's motor at this scenario's interval.
        reference, recent: of the motor in question.
        fresh: two hours after the recent window, at what is then normal (without further change).
        neighbours: (reference, recent) of the fleet's other motors.
        log: notes about the motor in question.
        onset_s: when the change began; NaN where there was none.
        truth: the verdict that names what happened.
        accepted: the verdicts that are right on what can be known.
        degrading: whether the machine itself gets worse: no recalibration may be proposed.
    """

    kind: str
    seed: int
    asset_type: AssetType
    reference: Recorded
    recent: Recorded
    fresh: Recorded
    neighbours: tuple[tuple[Recorded, Recorded], ...]
    log: tuple[LogLine, ...]
    onset_s: float
    truth: str
    accepted: frozenset[str]
    degrading: bool


@dataclass(frozen=True)
class _Duty:
    """How a motor is used: loads in percent of rated, shortest and longest rest and run in seconds, speed (1 is rated)."""

    loads_pct: tuple[float, ...] = LOAD_LEVELS_PCT
    rest_s: tuple[float, float] = (20.0, 80.0)
    run_s: tuple[float, float] = (300.0, 800.0)
    speed: float = 1.0


def _usual(_: float) -> _Duty:
    return _Duty()


def _nothing(_: float) -> float:
    return 0.0


@dataclass(frozen=True)
class _Course:
    """What a motor lives through, each a function of the time in seconds.

    Attributes:
        duty: how it is used.
        ambient_k: added to its ambient temperature.
        fault: which fault it has, of motor_wear.FAULT_MODES.
        severity: how much of it, 0 to 1.
    """

    duty: Callable[[float], _Duty] = _usual
    ambient_k: Callable[[float], float] = _nothing
    fault: str = "bearing"
    severity: Callable[[float], float] = _nothing


@dataclass(frozen=True)
class _Drawn:
    """A scenario before it is lived: the course, the sensor's error, the log, the truth."""

    course: _Course
    truth: str
    accepted: tuple[str, ...]
    onset_s: float
    log: tuple[LogLine, ...] = ()
    degrading: bool = False
    neighbour: Callable[[np.random.Generator], _Course] = lambda _: _Course()
    sensor: Callable[[FloatArray, FloatArray, np.random.Generator], FloatArray] | None = None
    neighbours: int | None = None


def drift_scenario(
    kind: str, seed: int, bench: AssetType, *, interval_s: float | None = None, hours: float | None = None,
    neighbours: int | None = None,
) -> DriftScenario:  # fmt: skip
    """Draws and lives one scenario; the same arguments give the same readings.

    The first use in a process compiles the physics, which takes about ten seconds.

    Args:
        kind: one of `KINDS`.
        seed: from `TUNING_SEEDS` or `FIGURE_SEEDS`.
        bench: the asset type `motor_bench`; its interval is set to the scenario's (1 to 10 s).
        interval_s, hours, neighbours: in place of what the seed draws: between two readings; of the reference and of the
            recent window each; of other motors.

    Raises:
        ConfigurationError: there is no such kind, or the asset type has other signals than the bench.
    """
    if kind not in KINDS:
        raise ConfigurationError("drift scenario", f"{kind!r} is not known", f"Name one of {', '.join(KINDS)}.")
    if bench.signal_names != SIGNALS:
        raise ConfigurationError(bench.name, "its signals are not the bench's", "Give the asset type `motor_bench`.")
    rng = np.random.default_rng((seed, list(KINDS).index(kind)))
    drawn_interval_s, drawn_hours = float(rng.choice(_INTERVALS_S)), float(rng.uniform(6.0, 9.0))
    interval_s, hours = interval_s or drawn_interval_s, hours or drawn_hours
    begins, ends = hours * 3600.0, 2.0 * hours * 3600.0
    drawn = KINDS[kind](rng, begins, ends)
    drawn_neighbours = int(rng.integers(0, 6)) if drawn.neighbours is None else drawn.neighbours
    neighbours = drawn_neighbours if neighbours is None else neighbours
    lived = _live(drawn.course, ends + _FRESH_S, interval_s, rng)
    if drawn.sensor is not None:
        lived = replace(lived, values=drawn.sensor(lived.seconds, lived.values, rng))
    others = [_live(drawn.neighbour(rng), ends, 10.0, rng) for _ in range(neighbours)]
    phase = bench.phase and bench.phase.model_copy(update={"window_seconds": 2.0 * interval_s})
    return DriftScenario(
        kind=kind, seed=seed, asset_type=bench.model_copy(update={"sampling_seconds": interval_s, "phase": phase}),
        reference=_between(lived, 0.0, begins), recent=_between(lived, begins, ends), fresh=_between(lived, ends, math.inf),
        neighbours=tuple((_between(one, 0.0, begins), _between(one, begins, ends)) for one in others),
        log=drawn.log, onset_s=drawn.onset_s, truth=drawn.truth, accepted=frozenset(drawn.accepted), degrading=drawn.degrading,
    )  # fmt: skip


def _between(lived: Recorded, begins: float, ends: float) -> Recorded:
    rows = (lived.seconds >= begins) & (lived.seconds < ends)
    return Recorded(lived.seconds[rows], lived.values[rows])


def _live(course: _Course, seconds: float, interval_s: float, rng: np.random.Generator) -> Recorded:
    """Duty cycle after duty cycle; what is set from outside is set anew with each. A warm-up before it is not recorded."""
    motor = draw_motor(rng)
    symptoms = motor.wear.symptoms._replace(bearing=0.0, winding=0.0, rotor_bar=0.0, imbalance=0.0)
    wear = motor.wear._replace(
        mode=_MODES[course.fault], strength_s=math.inf, acceleration=1e-6, symptoms=symptoms._replace(**{course.fault: 1.0})
    )  # fmt: skip
    state, now, parts = at_rest(motor), -_LONGEST_WARM_UP_S, []
    while now < seconds:
        duty = course.duty(now)
        command, load_pct = _cycle(duty, interval_s, rng)
        set_now = _driven(motor._replace(wear=wear, ambient_c=motor.ambient_c + course.ambient_k(now)), duty.speed)
        state, values = _run(set_now, state._replace(damage=course.severity(now)), command, load_pct, interval_s, rng)
        parts.append((now + interval_s * np.arange(1, len(command) + 1), values))
        now += interval_s * len(command)
    times, values = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    rows = (times >= 0.0) & (times < seconds)
    return Recorded(times[rows], values[rows])


def _run(
    motor: Motor, state: BenchState, command: NDArray[np.bool_], load_pct: FloatArray, interval_s: float, rng: np.random.Generator
) -> tuple[BenchState, FloatArray]:  # fmt: skip
    state, trace = run_bench(motor, state, command, load_pct, interval_s, rng)
    return state, trace.readings


def _driven(motor: Motor, speed: float) -> Motor:
    """The motor on a drive that keeps voltage over frequency constant: reactances go with the frequency."""
    if speed == 1.0:
        return motor
    design = motor.design
    scaled = {
        name: getattr(design, name) * speed
        for name in (
            "source_voltage_v", "source_reactance_ohm", "synchronous_speed_rpm", "leakage_reactance_ohm",
            "magnetising_reactance_ohm",
        )
    }  # fmt: skip
    return motor._replace(design=design._replace(rated_slip=design.rated_slip / speed, **scaled))


def _cycle(duty: _Duty, interval_s: float, rng: np.random.Generator) -> tuple[NDArray[np.bool_], FloatArray]:
    """Rest, run with a new load every 80 to 250 s, coast down: contactor and load of each row."""
    rest, run = (max(2, round(float(rng.uniform(*span)) / interval_s)) for span in (duty.rest_s, duty.run_s))
    loads: list[float] = []
    while len(loads) < run:
        others = [level for level in duty.loads_pct if not loads or level != loads[-1]] or list(duty.loads_pct)
        loads += [float(rng.choice(others))] * round(float(rng.uniform(80.0, 250.0)) / interval_s)
    command = np.repeat([False, True, False], [rest, run, round(_COAST_S / interval_s)])
    load_pct = np.zeros(len(command))
    load_pct[rest : rest + run] = loads[:run]
    return command, load_pct


def _onset(rng: np.random.Generator, begins: float, ends: float, latest: float = 0.5) -> float:
    return begins + float(rng.uniform(0.1, latest)) * (ends - begins)


def _from(onset: float, usual: _Duty, then: _Duty) -> Callable[[float], _Duty]:
    return lambda now: then if now >= onset else usual


def _grows(onset: float, seconds: float, size: float, before: float = 0.0) -> Callable[[float], float]:
    return lambda now: before + size * float(np.clip((now - onset) / seconds, 0.0, 1.0))


def _nothing_happens(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    log = (LogLine(_onset(rng, begins, ends), "observation", "Round made, nothing to report."),)
    return _Drawn(_Course(), NONE, (NONE,), math.nan, log if rng.uniform() < 0.3 else ())


def _load_change(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    onset = _onset(rng, begins, ends)
    centre = float(rng.choice([65.0, 75.0, 110.0, 120.0]))
    then = _Duty(loads_pct=tuple(centre + offset for offset in (-10.0, -3.0, 3.0, 10.0)))
    course = _Course(duty=_from(onset, _Duty(), then))
    log = (LogLine(onset, "operating change", "New product on the line."),) if rng.uniform() < 0.3 else ()
    return _Drawn(course, BENIGN, (BENIGN,), onset, log)


def _duty_change(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    onset = _onset(rng, begins, ends)
    longer = rng.uniform() < 0.5
    then = _Duty(rest_s=(300.0, 700.0)) if longer else _Duty(run_s=(1500.0, 2400.0))
    return _Drawn(_Course(duty=_from(onset, _Duty(), then)), BENIGN, (BENIGN,), onset)


def _speed_change(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    """Without a note nobody can tell it from a fault of the drive."""
    onset, noted = _onset(rng, begins, ends), rng.uniform() < 0.6
    speed = float(rng.choice([0.85, 0.9, 0.94, 1.05]))
    log = (LogLine(onset, "operating change", f"Drive set to {speed:.0%} of its speed."),) if noted else ()
    accepted = (BENIGN,) if noted else (BENIGN, UNKNOWN)
    return _Drawn(_Course(duty=_from(onset, _Duty(), _Duty(speed=speed))), BENIGN, accepted, onset, log)


def _season(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    onset, size = _onset(rng, begins, ends, 0.3), float(rng.uniform(7.0, 14.0)) * float(rng.choice([-1.0, 1.0]))
    grown = _grows(onset, float(rng.uniform(0.1, 0.4)) * (ends - begins), size)
    course = _Course(ambient_k=grown)
    return _Drawn(course, BENIGN, (BENIGN,), onset, neighbour=lambda _: course, neighbours=int(rng.integers(3, 6)))


def _in_error(
    rng: np.random.Generator, onset: float, grows_s: float
) -> tuple[str, Callable[[FloatArray, FloatArray, np.random.Generator], FloatArray]]:
    name = str(rng.choice(list(_OFFSETS)))
    low, high = _OFFSETS[name]
    size = float(rng.uniform(low, high))

    def apply(seconds: FloatArray, values: FloatArray, _: np.random.Generator) -> FloatArray:
        read = values.copy()
        column = SIGNALS.index(name)
        share = np.clip((seconds - onset) / grows_s, 0.0, 1.0)
        read[:, column] += share * size
        read[:, column] = np.maximum(read[:, column], 0.0)
        return read

    return name, apply


def _sensor_replaced(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    onset = _onset(rng, begins, ends)
    name, sensor = _in_error(rng, onset, 1.0)
    log = (LogLine(onset, "maintenance", f"Sensor of {name} replaced."),)
    return _Drawn(_Course(), STEP, (STEP,), onset, log, sensor=sensor)


def _sensor_drifts(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    onset = _onset(rng, begins, ends)
    _, sensor = _in_error(rng, onset, float(rng.choice([1.0, 0.4 * (ends - begins)])))
    return _Drawn(_Course(), SENSOR, (SENSOR, UNKNOWN), onset, sensor=sensor)


def _sensor_stuck(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    onset, name = _onset(rng, begins, ends), str(rng.choice(list(_OFFSETS)))

    def stick(seconds: FloatArray, values: FloatArray, _: np.random.Generator) -> FloatArray:
        read, column = values.copy(), SIGNALS.index(name)
        since = np.flatnonzero(seconds >= onset)
        read[since, column] = read[since[0], column]
        return read

    return _Drawn(_Course(), SENSOR, (SENSOR,), onset, sensor=stick)


def _sensor_noisy(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    onset, name, more = _onset(rng, begins, ends), str(rng.choice(list(_NOISE))), float(rng.uniform(3.0, 6.0))

    def scatter(seconds: FloatArray, values: FloatArray, own: np.random.Generator) -> FloatArray:
        read, column = values.copy(), SIGNALS.index(name)
        added = more * _NOISE[name] * own.standard_normal(len(seconds))
        read[:, column] += np.where(seconds >= onset, added, 0.0)
        read[:, column] = np.maximum(read[:, column], 0.0)
        return read

    return _Drawn(_Course(), SENSOR, (SENSOR, UNKNOWN), onset, sensor=scatter)


def _maintenance(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    """The reference is that of a motor with some wear; after the overhaul it is as new."""
    onset, worn = _onset(rng, begins, ends), float(rng.uniform(0.08, 0.25))
    fault = str(rng.choice(["bearing", "imbalance", "winding"]))
    course = _Course(fault=fault, severity=lambda now: worn if now < onset else 0.0)
    return _Drawn(course, STEP, (STEP,), onset, (LogLine(onset, "maintenance", f"Overhaul: {fault} mended."),))


def _growth(
    rng: np.random.Generator, begins: float, ends: float, onset: float
) -> tuple[Callable[[float], float], bool]:
    """Severity over time, and whether it grew fast and then stayed (which looks like a step)."""
    size, fast = float(rng.uniform(0.1, 0.5)), bool(rng.uniform() < 0.4)
    grown = (0.1 if fast else 1.0) * (ends - begins) if fast else ends - onset
    return _grows(onset, grown, size), fast


def _degrades(faults: tuple[str, ...]) -> Callable[[np.random.Generator, float, float], _Drawn]:
    def draw(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
        onset = _onset(rng, begins, ends)
        severity, fast = _growth(rng, begins, ends, onset)
        course = _Course(fault=str(rng.choice(faults)), severity=severity)
        accepted = (DEGRADATION, UNKNOWN) if fast else (DEGRADATION,)
        return _Drawn(course, DEGRADATION, accepted, onset, degrading=True)

    return draw


def _degrades_under_load_change(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    change = _load_change(rng, begins, ends)
    severity, _ = _growth(rng, begins, ends, change.onset_s + float(rng.uniform(-0.05, 0.2)) * (ends - begins))
    course = replace(change.course, fault=str(rng.choice(list(_MODES))), severity=severity)
    return replace(change, course=course, truth=DEGRADATION, accepted=(DEGRADATION, UNKNOWN), degrading=True)


def _degrades_after_maintenance(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    """A repair that went wrong: with or without a step, and worse from then on."""
    onset = _onset(rng, begins, ends)
    size, step = float(rng.uniform(0.1, 0.5)), float(rng.choice([0.0, 0.05, 0.1]))
    grown = _grows(onset, ends - onset, size)
    course = _Course(
        fault=str(rng.choice(list(_MODES))), severity=lambda now: grown(now) + (step if now >= onset else 0.0)
    )
    log = (LogLine(onset, "maintenance", "Bearing and coupling renewed."),)
    return _Drawn(course, DEGRADATION, (DEGRADATION, UNKNOWN), onset, log, degrading=True)


def _fleet_degrades(rng: np.random.Generator, begins: float, ends: float) -> _Drawn:
    """A bad batch: all of them wear, each at its own pace."""
    onset, fault = _onset(rng, begins, ends), str(rng.choice(list(_MODES)))

    def course(own: np.random.Generator) -> _Course:
        return _Course(fault=fault, severity=_grows(onset, ends - onset, float(own.uniform(0.1, 0.4))))

    return _Drawn(
        course(rng), DEGRADATION, (DEGRADATION, UNKNOWN), onset, degrading=True, neighbour=course,
        neighbours=int(rng.integers(3, 6)),
    )  # fmt: skip


KINDS: dict[str, Callable[[np.random.Generator, float, float], _Drawn]] = {
    "nothing": _nothing_happens,
    "load change": _load_change,
    "duty change": _duty_change,
    "speed change": _speed_change,
    "season": _season,
    "sensor replaced": _sensor_replaced,
    "sensor drifts": _sensor_drifts,
    "sensor stuck": _sensor_stuck,
    "sensor noisy": _sensor_noisy,
    "maintenance": _maintenance,
    "mechanical wear": _degrades(("bearing", "imbalance")),
    "electrical ageing": _degrades(("winding", "rotor_bar")),
    "wear under a load change": _degrades_under_load_change,
    "wear after maintenance": _degrades_after_maintenance,
    "whole fleet wears": _fleet_degrades,
}
"""Kind -> how a scenario of it is drawn."""
