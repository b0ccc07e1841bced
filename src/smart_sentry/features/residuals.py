"""Residuals: how far every sensor stands from what a healthy machine shows at the same operating point, in standard deviations.

Within a regime the expected value is linear in the settings, so the small wander of altitude or load around a regime's centre
is not mistaken for wear (residual generation as in Isermann, Fault-Diagnosis Systems, 2006, chapter 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

CLIP = 15.0
"""Residuals are clipped to this many standard deviations: a wild value must not outweigh a window of good ones."""

_CONSTANT = 1e-5
"""A sensor whose healthy spread is below this share of its level is constant in that regime; its residual there is 0."""


@dataclass(frozen=True)
class ResidualModel:
    """Healthy behaviour per regime.

    Attributes:
        mean: (regimes, sensors) healthy mean, in the sensors' units.
        setting_mean: (regimes, settings) healthy mean of the settings.
        setting_effect: (regimes, settings, sensors) change of a sensor per unit of a setting.
        std: (regimes, sensors) healthy standard deviation about that expectation; infinite where the sensor is constant.
    """

    mean: FloatArray
    setting_mean: FloatArray
    setting_effect: FloatArray
    std: FloatArray

    def residuals(self, sensors: FloatArray, settings: FloatArray, regimes: IntArray) -> FloatArray:
        """(rows, sensors) residuals in healthy standard deviations; NaN where the sensor's value is NaN."""
        out = np.empty(sensors.shape)
        _residuals(sensors, settings, regimes, self.mean, self.setting_mean, self.setting_effect, self.std, CLIP, out)
        return out

    @property
    def moving(self) -> BoolArray:
        """(sensors,) True where a sensor is not constant in at least one regime."""
        return np.asarray(np.isfinite(self.std).any(axis=0))


def fit_residuals(
    sensors: FloatArray, settings: FloatArray, regimes: IntArray, healthy: BoolArray, regime_count: int
) -> ResidualModel:
    """Learns healthy behaviour from the rows marked healthy.

    Args:
        sensors: (rows, sensors) in their units.
        settings: (rows, settings) in their units.
        regimes: (rows,) regime of each row.
        healthy: (rows,) which rows show a healthy machine.
        regime_count: number of regimes; one without healthy rows expects what all healthy rows show.
    """
    fits = []
    for regime in range(regime_count):
        rows = healthy & (regimes == regime)
        fits.append(
            _fit_one(*((sensors[rows], settings[rows]) if rows.sum() > 1 else (sensors[healthy], settings[healthy])))
        )
    mean, setting_mean, effect, std = (np.stack(parts) for parts in zip(*fits, strict=True))
    return ResidualModel(mean, setting_mean, effect, std)


def _fit_one(sensors: FloatArray, settings: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    mean, setting_mean = sensors.mean(axis=0), settings.mean(axis=0)
    scale = settings.std(axis=0)
    scale[scale < 1e-9] = np.inf
    about = (settings - setting_mean) / scale
    effect = np.linalg.lstsq(about, sensors - mean, rcond=1e-6)[0]
    std = (sensors - mean - about @ effect).std(axis=0)
    std[std < _CONSTANT * np.maximum(1.0, np.abs(mean))] = np.inf
    return mean, setting_mean, effect / scale[:, None], std


@njit(cache=True, nogil=True, error_model="numpy")
def _residuals(
    sensors: Any,
    settings: Any,
    regimes: Any,
    mean: Any,
    setting_mean: Any,
    effect: Any,
    std: Any,
    clip: float,
    out: Any,
) -> None:
    for row in range(sensors.shape[0]):
        regime = regimes[row]
        for sensor in range(sensors.shape[1]):
            expected = mean[regime, sensor]
            for setting in range(settings.shape[1]):
                expected += effect[regime, setting, sensor] * (settings[row, setting] - setting_mean[regime, setting])
            residual = (sensors[row, sensor] - expected) / std[regime, sensor]
            if residual > clip:
                residual = clip
            elif residual < -clip:
                residual = -clip
            out[row, sensor] = residual
