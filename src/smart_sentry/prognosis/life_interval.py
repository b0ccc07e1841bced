"""Intervals of the remaining life: conformal (MAPIE), calibrated estimate by estimate, and open where the cap is in reach.

An interval depends on the estimate alone, piecewise linearly, so that it is as wide as estimates of this size have been wrong on
assets that the estimate had not seen (Mondrian conformal regression; Bostrom and Johansson, 2020, "Mondrian conformal
regressors"). Its two ends miss equally often. Where the cap is within reach the interval is open: its end is the cap, meaning
"or more", it cannot be missed from above, and all the misses that are allowed fall below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.errors import InsufficientData

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_KNOTS = 26
_ROWS_AT_A_KNOT = 100
"""A knot looks at neighbouring estimates until it has seen this many rows."""
_LEAST_ROWS = 20
_TOLERATED_EXCESS = 0.02
_MOST_SUNK = 0.05
_DRAWN_ROWS = 20_000


@dataclass(frozen=True)
class LifeInterval:
    """The ends of the interval as piecewise-linear functions of the estimate.

    Attributes:
        estimate_cycles: (knots,) rising, from 0 to the cap.
        lower_cycles, upper_cycles: (knots,) the ends where the estimate is that; non-decreasing, within 0..cap.
        level: share of rows that each stretch of estimates was calibrated to hold, 0.5..1.
    """

    estimate_cycles: FloatArray
    lower_cycles: FloatArray
    upper_cycles: FloatArray
    level: float

    def ends(self, estimate: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """Lower and upper ends (rows,) in cycles for estimates (rows,); they hold their estimate."""
        lower = np.interp(estimate, self.estimate_cycles, self.lower_cycles)
        upper = np.interp(estimate, self.estimate_cycles, self.upper_cycles)
        return np.minimum(lower, estimate), np.maximum(upper, estimate)


@dataclass(frozen=True)
class Unseen:
    """Estimates of assets that the estimate had not seen, and what came true.

    Attributes:
        estimate: (rows,) out-of-fold estimates in cycles, within 0..cap.
        rul_cycles: (rows,) true remaining life; above the cap it is all the same.
        weight: (rows,) how often a row is seen in a monitored fleet (row_metrics.monitoring_weight): rows are drawn by it, so
            that coverage holds for the rows that a monitored fleet shows.
    """

    estimate: FloatArray
    rul_cycles: FloatArray
    weight: FloatArray

    def take(self, rows: BoolArray) -> Unseen:
        """Some of the rows."""
        return Unseen(self.estimate[rows], self.rul_cycles[rows], self.weight[rows])


@dataclass(frozen=True)
class IntervalPolicy:
    """What intervals shall be.

    Attributes:
        cap_cycles: remaining life above this is all the same.
        coverage: share of rows that the intervals shall hold, above 0.5 and below 1.
        seed: of the draw of rows.
    """

    cap_cycles: float
    coverage: float
    seed: int


def calibrate_interval(unseen: Unseen, policy: IntervalPolicy) -> LifeInterval:
    """Calibrates intervals on assets that the estimate had not seen.

    Every stretch of estimates is held to `coverage`. Assets far from failure stand at the cap and are covered for certain, so
    a monitored fleet may see more than it was promised; where that is more than 2 % too much, the level sinks in steps of
    1 %, but by 5 % at most: near the failure the intervals are needed.

    Raises:
        InsufficientData: fewer than 20 rows.
    """
    if len(unseen.estimate) < _LEAST_ROWS:
        raise InsufficientData("rows to calibrate the remaining-life interval", len(unseen.estimate), _LEAST_ROWS)
    generator = np.random.default_rng(policy.seed)
    rows, weight = len(unseen.estimate), unseen.weight
    drawn = generator.choice(rows, size=max(rows, _DRAWN_ROWS), p=weight / weight.sum())
    shown, truth = unseen.estimate[drawn], np.minimum(unseen.rul_cycles[drawn], policy.cap_cycles)
    for level in _levels(policy.coverage):
        interval = _at_level(shown, truth, policy.cap_cycles, level)
        lower, upper = interval.ends(shown)
        if np.mean((lower <= truth) & (truth <= upper)) <= policy.coverage + _TOLERATED_EXCESS:
            break
    return interval


def cross_validated_ends(
    unseen: Unseen, folds: Sequence[BoolArray], policy: IntervalPolicy
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends (rows,) that intervals calibrated on the other folds give to each fold: what they would hold.

    Args:
        folds: masks (rows,) that share the rows out.
    """
    lower, upper = np.zeros((2, len(unseen.estimate)))
    for fold in folds:
        interval = calibrate_interval(unseen.take(~fold), policy)
        lower[fold], upper[fold] = interval.ends(unseen.estimate[fold])
    return lower, upper


def _levels(coverage: float) -> Iterator[float]:
    for percent in range(round(100 * _MOST_SUNK) + 1):
        yield max(coverage - percent / 100, 0.5)


def _at_level(estimate: FloatArray, truth: FloatArray, cap_cycles: float, level: float) -> LifeInterval:
    knots = np.linspace(0.0, cap_cycles, _KNOTS)
    order = np.argsort(estimate, kind="stable")
    estimate, truth = estimate[order], truth[order]
    ends = np.array([_ends_at(knot, estimate, truth, cap_cycles, level) for knot in knots])
    lower = np.minimum.accumulate(ends[::-1, 0])[::-1]
    upper = np.maximum.accumulate(ends[:, 1])
    return LifeInterval(knots, np.clip(lower, 0.0, cap_cycles), np.clip(upper, 0.0, cap_cycles), level)


def _ends_at(
    knot: float, estimate: FloatArray, truth: FloatArray, cap_cycles: float, level: float
) -> tuple[float, float]:
    """Both ends where the estimate is `knot`, from the rows whose estimate is nearest; estimates are sorted."""
    half = cap_cycles / (_KNOTS - 1) / 2
    first, last = np.searchsorted(estimate, (knot - half, knot + half), side="left")
    nearest = min(_ROWS_AT_A_KNOT, len(estimate))
    if last - first < nearest:
        first = int(np.clip(np.searchsorted(estimate, knot) - nearest // 2, 0, len(estimate) - nearest))
        last = first + nearest
    rows = slice(first, last)
    if np.mean(truth[rows] >= cap_cycles) >= (1.0 - level) / 2:
        return _conformal_ends(knot, estimate[rows], truth[rows], max(2 * level - 1, 0.01))[0], cap_cycles
    return _conformal_ends(knot, estimate[rows], truth[rows], level)


def _conformal_ends(knot: float, estimate: FloatArray, truth: FloatArray, confidence: float) -> tuple[float, float]:
    from mapie.conformity_scores import AbsoluteConformityScore
    from mapie.regression import SplitConformalRegressor
    from sklearn.base import BaseEstimator, RegressorMixin

    class Shown(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        """The estimate itself, which MAPIE is given in place of features."""

        fitted_ = True

        def fit(self, rows: NDArray[Any], cycles: FloatArray) -> Shown:
            return self

        def predict(self, rows: NDArray[Any]) -> FloatArray:
            return np.asarray(rows[:, 0], dtype=np.float64)

    conformal = SplitConformalRegressor(
        Shown(), confidence_level=confidence, conformity_score=AbsoluteConformityScore(sym=False), prefit=True
    )
    conformal.conformalize(estimate[:, None], truth)
    _, interval = conformal.predict_interval(np.array([[knot]]))
    return float(interval[0, 0, 0]), float(interval[0, 1, 0])
