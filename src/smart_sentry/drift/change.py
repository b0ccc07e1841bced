"""When a series changed, by how much, and whether abruptly or gradually: one change point, four shapes, the Bayesian information
criterion.

The series is quasi-differenced by its reference's autocorrelation first (D. Cochrane and G. H. Orcutt, 1949), so that a slow
wander is not taken for a change; a change point is then found by least squares, as the likelihood ratio of E. S. Page
(Continuous inspection schemes, Biometrika 41, 1954) does for a known change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from smart_sentry.drift.trend import lag_one_correlation

FloatArray = NDArray[np.float64]

LEAST_GAIN = 12.0
"""BIC by which a change must be the better explanation: "very strong" evidence (R. E. Kass and A. E. Raftery, 1995)."""
SETTLING = 4
"""Values after an abrupt change in which a slow signal may still follow it."""
_PLATEAUS = (0.15, 0.3, 0.5)
"""Lengths of a rise that then stays, as shares of the recent window."""
_STEEPER = 0.35
"""Share of a step by which it must grow on before it counts as growing."""


class Shape(StrEnum):
    """How a series changed."""

    NONE = "none"
    STEP = "step"
    RAMP = "ramp"
    PLATEAU = "plateau"
    STEP_AND_RAMP = "step and ramp"


@dataclass(frozen=True)
class Change:
    """The best explanation of a series.

    Attributes:
        shape: how it changed.
        onset: index into the recent values at which the change begins; 0 where there is none.
        rise: values that it takes to be fully there; infinite for one that grows to the end of the window.
        begun: share of that value that lies before the change, 0 to 1: a step rarely falls between two values.
        size: of the change at the end of the window, in the unit of the values. error: its standard error.
        gain: BIC of no change less that of this one.
    """

    shape: Shape
    onset: int
    size: float
    error: float
    gain: float
    rise: float = 0.0
    begun: float = 0.0

    @property
    def is_abrupt(self) -> bool:
        """Whether it is there at once, or as soon as a slow signal can follow."""
        return self.shape is not Shape.NONE and self.rise <= SETTLING

    @property
    def is_gradual(self) -> bool:
        return self.shape is not Shape.NONE and not self.is_abrupt


def find_change(reference: FloatArray, recent: FloatArray) -> Change:
    """Finds the change of a recent series (values,) against its reference (values,), both equally spaced; NaN where missing.

    A change that came between the two windows has its onset at 0.
    """
    level = float(np.nanmean(reference))
    correlation = lag_one_correlation(reference)
    series = np.concatenate([reference, recent]) - level
    known = np.isfinite(series)
    before, count = len(reference), len(recent)
    scale = max(float(np.nanstd(reference)), 1e-12)
    least = 0.05 * scale  # a reference without any scatter

    def weigh(columns: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        return _least_squares(columns, series, known, correlation, least)

    ones = np.ones((len(series), 1))
    floor, _, _ = weigh(ones)
    best, penalty = Change(Shape.NONE, 0, 0.0, scale, 0.0), math.log(max(int(known.sum()), 2))
    time = np.arange(len(series), dtype=np.float64) - before
    for onset in range(max(count - 2, 1)):
        for shape, profile, partly, rise in _profiles(time, onset, count):
            bic, coefficients, errors = weigh(np.column_stack([ones, *profile, *partly]))
            gain = floor - bic - penalty * (1 + len(profile) + len(partly))
            if gain <= best.gain:
                continue
            sizes = coefficients[1 : 1 + len(profile)]
            size = float(sizes.sum())
            if shape is Shape.STEP_AND_RAMP and sizes[1] * size < _STEEPER * size**2:
                continue
            there = float(coefficients[-1]) / size if partly and size else 1.0
            error = float(math.hypot(*errors[1 : 1 + len(profile)]))
            best = Change(shape, onset, size, error, gain, rise, float(np.clip(1.0 - there, 0.0, 1.0)))
    if best.gain >= LEAST_GAIN:
        return best
    _, coefficients, errors = weigh(np.column_stack([ones, time >= 0]))
    return Change(Shape.NONE, 0, float(coefficients[1]), float(errors[1]), best.gain)


def growth(reference: FloatArray, values: FloatArray) -> float:
    """Slope of (values,) over its standard error, quasi-differenced by the reference's autocorrelation; 0 of fewer than five."""
    known = np.isfinite(values)
    if known.sum() < 5:
        return 0.0
    columns = np.column_stack([np.ones(len(values)), np.arange(len(values), dtype=np.float64)])
    least = 0.05 * max(float(np.nanstd(reference)), 1e-12)
    _, coefficients, errors = _least_squares(columns, values, known, lag_one_correlation(reference), least)
    return float(coefficients[1] / errors[1])


def _profiles(
    time: FloatArray, onset: int, count: int
) -> list[tuple[Shape, list[FloatArray], list[FloatArray], float]]:
    """Shapes that begin at an onset: columns that are 1 at the end, one for a value that is partly before, and the rise."""
    since = time - onset
    step, now = (since > 0).astype(np.float64), (since == 0).astype(np.float64)
    left = max(count - 1 - onset, 1)
    found = [(Shape.STEP, [step], [now], 0.0), (Shape.STEP, [step + now], [], 0.0)]
    if left >= 4:
        ramp = np.clip((since + 1) / (left + 1), 0.0, None)
        onwards = np.clip(since / left, 0.0, None)
        found += [(Shape.RAMP, [ramp], [], math.inf), (Shape.STEP_AND_RAMP, [step, onwards], [now], math.inf)]
    for share in _PLATEAUS:
        rise = share * count
        if 2.5 <= rise < left - 2:
            found.append((Shape.PLATEAU, [np.clip((since + 1) / rise, 0.0, 1.0)], [], rise))
    return found


def _least_squares(
    columns: FloatArray, series: FloatArray, known: NDArray[np.bool_], correlation: float, least: float
) -> tuple[float, FloatArray, FloatArray]:
    """N log(RSS / n) of quasi-differenced values, the coefficients and their standard errors."""
    together = np.column_stack([columns, series])
    turned = together.copy()
    turned[1:] -= correlation * together[:-1]
    turned[0] *= math.sqrt(1.0 - correlation**2)
    turned = turned[known & np.concatenate([[True], known[:-1]])]
    left, right = turned[:, :-1], turned[:, -1]
    count = len(right)
    normal = left.T @ left + 1e-9 * np.eye(left.shape[1])
    coefficients = np.linalg.solve(normal, left.T @ right)
    rest = right - left @ coefficients
    variance = max(float(rest @ rest) / max(count - left.shape[1], 1), least**2)
    errors = np.sqrt(np.maximum(np.diag(np.linalg.inv(normal)) * variance, 0.0))
    return count * math.log(variance), coefficients, errors
