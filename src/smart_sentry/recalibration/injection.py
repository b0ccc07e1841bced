"""Faults of every kind, put into healthy readings of any machine, sized by what its own baseline calls normal spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.features.steps import window_length

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

SIZES: dict[str, tuple[float, ...]] = {
    "offset": (6.0, 12.0),
    "ramp": (10.0, 20.0),
    "variance": (6.0, 12.0),
    "gain": (6.0, 12.0),
    "correlated": (5.0, 10.0),
    "spike": (16.0, 32.0),
    "stuck": (0.0,),
    "drop-out": (0.0,),
}
"""Kind -> sizes in multiples of the normal spread: far enough out that a sound baseline has no excuse, at two distances."""
SENSOR_KINDS = ("spike", "stuck", "drop-out")
"""Faults of a sensor, which the quality masks may answer instead of the detectors."""
MOST_SIGNALS = 6
"""Sensors that faults are put into, of a machine with more."""
_TOGETHER = 3
_SPIKES = 0.1


@dataclass(frozen=True)
class InjectedFault:
    """One fault.

    Attributes:
        kind: one of `SIZES`.
        signals: it is put into these.
        size: in multiples of their normal spread.
        seed: of what is drawn.
    """

    kind: str
    signals: tuple[str, ...]
    size: float
    seed: int

    def __str__(self) -> str:
        size = f" of {self.size:g} sigma" if self.size else ""
        return f"{self.kind}{size} in {', '.join(self.signals)}"


@dataclass(frozen=True)
class NormalSpread:
    """What is normal of each sensor, in its unit.

    Attributes:
        centre: (sensors,) mean.
        level: (sensors,) deviation of what is judged: a reading, or a second's mean.
        noise: (sensors,) deviation of a reading.
    """

    centre: FloatArray
    level: FloatArray
    noise: FloatArray

    @classmethod
    def of(cls, asset_type: AssetType, baseline: Baseline) -> NormalSpread:
        """Of a baseline's steady phase."""
        normal, sensors = baseline.steady.normal, len(asset_type.sensor_names)
        level = normal.scale[:sensors]
        noise = level if window_length(asset_type) == 1 else np.maximum(np.exp(normal.centre[sensors:]), level)
        return cls(normal.centre[:sensors], level, noise)


def faults_of(asset_type: AssetType, seed: int) -> list[InjectedFault]:
    """Faults of every kind and size in every sensor, or in `MOST_SIGNALS` that are drawn.

    A machine of one sensor has none that are correlated.
    """
    rng = np.random.default_rng(seed)
    names = asset_type.sensor_names
    chosen = [names[place] for place in sorted(rng.permutation(len(names))[:MOST_SIGNALS].tolist())]
    faults = []
    for kind, sizes in SIZES.items():
        groups = [(name,) for name in chosen]
        if kind == "correlated":
            groups = [tuple(chosen[place : place + _TOGETHER]) for place in range(0, len(chosen), _TOGETHER)]
        for signals in groups:
            if kind == "correlated" and len(signals) < 2:
                continue
            faults += [InjectedFault(kind, signals, size, int(rng.integers(2**31))) for size in sizes]
    return faults


def inject(
    fault: InjectedFault, asset_type: AssetType, spread: NormalSpread, readings: Readings, rows: BoolArray
) -> tuple[Readings, BoolArray]:
    """A copy of readings with a fault, and (rows,) which of them it altered.

    What leaves a signal's physical limits is held to them, for a value beyond them would be the sensor's fault.

    Args:
        fault: to put in.
        asset_type: names signals and limits.
        spread: what its size is measured in.
        readings: of a healthy machine.
        rows: (rows,) where the fault is.
    """
    rng = np.random.default_rng(fault.seed)
    values, altered = readings.values.copy(), rows.copy()
    if fault.kind == "spike":
        drawn = rng.uniform(size=len(rows))
        altered = rows & (drawn <= max(_SPIKES, drawn[rows].min(initial=1.0)))  # one at least
    for name in fault.signals:
        column, sensor = asset_type.signal_names.index(name), asset_type.sensor_names.index(name)
        limits = asset_type.signals[column].limits
        its = spread.centre[sensor], spread.level[sensor], spread.noise[sensor]
        values[altered, column] = _faulty(fault, values[:, column], altered, its, limits, rng)
    return Readings(readings.seconds, values), altered


def _faulty(
    fault: InjectedFault, signal: FloatArray, altered: BoolArray, spread: tuple[float, float, float],
    limits: tuple[float, float], rng: np.random.Generator,
) -> FloatArray:  # fmt: skip
    """(altered,) values of one signal."""
    healthy, (centre, level, noise) = signal[altered], spread
    if fault.kind == "drop-out":
        return np.full(len(healthy), np.nan)
    if fault.kind == "stuck":
        known = healthy[np.isfinite(healthy)]
        return np.full(len(healthy), known[0] if known.size else np.nan)
    away = _away(centre, fault.size * level, limits)
    match fault.kind:
        case "ramp":
            changed = healthy + away * fault.size * level * np.linspace(0.0, 1.0, len(healthy))
        case "variance":
            changed = healthy + rng.normal(0.0, fault.size * noise, len(healthy))
        case "gain":
            changed = healthy * (1.0 + away * fault.size * level / max(_size_of(healthy, centre), level))
        case "spike":
            changed = healthy + away * fault.size * noise
        case _:  # offset, correlated
            changed = healthy + away * fault.size * level
    held: FloatArray = np.clip(changed, *limits)
    return held


def _size_of(healthy: FloatArray, otherwise: float) -> float:
    """Of the values that a gain is put into: at another season or duty, too, it moves their mean by the same amount."""
    known = healthy[np.isfinite(healthy)]
    return abs(float(known.mean()) if known.size else otherwise)


def _away(centre: float, size: float, limits: tuple[float, float]) -> float:
    """1 where there is room above, else -1."""
    return 1.0 if centre + size <= limits[1] or centre - size < limits[0] else -1.0
