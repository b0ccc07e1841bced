"""What of a signal the operation explains, and what it does not: a regression on the settings, fitted on the reference alone.

Terms are the settings, their squares and products, and regimes (detection.settings) where a block is one reading. A signal that
remembers, as a winding does the load of the last half hour, has the exponential means of command and duty over 5, 15 or 45 blocks
beside them; one that does not, has not: slow terms that explain little extrapolate wildly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.covariance import ROUNDING, still_deviation
from smart_sentry.detection.settings import Settings
from smart_sentry.drift.blocks import Blocks

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MEMORIES = (5.0, 15.0, 45.0)
_WORTH = 0.6
"""Share of the residual variance that must remain, at most, for a memory to be believed."""
_RIDGE = 1e-3
_ROWS_PER_TERM = 8
_FOLDS = 5
_OUTLIER = 5.0
_ROBUST = 1.4826
"""Standard deviations in a median absolute deviation, of a normal distribution."""


@dataclass(frozen=True)
class Conditioned:
    """One window after conditioning.

    Attributes:
        seconds: (blocks,) of the steady blocks.
        residual: (blocks, signals) level less what the operation explains.
        beyond: (blocks, signals) by how much the explanation itself is outside what it was in the reference.
        error: (signals,) what an operation away from the reference's adds to the standard error of the mean explanation (of the
            half that is farther away), in residual standard deviations of independent blocks.
    """

    seconds: FloatArray
    residual: FloatArray
    beyond: FloatArray
    error: FloatArray


@dataclass(frozen=True)
class _Explanation:
    """Of one signal: its terms (columns of all), their coefficients and precision, and the range explained in the reference."""

    columns: IntArray
    coefficients: FloatArray
    precision: FloatArray
    low: float
    high: float
    scale: float
    held_out: FloatArray


@dataclass(frozen=True)
class Conditioning:
    """A fitted explanation.

    Attributes:
        operating: names of the signals that it is made of.
        scale: (signals,) robust standard deviation of the reference's residuals, in the signals' units; of a signal that never
            moved, what stands for it (detection.covariance).
        held_out: (blocks, signals) these residuals, each fold's from a fit that has not seen it; 0 where they are rounding.
    """

    operating: tuple[str, ...]
    scale: FloatArray
    held_out: FloatArray
    _settings_columns: tuple[int, ...]
    _settings: Settings | None
    _moments: FloatArray
    _explanations: tuple[_Explanation, ...]

    def apply(self, blocks: Blocks) -> Conditioned:
        """Residuals of a window's steady blocks."""
        rows = blocks.steady
        terms = self._terms(blocks)[rows]
        residual = blocks.level[rows].copy()
        beyond, error = np.zeros(residual.shape), np.zeros(residual.shape[1])
        for column, its in enumerate(self._explanations):
            own = terms[:, its.columns]
            explained = own @ its.coefficients
            residual[:, column] -= explained
            beyond[:, column] = np.maximum(np.maximum(its.low - explained, explained - its.high), 0.0)
            halves = [part.mean(axis=0) for part in np.array_split(own, 2) if len(part)]
            away = [float(mean[1:] @ its.precision[1:, 1:] @ mean[1:]) for mean in halves]
            error[column] = np.sqrt(max([0.0, *away]))
        return Conditioned(blocks.seconds[rows], residual, beyond, error)

    def _terms(self, blocks: Blocks) -> FloatArray:
        raw = _raw_terms(blocks, self._settings_columns, self._settings)
        centre, spread = self._moments
        return np.column_stack([np.ones(len(raw)), np.nan_to_num((raw - centre) / spread)])


def fit_conditioning(asset_type: AssetType, reference: Blocks, with_regimes: bool = False) -> Conditioning:
    """Fits the explanation of every signal on a reference.

    A machine without settings is conditioned on its duty alone, if it has a phase rule. Terms beyond an eighth of the blocks are
    left out.

    Args:
        asset_type: names the settings.
        reference: blocks of the reference.
        with_regimes: look for regimes of the settings; where a block is one reading.
    """
    names = asset_type.setting_names
    columns = tuple(asset_type.signal_names.index(name) for name in names)
    settings = None
    if with_regimes and columns:
        settings = Settings.of(reference.level[reference.steady][:, columns], asset_type, seed=0)
    raw = np.nan_to_num(_raw_terms(reference, columns, settings)[reference.steady])
    level = reference.level[reference.steady]
    centre, spread = (
        (raw.mean(axis=0), raw.std(axis=0)) if len(raw) else (np.zeros(raw.shape[1]), np.ones(raw.shape[1]))
    )
    kept = spread > 1e-9 * np.maximum(np.abs(centre), 1e-9)
    spread = np.where(kept, spread, 1.0)
    terms = np.column_stack([np.ones(len(raw)), (raw - centre) / spread])
    slow = len(_MEMORIES) * (1 + 2 * len(columns))
    usable = np.concatenate([[True], kept])
    places = np.arange(terms.shape[1])
    at_once = places[usable & (places < len(places) - slow)][: 1 + len(raw) // _ROWS_PER_TERM]
    remembered = [
        np.concatenate([at_once, part[usable[part]]])
        for part in np.split(places[len(places) - slow :], len(_MEMORIES))
        if len(at_once) + len(part) <= len(raw) // _ROWS_PER_TERM
    ]
    explanations = []
    for column in range(level.shape[1]):
        best = _explain(terms, at_once, level[:, column])
        for columns_with_memory in remembered:
            other = _explain(terms, columns_with_memory, level[:, column])
            if other.scale**2 < (_WORTH if len(best.columns) == len(at_once) else 1.0) * best.scale**2:
                best = other
        explanations.append(best)
    scale = np.array([one.scale for one in explanations])
    held_out = np.column_stack([one.held_out for one in explanations])
    return Conditioning(names, scale, held_out, columns, settings, np.stack([centre, spread]), tuple(explanations))


def robust_deviation(values: FloatArray) -> float:
    """1.4826 times the median absolute deviation from the median; the standard deviation where more than half are equal."""
    known = values[np.isfinite(values)]
    if known.size < 2:
        return 0.0
    return float(_ROBUST * np.median(np.abs(known - np.median(known)))) or float(known.std())


def exponential_means(values: FloatArray, memory: float) -> FloatArray:
    """(rows, columns) exponential means with a memory of so many rows, begun at the mean of the first `memory` rows.

    >>> exponential_means(np.array([[0.0], [0.0], [1.0]]), 2.0).round(3).ravel().tolist()
    [0.0, 0.0, 0.393]
    """
    keep = np.exp(-1.0 / memory)
    mean = values[: max(1, int(memory))].mean(axis=0)
    out = np.empty_like(values)
    for row, value in enumerate(values):
        mean = keep * mean + (1.0 - keep) * value
        out[row] = mean
    return out


def _carried(values: FloatArray) -> FloatArray:
    """(rows, columns) with the last known value where one is missing, the first known before it; NaN of a column without any.

    >>> _carried(np.array([[np.nan], [1.0], [np.nan], [3.0]])).ravel().tolist()
    [1.0, 1.0, 1.0, 3.0]
    """
    known = np.isfinite(values)
    place = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], -1), axis=0)
    first = known.argmax(axis=0) if len(values) else place
    return np.take_along_axis(values, np.where(place < 0, first, place), axis=0)


def _raw_terms(blocks: Blocks, columns: tuple[int, ...], settings: Settings | None) -> FloatArray:
    """(blocks, terms) in the settings' units; NaN of a setting that the whole window does not tell."""
    told = _carried(blocks.level[:, columns])
    upper = np.triu_indices(len(columns))
    square = blocks.square[:, upper[0], upper[1]]
    held = told[:, upper[0]] * told[:, upper[1]]
    products = np.where(np.isfinite(square), square, held) if len(columns) <= 4 else np.empty((len(told), 0))
    regimes = np.empty((len(told), 0)) if settings is None else settings.terms(told)[:, 2 * len(columns) :]
    before = blocks.driven[:0] if blocks.before is None else blocks.before
    driven = _carried(np.vstack([before, blocks.driven]))
    slow = [exponential_means(driven, memory)[len(before) :] for memory in _MEMORIES]
    return np.hstack([told, products, regimes, *slow])


def _explain(terms: FloatArray, columns: IntArray, level: FloatArray) -> _Explanation:
    own = terms[:, columns]
    coefficients = _fit(own, level)
    explained = own @ coefficients
    precision = np.asarray(np.linalg.inv(own.T @ own + _penalty(own)), dtype=np.float64)
    held_out = np.full(len(level), np.nan)
    for fold in np.array_split(np.arange(len(level)), _FOLDS):
        others = np.ones(len(level), dtype=np.bool_)
        others[fold] = False
        held_out[fold] = level[fold] - own[fold] @ _fit(own[others], level[others])
    size = coefficients[0]  # the terms are centred
    held_out[np.abs(held_out) <= ROUNDING * np.abs(size)] = 0.0  # the folds differ by the bias of their ridges
    scale = robust_deviation(held_out) or float(still_deviation(size))
    return _Explanation(
        columns, coefficients, precision, float(explained.min(initial=np.inf)), float(explained.max(initial=-np.inf)),
        scale, held_out,
    )  # fmt: skip


def _penalty(terms: FloatArray) -> FloatArray:
    diagonal = np.full(terms.shape[1], _RIDGE * len(terms))
    diagonal[0] = 1e-9
    return np.diag(diagonal)


def _fit(terms: FloatArray, level: FloatArray) -> FloatArray:
    """Coefficients of a ridge regression without outliers."""
    rows = np.isfinite(level)
    coefficients: FloatArray = np.zeros(terms.shape[1])
    for _ in range(2):
        if rows.sum() < 2:
            return coefficients
        its = terms[rows]
        coefficients = np.asarray(np.linalg.solve(its.T @ its + _penalty(its), its.T @ level[rows]))
        rest = level - terms @ coefficients
        rows = np.isfinite(level) & (np.abs(rest) <= _OUTLIER * max(robust_deviation(rest[rows]), 1e-12))
    return coefficients
