"""A motor by its statistics: four signals of a machine at work, healthy and with faults of three severities, point by point.

Every reading is drawn by itself, so that a second at 100 Hz and a day at 1 Hz are the same call. The physical bench
(motor_bench.py) has what this has not: start-ups, shutdowns, inertia and wear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_sentry.errors import ConfigurationError

FloatArray = NDArray[np.float64]

SIGNALS = ("voltage_v", "current_a", "power_factor", "vibration_g")
"""Columns of every array, in this order."""
FAULTS = ("SPIKE", "DRIFT", "JITTER", "DEFAULT")
SEVERITIES = ("MILD", "MEDIUM", "SEVERE")

NOMINAL = np.array([230.0, 15.0, 0.92, 0.15])
HEALTHY_DEVIATION = np.array([2.0, 1.0, 0.02, 0.03])
LOWEST, HIGHEST = np.array([200.0, 5.0, 0.5, 0.05]), np.array([300.0, 30.0, 1.0, 5.0])
"""What the motor's sensors show at least and at most."""
_FAULTY_DEVIATION = np.array([1.0, 0.5, 0.01, 0.02])
_LOWER_HALF = 0.5
_SPIKE_OFFSET, _SPIKE_VIBRATION = 1.2, 1.3
# A load change, healthy: what each signal gains per unit of load above rated.
_LOAD_SLOPE = np.array([-4.0, 15.0, 0.08, 0.04])


class _Range(NamedTuple):
    """Least and greatest of a severity, and half-widths of its jitter.

    Voltage and current are above nominal, the power factor below; vibration is a multiple of nominal.
    """

    low: FloatArray
    high: FloatArray
    jitter: FloatArray


_RANGES = {
    "MILD": _Range(np.array([5, 1, 0.05, 1.3]), np.array([10, 3, 0.08, 1.8]), np.array([8, 2, 0.06, 0.10])),
    "MEDIUM": _Range(np.array([10, 3, 0.08, 2.0]), np.array([25, 7, 0.15, 4.0]), np.array([15, 4, 0.10, 0.20])),
    "SEVERE": _Range(np.array([25, 7, 0.15, 5.0]), np.array([50, 15, 0.30, 15.0]), np.array([25, 7, 0.15, 0.40])),
}


@dataclass(frozen=True)
class Fault:
    """A fault of the motor.

    Attributes:
        kind: one of `FAULTS`. SPIKE, DRIFT and DEFAULT move the mean of all signals (a spike further, a drift less far); JITTER
            leaves the mean and widens the spread.
        severity: one of `SEVERITIES`.
        intensity: share of the fault's size, above 0: 0.5 of a MILD jitter has half its width.
        signals: that it shows in; the others stay healthy.

    Raises:
        ConfigurationError: there is no such fault, severity or signal.
    """

    kind: str = "DEFAULT"
    severity: str = "MEDIUM"
    intensity: float = 1.0
    signals: tuple[str, ...] = SIGNALS

    def __post_init__(self) -> None:
        for what, name, known in (("fault", self.kind, FAULTS), ("severity", self.severity, SEVERITIES)):
            if name not in known:
                raise ConfigurationError(what, f"{name!r} is not known", f"Name one of {', '.join(known)}.")
        if not self.signals or set(self.signals) - set(SIGNALS):
            named = ", ".join(self.signals) or "none"
            raise ConfigurationError(
                "fault's signals", f"{named}: not the motor's", f"Name some of {', '.join(SIGNALS)}."
            )
        if not self.intensity > 0:
            raise ConfigurationError("intensity", f"{self.intensity} is not above 0", "Give a share such as 0.5.")

    @property
    def shows(self) -> NDArray[np.bool_]:
        """(signals,) whether the fault shows in it."""
        return np.isin(SIGNALS, self.signals)


def healthy_readings(rows: int, rng: np.random.Generator) -> FloatArray:
    """(rows, signals) of a healthy motor at rated load: normal around the nominal values, in V, A, 1 and g."""
    return _shown(NOMINAL + HEALTHY_DEVIATION * rng.standard_normal((rows, len(SIGNALS))))


def faulty_readings(rows: int, fault: Fault, rng: np.random.Generator) -> FloatArray:
    """(rows, signals) of a motor with a fully developed fault, its size drawn anew for every reading."""
    shape = (rows, len(SIGNALS))
    size = _RANGES[fault.severity]
    if fault.kind == "JITTER":
        moved = NOMINAL + size.jitter * fault.intensity * rng.uniform(-1.0, 1.0, shape)
    else:
        shift = _shift(fault, rng.uniform(0.0, 1.0, shape))
        moved = NOMINAL + shift + _FAULTY_DEVIATION * rng.standard_normal(shape)
    return np.where(fault.shows, _shown(moved), healthy_readings(rows, rng))


def developing_readings(fault: Fault, share: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(rows, signals) of a motor whose fault grows slowly.

    The mean moves by the middle of the fault's range, under the scatter of a healthy motor; of a jitter, ever more readings are
    those of the full jitter.

    Args:
        fault: what it grows to.
        share: (rows,) how much of it is there, 0 to 1.
        rng: source of the scatter.
    """
    healthy = healthy_readings(len(share), rng)
    if fault.kind == "JITTER":
        struck = (rng.uniform(size=len(share)) < share)[:, None]
        return np.where(struck, faulty_readings(len(share), fault, rng), healthy)
    moved = _shown(healthy + share[:, None] * _shift(fault, np.full(len(SIGNALS), 0.5)))
    return np.where(fault.shows, moved, healthy)


def loaded_readings(load_share: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(rows, signals) of a healthy motor at other loads than rated.

    Args:
        load_share: (rows,) 1 is rated; the current follows it, the power factor and the vibration a little.
        rng: source of the scatter.
    """
    noise = HEALTHY_DEVIATION * rng.standard_normal((len(load_share), len(SIGNALS)))
    return _shown(NOMINAL + (load_share[:, None] - 1.0) * _LOAD_SLOPE + noise)


def _shift(fault: Fault, place: FloatArray) -> FloatArray:
    """What the fault adds to each signal, at a place 0..1 within its range."""
    low, high, _ = _RANGES[fault.severity]
    drawn = low + (high - low) * (place * _LOWER_HALF if fault.kind == "DRIFT" else place)
    spike = fault.kind == "SPIKE"
    voltage, current, drop, multiple = np.moveaxis(drawn, -1, 0)
    more = _SPIKE_OFFSET if spike else 1.0
    vibration = NOMINAL[3] * (multiple * (_SPIKE_VIBRATION if spike else 1.0) - 1.0)
    return fault.intensity * np.stack([more * voltage, more * current, -more * drop, vibration], axis=-1)


def _shown(values: FloatArray) -> FloatArray:
    return np.clip(values, LOWEST, HIGHEST)
