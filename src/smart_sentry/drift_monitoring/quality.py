"""Data quality of the recent window: what was missing, impossible or stuck, signal by signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift.sensors import longest_run


@dataclass(frozen=True)
class SignalQuality:
    """One signal's.

    Attributes:
        missing: share of readings without a number, 0..1.
        out_of_range: share beyond the physical limits, 0..1.
        longest_run: most readings in a row that showed one value.
    """

    missing: float
    out_of_range: float
    longest_run: int


def data_quality(asset_type: AssetType, recent: Readings) -> dict[str, SignalQuality]:
    """Signal -> its quality over a window of one reading or more."""
    found = {}
    for column, signal in enumerate(asset_type.signals):
        values = recent.values[:, column]
        low, high = signal.limits
        with np.errstate(invalid="ignore"):
            outside = (values < low) | (values > high)
        found[signal.name] = SignalQuality(
            float(np.isnan(values).mean()), float(outside.mean()), longest_run(values)[0]
        )  # fmt: skip
    return found
