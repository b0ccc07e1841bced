"""Operating regimes: at which setting a machine runs, found by clustering its settings. Kept separate from its phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RESOLUTION = 0.02
"""Settings of one regime vary by less than this share of the settings' range (root mean square)."""


@dataclass(frozen=True)
class Regimes:
    """Cluster centres of the settings.

    Attributes:
        low, high: (settings,) range that every setting is scaled by, in its unit: the limits of the asset type.
        centres: (regimes, settings) in scaled units, sorted, so that a regime keeps its number from fit to fit.
    """

    low: FloatArray
    high: FloatArray
    centres: FloatArray

    @property
    def count(self) -> int:
        return int(self.centres.shape[0])

    def assign(self, settings: FloatArray) -> IntArray:
        """The nearest regime of each row.

        Args:
            settings: (rows, settings) in their units. Without settings every row is in regime 0.

        Returns:
            (rows,) regime numbers from 0.
        """
        if self.count == 1:
            return np.zeros(settings.shape[0], dtype=np.int64)
        scaled = (settings - self.low) / (self.high - self.low)
        distance = ((scaled[:, None, :] - self.centres[None, :, :]) ** 2).sum(axis=2)
        return np.asarray(distance.argmin(axis=1), dtype=np.int64)

    def distance(self, settings: FloatArray) -> FloatArray:
        """(rows,) distance to the regime's centre, as a share of the settings' range: large where a row is unlike any seen."""
        scaled = (settings - self.low) / (self.high - self.low)
        return np.asarray(np.sqrt(((scaled - self.centres[self.assign(settings)]) ** 2).sum(axis=1)))


def find_regimes(settings: FloatArray, low: FloatArray, high: FloatArray, most: int, seed: int) -> Regimes:
    """The fewest clusters of the settings in which they vary by less than `RESOLUTION` of their range.

    Args:
        settings: (rows, settings) in their units.
        low, high: (settings,) limits of the asset type, in the same units.
        most: at most this many regimes, for settings that vary continuously.
        seed: of k-means' initial centres.
    """
    if settings.shape[1] == 0:
        return Regimes(low, high, np.zeros((1, 0)))
    scaled = (settings - low) / (high - low)
    for count in range(1, most + 1):
        centres, spread = _k_means(scaled, count, seed)
        if spread < RESOLUTION:
            break
    order = np.lexsort(np.round(centres / RESOLUTION).T[::-1])  # rounded: noise must not decide between equal settings
    return Regimes(low, high, centres[order])


def _k_means(scaled: FloatArray, count: int, seed: int) -> tuple[FloatArray, float]:
    from sklearn.cluster import KMeans

    if count == 1:
        centres, inertia = scaled.mean(axis=0, keepdims=True), float(scaled.var(axis=0).sum() * len(scaled))
    else:
        fitted = KMeans(count, n_init=10, random_state=seed).fit(scaled)
        centres, inertia = fitted.cluster_centers_, float(fitted.inertia_)
    return centres, float(np.sqrt(inertia / len(scaled)))
