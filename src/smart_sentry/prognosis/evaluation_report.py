"""The report of an evaluation: every figure of one model on one set of rows; docs/evaluation.md defines them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from smart_sentry.prognosis.bootstrap import Estimate
from smart_sentry.prognosis.event_metrics import AlarmPolicy

DIGITS = 6


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ConfusionCounts(_Figures):
    """Outcomes of rows; with row weights these are sums of weights."""

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float


class RowFigures(_Figures):
    """Every row is one question: does the asset fail within the horizon?"""

    prevalence: float
    f1: Estimate
    average_precision: Estimate
    precision: Estimate
    recall: Estimate
    brier_score: Estimate
    expected_calibration_error: float
    confusion: ConfusionCounts


class EventFigures(_Figures):
    """Every asset is one question: was the operator told in time, and how often for nothing?"""

    assets_due: int
    assets_alerted: int
    assets_alerted_share: Estimate
    lead_time_median_cycles: Estimate
    lead_time_p10_cycles: Estimate
    detection_delay_median_cycles: Estimate
    detection_delay_p90_cycles: Estimate
    healthy_cycles: int
    false_alarm_episodes: int
    false_alarms_per_1000_healthy_cycles: Estimate
    strict_healthy_cycles: int
    strict_false_alarm_episodes: int
    strict_false_alarms_per_1000_healthy_cycles: Estimate


class RulFigures(_Figures):
    """Point errors at each asset's last row, intervals over all rows; `capped` holds the truth down to the cap."""

    cap_cycles: int
    rmse_capped_cycles: Estimate
    rmse_uncapped_cycles: Estimate
    nasa_score_capped: Estimate
    nasa_score_uncapped: Estimate
    interval_coverage: Estimate
    interval_coverage_near_failure: Estimate
    interval_mean_width_cycles: float
    interval_mean_width_near_failure_cycles: float | None


class EvaluationReport(_Figures):
    """Every figure of one model on one set of rows."""

    dataset: str
    split: str
    rows: int
    assets: int
    threshold: float
    alarm_policy: AlarmPolicy
    row: RowFigures
    event: EventFigures
    rul: RulFigures | None = None

    def to_json(self) -> str:
        """The same text for the same figures: fixed order of keys, floats rounded to six digits, null for no value."""
        rounded = type(self).model_validate(_rounded(self.model_dump()))
        return rounded.model_dump_json(indent=2) + "\n"

    def flat(self) -> dict[str, float]:
        """Every figure that has a value under a key of its own, for trackers: row.f1, row.f1.low, row.f1.high, ..."""
        return dict(_leaves(self.model_dump(include={"threshold", "rows", "assets", "row", "event", "rul"}), ""))


def _rounded(node: object) -> object:
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    return round(node, DIGITS) if isinstance(node, float) else node


def _leaves(node: object, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(node, dict):
        for name, value in node.items():
            inner = key if name == "value" else f"{key}.{name}" if key else str(name)
            yield from _leaves(value, inner)
    elif isinstance(node, int | float) and math.isfinite(node):
        yield key, float(node)
