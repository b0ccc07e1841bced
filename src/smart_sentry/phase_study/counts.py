"""How many readings fall into each phase: by the rule, and by the seed's own arithmetic."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.phases import PHASE_COLUMN, Phase, VolatilityTrendRule

RULE_PHASES = (Phase.STARTUP, Phase.STEADY, Phase.SHUTDOWN, Phase.UNKNOWN)
"""What the seed's rule can say; it never says OFF."""

PerPhase = Mapping[Phase, float]


def phase_counts(phases: pd.Series) -> dict[Phase, int]:
    """Readings in each phase of the rule.

    >>> phase_counts(pd.Series(["STEADY", "UNKNOWN", "STEADY"]))[Phase.STEADY]
    2
    """
    return {phase: int((phases == phase.value).sum()) for phase in RULE_PHASES}


def published_phases(readings: pd.DataFrame, rule: VolatilityTrendRule) -> pd.Series:
    """The rule in the seed's own arithmetic, pandas over the whole table: for its published counts, never for scoring.

    It differs from `classify_phases` where the trend is exactly zero (SHUTDOWN by the rule): pandas' running sums leave
    some of those means a last digit apart, and a digit that happens to rise says STARTUP: 12 readings of train FD001.
    """
    rows = readings.reset_index(drop=True)
    asset = rows[ASSET_COLUMN]
    volatility = rows.groupby(asset, sort=False)[rule.volatility_signal].rolling(rule.window).std()
    level = rows.groupby(asset, sort=False)[rule.trend_signal].rolling(rule.smoothing, min_periods=1).mean()
    trend = level.groupby(level=0, sort=False).diff()
    names = np.select(
        [(volatility < rule.threshold).to_numpy(), trend.isna().to_numpy(), (trend > 0.0).to_numpy()],
        [Phase.STEADY.value, Phase.UNKNOWN.value, Phase.STARTUP.value],
        Phase.SHUTDOWN.value,
    )
    by_row = pd.Series(names, index=volatility.index.droplevel(0), name=PHASE_COLUMN, dtype=object)
    return by_row.sort_index().set_axis(readings.index)
