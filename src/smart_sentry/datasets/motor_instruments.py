"""What the bench's instruments make of the motor's true state: which signals, with what scatter and resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGNALS = (
    "load_pct",
    "voltage_v",
    "current_a",
    "power_factor",
    "vibration_g",
    "winding_temperature_c",
    "speed_rpm",
)
"""Columns of every table of readings, in this order."""

# In the order of SIGNALS: scatter = absolute + relative * value (one standard deviation), then the decimals shown.
_ABSOLUTE_SCATTER = np.array([0.3, 0.5, 0.05, 0.008, 0.004, 0.8, 2.0])
_RELATIVE_SCATTER = np.array([0.0, 0.0, 0.03, 0.0, 0.12, 0.0, 0.0])
_DECIMALS = (1, 1, 2, 3, 3, 1, 0)
_SILENT_AT_ZERO = np.isin(SIGNALS, ("load_pct", "power_factor", "speed_rpm"))
"""Signals whose instruments show exactly 0 where there is nothing to measure."""
_LOWEST = np.where(np.array(SIGNALS) == "winding_temperature_c", -np.inf, 0.0)
_HIGHEST = np.where(np.array(SIGNALS) == "power_factor", 1.0, np.inf)


def measured(exact: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adds scatter, keeps magnitudes at or above zero and the power factor at or below 1, and rounds to the resolution.

    The resolution also keeps the last bit of a platform's mathematics out of the files.

    Args:
        exact: true values, shape (rows, len(SIGNALS)).
        noise: standard normal numbers of the same shape.
    """
    read = exact + noise * (_ABSOLUTE_SCATTER + _RELATIVE_SCATTER * np.abs(exact))
    read = np.where(_SILENT_AT_ZERO & (exact == 0.0), 0.0, read)
    read = np.clip(read, _LOWEST, _HIGHEST)
    return np.column_stack([read[:, column].round(decimals) for column, decimals in enumerate(_DECIMALS)])
