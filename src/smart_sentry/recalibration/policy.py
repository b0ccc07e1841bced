"""What becomes of a candidate: refused, promoted, or put before a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from smart_sentry.drift.case import Verdict
from smart_sentry.recalibration.case import Check
from smart_sentry.recalibration.shadow import Shadow

Approval = Literal["automatic", "person"]
LEAST_SHADOW_STEPS = 50
MOST_BEHIND_S = 6 * 3600.0
"""By how much a candidate may have learnt later than the newest finding looked: one round of `monitor-drift` (prefect.yaml)."""
ONLY_A_PERSON = frozenset({Verdict.DEGRADATION, Verdict.SENSOR_FAULT, Verdict.UNKNOWN})
"""Verdicts under which nothing is promoted unless a named person approves."""


class Action(StrEnum):
    """What is to be done."""

    REFUSE = "refuse"
    PROMOTE = "promote"
    ASK = "ask"


@dataclass(frozen=True)
class NewestFinding:
    """What the newest triage of the asset said.

    Attributes:
        verdict: its verdict.
        may_recalibrate: whether it allows a recalibration.
        current: whether it is about the baseline that is active.
        recent_end: time of the newest reading that it looked at, on the clock of the readings.
        passed_over: whether a later round could say nothing of the asset.
    """

    verdict: Verdict
    may_recalibrate: bool
    current: bool
    recent_end: float
    passed_over: bool = False


@dataclass(frozen=True)
class Decision:
    """What is to be done, and why, in sentences."""

    action: Action
    sentences: tuple[str, ...]


def decide(
    finding: NewestFinding | None, checks: Sequence[Check], shadow: Shadow, learnt_until: float,
    approval: Approval = "automatic",
) -> Decision:  # fmt: skip
    """Refuses what failed a check; promotes by itself only what nothing at all speaks against.

    Args:
        finding: the asset's newest; None: nobody looked.
        checks: of the candidate.
        shadow: the candidate beside the active baseline.
        learnt_until: time of the newest reading that the candidate was learnt from; infinite where nobody knows.
        approval: whether promotion may be automatic.
    """
    failed = [check.sentence for check in checks if check.passed is False]
    if failed or not checks:
        return Decision(Action.REFUSE, tuple(failed) or ("No check was made.",))
    doubts = [*_doubts_of_finding(finding, learnt_until), *(check.sentence for check in checks if check.passed is None)]
    if shadow.steps < LEAST_SHADOW_STEPS:
        doubts.append(
            f"Only {shadow.steps} steps were scored side by side: {LEAST_SHADOW_STEPS} or more show something."
        )
    if shadow.alarms_candidate and shadow.only_candidate > shadow.only_active:
        doubts.append("On the recent stream the candidate raised alarms, and flagged more than the active baseline.")
    if approval == "person":
        doubts.append("The settings ask for a person's approval.")
    if doubts:
        return Decision(Action.ASK, tuple(doubts))
    return Decision(Action.PROMOTE, ("Every check passed, and the newest finding allows it.",))


def needs_override(finding: NewestFinding | None) -> bool:
    """Whether not even a person may promote without saying so expressly: the machine gets worse."""
    return finding is not None and finding.verdict is Verdict.DEGRADATION


def _doubts_of_finding(finding: NewestFinding | None, learnt_until: float) -> list[str]:
    if finding is None:
        return ["Nobody has looked why the readings moved."]
    if finding.verdict in ONLY_A_PERSON:
        return [f"The newest finding is {finding.verdict}: only a named person may promote."]
    if not finding.current:
        return ["The newest finding is about another baseline than the active one."]
    if not finding.may_recalibrate and finding.verdict is not Verdict.NONE:
        return [f"The newest finding, {finding.verdict}, does not allow a recalibration."]
    if finding.passed_over:
        return ["A later round of monitoring could say nothing of the asset: the newest finding is not its last word."]
    if finding.recent_end < learnt_until - MOST_BEHIND_S:
        return ["The candidate has learnt from readings that no finding has looked at yet."]
    return []
