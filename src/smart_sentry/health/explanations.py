"""Why a step was flagged, in a sentence with value, expectation, deviation and unit: from the asset's own baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.statistics import SPANS, SPREAD_SPANS

FloatArray = NDArray[np.float64]

_CLEAR_SIGMAS = 3.0
"""A channel that deviates by less is out of place only together with others."""
_DIGITS = 4


class Told(NamedTuple):
    """A step's channels (channels,), in their units: what was read, what was expected, and one standard deviation of that."""

    values: FloatArray
    expected: FloatArray
    scale: FloatArray


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        kind: level, shift, variance or combination.
        signal: which signal it is about.
        value, expected: in `unit`.
        sigmas: the deviation in standard deviations of healthy operation; of a variance, how many times the healthy one.
        sentence: the same in words.
    """

    kind: str
    signal: str
    value: float
    expected: float
    sigmas: float
    unit: str
    sentence: str


def explain_step(
    asset_type: AssetType, channels: tuple[str, ...], statistic: int, effect: FloatArray, moved: FloatArray, told: Told,
    phase: str, most: int = 2,
) -> list[Reason]:  # fmt: skip
    """Reasons for a flagged step, the strongest first.

    Args:
        asset_type: names, symbols and units of the signals.
        channels: names of the step's channels.
        statistic: index into `statistics.STATISTICS` of the one that stands highest.
        effect, moved: (channels,) from `Scored`.
        told: the step's values and what was expected of them.
        phase: its name.
        most: how many reasons at most.
    """
    total = float(np.sum(np.maximum(effect, 0.0)))
    order = np.argsort(-effect, kind="stable")[:most]
    reasons = []
    for place, channel in enumerate(order.tolist()):
        if total <= 0 or (place and effect[channel] < 0.2 * total):
            break
        reasons.append(_reason(asset_type, channels, statistic, channel, moved, told, phase, order))
    return reasons


def _reason(
    asset_type: AssetType, channels: tuple[str, ...], statistic: int, channel: int, moved: FloatArray, told: Told, phase: str,
    order: NDArray[np.int64],
) -> Reason:  # fmt: skip
    name = channels[channel]
    read, centre, scale = (float(part[channel]) for part in told)
    in_phase = "" if phase in ("UNKNOWN", "STEADY") else f" in {phase}"
    if statistic >= len(SPANS):
        span, times = SPREAD_SPANS[statistic - len(SPANS)], float(moved[channel])
        signal, unit = _signal(asset_type, name)
        sentence = (
            f"High {signal} variance{in_phase}: {_with_unit(times * scale, unit)} against {_with_unit(scale, unit)}"
            f" over the last {span} steps"
        )
        return Reason("variance", signal, times * scale, scale, times, unit, sentence)
    sigmas, span = float(moved[channel]), SPANS[statistic]
    if name.endswith("_log_std"):
        signal, unit = _signal(asset_type, name.removesuffix("_log_std"))
        value, expected = float(np.exp(read)), float(np.exp(centre))
        kind = "High" if value > expected else "Low"
        sentence = f"{kind} {signal} variance{in_phase}: {_with_unit(value, unit)} against {_with_unit(expected, unit)}"
        return Reason("variance", signal, value, expected, sigmas, unit, sentence)
    signal, unit = _signal(asset_type, name.removesuffix("_mean") if name not in asset_type.signal_names else name)
    value, expected = read if span == 1 else centre + sigmas * scale, centre
    if abs(sigmas) * np.sqrt(min(span, 10)) < _CLEAR_SIGMAS:
        partner = next((channels[other] for other in order.tolist() if other != channel), None)
        together = f" together with {partner}" if partner else ""
        sentence = f"Unusual {signal}{together}{in_phase}: {_with_unit(value, unit)}; each within its own range, but not together"
        return Reason("combination", signal, value, expected, sigmas, unit, sentence)
    kind, word = ("level", "") if span == 1 else ("shift", f" over the last {span} steps")
    sentence = (
        f"{'High' if sigmas > 0 else 'Low'} {signal}{in_phase}: {_with_unit(value, unit)} against {_with_unit(expected, unit)}"
        f" ({abs(sigmas):.1f} sigma{word})"
    )
    return Reason(kind, signal, value, expected, sigmas, unit, sentence)


def _signal(asset_type: AssetType, name: str) -> tuple[str, str]:
    found = next((signal for signal in asset_type.signals if signal.name == name), None)
    return (name, "") if found is None else (name, "" if found.unit == "1" else found.unit)


def _with_unit(value: float, unit: str) -> str:
    return f"{value:.{_DIGITS}g} {unit}".rstrip()
