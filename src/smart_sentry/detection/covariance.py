"""The leading detector: whitened deviations from an asset's own normal, with limits from healthy steps that it has not seen.

Covariances are shrunk (Ledoit and Wolf, 2004), because a calibration is short and signals are many. Every limit comes from
held-out blocks of the calibration: the rows that fitted a covariance lie too close to it (on the Tennessee Eastman process,
training quantiles of PCA give 7 to 23 times the false alarms that were asked for).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smart_sentry.detection.statistics import SPANS, SPREAD_SPANS, Smoothed, smooth

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_BLOCKS = 10
_PRIOR_STEPS = 5.0
"""What the deviation of all regimes together is worth, in steps of one, when that of one is estimated."""
_LEAST_SCALE = 0.5
"""Means of a channel that feedback holds in place vary less than independent steps would; further than this is not believed."""
_ALL_SPANS = (*SPANS, *SPREAD_SPANS)
_BATCHES, _LEAST_BATCHES = 20, 4
_LONG_STRETCH = 5 * max(SPANS)
"""Steps of a stretch from which it shows by itself how much the longest means wander."""
_SPREADS = 30
"""Spreads that must have been seen before one is judged."""
_MOVES = 1e-12
"""Mean square of the deviations above which a channel has moved at all; rounding alone stays below."""
ROUNDING = 1e-9
"""Share of a channel's size up to which a deviation from it is rounding: the channel never moved."""
_STATISTICS_AT_ONCE = 3.0
"""The statistics share what they see: together they alarm about three times as often as one."""


@dataclass(frozen=True)
class Normal:
    """Healthy values of the channels.

    Attributes:
        centre, scale: (channels,) mean and standard deviation, in the channels' units; of a channel that never moved, a hundredth
            of its size stands for the deviation. NaN of a channel without a single value, which is not judged.
        slope: (channels, terms) how the centre follows the settings' terms.
        spread: (channels, terms) how the logarithm of the deviation does: regimes are not equally noisy.
    """

    centre: FloatArray
    scale: FloatArray
    slope: FloatArray
    spread: FloatArray

    def deviations(self, values: FloatArray, terms: FloatArray) -> FloatArray:
        """(steps, channels) in standard deviations, from values (steps, channels) and setting terms (steps, terms)."""
        return self.rest(values, terms) / (self.scale * np.exp(terms @ self.spread.T))

    def rest(self, values: FloatArray, terms: FloatArray) -> FloatArray:
        """(steps, channels) what centre and settings do not explain, in the channels' units."""
        return values - self.centre - terms @ self.slope.T


class Detector(NamedTuple):
    """One phase's detector.

    Attributes:
        whiten: (channels, channels) lower triangular; turns healthy deviations into uncorrelated ones of variance 1.
        level_scale: (spans, channels) one over the standard deviation of the whitened means.
        spread_mean, spread_scale: (spread spans, channels) of the logarithms of variances; the scale as its inverse.
        centre, limit: (statistics,) middle and limit of the cube roots of the mean squares.
    """

    whiten: FloatArray
    level_scale: FloatArray
    spread_mean: FloatArray
    spread_scale: FloatArray
    centre: FloatArray
    limit: FloatArray


def fit_normal(
    values: FloatArray, terms: FloatArray, window_readings: int = 1, still_scale: FloatArray | None = None
) -> Normal:
    """Mean, deviation and the settings' part (ridge regression) of healthy steps; NaN values are left out.

    A channel without values has no normal; settings that never moved explain nothing.

    Args:
        values: (steps, channels). Of windows: first the means, then as many logarithms of standard deviations.
        terms: (steps, terms) of the settings.
        window_readings: readings in a window; 1: steps are single readings. A few windows may agree by chance: their means
            and log deviations are not believed to vary less than those of as many independent readings do.
        still_scale: (channels,) deviation to take for a channel that never moved; None: a hundredth of its size.
    """
    from sklearn.linear_model import Ridge

    channels, regimes = values.shape[1], _regime_terms(terms)
    centre, slope = _mean(values), np.zeros((channels, terms.shape[1]))
    if terms.shape[1]:
        trend = np.flatnonzero(~regimes)
        for i in range(channels):
            known = np.isfinite(values[:, i])
            if not trend.size or not known.any():  # settings that never moved explain nothing
                continue
            ridge = Ridge(alpha=1.0).fit(terms[np.ix_(known, trend)], values[known, i])
            slope[i, trend], centre[i] = ridge.coef_, ridge.intercept_
        left = values - centre - terms @ slope.T
        for term in np.flatnonzero(
            regimes
        ).tolist():  # what the trend leaves of a regime, drawn towards 0 where it has few steps
            its = left[terms[:, term] == 1.0]
            slope[:, term] = np.nansum(its, axis=0) / (1.0 + np.isfinite(its).sum(axis=0))
    rest = values - centre - terms @ slope.T
    scale = np.sqrt(_mean((rest - _mean(rest)) ** 2))
    still = scale <= ROUNDING * np.maximum(np.abs(centre), 1e-300)
    guess = still_deviation(centre) if still_scale is None else still_scale
    scale[still] = guess[still]
    if window_readings > 1:
        sensors = channels // 2
        scale[:sensors] = np.maximum(scale[:sensors], np.exp(centre[sensors:]) / np.sqrt(window_readings))
        scale[sensors:] = np.maximum(scale[sensors:], 1.0 / np.sqrt(2.0 * window_readings))
    return Normal(centre, scale, slope, _regime_spreads(rest, terms, scale))


def still_deviation(size: FloatArray) -> FloatArray:
    """(channels,) in the channels' units: what stands for the deviation of those that never moved, from their sizes (channels,).

    >>> still_deviation(np.array([0.0, -3.0])).tolist()
    [1e-06, 0.03]
    """
    return np.maximum(0.01 * np.abs(size), 1e-6)


def _mean(values: FloatArray) -> FloatArray:
    """(channels,) means of what is known of (steps, channels); NaN, without a warning, where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _regime_terms(terms: FloatArray) -> BoolArray:
    """(terms,) which of them are 1 within a regime and 0 outside."""
    return np.asarray(np.isin(terms, (0.0, 1.0)).all(axis=0))


def _regime_spreads(rest: FloatArray, terms: FloatArray, scale: FloatArray) -> FloatArray:
    """(channels, terms) logarithms of each regime's deviation over that of all, drawn towards 0 where a regime has few steps."""
    spread = np.zeros((rest.shape[1], terms.shape[1]))
    for term in np.flatnonzero(_regime_terms(terms)).tolist():
        its = rest[terms[:, term] == 1.0]
        known = np.isfinite(its)
        squares = np.where(known, (its / scale) ** 2, 0.0).sum(axis=0)
        spread[:, term] = 0.5 * np.log((_PRIOR_STEPS + squares) / (_PRIOR_STEPS + known.sum(axis=0)))
    return spread


def fit_whitening(deviations: FloatArray) -> FloatArray:
    """(channels, channels) lower-triangular whitening of healthy deviations; a missing value counts as no deviation."""
    from sklearn.covariance import LedoitWolf

    filled = np.where(np.isfinite(deviations), deviations, 0.0)
    covariance = LedoitWolf(assume_centered=True).fit(filled).covariance_
    least = np.where(np.mean(filled**2, axis=0) > _MOVES, 1e-2, 1.0)  # a blip of what never moved must not linger
    covariance[np.diag_indices_from(covariance)] = np.maximum(np.diag(covariance), least)
    whiten: FloatArray = np.linalg.inv(np.linalg.cholesky(covariance))
    return whiten


@dataclass(frozen=True)
class HeldOut:
    """Statistics of healthy steps by detectors that had not seen them.

    Attributes:
        statistic: (steps, statistics) cube roots.
        score: (steps,)
    """

    statistic: FloatArray
    score: FloatArray


def fit_detector(
    values: FloatArray,
    terms: FloatArray,
    restarts: BoolArray,
    budget: float,
    window_readings: int = 1,
    offsets: FloatArray | None = None,
) -> tuple[Normal, Detector, HeldOut]:
    """Fits one phase's detector to healthy steps.

    Args:
        values: (steps, channels) in the order of time, NaN where missing; at least 8 steps.
        terms: (steps, terms) of the settings.
        restarts: (steps,) True where a stretch of the phase begins.
        budget: share of healthy steps that may be above the limit.
        window_readings: readings in a step, as `fit_normal` takes it.
        offsets: (copies, stretches, channels) of `wander.offsets`: where else each stretch might have stood, in the channels'
            units, the first where it did; None: just there.
    """
    steps, copies = len(values), 1 if offsets is None else len(offsets)
    blocks = np.array_split(np.arange(steps), _blocks(values))
    unsure = _unsure(steps, len(blocks[0])) / _few_stretches(restarts, budget)
    if offsets is not None:
        stretch = np.cumsum(restarts) - int(restarts[0])
        values = (values + offsets[:, stretch]).reshape(copies * steps, -1)
        terms, restarts = np.tile(terms, (copies, 1)), np.tile(restarts, copies)
        restarts[::steps] = True
    normal = fit_normal(values, terms, window_readings)
    level = np.empty((len(values), len(SPANS), values.shape[1]))
    spread, root = np.empty((2, len(values), len(SPREAD_SPANS), values.shape[1]))
    for block in blocks:
        rows = block + steps * np.arange(copies)[:, None]
        for copy, (whitened, smoothed) in zip(
            rows, _block(values, terms, restarts, rows, window_readings, normal.scale), strict=True
        ):
            level[copy], spread[copy], root[copy] = whitened, smoothed.spread, smoothed.spread_root
    least = _LEAST_SCALE if window_readings == 1 else 1.0
    level_scale = unsure[: len(SPANS), None] / np.maximum(np.sqrt(np.mean(level**2, axis=0)), least)
    moves = np.mean(level[:, 0] ** 2, axis=0) > _MOVES
    spread_mean, spread_scale = _spread_moments(spread, root)
    spread_mean[:, ~moves] = (
        0.0  # as if by one deviation: a blip of what never moved would stand out for hundreds of steps
    )
    spread_scale *= unsure[len(SPANS) : len(SPANS) + len(SPREAD_SPANS), None]
    wider = np.nan_to_num(np.maximum((spread - spread_mean) / root * spread_scale, 0.0))
    statistic = np.cbrt(np.hstack([np.mean((level * level_scale) ** 2, axis=2), np.mean(wider**2, axis=2)]))
    centre, limit = _limits(statistic, restarts, copies, budget / _STATISTICS_AT_ONCE)
    least_limit = _least_limit(int(moves.sum()), values.shape[1], budget / _STATISTICS_AT_ONCE)
    limit[: len(SPANS)] = np.maximum(limit[: len(SPANS)], least_limit)
    score = np.max((statistic - centre) / (limit - centre), axis=1)
    detector = Detector(
        fit_whitening(normal.deviations(values, terms)), level_scale, spread_mean, spread_scale, centre, limit
    )
    return normal, detector, HeldOut(statistic[:steps], score[:steps])


def _blocks(values: FloatArray) -> int:
    return min(_BLOCKS, len(values) // 4) if len(values) >= 40 else min(len(values), _BLOCKS)


def _block(
    values: FloatArray,
    terms: FloatArray,
    restarts: BoolArray,
    copies: IntArray,
    window_readings: int,
    scale: FloatArray,
) -> Iterator[tuple[FloatArray, Smoothed]]:
    """Whitened means (steps, spans, channels) and spreads of every copy of a block, by a normal of the other steps.

    A switch that moved in this block alone would be far off without end: its deviation is `scale` (channels,), that of all.
    """
    others = np.ones(len(values), dtype=np.bool_)
    others[copies.ravel()] = False
    normal = fit_normal(values[others], terms[others], window_readings, scale)
    whiten = fit_whitening(normal.deviations(values[others], terms[others]))
    for block in copies:
        smoothed = smooth(normal.deviations(values[block], terms[block]), restarts[block])
        yield smoothed.level @ whiten.T, smoothed


def _unsure(steps: int, block: int) -> FloatArray:
    """(statistics,) at most 1: what the error of the centre itself adds to means that are longer than a block could show.

    A mean of k independent steps differs from a centre of n by a variance of 1/k + 1/n; blocks of b steps have shown it up to
    k = b.
    """
    spans = np.array(_ALL_SPANS, dtype=np.float64)
    return np.sqrt((1.0 + np.minimum(spans, block) / steps) / (1.0 + spans / steps))


def few_and_short(restarts: BoolArray) -> bool:
    """Whether a phase comes in stretches that are too short to show how far their means wander; restarts (steps,)."""
    stretches = max(int(restarts.sum()), 1)
    return stretches >= 2 and len(restarts) / stretches < _LONG_STRETCH


def _few_stretches(restarts: BoolArray, budget: float) -> float:
    """At least 1: by how much wider the limits of a phase of short stretches must be, having seen few of them.

    What wanders slowly (a supply voltage, the weather) hardly moves within a start-up: each is worth one observation of it, and
    Student's quantile for as many stands in for the normal one.
    """
    from scipy import stats

    if not few_and_short(restarts):
        return 1.0
    stretches = int(restarts.sum())
    return float(stats.t.ppf(1.0 - budget, stretches - 1) / stats.norm.ppf(1.0 - budget))


def _spread_moments(spread: FloatArray, root: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean of the log spreads, and one over the deviation of what is left of them in units of their roots."""
    known = np.isfinite(spread)
    count = np.maximum(known.sum(axis=0), 1)
    enough = known.sum(axis=0) >= _SPREADS
    mean = np.where(known, spread, 0.0).sum(axis=0) / count
    left = np.where(known, (spread - mean) / np.where(known, root, 1.0), 0.0)
    deviation = np.sqrt((left**2).sum(axis=0) / count)
    return mean, enough / np.maximum(deviation, 1.0)  # 1.41 for independent normal values; 0 switches the statistic off


def _limits(statistic: FloatArray, restarts: BoolArray, copies: int, budget: float) -> tuple[FloatArray, FloatArray]:
    """Middle and limit (statistics,): Student's limit for a further value, or the observed quantile where that is higher."""
    from scipy import stats

    independent = np.maximum(_independent(statistic, restarts) / copies, 3.0)
    centre, deviation = statistic.mean(axis=0), np.maximum(statistic.std(axis=0), 1e-3)
    student = stats.t.ppf(1.0 - budget, independent - 1.0)
    limit = centre + student * deviation * np.sqrt(1.0 + 1.0 / independent)
    return centre, np.maximum(limit, np.quantile(statistic, 1.0 - budget, axis=0))


def _least_limit(moving: int, channels: int, budget: float) -> float:
    """The limit of independent normal channels whose moments are known: a short calibration may agree by chance.

    Args:
        moving: how many of them ever moved; the others add nothing to the mean square.
        channels: of how many it is the mean.
        budget: share of healthy steps that may be above it.
    """
    from scipy import stats

    return float(np.cbrt(stats.chi2.ppf(1.0 - budget, max(moving, 1)) / channels))


def _independent(statistic: FloatArray, restarts: BoolArray) -> FloatArray:
    """(statistics,) how many independent values the steps are worth.

    A mean over k steps repeats itself k times. What wanders slowly repeats itself for longer, which the means of batches show:
    of n steps in batches of b, they vary b times less than single steps where these are independent (batch means; Law and
    Kelton, 2000, section 9.5.3). Batches are the stretches of the phase, or twentieths of a single long one.
    """
    steps, spans = len(statistic), np.array(_ALL_SPANS, dtype=np.float64)
    batch: IntArray = np.cumsum(restarts, dtype=np.int64)
    if batch[-1] - batch[0] + 1 < _LEAST_BATCHES:
        batch = np.arange(steps) * min(_BATCHES, max(steps // 4, 1)) // steps
    size = np.bincount(batch - batch[0]).astype(np.float64)
    if len(size) < _LEAST_BATCHES:
        return steps / spans
    middle = statistic.mean(axis=0)
    means = np.stack([np.bincount(batch - batch[0], column) for column in statistic.T], axis=1) / size[:, None]
    between = np.average((means - middle) ** 2, axis=0, weights=size)
    single = np.maximum(statistic.var(axis=0), 1e-12)
    repeats = between / single * (steps / len(size))
    return np.asarray(steps / np.maximum(repeats, spans), dtype=np.float64)
