"""Simulated motors as endless sources of readings with their truth: by statistics (motor_signals) or by physics (motor_bench)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smart_sentry.assets import ASSET_COLUMN, AssetType
from smart_sentry.datasets import motor_instruments, motor_signals
from smart_sentry.datasets.motor_signals import Fault
from smart_sentry.datasets.sensor_faults import SensorFault
from smart_sentry.errors import ConfigurationError

FloatArray = NDArray[np.float64]

HEALTHY, LOAD_CHANGE = "HEALTHY", "LOAD_CHANGE"
TIME_COLUMN = "timestamp"
TRUTH_COLUMNS = ("true_phase", "true_condition", "true_sensor", "is_faulty")
LOAD_SHARES = (0.8, 0.9, 1.1, 1.2)
"""Loads of a load change, in shares of rated."""
_LOAD_HELD_S = 60.0
_BENCH_SEVERITY = {"MILD": 0.3, "MEDIUM": 0.6, "SEVERE": 0.95}
_DUTY_ROW_S = 10.0


@dataclass(frozen=True)
class Simulated:
    """Readings and what is true of them.

    Attributes:
        values: (rows, signals) in the machine's order and units; NaN where a sensor said nothing.
        phase: (rows,) OFF, STARTUP, STEADY or SHUTDOWN.
        condition: HEALTHY, LOAD_CHANGE (healthy, too), or fault and severity, e.g. "JITTER MILD".
        sensor: what is wrong with a sensor, e.g. "STUCK current_a"; empty where all are well.
    """

    values: FloatArray
    phase: NDArray[np.object_]
    condition: str
    sensor: str

    @property
    def is_faulty(self) -> bool:
        """Whether the machine, not a sensor, is faulty."""
        return self.condition not in (HEALTHY, LOAD_CHANGE)


class Machine(Protocol):
    """A machine that can be read for ever."""

    @property
    def signal_names(self) -> tuple[str, ...]:
        """Columns of what it gives."""
        ...

    @property
    def fault_names(self) -> tuple[str, ...]:
        """Faults that it can have."""
        ...

    def take(self, rows: int) -> Simulated:
        """The next readings."""
        ...

    def change_to(self, scenario: Scenario) -> None:
        """From the next reading on this is the matter with it; speed, temperature and load go on as they are.

        Raises:
            ConfigurationError: the scenario does not fit the machine, which stays as it is.
        """
        ...

    def drive(self, running: bool, load_pct: float) -> None:
        """From the next reading on somebody switches it, at a load in percent of rated torque; else it does so by itself.

        A machine that is always at work heeds neither.
        """
        ...


@dataclass(frozen=True)
class Scenario:
    """What is the matter with a simulated motor.

    Attributes:
        fault: kind (motor_signals.FAULTS, or on the bench BEARING, WINDING, ROTOR_BAR, IMBALANCE; DEFAULT is BEARING there);
            None: healthy.
        severity: MILD, MEDIUM or SEVERE.
        intensity: share of the fault's size.
        signals: that it shows in; empty: all.
        ramp_seconds: time in which it grows to its size; 0: it is there at once.
        load_changes: whether a healthy motor's load changes every minute; the bench's always does.
        sensor_fault, sensor: kind (sensor_faults.SENSOR_FAULTS) and signal; None: all sensors are well.
    """

    fault: str | None = None
    severity: str = "MEDIUM"
    intensity: float = 1.0
    signals: tuple[str, ...] = ()
    ramp_seconds: float = 0.0
    load_changes: bool = False
    sensor_fault: str | None = None
    sensor: str | None = None


class StatisticalMotor:
    """The motor of motor_signals: always at work.

    Raises:
        ConfigurationError: the scenario names something that this motor has not.
    """

    signal_names = motor_signals.SIGNALS
    fault_names = motor_signals.FAULTS

    def __init__(self, scenario: Scenario, interval_s: float, rng: np.random.Generator) -> None:
        self._interval_s, self._rng = interval_s, rng
        self._taken = 0
        self._load_of: list[float] = []
        self.change_to(scenario)

    def change_to(self, scenario: Scenario) -> None:
        """As `Machine.change_to`; a fault's ramp begins now."""
        if scenario.fault and scenario.load_changes:
            raise ConfigurationError("load changes", "they are simulated of a healthy motor only", "Drop one of both.")
        fault = scenario.fault and Fault(
            scenario.fault, scenario.severity, scenario.intensity, scenario.signals or motor_signals.SIGNALS
        )
        self._sensor, self._fault = _sensor_fault(scenario, self.signal_names), fault
        self._scenario, self._changed = scenario, self._taken

    def drive(self, running: bool, load_pct: float) -> None:
        """This motor is always at work."""

    def take(self, rows: int) -> Simulated:
        """The next readings."""
        seconds = np.arange(self._taken, self._taken + rows, dtype=np.float64) * self._interval_s
        since_change = seconds - self._changed * self._interval_s
        self._taken += rows
        scenario, rng = self._scenario, self._rng
        condition = HEALTHY
        if self._fault:
            condition = f"{scenario.fault} {scenario.severity}"
            if scenario.ramp_seconds > 0:
                share = np.minimum(since_change / scenario.ramp_seconds, 1.0)
                values = motor_signals.developing_readings(self._fault, share, rng)
            else:
                values = motor_signals.faulty_readings(rows, self._fault, rng)
        elif scenario.load_changes:
            condition = LOAD_CHANGE
            values = motor_signals.loaded_readings(self._load(seconds), rng)
        else:
            values = motor_signals.healthy_readings(rows, rng)
        return _told(values, np.full(rows, "STEADY", dtype=object), condition, self._sensor, scenario, rng)

    def _load(self, seconds: FloatArray) -> FloatArray:
        number = (seconds // _LOAD_HELD_S).astype(np.int64)
        while len(self._load_of) <= number.max(initial=-1):
            self._load_of.append(float(self._rng.choice(LOAD_SHARES)))
        return np.array(self._load_of)[number]


class BenchMotor:
    """A motor on its physical bench: rests, start-ups, running at several loads, coast-downs; its fault does not grow on.

    The first use in a process compiles the physics, which takes about ten seconds.

    Raises:
        ConfigurationError: the scenario names something that this motor has not.
    """

    signal_names = motor_instruments.SIGNALS

    def __init__(self, scenario: Scenario, interval_s: float, rng: np.random.Generator) -> None:
        from smart_sentry.datasets.motor_bench import at_rest
        from smart_sentry.datasets.motor_life import draw_motor

        _demand_bench_scenario(scenario)
        self._motor = draw_motor(rng)
        self._state = at_rest(self._motor)
        self._interval_s, self._rng = interval_s, rng
        self._command, self._load_pct = np.empty(0, dtype=np.bool_), np.empty(0)
        self._driven: tuple[bool, float] | None = None
        self.change_to(scenario)

    @property
    def fault_names(self) -> tuple[str, ...]:
        """As `Machine.fault_names`."""
        return _bench_faults()

    def change_to(self, scenario: Scenario) -> None:
        """As `Machine.change_to`."""
        from smart_sentry.datasets.motor import Faults

        kind = _demand_bench_scenario(scenario)
        sensor = _sensor_fault(scenario, self.signal_names)
        share = 0.0 if kind is None else _BENCH_SEVERITY[scenario.severity]
        symptoms = Faults() if kind is None else Faults()._replace(**{kind.lower(): 1.0})
        wear = self._motor.wear._replace(strength_s=math.inf, symptoms=symptoms)
        damage = math.log1p(share * math.expm1(wear.acceleration)) / wear.acceleration
        self._motor, self._state = self._motor._replace(wear=wear), self._state._replace(damage=damage)
        self._condition = HEALTHY if kind is None else f"{kind} {scenario.severity}"
        self._scenario, self._sensor = scenario, sensor

    def drive(self, running: bool, load_pct: float) -> None:
        """As `Machine.drive`; the load is heeded once the motor is up to speed."""
        self._driven = (running, load_pct)

    def take(self, rows: int) -> Simulated:
        """The next readings."""
        from smart_sentry.datasets.motor_bench import PHASES, run_bench

        command, load_pct = self._duty(rows)
        self._state, trace = run_bench(self._motor, self._state, command, load_pct, self._interval_s, self._rng)
        phase = np.array(PHASES, dtype=object)[trace.phase]
        return _told(trace.readings, phase, self._condition, self._sensor, self._scenario, self._rng)

    def _duty(self, rows: int) -> tuple[NDArray[np.bool_], FloatArray]:
        """Command and load of the next readings, each of shape (rows,)."""
        from smart_sentry.datasets.motor_life import draw_duty

        if self._driven is not None:
            running, load = self._driven
            return np.full(rows, running), np.full(rows, load if running else 0.0)
        while len(self._command) < rows:
            command, load_pct = draw_duty(self._rng)
            longer = max(1, round(_DUTY_ROW_S / self._interval_s))
            self._command = np.concatenate([self._command, np.repeat(command, longer)])
            self._load_pct = np.concatenate([self._load_pct, np.repeat(load_pct, longer)])
        now, self._command = np.split(self._command, [rows])
        load_now, self._load_pct = np.split(self._load_pct, [rows])
        return now, load_now


def _demand_bench_scenario(scenario: Scenario) -> str | None:
    """The bench's fault, one of FAULT_MODES in capitals; None of a healthy one.

    Raises:
        ConfigurationError: the bench has not what the scenario names.
    """
    for name, given in (
        ("ramp", scenario.ramp_seconds > 0),
        ("fault's signals", bool(scenario.signals)),
        ("intensity", scenario.intensity != 1.0),
    ):
        if given:
            raise ConfigurationError(name, "the physical bench has none", "Drop it, or simulate the type `motor`.")
    modes = _bench_faults()
    kind = "BEARING" if scenario.fault == "DEFAULT" else scenario.fault
    if kind is not None and (kind not in modes or scenario.severity not in _BENCH_SEVERITY):
        raise ConfigurationError(
            "fault", f"{kind} {scenario.severity} is not known on the physical bench",
            f"Name one of {', '.join(modes)} and one of {', '.join(_BENCH_SEVERITY)}.",
        )  # fmt: skip
    return kind


def _bench_faults() -> tuple[str, ...]:
    from smart_sentry.datasets.motor_wear import FAULT_MODES

    return tuple(mode.upper() for mode in FAULT_MODES)


def machine_for(asset_type: AssetType, scenario: Scenario, interval_s: float, seed: int) -> Machine:
    """The simulated machine that has all signals of an asset type.

    Raises:
        ConfigurationError: there is none, or the scenario does not fit it.
    """
    wanted = set(asset_type.signal_names)
    rng = np.random.default_rng(seed)
    if wanted <= set(StatisticalMotor.signal_names):
        return StatisticalMotor(scenario, interval_s, rng)
    if wanted <= set(BenchMotor.signal_names):
        return BenchMotor(scenario, interval_s, rng)
    known = sorted(wanted - set(StatisticalMotor.signal_names) - set(BenchMotor.signal_names))
    raise ConfigurationError(
        f"asset type {asset_type.name}", f"no simulated machine has all of its signals ({', '.join(known) or 'together'})",
        "Simulate `motor`, `motor_fast` or `motor_bench`.",
    )  # fmt: skip


def readings_table(
    machine: Machine, simulated: Simulated, asset_id: str, timestamps: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """timestamp, asset_id, the named signals, then what is true of each row."""
    order = [machine.signal_names.index(name) for name in names]
    truth = (simulated.phase, simulated.condition, simulated.sensor, simulated.is_faulty)
    return pd.DataFrame(
        {TIME_COLUMN: list(timestamps), ASSET_COLUMN: asset_id}
        | {name: simulated.values[:, column] for name, column in zip(names, order, strict=True)}
        | dict(zip(TRUTH_COLUMNS, truth, strict=True))
    )


def _sensor_fault(scenario: Scenario, names: tuple[str, ...]) -> SensorFault | None:
    if scenario.sensor_fault is None:
        return None
    if scenario.sensor not in names:
        raise ConfigurationError("sensor", f"{scenario.sensor!r} is not known", f"Name one of {', '.join(names)}.")
    return SensorFault(scenario.sensor_fault, names.index(scenario.sensor))


def _told(
    values: FloatArray, phase: NDArray[np.object_], condition: str, sensor: SensorFault | None, scenario: Scenario,
    rng: np.random.Generator,
) -> Simulated:  # fmt: skip
    if sensor is None:
        return Simulated(values, phase, condition, "")
    return Simulated(sensor.apply(values, rng), phase, condition, f"{scenario.sensor_fault} {scenario.sensor}")
