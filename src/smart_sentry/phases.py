"""The phase a machine is in: OFF, STARTUP, STEADY, SHUTDOWN or UNKNOWN, one for every reading, in arrival order.

`VolatilityTrendRule` is the seed design's rule; `PhaseTracker` runs it on a stream. Any split of a stream into batches
gives the same phases: the windows come from the `WindowBank`, and the little state beside them is carried row by row.
Whether the phases mean anything is a question about the data: docs/phases.md answers it for C-MAPSS (they do not).
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.errors import ConfigurationError
from smart_sentry.features.windows import BoolArray, FloatArray, IntArray, WindowBank, WindowSpec

PHASE_COLUMN = "phase"
"""Column of a reading's phase, where a table has one."""


class Phase(StrEnum):
    """What a machine is doing. UNKNOWN: nothing tells, for example at its first reading."""

    OFF = "OFF"
    STARTUP = "STARTUP"
    STEADY = "STEADY"
    SHUTDOWN = "SHUTDOWN"
    UNKNOWN = "UNKNOWN"


PHASES = tuple(Phase)
"""A phase code, as `PhaseTracker.update` returns it, is an index into this tuple."""

_STARTUP, _STEADY, _SHUTDOWN, _UNKNOWN = (
    PHASES.index(phase) for phase in (Phase.STARTUP, Phase.STEADY, Phase.SHUTDOWN, Phase.UNKNOWN)
)

_ROUNDING = 1e-12
"""Relative. A deviation this near the threshold stands on it, and a mean that moved by less has not moved: without it
the sums' last digits would decide the phase of readings whose trend is exactly zero (83 rows of FD001)."""


class VolatilityTrendRule(BaseModel):
    """The seed design's phase rule: steady when the volatility is low, else by the direction of the trend.

    1. Volatility: sample standard deviation (n - 1) of `volatility_signal` over the asset's last `window` readings. It
       exists once the window is full. Below `threshold` the phase is STEADY.
    2. Trend, for every other reading: the mean of `trend_signal` over the last `smoothing` readings (fewer at the
       start), minus the same mean one reading earlier. Above 0 the phase is STARTUP, else SHUTDOWN.
    3. An asset's first reading has no trend: UNKNOWN. So is a reading that lacks one of the two signals.

    The rule never says OFF, and calls the first `window` - 1 readings of an asset transient whatever they are: the
    seed's design, kept as it is. Its text gives 0.0019 as threshold; 0.002 belongs to the counts in docs/phases.md.

    Source: Bhandari and Nerkar, Smart Sentry, section 3.2.2, 2025.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    volatility_signal: str = Field(default="op_setting_1", description="signal that moves in a transient")
    trend_signal: str = Field(default="sensor_7", description="signal that rises in a start-up and falls in a shutdown")
    window: int = Field(default=30, ge=2, description="readings over which the volatility is taken")
    threshold: float = Field(
        default=0.002, gt=0, description="a steady machine's volatility is below, in the signal's unit"
    )
    smoothing: int = Field(default=30, ge=2, description="readings over which the trend signal is averaged")


class PhaseTracker:
    """The rule on a stream of readings of many assets.

    Args:
        rule: the rule to run.
    """

    def __init__(self, rule: VolatilityTrendRule) -> None:
        self.rule = rule
        self._bank = WindowBank(("volatility", "trend"), WindowSpec(spreads=(rule.window, rule.smoothing)))
        self._deviation = self._bank.feature_names.index(f"volatility_std{rule.window}")
        self._level = self._bank.feature_names.index(f"trend_mean{rule.smoothing}")
        self._seen = np.zeros(0, dtype=np.int64)
        self._last_level = np.zeros(0)

    def update(self, values: FloatArray, slots: IntArray, restarts: BoolArray | None = None) -> NDArray[np.int8]:
        """Takes rows in arrival order and returns each row's phase code.

        Args:
            values: (rows, 2) volatility signal and trend signal in their units; NaN where a value is missing.
            slots: (rows,) which asset a row belongs to, from 0.
            restarts: (rows,) True where the asset begins anew: what was seen of it is forgotten first.

        Returns:
            (rows,) indices into `PHASES`.
        """
        windows = self._bank.update(values, slots, restarts)
        self._reserve(self._bank.slots)
        sample = math.sqrt(self.rule.window / (self.rule.window - 1.0))  # the bank's deviation divides by n
        codes = np.empty(len(slots), dtype=np.int8)
        begin_anew = np.zeros(len(slots), dtype=np.bool_) if restarts is None else restarts
        _classify(
            windows[:, self._deviation] * sample, windows[:, self._level], np.isfinite(values), slots, begin_anew,
            self.rule.window, self.rule.threshold * (1.0 - _ROUNDING), self._seen, self._last_level, codes,
        )  # fmt: skip
        return codes

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the whole state, as named arrays."""
        return self._bank.snapshot() | {"seen": self._seen.copy(), "last_level": self._last_level.copy()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back.

        Raises:
            ValueError: the snapshot was taken with other window lengths.
        """
        self._bank.restore({name: array for name, array in snapshot.items() if name not in ("seen", "last_level")})
        self._seen, self._last_level = snapshot["seen"].copy(), snapshot["last_level"].copy()

    def _reserve(self, slots: int) -> None:
        fresh = slots - self._seen.size
        if fresh > 0:
            self._seen = np.append(self._seen, np.zeros(fresh, dtype=np.int64))
            self._last_level = np.append(self._last_level, np.full(fresh, np.nan))


def classify_phases(readings: pd.DataFrame, rule: VolatilityTrendRule) -> pd.Series:
    """The phase of every row of a table, through the same code as a stream's.

    Args:
        readings: asset_id and the rule's two signals; within an asset, rows in the order of time.
        rule: the rule to run.

    Returns:
        Phase names (str), named `phase`, aligned with `readings`.

    Raises:
        ConfigurationError: the table lacks a signal that the rule needs.
    """
    missing = sorted({rule.volatility_signal, rule.trend_signal} - set(readings.columns))
    if missing:
        raise ConfigurationError(
            "phase rule",
            f"expected signals {rule.volatility_signal} and {rule.trend_signal}, found no {', '.join(missing)}",
            "Name two signals of this asset type in the rule.",
        )
    values = readings[[rule.volatility_signal, rule.trend_signal]].to_numpy(np.float64)
    slots = pd.factorize(readings[ASSET_COLUMN])[0].astype(np.int64)
    codes = PhaseTracker(rule).update(values, slots)
    names = np.array([phase.value for phase in PHASES], dtype=object)
    return pd.Series(names[codes], index=readings.index, name=PHASE_COLUMN)


@njit(cache=True, nogil=True)
def _classify(
    deviation: Any, level: Any, present: Any, slots: Any, restarts: Any, window: int, threshold: float,
    seen: Any, last_level: Any, codes: Any,
) -> None:  # fmt: skip
    """One pass over the rows. `seen` counts an asset's volatility values, `last_level` is its previous trend mean."""
    for row in range(slots.size):
        slot = slots[row]
        if restarts[row]:
            seen[slot] = 0
            last_level[slot] = np.nan
        if present[row, 0]:
            seen[slot] += 1
        change = level[row] - last_level[slot]
        last_level[slot] = level[row]
        if not (present[row, 0] and present[row, 1]):
            codes[row] = _UNKNOWN
        elif seen[slot] >= window and deviation[row] < threshold:
            codes[row] = _STEADY
        elif np.isnan(change):
            codes[row] = _UNKNOWN
        elif change > _ROUNDING * abs(level[row]):
            codes[row] = _STARTUP
        else:
            codes[row] = _SHUTDOWN
