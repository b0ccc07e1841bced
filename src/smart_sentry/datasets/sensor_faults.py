"""Sensors that lie about a machine that is well: stuck, missing and spiking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.errors import ConfigurationError

FloatArray = NDArray[np.float64]

SENSOR_FAULTS = ("STUCK", "MISSING", "SPIKING")
_SPIKES = 0.02
_SPIKE_FACTORS = (3.0, 8.0)


@dataclass
class SensorFault:
    """One sensor's fault, reading by reading.

    Args:
        kind: STUCK repeats the first value, MISSING has none, SPIKING shows 3 to 8 times the value in 2 % of the readings.
        column: of the signal.

    Raises:
        ConfigurationError: there is no such fault.
    """

    kind: str
    column: int

    def __post_init__(self) -> None:
        if self.kind not in SENSOR_FAULTS:
            raise ConfigurationError(
                "sensor fault", f"{self.kind!r} is not known", f"Name one of {', '.join(SENSOR_FAULTS)}."
            )
        self._stuck_at = np.nan

    def apply(self, values: FloatArray, rng: np.random.Generator) -> FloatArray:
        """A copy of (rows, signals) as the sensor shows them."""
        shown = values.copy()
        if not len(shown):
            return shown
        if np.isnan(self._stuck_at):
            self._stuck_at = float(values[0, self.column])
        if self.kind == "STUCK":
            shown[:, self.column] = self._stuck_at
        elif self.kind == "MISSING":
            shown[:, self.column] = np.nan
        else:
            spikes = rng.uniform(size=len(shown)) < _SPIKES
            shown[spikes, self.column] *= rng.uniform(*_SPIKE_FACTORS, int(spikes.sum()))
        return shown
