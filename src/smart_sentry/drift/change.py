"""When a series changed, by how much, and whether abruptly or gradually: one change point, four shapes, the Bayesian information
criterion.

The series is quasi-differenced by its reference's autocorrelation first (D. Cochrane and G. H. Orcutt, 1949), so that a slow
wander is not taken for a change; a change point is then found by least squares, as the likelihood ratio of E. S. Page
(Continuous inspection schemes, Biometrika 41, 1954) does for a known change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smart_sentry.drift.trend import lag_one_correlation

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

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


@dataclass(frozen=True)
class _Candidate:
    """One shape at one onset.

    Attributes:
        columns: (values, columns) ones, then profiles that are 1 at the end, then one for a value that is partly before.
        sizes: how many columns are profiles.
    """

    shape: Shape
    onset: int
    rise: float
    columns: FloatArray
    sizes: int

    @property
    def partly(self) -> bool:
        return bool(self.columns.shape[1] > 1 + self.sizes)


@dataclass(frozen=True)
class _Candidates:
    """Every explanation of series of two lengths, and those of the same number of columns stacked."""

    every: tuple[_Candidate, ...]
    stacks: tuple[tuple[IntArray, FloatArray], ...]


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
    ones = np.ones((len(series), 1))
    floor, _, _ = _least_squares(ones, series, known, correlation, least)
    best, penalty = Change(Shape.NONE, 0, 0.0, scale, 0.0), math.log(max(int(known.sum()), 2))
    tried = _candidates(before, count)
    weighed: list[tuple[int, float, FloatArray]] = []
    for places, stack in tried.stacks:
        bics, coefficients = _weigh_all(stack, series, known, correlation, least)
        weighed += zip(places.tolist(), bics.tolist(), coefficients, strict=True)
    columns = ones
    for place, bic, found in sorted(weighed, key=lambda one: one[0]):
        candidate = tried.every[place]
        gain = floor - bic - penalty * candidate.columns.shape[1]
        change = _change(candidate, found, gain) if gain > best.gain else None
        if change is not None:
            best, columns = change, candidate.columns
    if best.gain >= LEAST_GAIN:
        _, _, errors = _least_squares(columns, series, known, correlation, least)
        sizes = 2 if best.shape is Shape.STEP_AND_RAMP else 1
        return replace(best, error=float(math.hypot(*errors[1 : 1 + sizes])))
    step = np.column_stack([ones, np.arange(len(series)) >= before])
    _, found, errors = _least_squares(step, series, known, correlation, least)
    return Change(Shape.NONE, 0, float(found[1]), float(errors[1]), best.gain)


def _change(candidate: _Candidate, coefficients: FloatArray, gain: float) -> Change | None:
    """A candidate's change without its error; None for a step and ramp that hardly goes on."""
    sizes = coefficients[1 : 1 + candidate.sizes]
    size = float(sizes.sum())
    if candidate.shape is Shape.STEP_AND_RAMP and sizes[1] * size < _STEEPER * size**2:
        return None
    there = float(coefficients[-1]) / size if candidate.partly and size else 1.0
    begun = float(np.clip(1.0 - there, 0.0, 1.0))
    return Change(candidate.shape, candidate.onset, size, math.nan, gain, candidate.rise, begun)


@lru_cache(maxsize=64)
def _candidates(before: int, count: int) -> _Candidates:
    """Of a reference of `before` values and a recent series of `count`."""
    time, ones = np.arange(before + count, dtype=np.float64) - before, np.ones(before + count)
    every = tuple(
        _Candidate(shape, onset, rise, np.column_stack([ones, *profile, *partly]), len(profile))
        for onset in range(max(count - 2, 1))
        for shape, profile, partly, rise in _profiles(time, onset, count)
    )
    widths = np.array([one.columns.shape[1] for one in every])
    stacks = [
        (np.flatnonzero(widths == width), np.stack([one.columns for one in every if one.columns.shape[1] == width]))
        for width in np.unique(widths)
    ]
    return _Candidates(every, tuple(stacks))


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
    turned = _quasi_differences(np.column_stack([columns, series]), correlation)
    turned = turned[known & np.concatenate([[True], known[:-1]])]
    left, right = turned[:, :-1], turned[:, -1]
    count = len(right)
    normal = left.T @ left + 1e-9 * np.eye(left.shape[1])
    coefficients = np.linalg.solve(normal, left.T @ right)
    rest = right - left @ coefficients
    variance = max(float(rest @ rest) / max(count - left.shape[1], 1), least**2)
    errors = np.sqrt(np.maximum(np.diag(np.linalg.inv(normal)) * variance, 0.0))
    return count * math.log(variance), coefficients, errors


def _weigh_all(
    stack: FloatArray, series: FloatArray, known: NDArray[np.bool_], correlation: float, least: float
) -> tuple[FloatArray, FloatArray]:
    """As `_least_squares` of every (candidates, values, columns), without the standard errors."""
    rows = known & np.concatenate([[True], known[:-1]])
    left = _quasi_differences(stack, correlation)[:, rows]
    right = _quasi_differences(series[:, None], correlation)[rows, 0]
    count, width = left.shape[1:]
    turned = left.transpose(0, 2, 1)
    normal = turned @ left + 1e-9 * np.eye(width)
    coefficients = np.linalg.solve(normal, (turned @ right)[:, :, None])
    rest = right - (left @ coefficients)[:, :, 0]
    variance = np.maximum((rest * rest).sum(axis=1) / max(count - width, 1), least**2)
    return count * np.log(variance), coefficients[:, :, 0]


def _quasi_differences(columns: FloatArray, correlation: float) -> FloatArray:
    """(..., values, columns) each value less its predecessor's share; the first is scaled to the same variance."""
    turned = columns.copy()
    turned[..., 1:, :] -= correlation * columns[..., :-1, :]
    turned[..., 0, :] *= math.sqrt(1.0 - correlation**2)
    return turned
