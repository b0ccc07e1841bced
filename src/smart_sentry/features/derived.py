"""Derived features of single readings: what people read off the signals of a slow machine. Pure; no detector uses them.

Every function is causal: a row depends on the rows up to it only. A missing value (NaN) is left out of windows, and a window
without a single value is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from smart_sentry.contracts.derived_features import (
    DerivedFeature,
    Distance,
    Percent,
    Ratio,
    Rms,
    RollingMean,
    SpikeCount,
)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_SAME = 1e-9
"""A reading that differs from a mean by less than this share of it equals it: rounding is no spike."""


def derived_features(
    features: Sequence[DerivedFeature], signal_names: Sequence[str], values: FloatArray, seconds: FloatArray
) -> FloatArray:
    """Computes features of one asset's readings.

    Args:
        features: what to compute.
        signal_names: names of the columns of `values`.
        values: (rows, signals) in the signals' units, in the order of time; NaN where missing.
        seconds: (rows,) time of each row since any origin.

    Returns:
        (rows, features)
    """
    columns = {name: values[:, place] for place, name in enumerate(signal_names)}
    found = [_feature(feature, columns, seconds) for feature in features]
    return np.column_stack(found) if found else np.empty((len(values), 0))


def _feature(feature: DerivedFeature, columns: Mapping[str, FloatArray], seconds: FloatArray) -> FloatArray:
    match feature:
        case RollingMean(signal=name):
            return rolling_mean(columns[name], seconds, feature.seconds)
        case SpikeCount(signal=name):
            return spike_count(columns[name], feature.points, feature.sigma)
        case Percent(signal=name):
            return percent(columns[name], feature.low, feature.high)
        case Rms(signal=name):
            return rms(columns[name], feature.points)
        case Distance(signal=name):
            return distance(columns[name], feature.target)
        case Ratio():
            return ratio(columns[feature.numerator], columns[feature.denominator], feature.offset)


def rolling_mean(values: FloatArray, seconds: FloatArray, span: float) -> FloatArray:
    """(rows,) mean of the readings of the last `span` seconds: those after `seconds - span`, the newest included.

    >>> rolling_mean(np.array([1.0, 3.0, 8.0]), np.array([0.0, 10.0, 20.0]), 20.0).tolist()
    [1.0, 2.0, 5.5]
    """
    known, origin, shifted = _about_first(values)
    clock = np.fmax.accumulate(seconds)  # a clock that is set back does not bring old readings back
    first = np.searchsorted(clock, clock - span, side="right")
    total, count = _running(shifted), _running(known.astype(np.float64))
    return origin + _quotient(total[1:] - total[first], count[1:] - count[first])


def spike_count(values: FloatArray, points: int, sigma: float) -> FloatArray:
    """(rows,) how many of the last `points` readings were spikes.

    A spike is more than `sigma` population standard deviations off the mean of the `points` readings before it: of ten readings
    none can be more than three of their own standard deviations off their own mean (Shiffler, 1988). A reading before which less
    than half of the points are known is not judged; NaN where none of the last was.

    >>> spike_count(np.array([1.0, 2.0, 1.0, 2.0, 9.0, 1.0]), 4, 3.0).tolist()
    [nan, nan, 0.0, 0.0, 1.0, 1.0]
    """
    known, origin, shifted = _about_first(values)
    count = _sums(known.astype(np.float64), points)
    mean = _quotient(_sums(shifted, points), count)
    variance = np.maximum(_quotient(_sums(shifted**2, points), count) - mean**2, 0.0)
    count, mean, std = (_one_before(part) for part in (count, mean, np.sqrt(variance)))
    judged = known & (2 * count >= points)
    spikes = judged & (np.abs(shifted - mean) > sigma * std + _SAME * np.abs(origin + mean))
    of_judged = _sums(judged.astype(np.float64), points)
    return np.where(of_judged > 0, _sums(spikes.astype(np.float64), points), np.nan)


def percent(values: FloatArray, low: float, high: float) -> FloatArray:
    """(rows,) where a value stands between `low` (0) and `high` (100).

    >>> percent(np.array([0.9]), 0.8, 1.0).round(9).tolist()
    [50.0]
    """
    return (values - low) / (high - low) * 100.0


def rms(values: FloatArray, points: int) -> FloatArray:
    """(rows,) root mean square of the last `points` readings.

    >>> rms(np.array([3.0, 4.0, 4.0]), 2).round(6).tolist()
    [3.0, 3.535534, 4.0]
    """
    known = np.isfinite(values)
    squares = np.where(known, values, 0.0) ** 2
    return np.sqrt(_quotient(_sums(squares, points), _sums(known.astype(np.float64), points)))


def distance(values: FloatArray, target: float) -> FloatArray:
    """(rows,) |value - target|."""
    return np.abs(values - target)


def ratio(numerator: FloatArray, denominator: FloatArray, offset: float) -> FloatArray:
    """(rows,) numerator / (denominator + offset); NaN where that divides by zero.

    >>> ratio(np.array([0.15]), np.array([0.92]), 0.01).round(4).tolist()
    [0.1613]
    """
    return _quotient(numerator, denominator + offset)


def ratio_of(numerator: float, denominator: float, offset: float) -> float:
    """`ratio` of one reading, without arrays of one element; NaN where it divides by zero.

    >>> round(ratio_of(0.15, 0.92, 0.01), 4), ratio_of(0.15, -0.01, 0.01)
    (0.1613, nan)
    """
    divisor = denominator + offset
    return numerator / divisor if divisor else math.nan


def _about_first(values: FloatArray) -> tuple[BoolArray, float, FloatArray]:
    """Which values are known, the first of them, and all about it (0 where unknown): large offsets cost sums no digits."""
    known = np.isfinite(values)
    origin = float(values[np.argmax(known)]) if known.any() else 0.0
    return known, origin, np.where(known, values - origin, 0.0)


def _running(values: FloatArray) -> FloatArray:
    """(rows + 1,) sums of the values before each row, and of all."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _sums(values: FloatArray, points: int) -> FloatArray:
    """(rows,) sums of the last `points` values, fewer at the beginning; each taken afresh, so that no rounding error lingers."""
    if not len(values):
        return values
    return np.asarray(sliding_window_view(np.concatenate([np.zeros(points - 1), values]), points).sum(axis=1))


def _one_before(values: FloatArray) -> FloatArray:
    return np.concatenate([[np.nan], values])[:-1]


def _quotient(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    out: FloatArray = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out
