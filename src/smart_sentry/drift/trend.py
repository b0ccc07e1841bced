"""Monotone trends and dependent samples: how much a series of correlated values is worth, and whether it rises or falls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_MOST_CORRELATION = 0.95
_EXACT = 1e-9


@dataclass(frozen=True)
class Trend:
    """A monotone trend.

    Attributes:
        z: Mann-Kendall statistic, corrected for autocorrelation; standard normal where there is no trend.
        change: Theil-Sen slope times the length of the series, in the unit of the values.
    """

    z: float
    change: float


def autocorrelation_time(values: FloatArray) -> float:
    """How many values of a stationary series are worth one independent value, at least 1.

    1 + 2 sum of the autocorrelations, up to where the sum of neighbouring pairs is no longer positive (C. J. Geyer, Practical
    Markov chain Monte Carlo, Statistical Science 7, 1992).
    """
    known = values[np.isfinite(values)]
    rest = known - known.mean() if known.size else known
    power = float(rest @ rest)
    if known.size < 4 or power <= 0.0:
        return 1.0
    size = 1 << (2 * known.size - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(rest, size)) ** 2
    correlation = np.fft.irfft(spectrum, size)[: known.size // 3 + 1] / power
    total = -1.0
    for lag in range(0, len(correlation) - 1, 2):
        pair = float(correlation[lag] + correlation[lag + 1])
        if pair <= 0.0:
            break
        total += 2.0 * pair
    return max(total, 1.0)


def effective_size(values: FloatArray) -> float:
    """How many independent values a correlated series is worth."""
    return float(np.isfinite(values).sum()) / autocorrelation_time(values)


def lag_one_correlation(values: FloatArray) -> float:
    """Correlation of neighbours, corrected for the bias of short series (M. G. Kendall, Biometrika 41, 1954), in [0, 0.95]."""
    rest = values - np.nanmean(values)
    both = np.isfinite(rest[1:]) & np.isfinite(rest[:-1])
    power = float(np.nansum(rest**2))
    if both.sum() < 4 or power <= 0.0:
        return 0.0
    found = float(np.sum(rest[1:][both] * rest[:-1][both])) / power
    return float(np.clip(found + (1.0 + 3.0 * found) / len(rest), 0.0, _MOST_CORRELATION))


def mann_kendall(values: FloatArray) -> Trend:
    """The Mann-Kendall test (H. B. Mann, 1945; M. G. Kendall, Rank Correlation Methods, 1975) of a series in the order of time.

    The variance grows with the autocorrelation of the ranks about the trend (K. H. Hamed and A. R. Rao, A modified Mann-Kendall
    trend test for autocorrelated data, Journal of Hydrology 204, 1998); the slope is that of Theil and Sen (P. K. Sen, 1968).

    >>> mann_kendall(np.arange(8.0)).change
    7.0
    """
    place = np.flatnonzero(np.isfinite(values))
    known = values[place]
    count = known.size
    if count < 4:
        return Trend(0.0, 0.0)
    upper = np.triu_indices(count, 1)
    rises = known[upper[1]] - known[upper[0]]
    score = float(np.sign(rises).sum())
    slope = float(np.median(rises / (place[upper[1]] - place[upper[0]])))
    _, ties = np.unique(known, return_counts=True)
    variance = (count * (count - 1) * (2 * count + 5) - np.sum(ties * (ties - 1) * (2 * ties + 5))) / 18.0
    variance *= _correction(known - slope * place, float(np.ptp(known)))
    z = 0.0 if score == 0.0 or variance <= 0.0 else (score - math.copysign(1.0, score)) / math.sqrt(variance)
    return Trend(z, slope * (len(values) - 1))


def _correction(rest: FloatArray, size: float) -> float:
    """Variance inflation of Hamed and Rao: autocorrelations of the ranks that are significant; size: range of the series."""
    count = rest.size
    if np.ptp(rest) <= _EXACT * max(float(np.abs(rest).max()), size):
        return 1.0  # nothing but rounding is left about the trend
    ranks = np.argsort(np.argsort(rest, kind="stable"), kind="stable").astype(np.float64)
    ranks -= ranks.mean()
    power = float(ranks @ ranks)
    total = 0.0
    for lag in range(1, count // 2):
        correlation = float(ranks[lag:] @ ranks[:-lag]) / power
        if correlation <= 1.645 / math.sqrt(count):
            break  # the first lag without correlation ends its memory
        total += (count - lag) * (count - lag - 1) * (count - lag - 2) * correlation
    return 1.0 + 2.0 * total / (count * (count - 1) * (count - 2))
