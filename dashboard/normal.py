"""What is normal of an asset's signals: out of what the service says of its baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dashboard.pieces import SignalCard, sparkline
from dashboard.rings import History
from smart_sentry.assets import AssetType, Signal
from smart_sentry.contracts.live import AssetUpdate
from smart_sentry.phases import Phase

CLEAR_SIGMAS, NEAR_SIGMAS, _BAR_SIGMAS = 3.0, 2.0, 4.0
"""A signal is off from three of its standard deviations on, as in the reasons; the bar of a card ends at four."""
_SPARK_POINTS = 120


@dataclass(frozen=True)
class Normal:
    """What a signal was in healthy operation, in its unit.

    Attributes:
        mean, std, low, high: of its readings.
        of_means: whether they are of means over a second instead: single readings scatter wider, and are not held against them.
    """

    mean: float
    std: float
    low: float
    high: float
    of_means: bool = False

    def sigmas(self, value: float) -> float | None:
        """How many standard deviations a value is off; None where healthy operation did not vary."""
        return None if self.std <= 1e-9 * max(abs(self.mean), 1e-3) else (value - self.mean) / self.std


def normal_signals(baseline: Mapping[str, Any] | None, phase: str) -> dict[str, Normal]:
    """Signal -> what is normal of it in a phase; empty without a baseline, or where it knows nothing of the phase.

    Args:
        baseline: as GET /api/v1/monitoring/baseline answers; None where there is none.
        phase: of the newest reading.
    """
    phases = {} if baseline is None else baseline.get("phases", {})
    known = phases.get(phase) or (phases.get(Phase.UNKNOWN.value) if phase != Phase.OFF.value else None) or {}
    found = {name: Normal(one["mean"], one["std"], one["min"], one["max"]) for name, one in known.items()}
    means = {name.removesuffix("_mean"): one for name, one in found.items() if name.endswith("_mean")}
    of_windows = {name: replace(one, of_means=True) for name, one in means.items()}
    return of_windows | found


def cards_of(
    update: AssetUpdate, kind: AssetType | None, normal: Mapping[str, Normal], history: History | None
) -> list[SignalCard]:
    """A card for each signal of the asset's type, or for each value where the type is not known."""
    signals = kind.signals if kind else tuple(Signal(name=name, unit="1", limits=(-1, 1)) for name in update.values)
    return [_card(signal, update, normal.get(signal.name), history) for signal in signals]


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many digits that matter; a dash where there is none.

    >>> number(230.1234), number(0.15), number(None), number(12345.6), number(-0.0)
    ('230.1', '0.15', '–', '12346', '0')
    """
    if value is None or math.isnan(value):
        return "–"
    if abs(value) >= 10**digits:
        return f"{value:.0f}"
    return f"{value + 0.0:.{digits}g}"


def unit_of(signal: Signal) -> str:
    """A signal's unit for people; empty where it has none."""
    return {"1": "", "degC": "°C"}.get(signal.unit, signal.unit)


def title_of(signal: Signal) -> str:
    """A signal for people: what it is, and its name in the data.

    >>> title_of(Signal(name="speed_rpm", unit="rpm", limits=(0, 1), description="shaft speed")), title_of(
    ...     Signal(name="speed_rpm", unit="rpm", limits=(0, 1)))
    ('Shaft speed · speed_rpm', 'speed_rpm')
    """
    told = signal.description
    return f"{told[:1].upper()}{told[1:]} · {signal.name}" if told else signal.name


def _card(signal: Signal, update: AssetUpdate, normal: Normal | None, history: History | None) -> SignalCard:
    value, unit = update.values.get(signal.name), unit_of(signal)
    target, deviation, state, place = _against(value, normal, unit, signal.role)
    spark = ""
    if history is not None and signal.name in history.signals:
        last = history.rows(slice(-_SPARK_POINTS, None))
        spark = sparkline(last.values[:, history.signals.index(signal.name)], last.flag)
    return SignalCard(
        signal.name, title_of(signal), number(value), unit, target, deviation, state, place, spark
    )  # fmt: skip


def _against(
    value: float | None, normal: Normal | None, unit: str, role: str
) -> tuple[str, str, str, float | None]:  # fmt: skip
    """Target, deviation, state and place on the bar."""
    if normal is None:
        target = "target: none learnt (a setting)" if role == "setting" else "target: none learnt"
        return target, "no number" if value is None else "not compared", "none", None
    target = f"target {number(normal.mean)} ± {number(normal.std, 2)} {unit}".rstrip()
    if value is None:
        return target, "the sensor tells no number", "off", None
    if normal.of_means:
        return f"{target} (means over a second)", "a single reading: not compared", "none", None
    sigmas = normal.sigmas(value)
    if sigmas is None:
        same = value == normal.mean
        return (
            target,
            "as in calibration" if same else "was constant in calibration",
            "normal" if same else "near",
            None,
        )
    word = "normal" if abs(sigmas) < NEAR_SIGMAS else "high" if sigmas > 0 else "low"
    state = "normal" if abs(sigmas) < NEAR_SIGMAS else "near" if abs(sigmas) < CLEAR_SIGMAS else "off"
    deviation = f"{word}: {value - normal.mean:+.3g} {unit} ({sigmas:+.1f} σ)".replace("  ", " ")
    return target, deviation, state, 0.5 + sigmas / (2.0 * _BAR_SIGMAS)
