"""Small machines for the tests of the condition monitor: three signals, healthy by default."""

from __future__ import annotations

from typing import Any

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate

CREATED = "2026-01-01T00:00:00+00:00"
_SIGNALS = [
    {"name": "current_a", "unit": "A", "limits": [0, 100]},
    {"name": "speed_rpm", "unit": "rpm", "limits": [0, 4000]},
    {"name": "vibration_g", "unit": "g", "limits": [0, 50]},
]


def pump(**changes: Any) -> AssetType:
    """A pump that runs without a phase rule."""
    return AssetType.model_validate({"name": "pump", "signals": _SIGNALS} | changes)


def running(rows: int, seed: int) -> np.ndarray:
    """(rows, 3) readings of a healthy pump."""
    rng = np.random.default_rng(seed)
    load = rng.normal(size=rows)
    return np.column_stack([
        15 + load + rng.normal(0, 0.2, rows), 2900 - 5 * load + rng.normal(0, 2, rows), np.abs(0.15 + rng.normal(0, 0.02, rows)),
    ])  # fmt: skip


def seconds(rows: int, interval: float = 1.0) -> np.ndarray:
    """(rows,) times."""
    return np.arange(rows) * interval


def baseline(
    rows: int = 600, seed: int = 1, asset_id: str = "pump 1", asset_type: AssetType | None = None,
    values: np.ndarray | None = None,
) -> Baseline:  # fmt: skip
    """What a calibration of a healthy pump gives; `values` (rows, 3) are those of `running` if not given."""
    kind = asset_type or pump()
    readings = Readings(seconds(rows, kind.sampling_seconds), running(rows, seed) if values is None else values)
    return calibrate(asset_id, kind, readings, created=CREATED, seed=1)
