"""Event-level figures: what an operator sees of a classifier. One asset is one question, and an alarm has a beginning.

A row is an alarm row when at least k of the asset's last n probabilities reach the threshold (k-of-n persistence, the
on-delay of ISA-18.2). A run of alarm rows is an episode. Rows stand asset by asset in the order of cycles
(`ScoredFleet`).

Remaining life divides an asset's rows into zones, here with the default policy:

    RUL   above 50: healthy      50..31: early            30..0: failing
          an episode that        an episode that starts   the label is positive,
          starts here is false   here is early, useful    the alert is due by RUL 20

The early zone is there because degradation is gradual and the label's edge is not: an alarm at RUL 35 leads to work
that was nearly due, one at RUL 150 to work that was wasted. The strict figures, without that zone, are reported beside
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from smart_sentry.prognosis.row_metrics import ratio, weighted_sum
from smart_sentry.prognosis.scored_fleet import BoolArray, FloatArray, IntArray, ScoredFleet, segment_starts


class AlarmPolicy(BaseModel):
    """When an alarm stands, and what it is worth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    needed: int = Field(default=2, ge=1, description="k: cycles of the window that must reach the threshold")
    window: int = Field(default=3, ge=1, description="n: last cycles that are looked at, the present one included")
    horizon_cycles: int = Field(
        default=30, ge=1, description="a row is failing when its remaining life is at most this"
    )
    alert_cycles: int = Field(
        default=20, ge=0, description="an alarm must stand at or before this remaining life to be in time"
    )
    false_alarm_margin_cycles: int = Field(
        default=20,
        ge=0,
        description="an episode that starts with up to this much more life than the horizon is early, not false",
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> AlarmPolicy:
        if self.needed > self.window:
            raise ValueError(f"needed ({self.needed}) must not exceed window ({self.window})")
        if self.alert_cycles > self.horizon_cycles:
            raise ValueError(
                f"alert_cycles ({self.alert_cycles}) must not exceed horizon_cycles ({self.horizon_cycles})"
            )
        return self


def persistent_alarm(asset: IntArray, reached: BoolArray, needed: int, window: int) -> BoolArray:
    """True at rows where at least `needed` of the asset's last `window` rows reached the threshold.

    The window never reaches into another asset; near an asset's first row it holds the rows that there are.

    >>> persistent_alarm(np.array([1, 1, 1, 1, 2]), np.array([True, False, True, False, True]), 2, 3).tolist()
    [False, False, True, False, False]
    """
    position = np.arange(len(asset))
    starts = segment_starts(asset)
    first = np.repeat(starts, np.diff(np.r_[starts, len(asset)]))
    count = np.r_[0, np.cumsum(reached)]
    in_window = count[position + 1] - count[np.maximum(position - window + 1, first)]
    return np.asarray(in_window >= needed, dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class AssetOutcomes:
    """What happened to each asset; arrays of shape (assets,), in the order of `asset`.

    Attributes:
        asset: asset number.
        due: the asset was observed at or above RUL = alert_cycles and down to it, so that an alert in time was
            possible and needed.
        alerted: due, and an alarm stood at some row with alert_cycles <= RUL <= horizon + margin.
        lead_time_cycles: for due assets, RUL at the first row of the last episode, 0 where no alarm stood at RUL <=
            horizon + margin; NaN for the others.
        detection_delay_cycles: for due assets observed since RUL >= horizon, cycles from the horizon to the first
            alarm row within it (0 where the alarm already stood); one more cycle than was observed where none came;
            NaN for the others.
        detected: an alarm stood at some row within the horizon.
        false_episodes, healthy_cycles: episodes that start at, and rows with, RUL > horizon + margin.
        strict_false_episodes, strict_healthy_cycles: the same with RUL > horizon.
    """

    asset: IntArray
    due: BoolArray
    alerted: BoolArray
    lead_time_cycles: FloatArray
    detection_delay_cycles: FloatArray
    detected: BoolArray
    false_episodes: IntArray
    healthy_cycles: IntArray
    strict_false_episodes: IntArray
    strict_healthy_cycles: IntArray

    def alerted_share(self, weight: FloatArray) -> float:
        """Share of the due assets that were alerted in time; `weight` says how often each asset counts."""
        return ratio(weighted_sum(self.alerted, weight), weighted_sum(self.due, weight))

    def lead_time(self, weight: FloatArray, quantile: float) -> float:
        """Quantile of the due assets' lead times in cycles: an observed value, not an interpolation."""
        return _quantile(self.lead_time_cycles, weight, quantile)

    def detection_delay(self, weight: FloatArray, quantile: float) -> float:
        """Quantile of the detection delays in cycles: an observed value, not an interpolation."""
        return _quantile(self.detection_delay_cycles, weight, quantile)

    def false_alarms_per_1000(self, weight: FloatArray) -> float:
        """False-alarm episodes per 1000 healthy cycles (RUL > horizon + margin)."""
        return 1000 * ratio(weighted_sum(self.false_episodes, weight), weighted_sum(self.healthy_cycles, weight))

    def strict_false_alarms_per_1000(self, weight: FloatArray) -> float:
        """Episodes that start before the horizon, per 1000 cycles before the horizon: early alarms count as false."""
        return 1000 * ratio(
            weighted_sum(self.strict_false_episodes, weight), weighted_sum(self.strict_healthy_cycles, weight)
        )


def asset_outcomes(fleet: ScoredFleet, threshold: float, policy: AlarmPolicy) -> AssetOutcomes:
    """Follows every asset's alarm through its rows.

    Args:
        fleet: rows in order; their weights do not count here.
        threshold: probability from which on a row speaks for an alarm.
        policy: persistence and zones.
    """
    starts, rul = segment_starts(fleet.asset), fleet.rul_cycles
    early_limit = policy.horizon_cycles + policy.false_alarm_margin_cycles
    alarm = persistent_alarm(fleet.asset, fleet.probability >= threshold, policy.needed, policy.window)
    first_row = np.zeros(len(fleet), dtype=np.bool_)
    first_row[starts] = True
    begins = alarm & (first_row | ~np.r_[False, alarm[:-1]])

    lowest, highest = np.minimum.reduceat(rul, starts), np.maximum.reduceat(rul, starts)
    due = (lowest <= policy.alert_cycles) & (highest >= policy.alert_cycles)
    in_time = alarm & (rul >= policy.alert_cycles) & (rul <= early_limit)
    within = alarm & (rul <= policy.horizon_cycles)
    first_within = np.maximum.reduceat(np.where(within, rul, -1.0), starts)
    detected = first_within >= 0
    delay = policy.horizon_cycles - np.where(detected, first_within, lowest - 1)
    return AssetOutcomes(
        asset=fleet.asset[starts],
        due=due,
        alerted=due & np.logical_or.reduceat(in_time, starts),
        lead_time_cycles=np.where(due, _last_episode_rul(rul, begins, alarm & (rul <= early_limit), starts), np.nan),
        detection_delay_cycles=np.where(due & (highest >= policy.horizon_cycles), delay, np.nan),
        detected=detected,
        false_episodes=_count(begins & (rul > early_limit), starts),
        healthy_cycles=_count(rul > early_limit, starts),
        strict_false_episodes=_count(begins & (rul > policy.horizon_cycles), starts),
        strict_healthy_cycles=_count(rul > policy.horizon_cycles, starts),
    )


def _last_episode_rul(rul: FloatArray, begins: BoolArray, useful: BoolArray, starts: IntArray) -> FloatArray:
    last = np.maximum.reduceat(np.where(begins, np.arange(len(rul)), -1), starts)
    return np.where(np.logical_or.reduceat(useful, starts), rul[last], 0.0)


def _count(flags: BoolArray, starts: IntArray) -> IntArray:
    return np.add.reduceat(flags.astype(np.int64), starts)


def _quantile(values: FloatArray, weight: FloatArray, quantile: float) -> float:
    counted = ~np.isnan(values) & (weight > 0)
    if not counted.any():
        return float("nan")
    return float(np.quantile(values[counted], quantile, weights=weight[counted], method="inverted_cdf"))
