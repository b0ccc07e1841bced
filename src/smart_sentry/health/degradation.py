"""Degradation index, health, risk, remaining life and grade of a monitored asset: the formulas, once, for every surface.

A score of 1 is the limit of the false-alarm budget. Severity is 0 up to it and rises towards 1: with s = score / (1 + score) and
the healthy floor s = 1/2, severity = (s - floor) / (1 - floor) = (score - 1) / (score + 1). Damage adds up by its square, and
never falls but by a recorded maintenance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

RISKS = ("LOW", "MODERATE", "HIGH", "CRITICAL")
"""A risk's code is its place in this tuple."""
_RISKS_BEGIN = -np.array([75.0, 50.0, 25.0])
_GRADE_LIMITS = np.array([90.0, 75.0, 50.0, 25.0])
GRADES = ("A", "B", "C", "D", "F")


def degradation_of_life(life_cycles: FloatArray, cap_cycles: float) -> FloatArray:
    """Degradation index (rows,) of assets whose remaining life a model tells: the share of the longest told life that is gone.

    >>> degradation_of_life(np.array([200.0, 75.0, 25.0, 0.0]), 100.0).tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    return 1.0 - np.clip(life_cycles / cap_cycles, 0.0, 1.0)


def severity(score: FloatArray) -> FloatArray:
    """(rows,) in [0, 1), from scores (rows,); 0 where there is no score.

    >>> severity(np.array([0.5, 1.0, 3.0, np.nan])).tolist()
    [0.0, 0.0, 0.5, 0.0]
    """
    out = np.empty(len(score))
    _severities(score, out)
    return out


@njit(cache=True, nogil=True)
def _severity(score: float) -> float:
    if not score > 1.0:  # nor where there is no score
        return 0.0
    above = min(score, 1e300)
    return (above - 1.0) / (above + 1.0)


@njit(cache=True, nogil=True)
def _severities(scores: Any, out: Any) -> None:
    for row in range(scores.size):
        out[row] = _severity(scores[row])


def health(degradation: FloatArray) -> FloatArray:
    """Health score 100 (1 - DI), 0..100."""
    return 100.0 * (1.0 - degradation)


def risk(health_score: FloatArray) -> NDArray[np.int64]:
    """Index into `RISKS`: LOW from 75, MODERATE from 50, HIGH from 25, CRITICAL below.

    >>> [RISKS[code] for code in risk(np.array([75.0, 74.9, 25.0, 0.0]))]
    ['LOW', 'MODERATE', 'HIGH', 'CRITICAL']
    """
    return _RISKS_BEGIN.searchsorted(-np.asarray(health_score), side="left")


def grade(health_score: float) -> str:
    """A from 90, B from 75, C from 50, D from 25, else F.

    >>> grade(90.0), grade(89.9), grade(10.0)
    ('A', 'B', 'F')
    """
    return GRADES[int(np.searchsorted(-_GRADE_LIMITS, -health_score, side="left"))]


def remaining_life_hours(degradation: FloatArray, damage_per_hour: FloatArray) -> FloatArray:
    """(1 - DI) / damage rate in hours; infinite where no damage is being done, and 0 where DI has reached 1, its end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        hours = np.where(damage_per_hour > 0, (1.0 - degradation) / damage_per_hour, np.inf)
    return np.where(degradation >= 1.0, 0.0, hours)


def accumulate(
    degradation: FloatArray, slots: NDArray[np.int64], scores: FloatArray, flags: NDArray[np.bool_], hours: float,
    rate_per_hour: float,
) -> FloatArray:  # fmt: skip
    """DI += rate * severity^2 * dt where a row is flagged, capped at 1, row by row in arrival order.

    Args:
        degradation: (assets,) advanced.
        slots, scores, flags: (rows,) asset, score and whether it is flagged.
        hours: that each row stands for.
        rate_per_hour: degradation that an hour at severity 1 adds.

    Returns:
        (rows,) each asset's index right after the row.
    """
    out = np.empty(len(slots))
    _accumulate(degradation, slots, scores, flags, hours, rate_per_hour, out)
    return out


@njit(cache=True, nogil=True)
def _accumulate(
    degradation: Any, slots: Any, scores: Any, flags: Any, hours: float, rate_per_hour: float, out: Any
) -> None:
    for row in range(slots.size):
        slot = slots[row]
        if flags[row]:
            damage = rate_per_hour * _severity(scores[row]) ** 2 * hours
            degradation[slot] = min(degradation[slot] + damage, 1.0)
        out[row] = degradation[slot]
