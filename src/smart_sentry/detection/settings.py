"""How a machine's settings enter its normal values: a quadratic trend, and an offset and a spread for each operating regime.

A machine that runs at a handful of settings (gears, recipes, flight levels) has regimes: clusters of its settings. What the trend
does not explain of a regime is its offset, and some regimes are noisier than others. A setting between regimes has the trend
alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.features.regimes import RESOLUTION, find_regimes

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

MOST_REGIMES = 12
_ROWS_TO_CLUSTER = 2000
_LEAST_STEPS = 30
"""Of a regime; one of fewer steps has the trend alone."""
_REACH = 3.0 * RESOLUTION
"""How far from a regime's centre a setting still belongs to it, as a share of the setting's range."""


@dataclass(frozen=True)
class Settings:
    """What a calibration has seen of the settings.

    Attributes:
        centre, scale, low, high: (settings,) moments and range; the trend is held to the range.
        regimes: (regimes, settings) their centres, none where the settings vary continuously or not at all.
        reach: (settings,) from a regime's centre.
    """

    centre: FloatArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray
    regimes: FloatArray
    reach: FloatArray

    @classmethod
    def of(cls, settings: FloatArray, asset_type: AssetType, seed: int) -> Settings:
        """Learns from (steps, settings).

        Args:
            asset_type: names the physical limits, which regimes are told apart by.
            seed: of the clustering.
        """
        limits = np.array(
            [signal.limits for signal in asset_type.signals if signal.role == "setting"], dtype=np.float64
        )
        if not settings.shape[1]:
            nothing = np.empty(0)
            return cls(nothing, nothing, nothing, nothing, np.empty((0, 0)), nothing)
        settings = np.where(
            np.isfinite(settings).any(axis=0), settings, 0.0
        )  # one without a value is one that never moved
        centre, scale = np.nanmean(settings, axis=0), np.nanstd(settings, axis=0)
        scale[scale <= 1e-9 * np.maximum(np.abs(centre), 1e-300)] = np.inf
        reach = _REACH * (limits[:, 1] - limits[:, 0])
        regimes = _regimes(settings[np.isfinite(settings).all(axis=1)], limits, reach, seed)
        return cls(centre, scale, np.nanmin(settings, axis=0), np.nanmax(settings, axis=0), regimes, reach)

    @property
    def width(self) -> int:
        """How many terms there are: two of each setting, and one of each regime."""
        return 2 * len(self.centre) + len(self.regimes)

    def unknown(self, settings: FloatArray) -> BoolArray:
        """(steps,) whether one of the settings (steps, settings) that has moved is missing: nobody knows what is normal then."""
        return np.asarray((np.isnan(settings) & np.isfinite(self.scale)).any(axis=1))

    def terms(self, settings: FloatArray) -> FloatArray:
        """(steps, terms) settings and their squares, standardised, then 1 for the regime; a missing setting counts as average."""
        out = np.zeros((len(settings), self.width))
        moments = np.stack([self.centre, self.scale, self.low, self.high])
        for row in range(len(settings)):
            fill_terms(settings[row], moments, self.regimes, self.reach, out[row])
        return out


@njit(cache=True, nogil=True)
def fill_terms(settings: Any, moments: Any, regimes: Any, reach: Any, terms: Any) -> None:
    """Fills the terms of one step.

    Args:
        settings: (settings,) NaN where missing.
        moments: (4, settings) centre, scale, low, high.
        regimes: (regimes, settings) NaN where there is no further regime. reach: (settings,)
        terms: (2 * settings + regimes,) to fill.
    """
    width = settings.size
    for j in range(width):
        value = moments[0, j] if np.isnan(settings[j]) else settings[j]
        held = min(max(value, moments[2, j]), moments[3, j])
        terms[j] = (held - moments[0, j]) / moments[1, j]
        terms[width + j] = terms[j] * terms[j]
    found = False
    for number in range(regimes.shape[0]):
        inside = not found
        for j in range(width):
            inside = inside and abs(settings[j] - regimes[number, j]) <= reach[j]
        terms[2 * width + number] = 1.0 if inside else 0.0
        found = found or inside


@njit(cache=True, nogil=True)
def fill_doubts(settings: Any, moments: Any, doubts: Any) -> bool:
    """Says how far the terms of a step may be from the truth: a setting that is missing may be anywhere in the range that it has
    moved in when it was calibrated.

    Args:
        settings, moments: as of `fill_terms`.
        doubts: (2 * settings + regimes,) to fill, 0 where the term is known.

    Returns:
        Whether any of them is not.
    """
    width, found = settings.size, False
    for j in range(width):
        doubts[j] = doubts[width + j] = 0.0
        if np.isnan(settings[j]) and np.isfinite(moments[1, j]):
            farthest = max(moments[3, j] - moments[0, j], moments[0, j] - moments[2, j]) / moments[1, j]
            doubts[j], doubts[width + j], found = farthest, farthest * farthest, True
    doubts[2 * width :] = 1.0 if found else 0.0
    return found


def _regimes(settings: FloatArray, limits: FloatArray, reach: FloatArray, seed: int) -> FloatArray:
    """(regimes, settings) centres of clusters that are worth an offset."""
    none = np.empty((0, settings.shape[1]))
    if len(settings) < 2 * _LEAST_STEPS:
        return none
    rows = settings
    if len(rows) > _ROWS_TO_CLUSTER:
        rows = rows[np.random.default_rng(seed).choice(len(rows), _ROWS_TO_CLUSTER, replace=False)]
    low, high = limits.T
    distinct = len(np.unique(np.round((rows - low) / (high - low) / RESOLUTION), axis=0))
    found = find_regimes(rows, low, high, min(MOST_REGIMES, distinct), seed)
    near = np.abs(settings - (low + found.centres[found.assign(settings)] * (high - low))) <= reach
    counts = np.bincount(found.assign(settings)[near.all(axis=1)], minlength=found.count)
    if found.count < 2 or near.all(axis=1).mean() < 0.9:
        return none
    return np.asarray(low + found.centres[counts >= _LEAST_STEPS] * (high - low))
