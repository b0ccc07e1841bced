"""Whether a challenger takes the champion's place: a pure decision on out-of-fold figures of the training assets.

The test set has no say: it is scored once per champion, after the decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from smart_sentry.prognosis.evaluation_report import EvaluationReport


class PromotionPolicy(BaseModel):
    """How much better is better, and how much worse is worse."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: Literal["f1", "average_precision"] = Field(
        default="f1", description="validation figure that a challenger must win: monitoring-weighted, out of fold"
    )
    minimum_gain: float = Field(
        default=0.002, ge=0, description="smallest lead in that figure that is worth a new model"
    )
    alerted_share_tolerance: float = Field(
        default=0.01, ge=0, description="share of due assets that may be alerted less"
    )
    false_alarm_tolerance: float = Field(
        default=0.05, ge=0, description="false-alarm episodes per 1000 healthy cycles that may come in addition"
    )
    lead_time_tolerance_cycles: float = Field(
        default=2, ge=0, description="cycles of median lead time that may be lost"
    )


class ValidationFigures(BaseModel):
    """What a model showed on out-of-fold predictions.

    Attributes:
        validated_on: names data version and validation protocol; figures of different ones cannot be compared.
        f1, average_precision: weighted as a monitored fleet is seen, 0..1.
        alerted_share: share of the due assets that were alerted in time, 0..1; None without a due asset.
        false_alarms_per_1000: false-alarm episodes per 1000 healthy cycles; None without a healthy cycle.
        lead_time_median_cycles: from the alarm to the failure; None without a due asset.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    validated_on: str
    f1: float
    average_precision: float
    alerted_share: float | None = None
    false_alarms_per_1000: float | None = None
    lead_time_median_cycles: float | None = None

    @classmethod
    def from_report(cls, report: EvaluationReport, validated_on: str) -> ValidationFigures:
        """Takes the figures that decide out of a cross-validation report."""
        return cls(
            validated_on=validated_on,
            f1=report.row.f1.value or 0.0,
            average_precision=report.row.average_precision.value or 0.0,
            alerted_share=report.event.assets_alerted_share.value,
            false_alarms_per_1000=report.event.false_alarms_per_1000_healthy_cycles.value,
            lead_time_median_cycles=report.event.lead_time_median_cycles.value,
        )

    def value(self, figure: Literal["f1", "average_precision"]) -> float:
        return self.f1 if figure == "f1" else self.average_precision


@dataclass(frozen=True)
class Decision:
    """The verdict, with the facts that led to it in one sentence."""

    promote: bool
    reason: str


def decide_promotion(
    challenger: ValidationFigures,
    champion: ValidationFigures | None,
    policy: PromotionPolicy,
    baseline: ValidationFigures,
) -> Decision:
    """Compares a challenger with the champion, or with the baseline method where there is no champion yet.

    A challenger must win the validation figure by the policy's minimum gain, and must not lose an event-level figure by
    more than its tolerance. A first model has no champion's events to lose: it must beat the baseline's figure.

    Args:
        challenger: figures of the new model.
        champion: figures of the model that serves now, validated on the same data by the same protocol; None for none.
        policy: gain and tolerances.
        baseline: figures of the seed's method (random forest with SMOTE on raw sensors).
    """
    rival, name = (champion, "champion") if champion is not None else (baseline, "baseline")
    if rival.validated_on != challenger.validated_on:
        return Decision(
            False,
            f"not comparable: the challenger was validated on {challenger.validated_on}, the {name} on"
            f" {rival.validated_on}; validate the {name} again on the challenger's data",
        )
    won, lost = challenger.value(policy.figure), rival.value(policy.figure)
    comparison = f"validation {policy.figure} {won:.4f} against the {name}'s {lost:.4f}"
    if won - lost < policy.minimum_gain - 1e-12:
        return Decision(False, f"{comparison}: a gain of {won - lost:+.4f} is less than {policy.minimum_gain:g}")
    losses = [] if champion is None else _event_losses(challenger, champion, policy)
    if losses:
        return Decision(False, f"{comparison} is better, but {'; '.join(losses)}")
    return Decision(
        True, f"{comparison}: a gain of {won - lost:+.4f}" + ("" if champion is None else ", no event-level loss")
    )


def _event_losses(challenger: ValidationFigures, champion: ValidationFigures, policy: PromotionPolicy) -> list[str]:
    checks = (
        (
            "share of assets alerted in time",
            challenger.alerted_share,
            champion.alerted_share,
            policy.alerted_share_tolerance,
        ),
        (
            "false alarms per 1000 healthy cycles",
            _negative(challenger.false_alarms_per_1000),
            _negative(champion.false_alarms_per_1000),
            policy.false_alarm_tolerance,
        ),
        (
            "median lead time in cycles",
            challenger.lead_time_median_cycles,
            champion.lead_time_median_cycles,
            policy.lead_time_tolerance_cycles,
        ),
    )
    return [
        f"{what} went from {abs(before):.4g} to {abs(now):.4g} (tolerance {tolerance:g})"
        for what, now, before, tolerance in checks
        if now is not None and before is not None and before - now > tolerance + 1e-12
    ]


def _negative(value: float | None) -> float | None:
    """Fewer is better, so the sign is turned before the comparison."""
    return None if value is None else -value
