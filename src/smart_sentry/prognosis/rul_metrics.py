"""Figures of a remaining-useful-life model: point errors at each asset's last row, coverage of the intervals."""

from __future__ import annotations

import numpy as np

from smart_sentry.prognosis.row_metrics import weighted_mean, weighted_sum
from smart_sentry.prognosis.scored_fleet import BoolArray, FloatArray, IntArray


def last_rows(asset: IntArray) -> BoolArray:
    """True at each asset's last row, for rows that stand asset by asset in the order of cycles.

    >>> last_rows(np.array([7, 7, 9])).tolist()
    [False, True, True]
    """
    return np.asarray(np.r_[asset[1:] != asset[:-1], True], dtype=np.bool_)


def root_mean_square_error(predicted: FloatArray, truth: FloatArray, weight: FloatArray | None = None) -> float:
    """Square root of the mean squared error, in cycles."""
    return float(np.sqrt(np.average((predicted - truth) ** 2, weights=weight)))


def nasa_score(predicted: FloatArray, truth: FloatArray, weight: FloatArray | None = None) -> float:
    """The score of the PHM08 challenge, a sum over assets: 0 is perfect and lower is better.

    With d = predicted - truth, an asset adds exp(-d/13) - 1 where d < 0 and exp(d/10) - 1 elsewhere: a prediction that
    is too late costs more than one that is too early (Saxena, Goebel, Simon and Eklund, 2008, "Damage Propagation
    Modeling for Aircraft Engine Run-to-Failure Simulation").

    Args:
        predicted, truth: remaining life at each asset's last row, in cycles, shape (assets,).
        weight: how often an asset counts, default once.

    >>> round(nasa_score(np.array([100.0, 110.0]), np.array([113.0, 100.0])), 6)  # (e - 1) twice
    3.436564
    """
    late = predicted - truth
    penalty = np.expm1(np.where(late < 0, -late / 13.0, late / 10.0))
    return float(penalty.sum()) if weight is None else weighted_sum(penalty, weight)


def interval_coverage(
    truth: FloatArray, lower: FloatArray, upper: FloatArray, weight: FloatArray | None = None
) -> float:
    """Share of rows whose truth lies in [lower, upper], 0..1; NaN without a row."""
    inside = ((lower <= truth) & (truth <= upper)).astype(np.float64)
    return weighted_mean(inside, np.ones(len(inside)) if weight is None else weight)
