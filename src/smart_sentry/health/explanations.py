"""Why a step was flagged, in a sentence with value, expectation, deviation and unit: from the asset's own baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.contracts.derived_features import Ratio
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.statistics import SPANS, SPREAD_SPANS
from smart_sentry.features.derived import ratio

FloatArray = NDArray[np.float64]

_CLEAR_SIGMAS = 3.0
"""A channel that deviates by less is out of place only together with others."""
_DIGITS = 4
_MOST_DIGITS = 12
_VARIES = 1e-9
"""A ratio whose deviation is a smaller share of its mean is a constant: rounding alone would take it out of its range."""


class Told(NamedTuple):
    """A step's channels (channels,), in their units: what was read, what was expected, and one standard deviation of that."""

    values: FloatArray
    expected: FloatArray
    scale: FloatArray


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        kind: level, shift, variance, combination or ratio.
        signal: which signal it is about; of a ratio, its name.
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


class RatioRange(NamedTuple):
    """What a ratio of two channels was in a phase of the calibration.

    Attributes:
        name: of the ratio. numerator, denominator: their channels. offset: of the denominator, in its unit.
        unit: of what follows. mean, std, low, high: over the calibration.
    """

    name: str
    numerator: int
    denominator: int
    offset: float
    unit: str
    mean: float
    std: float
    low: float
    high: float


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
    total = float(np.maximum(effect, 0.0).sum())
    order = (-effect).argsort(kind="stable")[:most]
    reasons = []
    for place, channel in enumerate(order.tolist()):
        if total <= 0 or (place and effect[channel] < 0.2 * total):
            break
        reasons.append(_reason(asset_type, channels, statistic, channel, moved, told, phase, order))
    return reasons


def explain_ratio(ranges: Sequence[RatioRange], told: Told, phase: str) -> Reason | None:
    """The ratio that has left its range farthest although neither of its signals has left its own; None where there is none.

    Args:
        ranges: from `ratio_ranges`. A ratio has left its range where it is beyond the least or greatest value of the calibration
            and 3 standard deviations off its mean.
        told: the step's values and what was expected of them.
        phase: its name.
    """
    found: tuple[float, float, RatioRange] | None = None
    for its in ranges:
        if not _within(told, its):
            continue
        above, below = slice(its.numerator, its.numerator + 1), slice(its.denominator, its.denominator + 1)
        value = float(ratio(told.values[above], told.values[below], its.offset)[0])
        sigmas = (value - its.mean) / its.std
        outside = (value < its.low or value > its.high) and abs(sigmas) >= _CLEAR_SIGMAS
        if outside and (not found or abs(sigmas) > abs(found[0])):
            found = sigmas, value, its
    if found is None:
        return None
    sigmas, value, its = found
    sentence = (
        f"{'High' if sigmas > 0 else 'Low'} {its.name}{_in_phase(phase)}: {_against(value, its.mean, its.unit)}"
        f" ({abs(sigmas):.1f} sigma)"
    )
    return Reason("ratio", its.name, value, its.mean, sigmas, its.unit, sentence)


def _within(told: Told, its: RatioRange) -> bool:
    """Whether both signals are within their own ranges."""
    return all(
        abs(float(told.values[channel] - told.expected[channel])) < _CLEAR_SIGMAS * float(told.scale[channel])
        for channel in (its.numerator, its.denominator)
    )


def ratio_ranges(asset_type: AssetType, baseline: Baseline, phase: str) -> list[RatioRange]:
    """Of the ratios that a baseline knows in a phase, those that vary about a mean: no ratio of channels that never settled."""
    part = baseline.phases.get(phase)
    found: list[RatioRange] = []
    if part is None or not baseline.ratios:
        return found
    names, its = part.statistics.names, part.statistics
    end = "_mean" if asset_type.is_fast else ""
    for one in baseline.ratios:
        pair = [f"{name}{end}" for name in one.signals]
        if one.name not in names or not set(pair) <= set(baseline.channels):
            continue
        above, below = (baseline.channels.index(name) for name in pair)
        place = names.index(one.name)
        mean, std, low, high = (float(array[place]) for array in (its.mean, its.std, its.low, its.high))
        if std > _VARIES * abs(mean) and not baseline.adaptation[[above, below]].any():
            found.append(
                RatioRange(one.name, above, below, one.offset, _unit_of(asset_type, one), mean, std, low, high)
            )
    return found


def _reason(
    asset_type: AssetType, channels: tuple[str, ...], statistic: int, channel: int, moved: FloatArray, told: Told, phase: str,
    order: NDArray[np.int64],
) -> Reason:  # fmt: skip
    name = channels[channel]
    read, centre, scale = (float(part[channel]) for part in told)
    in_phase = _in_phase(phase)
    if statistic >= len(SPANS):
        span, times = SPREAD_SPANS[statistic - len(SPANS)], float(moved[channel])
        signal, unit = _signal(asset_type, name)
        sentence = (
            f"High {signal} variance{in_phase}: {_against(times * scale, scale, unit)} over the last {span} steps"
        )
        return Reason("variance", signal, times * scale, scale, times, unit, sentence)
    sigmas, span = float(moved[channel]), SPANS[statistic]
    if name.endswith("_log_std"):
        signal, unit = _signal(asset_type, name.removesuffix("_log_std"))
        value, expected = float(np.exp(read)), float(np.exp(centre))
        kind = "High" if value > expected else "Low"
        sentence = f"{kind} {signal} variance{in_phase}: {_against(value, expected, unit)}"
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
        f"{'High' if sigmas > 0 else 'Low'} {signal}{in_phase}: {_against(value, expected, unit)}"
        f" ({abs(sigmas):.1f} sigma{word})"
    )
    return Reason(kind, signal, value, expected, sigmas, unit, sentence)


def _in_phase(phase: str) -> str:
    return "" if phase in ("UNKNOWN", "STEADY") else f" in {phase}"


def _unit_of(asset_type: AssetType, one: Ratio) -> str:
    above, below = (_signal(asset_type, name)[1] for name in one.signals)
    if not below:
        return above
    return f"{above or '1'}/{f'({below})' if '/' in below else below}"


def _signal(asset_type: AssetType, name: str) -> tuple[str, str]:
    found = next((signal for signal in asset_type.signals if signal.name == name), None)
    return (name, "") if found is None else (name, "" if found.unit == "1" else found.unit)


def _with_unit(value: float, unit: str, digits: int = _DIGITS) -> str:
    return f"{value:.{digits}g} {unit}".rstrip()


def _against(value: float, expected: float, unit: str) -> str:
    """Both with as many digits as it takes to tell them apart."""
    for digits in range(_DIGITS, _MOST_DIGITS):
        if f"{value:.{digits}g}" != f"{expected:.{digits}g}":
            break
    return f"{_with_unit(value, unit, digits)} against {_with_unit(expected, unit, digits)}"
