"""Condition indicators: a handful of numbers a row that compress all sensors' residuals into how worn the machine is.

All are affine in a row's terms (its residuals and their signed squares) and fitted per operating regime, so that a row of one
regime compares with a row of another:

- *life indicators*: ridge regressions to functions of the remaining life (its capped value and two exponentials, which
  resolve the middle and the end of life), once from the residuals alone and once with their signed squares, because residuals
  grow faster than life runs out and, with two fault modes, in different directions;
- *wear factors*: the main directions in which residuals move late in life, measured in units of the sensors' short-term noise
  (whitened), and calibrated so that all regimes show the same wear by the same number. Two factors tell two fault modes apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LIFE_INDICATORS = ("remaining_share", "failure_near", "failure_ahead")
CURVED_INDICATORS = ("curved_remaining_share", "curved_failure_near", "curved_failure_ahead")
_CURVED_UP_TO = 8.0
"""Signed squares grow no further beyond this many standard deviations."""
_RIDGE = 10.0
_NOISE_FLOOR = 0.05
"""Variance added to the sensors' short-term noise before it is inverted, in healthy variances."""
_SMOOTHING = 11
"""Readings of the centred average that stands for the true wear while regimes are calibrated (training only)."""
_FACTOR_SCALE = 5.0
"""Brings the wear factors to the order of one."""


@dataclass(frozen=True)
class HealthIndex:
    """Affine map from a row's terms to condition indicators, one a regime.

    Attributes:
        weights: (regimes, 2 * sensors, indicators): first on the residuals, then on their signed squares.
        offset: (regimes, indicators)
    """

    weights: FloatArray
    offset: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        life = LIFE_INDICATORS + CURVED_INDICATORS
        factors = self.offset.shape[1] - len(life)
        return life + tuple(f"wear_factor_{number + 1}" for number in range(factors))

    def indicators(self, terms: FloatArray, regimes: IntArray) -> FloatArray:
        """(rows, indicators) from (rows, 2 * sensors) terms; NaN where a term is NaN."""
        out = np.empty((terms.shape[0], self.offset.shape[1]))
        _project(terms, regimes, self.weights, self.offset, out)
        return out


def terms_of(residuals: FloatArray) -> FloatArray:
    """(rows, 2 * sensors): the residuals and their signed squares, in healthy standard deviations.

    >>> terms_of(np.array([[-4.0, 2.0]])).tolist()
    [[-4.0, 2.0, -2.0, 0.5]]
    """
    squares = np.sign(residuals) * np.minimum(np.abs(residuals), _CURVED_UP_TO) ** 2 / _CURVED_UP_TO
    return np.hstack([residuals, squares])


def fit_health_index(
    residuals: FloatArray, regimes: IntArray, asset: IntArray, rul_cycles: FloatArray,
    regime_count: int, rul_cap_cycles: float, horizon_cycles: float, factors: int,
) -> HealthIndex:  # fmt: skip
    """Learns the indicators from run-to-failure rows.

    Args:
        residuals: (rows, sensors), asset by asset in the order of time.
        regimes, asset: (rows,)
        rul_cycles: (rows,) true remaining life.
        regime_count: number of regimes.
        rul_cap_cycles: remaining life above this is all the same.
        horizon_cycles: sets the time scales of the two exponentials (5/6 and 2 horizons) and what counts as late in life
            (4/3 horizons).
        factors: number of wear factors.
    """
    targets = np.column_stack([
        np.minimum(rul_cycles, rul_cap_cycles) / rul_cap_cycles,
        np.exp(-rul_cycles / (horizon_cycles * 5 / 6)),
        np.exp(-rul_cycles / (horizon_cycles * 2)),
    ])  # fmt: skip
    straight_weights, straight_offset = _fit_life_indicators(residuals, regimes, targets, regime_count)
    curved_weights, curved_offset = _fit_life_indicators(terms_of(residuals), regimes, targets, regime_count)
    late, observed = rul_cycles < horizon_cycles * 4 / 3, rul_cycles < rul_cap_cycles
    wear_weights, wear_offset = _fit_wear_factors(residuals, regimes, asset, late, observed, regime_count, factors)
    none = np.zeros_like(residuals, shape=(regime_count, residuals.shape[1], 1))
    weights = [
        np.concatenate([part, none.repeat(part.shape[2], axis=2)], axis=1) for part in (straight_weights, wear_weights)
    ]
    return HealthIndex(
        np.concatenate([weights[0], curved_weights, weights[1]], axis=2),
        np.concatenate([straight_offset, curved_offset, wear_offset], axis=1),
    )


def _fit_life_indicators(
    terms: FloatArray, regimes: IntArray, targets: FloatArray, regime_count: int
) -> tuple[FloatArray, FloatArray]:
    columns = terms.shape[1]
    weights, offsets = np.zeros((regime_count, columns, targets.shape[1])), np.zeros((regime_count, targets.shape[1]))
    for regime in range(regime_count):
        rows = regimes == regime
        if not rows.any():
            continue
        centre, level = terms[rows].mean(axis=0), targets[rows].mean(axis=0)
        about = terms[rows] - centre
        weights[regime] = np.linalg.solve(about.T @ about + _RIDGE * np.eye(columns), about.T @ (targets[rows] - level))
        offsets[regime] = level - centre @ weights[regime]
    return weights, offsets


def _fit_wear_factors(
    residuals: FloatArray, regimes: IntArray, asset: IntArray, late: NDArray[np.bool_], observed: NDArray[np.bool_],
    regime_count: int, factors: int,
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Directions of late wear in whitened residuals; then, per regime, the least-squares estimate of the common wear."""
    sensors = residuals.shape[1]
    whitening = [_whitening(residuals, regimes == regime, asset) for regime in range(regime_count)]
    whitened = np.empty_like(residuals)
    for regime in range(regime_count):
        whitened[regimes == regime] = residuals[regimes == regime] @ whitening[regime]
    directions = _leading_directions(whitened[late], factors)
    wear = _smooth_within_assets(whitened @ directions.T, asset)
    weights, offsets = np.zeros((regime_count, sensors, factors)), np.zeros((regime_count, factors))
    for regime in range(regime_count):
        rows = (regimes == regime) & observed
        if rows.sum() <= factors + 1:
            continue
        design = np.column_stack([np.ones(rows.sum()), wear[rows]])
        fitted = np.linalg.lstsq(design, whitened[rows], rcond=None)[0]
        level, loading = fitted[0], fitted[1:]
        estimate = loading.T @ np.linalg.pinv(loading @ loading.T)
        weights[regime] = whitening[regime] @ estimate / _FACTOR_SCALE
        offsets[regime] = -level @ estimate / _FACTOR_SCALE
    return weights, offsets


def _whitening(residuals: FloatArray, rows: NDArray[np.bool_], asset: IntArray) -> FloatArray:
    """Inverse square root of the short-term noise covariance, estimated from second differences within an asset.

    Second differences cancel level and trend, so wear does not count as noise; a unit white noise gives them variance 6.
    """
    index = np.flatnonzero(rows)
    same = (asset[index[:-2]] == asset[index[2:]]) if index.size > 2 else np.zeros(0, dtype=np.bool_)
    before, here, after = (residuals[index[shift : index.size - 2 + shift]][same] for shift in range(3))
    noise = (before - 2.0 * here + after) / np.sqrt(6.0)
    covariance = noise.T @ noise / max(len(noise), 1) + _NOISE_FLOOR * np.eye(residuals.shape[1])
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors @ np.diag(values**-0.5) @ vectors.T)


def _leading_directions(rows: FloatArray, count: int) -> FloatArray:
    """(count, sensors) leading right singular vectors; the largest element of each is positive: the sign is reproducible."""
    _, vectors = np.linalg.eigh(rows.T @ rows)
    directions = vectors[:, ::-1][:, :count].T
    largest = np.abs(directions).argmax(axis=1)
    return np.asarray(directions * np.sign(directions[np.arange(count), largest])[:, None])


def _smooth_within_assets(values: FloatArray, asset: IntArray) -> FloatArray:
    """Centred moving average that never crosses from one asset to the next; shorter at an asset's ends."""
    starts = np.flatnonzero(np.r_[True, asset[1:] != asset[:-1]])
    stops = np.r_[starts[1:], len(asset)]
    out = np.empty_like(values)
    for start, stop in zip(starts, stops, strict=True):
        total = np.vstack([np.zeros(values.shape[1]), values[start:stop].cumsum(axis=0)])
        place = np.arange(stop - start)
        low, high = np.maximum(place - _SMOOTHING // 2, 0), np.minimum(place + _SMOOTHING // 2 + 1, stop - start)
        out[start:stop] = (total[high] - total[low]) / (high - low)[:, None]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _project(terms: Any, regimes: Any, weights: Any, offset: Any, out: Any) -> None:
    for row in range(terms.shape[0]):
        regime = regimes[row]
        for indicator in range(offset.shape[1]):
            total = offset[regime, indicator]
            for term in range(terms.shape[1]):
                total += weights[regime, term, indicator] * terms[row, term]
            out[row, indicator] = total
