"""Row-level figures of a failure classifier: every row is one question "does this asset fail within the horizon?".

All functions take plain arrays of shape (rows,) and optional row weights. A figure that has no value (precision
without a single alarm, recall without a single failing row) is NaN, never a made-up zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smart_sentry.errors import InsufficientData
from smart_sentry.prognosis.scored_fleet import BoolArray, FloatArray, IntArray

CALIBRATION_BINS = 10


def monitoring_weight(rul_cycles: IntArray | FloatArray, life_cycles: IntArray | FloatArray) -> FloatArray:
    """Weight that makes run-to-failure rows count as in a monitored fleet: (rul + 1) / life, in 0..1.

    Run-to-failure data hold each engine's whole life, but a monitored engine is seen at some time of its life and only
    the rows until then exist. If that time is uniform on 1..T for an engine of life T, the row of cycle c is among
    them when the time is c or later, which has probability (T - c + 1)/T = (rul + 1)/T, because rul = T - c. Weighted
    so, training rows show the few positives of real monitoring and a threshold chosen on them fits it, without a look
    at test data.

    Args:
        rul_cycles: remaining life at the row, 0..life - 1.
        life_cycles: the whole life of the row's asset in cycles.

    >>> monitoring_weight(np.array([3, 2, 1, 0]), np.array([4, 4, 4, 4])).tolist()
    [1.0, 0.75, 0.5, 0.25]
    """
    return np.asarray((np.asarray(rul_cycles, dtype=np.float64) + 1.0) / life_cycles, dtype=np.float64)


@dataclass(frozen=True)
class Confusion:
    """Weighted counts of the four outcomes, and the ratios that are made of them."""

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float

    @property
    def precision(self) -> float:
        """Share of alarm rows that are failing rows; NaN without an alarm row."""
        return ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of failing rows with an alarm; NaN without a failing row."""
        return ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), the harmonic mean of both (van Rijsbergen, 1979); NaN without a failing row."""
        if self.true_positives + self.false_negatives == 0:
            return float("nan")
        return 2 * self.true_positives / (2 * self.true_positives + self.false_positives + self.false_negatives)


def ratio(part: float, whole: float) -> float:
    """Part / whole, NaN where the whole is nothing."""
    return part / whole if whole > 0 else float("nan")


def weighted_mean(values: FloatArray, weight: FloatArray) -> float:
    """Mean of the values, NaN where no value carries weight."""
    return ratio(weighted_sum(values, weight), float(weight.sum()))


def weighted_sum(values: FloatArray | IntArray | BoolArray, weight: FloatArray) -> float:
    """Sum of weight * value.

    Not `weight @ values`: the dot product of BLAS rounds differently from machine to machine, and its threads cost a
    bootstrap fifty times more than they save.
    """
    return float(np.sum(weight * values))


def confusion(alarm: BoolArray, positive: BoolArray, weight: FloatArray | None = None) -> Confusion:
    """Counts the outcomes of `alarm` (probability >= threshold) against the truth."""
    counts = np.bincount(2 * positive.astype(np.int64) + alarm, weights=weight, minlength=4)
    return Confusion(float(counts[3]), float(counts[1]), float(counts[2]), float(counts[0]))


def average_precision_of(probability: FloatArray, positive: BoolArray) -> Callable[[FloatArray], float]:
    """Average precision as a function of the row weights: the sorting is done once, so that a bootstrap is fast."""
    order, ends = _by_falling_score(probability)
    positive_in_order = positive[order]

    def figure(weight: FloatArray) -> float:
        in_order = weight[order]
        hits = np.cumsum(in_order * positive_in_order)[ends]
        alarms = np.cumsum(in_order)[ends]
        if hits[-1] <= 0:
            return float("nan")
        precision = np.divide(hits, alarms, out=np.zeros_like(hits), where=alarms > 0)
        return float(np.sum(np.diff(hits, prepend=0.0) * precision) / hits[-1])

    return figure


def average_precision(probability: FloatArray, positive: BoolArray, weight: FloatArray | None = None) -> float:
    """Area under the precision-recall steps, 0..1; NaN without positives.

    The sum of (R_k - R_(k-1)) P_k over falling distinct scores, without interpolation: equal scores are one step, as in
    scikit-learn's `average_precision_score`.
    """
    return average_precision_of(probability, positive)(np.ones(len(probability)) if weight is None else weight)


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision and recall when the alarm is given at `threshold` and above; thresholds fall. Arrays of one length."""

    threshold: FloatArray
    precision: FloatArray
    recall: FloatArray


def precision_recall_curve(
    probability: FloatArray, positive: BoolArray, weight: FloatArray | None = None
) -> PrecisionRecallCurve:
    """One point for every distinct score that leaves some weight above it.

    Raises:
        InsufficientData: no weight on positive rows, so that recall has no meaning.
    """
    weights = np.ones(len(probability)) if weight is None else weight
    order, ends = _by_falling_score(probability)
    hits, alarms = np.cumsum((weights * positive)[order])[ends], np.cumsum(weights[order])[ends]
    if hits[-1] <= 0:
        raise InsufficientData("rows within the failure horizon", 0, 1)
    seen = alarms > 0
    return PrecisionRecallCurve(probability[order][ends][seen], hits[seen] / alarms[seen], hits[seen] / hits[-1])


def best_threshold(probability: FloatArray, positive: BoolArray, weight: FloatArray | None = None) -> float:
    """The threshold with the best weighted F1, to be chosen on out-of-fold predictions of training assets.

    It stands midway between the two neighbouring scores that it divides, so that rounding of a score (ONNX, another
    machine) does not move rows across it. Among equal F1 the highest threshold wins: the fewest alarms for the same
    figure.

    Returns:
        a threshold; the alarm is `probability >= threshold`.

    Raises:
        InsufficientData: no positive row carries weight.
    """
    curve = precision_recall_curve(probability, positive, weight)
    total = curve.precision + curve.recall
    f1 = np.divide(2 * curve.precision * curve.recall, total, out=np.zeros_like(total), where=total > 0)
    best = int(np.flatnonzero(f1 >= f1.max() - 1e-12)[0])
    score = float(curve.threshold[best])
    lower = float(np.max(probability, where=probability < score, initial=0.0))
    midway = (score + lower) / 2
    return midway if midway > lower else score


def brier_score(probability: FloatArray, positive: BoolArray, weight: FloatArray | None = None) -> float:
    """Mean squared distance of probability and outcome (Brier, 1950): 0 is perfect, lower is better."""
    return weighted_mean((probability - positive) ** 2, np.ones(len(probability)) if weight is None else weight)


@dataclass(frozen=True)
class CalibrationCurve:
    """Bins of equal width over the predicted probability; empty bins are left out. Arrays of shape (bins,)."""

    mean_probability: FloatArray
    observed_rate: FloatArray
    weight: FloatArray


def calibration_curve(
    probability: FloatArray, positive: BoolArray, weight: FloatArray | None = None, bins: int = CALIBRATION_BINS
) -> CalibrationCurve:
    """Mean prediction and observed rate of positives in each bin of the reliability diagram."""
    weights = np.ones(len(probability)) if weight is None else weight
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    total = np.bincount(place, weights=weights, minlength=bins).astype(np.float64)
    filled = total > 0
    mean = np.bincount(place, weights=weights * probability, minlength=bins)[filled] / total[filled]
    rate = np.bincount(place, weights=weights * positive, minlength=bins)[filled] / total[filled]
    return CalibrationCurve(mean, rate, total[filled])


def expected_calibration_error(
    probability: FloatArray, positive: BoolArray, weight: FloatArray | None = None, bins: int = CALIBRATION_BINS
) -> float:
    """Sum over bins of (bin weight / all) * |observed rate - mean prediction| (Naeini et al., 2015), in 0..1."""
    curve = calibration_curve(probability, positive, weight, bins)
    return float(np.average(np.abs(curve.observed_rate - curve.mean_probability), weights=curve.weight))


def _by_falling_score(probability: FloatArray) -> tuple[IntArray, IntArray]:
    """Order of falling scores, and the last position of each run of equal ones."""
    order = np.argsort(-probability, kind="stable").astype(np.int64)
    ends = np.flatnonzero(np.r_[np.diff(probability[order]) != 0, True]).astype(np.int64)
    return order, ends
