"""What a candidate has to prove before it may be promoted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.features.steps import window_length
from smart_sentry.recalibration.case import Check, Origin, RecalibrationCase
from smart_sentry.recalibration.flags import MOST_OVER_BUDGET, flag_share
from smart_sentry.recalibration.injection import InjectedFault, faults_of
from smart_sentry.recalibration.moves import Move, moves
from smart_sentry.recalibration.scoring import joined, score
from smart_sentry.recalibration.sensitivity import Trial, flagged
from smart_sentry.recalibration.stretches import AT_WORK

BoolArray = NDArray[np.bool_]

ACCEPTANCE, SETTLED, KNOWN, FALSE_ALARMS, INJECTED, PAST, MOVE = (
    "acceptance", "settled", "phases", "false alarms", "injected faults", "past faults", "cumulative move",
)  # fmt: skip
"""Names of the checks."""
GRADES = ("A", "B", "C")
"""Of a candidate that may be promoted."""
LEAST_HELD_OUT_STEPS = 50
STILL_FLAGGED = 0.85
"""Share of its draws in which the candidate must flag what the active baseline flags in all: all but one of seven or eight. What
passes with less is a matter of luck, here and in the next draw."""
_LISTED = 5
_SHOWN_MOVES = 10


def run_checks(case: RecalibrationCase, seed: int) -> tuple[Check, ...]:
    """All checks of a candidate, in the order in which they are shown.

    Args:
        case: the candidate and what it is held against.
        seed: of the injected faults.
    """
    return (
        check_acceptance(case), check_settled(case), check_phases(case), check_false_alarms(case),
        check_injected_faults(case, seed), check_past_faults(case), check_move(case),
    )  # fmt: skip


def check_acceptance(case: RecalibrationCase) -> Check:
    """Whether the calibration itself calls the candidate good enough."""
    report = case.candidate.acceptance
    figures = {"grade": report.grade, "readings": report.readings, "remarks": list(report.remarks)}
    remarks = f" ({'; '.join(report.remarks)})" if report.remarks else ""
    passed = report.grade in GRADES
    verb = "is good enough" if passed else f"is too low: {GRADES[-1]} or better is needed"
    return Check(ACCEPTANCE, passed, figures, f"Grade {report.grade}{remarks} {verb}.")


def check_settled(case: RecalibrationCase) -> Check:
    """Whether every channel that had a normal value has one.

    What still moves would be judged by its own slow mean, which is blind to wear.
    """
    moving = (case.candidate.adaptation > 0) & (case.active.adaptation == 0)
    names = [name for name, moves_on in zip(case.candidate.channels, moving, strict=True) if moves_on]
    if not names:
        return Check(SETTLED, True, {"moving": []}, "Every channel that had a normal value has one again.")
    told = f"Still moving in the recent readings, so that slow faults would not be seen any more: {', '.join(names)}."
    return Check(SETTLED, False, {"moving": names}, told)


def check_phases(case: RecalibrationCase) -> Check:
    """Whether the candidate knows every phase that the active baseline judges; what it does not know it would never flag."""
    forgotten = sorted(case.active.phases.keys() - case.candidate.phases.keys())
    figures = {"active": sorted(case.active.phases), "candidate": sorted(case.candidate.phases), "forgotten": forgotten}
    if not forgotten:
        return Check(KNOWN, True, figures, "Every phase that the active baseline judges is known.")
    told = f"The recent readings show too little of {', '.join(forgotten)}: the candidate would judge nothing there any more."
    return Check(KNOWN, None, figures, told)


def check_false_alarms(case: RecalibrationCase) -> Check:
    """Whether the candidate flags a healthy machine seldom enough, on readings that it has not seen.

    A step that it cannot judge is no step that it does not flag, and a rest shows little of what will be flagged at work.
    """
    begins = case.held_out.seconds[0] if len(case.held_out.seconds) else np.inf
    found = score(case.asset_type, case.candidate, joined(case.training, case.held_out))
    judged = (found.seconds >= begins) & np.isfinite(found.score)
    at_work = int(np.isin(found.phase[found.rows], AT_WORK)[judged].sum())
    share, budget = flag_share(found.flag[judged]), case.asset_type.detection.false_alarm_budget
    figures = vars(share) | {"at_work": at_work, "budget": budget}
    if at_work < LEAST_HELD_OUT_STEPS:
        lacks = f"Only {at_work} steps at work are held out and judged: {LEAST_HELD_OUT_STEPS} or more show something."
        return Check(FALSE_ALARMS, None, figures, lacks)
    passed = share.within(budget)
    told = (
        f"{share.share:.2%} of {share.steps} held-out healthy steps are flagged (95 % interval {share.low:.2%} to "
        f"{share.high:.2%}); up to {MOST_OVER_BUDGET * budget:.2%} may be."
    )
    return Check(FALSE_ALARMS, passed, figures, told)


def check_injected_faults(case: RecalibrationCase, seed: int, least: float = STILL_FLAGGED) -> Check:
    """Whether every injected fault that the active baseline flags in its own readings is flagged by the candidate in the new.

    Each fault is drawn at several places. The bar is above one half, for a fault that is flagged in one draw and not in the next
    would be lost by chance.

    Args:
        case: the candidate and what it is held against.
        seed: of the faults.
        least: share of the draws in which the candidate must flag what the active baseline flags in all of its own, 0..1.
    """
    if case.old is None:
        lacks = "The readings that the active baseline was learnt from were not kept: there is nothing to compare with."
        return Check(INJECTED, None, {}, lacks)
    recent, faults = joined(case.training, case.held_out), faults_of(case.asset_type, seed)
    trial = Trial.of(case.asset_type, case.active, faults, min(len(case.old.seconds), len(recent.seconds)))
    of_active, of_candidate = flagged(trial, case.active, case.old), flagged(trial, case.candidate, recent)
    before = np.asarray(of_active.all(axis=1))
    now = np.asarray(of_candidate.mean(axis=1) >= least)
    lost = [str(fault) for fault, gone in zip(faults, before & ~now, strict=True) if gone]
    figures = {
        "faults": len(faults), "draws": [of_active.shape[1], of_candidate.shape[1]], "flagged_before": int(before.sum()),
        "flagged_now": int(now.sum()), "lost": lost, "by_kind": _by_kind(faults, before, now),
    }  # fmt: skip
    told = f"Of {len(faults)} injected faults the active baseline flags {before.sum()} and the candidate {now.sum()}"
    return Check(INJECTED, not lost, figures, f"{told}{_listed(lost)}.")


def _by_kind(faults: Sequence[InjectedFault], before: BoolArray, now: BoolArray) -> dict[str, dict[str, int]]:
    """Kind -> how many faults there are of it, and how many each baseline flags, of (faults,) before and now."""
    kinds = np.array([fault.kind for fault in faults])
    return {
        name: {"faults": int(its.sum()), "before": int(before[its].sum()), "now": int(now[its].sum())}
        for name in dict.fromkeys(kinds.tolist())
        for its in (kinds == name,)
    }


def check_past_faults(case: RecalibrationCase) -> Check:
    """Whether the candidate flags the faults that this machine had.

    An alarm of the healthy readings before a fault says nothing about it; where one still stands as the fault begins, nobody can
    tell.
    """
    missed: list[float] = []
    hidden: list[float] = []
    for fault in case.past_faults:
        found = score(case.asset_type, case.candidate, fault.readings, at_once=True)
        begins = fault.began - _alarm_lag_seconds(case.asset_type)
        if not found.raised_since(begins):
            (hidden if found.stands_at(begins) else missed).append(fault.began)
    count = len(case.past_faults)
    figures = {"faults": count, "lost_at": missed, "hidden_at": hidden}
    if not count:
        return Check(PAST, True, figures, "No confirmed anomaly alarm of this asset is stored.")
    told = f"{count - len(missed) - len(hidden)} of {count} stored past faults are still flagged."
    if hidden:
        told += f" Of {len(hidden)} nobody can tell: an alarm stood in the healthy readings before."
    return Check(PAST, False if missed else None if hidden else True, figures, told)


def _alarm_lag_seconds(asset_type: AssetType) -> float:
    """Longest time from the first step that speaks for an alarm to its rise."""
    rules = asset_type.alarms
    return rules.on_delay_seconds + rules.window * window_length(asset_type) * asset_type.sampling_seconds


def check_move(case: RecalibrationCase) -> Check:
    """Whether the candidate is still near the first baseline, so that many small steps do not hide a slow decay.

    Farther than the cap only a person may go.
    """
    origin, cap = case.origin, case.most_move_sigma
    if origin.baseline is None:
        lacks = f"Baseline {origin.version}, from which moves are counted, cannot be read any more."
        return Check(MOVE, None, {"origin": origin.version}, lacks)
    found = moves(origin.baseline, case.candidate)
    if not found:
        lacks = f"The candidate and baseline {origin.version} have no phase and channel in common."
        return Check(MOVE, None, {"origin": origin.version}, lacks)
    worst = found[0]
    figures = {
        "origin": origin.version, "sigma": worst.sigma, "cap": cap, "renewed": origin.renewed,
        "moves": [vars(one) for one in found[:_SHOWN_MOVES]],
    }  # fmt: skip
    passed = True if origin.renewed or abs(worst.sigma) <= cap else None
    return Check(MOVE, passed, figures, _told_move(origin, worst, cap))


def _told_move(origin: Origin, worst: Move, cap: float) -> str:
    far = f"{worst.channel} in {worst.phase} moved {worst.sigma:+.1f} sigma from baseline {origin.version}"
    if origin.renewed:
        return f"{far}; a maintenance explains it, and moves are counted from the candidate on."
    return f"{far}, the farthest of all; beyond {cap:g} a person decides."


def _listed(lost: list[str]) -> str:
    if not lost:
        return "; none is lost"
    more = f" and {len(lost) - _LISTED} more" if len(lost) > _LISTED else ""
    return f"; lost: {'; '.join(lost[:_LISTED])}{more}"
