"""Why a step was flagged, in a sentence with value, expectation, deviation and unit: from the asset's own baseline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.contracts.derived_features import Ratio
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.statistics import SPANS, SPREAD_SPANS
from smart_sentry.features.derived import ratio_of

_CLEAR_SIGMAS = 3.0
"""A channel that deviates by less is out of place only together with others."""
_MOST_SIGMAS = 1000.0
"""Further away, the value says more: of a channel that never moved one sigma is a guess."""
_DIGITS = 4
_MOST_DIGITS = 12
_VARIES = 1e-9
"""A ratio whose deviation is a smaller share of its mean is a constant: rounding alone would take it out of its range."""


class Told(NamedTuple):
    """A step's channels (channels,), in their units: what was read, what was expected, and one standard deviation of that.

    Lists of plain numbers: to take one out of an array costs as much as all that is done with it.
    """

    values: Sequence[float]
    expected: Sequence[float]
    scale: Sequence[float]


class NamedChannel(NamedTuple):
    """A channel in words: the signal that it speaks of, its unit, and whether it is the logarithm of a deviation."""

    channel: str
    signal: str
    unit: str
    is_spread: bool


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


def in_words(asset_type: AssetType, channels: Sequence[str]) -> tuple[NamedChannel, ...]:
    """(channels,) an asset type's channels as reasons name them."""
    found = []
    for name in channels:
        is_spread = name.endswith("_log_std")
        signal = name.removesuffix("_log_std")
        if not is_spread and name not in asset_type.signal_names:
            signal = name.removesuffix("_mean")
        found.append(NamedChannel(name, signal, _unit_of_signal(asset_type, signal), is_spread))
    return tuple(found)


def explain_step(
    named: Sequence[NamedChannel],
    statistic: int,
    effect: Sequence[float],
    moved: Sequence[float],
    told: Told,
    phase: str,
    most: int = 2,
) -> list[Reason]:
    """Reasons for a flagged step, the strongest first.

    Args:
        named: (channels,) from `in_words`.
        statistic: index into `statistics.STATISTICS` of the one that stands highest.
        effect, moved: (channels,) from `Scored`.
        told: the step's values and what was expected of them.
        phase: its name.
        most: how many reasons at most.
    """
    total = sum(one for one in effect if one > 0.0)
    known = [channel for channel, one in enumerate(effect) if not math.isnan(one)]
    order = sorted(known, key=effect.__getitem__, reverse=True)[:most]
    reasons = []
    for place, channel in enumerate(order):
        if total <= 0 or (place and effect[channel] < 0.2 * total):
            break
        reasons.append(_reason(named, statistic, channel, moved[channel], told, phase, order))
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
        value = ratio_of(told.values[its.numerator], told.values[its.denominator], its.offset)
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
        abs(told.values[channel] - told.expected[channel]) < _CLEAR_SIGMAS * told.scale[channel]
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
    named: Sequence[NamedChannel],
    statistic: int,
    channel: int,
    moved: float,
    told: Told,
    phase: str,
    order: Sequence[int],
) -> Reason:
    _, signal, unit, is_spread = named[channel]
    in_phase = _in_phase(phase)
    read, centre, scale = told.values[channel], told.expected[channel], told.scale[channel]
    if statistic >= len(SPANS):
        span = SPREAD_SPANS[statistic - len(SPANS)]
        against = _against(moved * scale, scale, unit)
        sentence = f"High {signal} variance{in_phase}: {against} over the last {span} steps"
        return Reason("variance", signal, moved * scale, scale, moved, unit, sentence)
    if is_spread:
        value, expected = float(np.exp(read)), float(np.exp(centre))
        kind = "High" if value > expected else "Low"
        sentence = f"{kind} {signal} variance{in_phase}: {_against(value, expected, unit)}"
        return Reason("variance", signal, value, expected, moved, unit, sentence)
    span = SPANS[statistic]
    value, expected = read if span == 1 else centre + moved * scale, centre
    if abs(moved) * math.sqrt(min(span, 10)) < _CLEAR_SIGMAS:
        partner = next((named[other].channel for other in order if other != channel), None)
        together = f" together with {partner}" if partner else ""
        sentence = f"Unusual {signal}{together}{in_phase}: {_with_unit(value, unit)}; each within its own range, but not together"
        return Reason("combination", signal, value, expected, moved, unit, sentence)
    kind, word = ("level", "") if span == 1 else ("shift", f" over the last {span} steps")
    sentence = (
        f"{'High' if moved > 0 else 'Low'} {signal}{in_phase}: {_against(value, expected, unit)}"
        f" ({_sigmas(moved)}{word})"
    )
    return Reason(kind, signal, value, expected, moved, unit, sentence)


def _sigmas(moved: float) -> str:
    far = abs(moved)
    return f"{far:.1f} sigma" if far < _MOST_SIGMAS else f"over {_MOST_SIGMAS:.0f} sigma"


def _in_phase(phase: str) -> str:
    return "" if phase in ("UNKNOWN", "STEADY") else f" in {phase}"


def _unit_of(asset_type: AssetType, one: Ratio) -> str:
    above, below = (_unit_of_signal(asset_type, name) for name in one.signals)
    if not below:
        return above
    return f"{above or '1'}/{f'({below})' if '/' in below else below}"


def _unit_of_signal(asset_type: AssetType, name: str) -> str:
    unit = next((signal.unit for signal in asset_type.signals if signal.name == name), "")
    return "" if unit == "1" else unit


def _with_unit(value: float, unit: str, digits: int = _DIGITS) -> str:
    return f"{value:.{digits}g} {unit}".rstrip()


def _against(value: float, expected: float, unit: str) -> str:
    """Both with as many digits as it takes to tell them apart."""
    for digits in range(_DIGITS, _MOST_DIGITS):
        found, usual = f"{value:.{digits}g}", f"{expected:.{digits}g}"
        if found != usual:
            break
    return f"{found} {unit} against {usual} {unit}" if unit else f"{found} against {usual}"
