"""What a candidate has to prove before it may be promoted."""

from __future__ import annotations

import numpy as np

from smart_sentry.recalibration.case import Check, Origin, RecalibrationCase
from smart_sentry.recalibration.flags import MOST_OVER_BUDGET, flag_share
from smart_sentry.recalibration.injection import NormalSpread, faults_of
from smart_sentry.recalibration.moves import Move, moves
from smart_sentry.recalibration.scoring import joined, score
from smart_sentry.recalibration.sensitivity import healthy_stretches, share_flagged

ACCEPTANCE, SETTLED, FALSE_ALARMS, INJECTED, PAST, MOVE = (
    "acceptance", "settled", "false alarms", "injected faults", "past faults", "cumulative move",
)  # fmt: skip
"""Names of the checks."""
GRADES = ("A", "B", "C")
"""Of a candidate that may be promoted."""
LEAST_HELD_OUT_STEPS = 50
STILL_FLAGGED = 0.5
"""Share of the stretches in which the candidate must flag what the active baseline flags in all."""
_LISTED = 5
_SHOWN_MOVES = 10


def run_checks(case: RecalibrationCase, seed: int) -> tuple[Check, ...]:
    """All checks of a candidate, in the order in which they are shown.

    Args:
        case: the candidate and what it is held against.
        seed: of the injected faults.
    """
    return (
        check_acceptance(case), check_settled(case), check_false_alarms(case), check_injected_faults(case, seed),
        check_past_faults(case), check_move(case),
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


def check_false_alarms(case: RecalibrationCase) -> Check:
    """Whether the candidate flags a healthy machine seldom enough, on readings that it has not seen."""
    begins = case.held_out.seconds[0] if len(case.held_out.seconds) else np.inf
    found = score(case.asset_type, case.candidate, joined(case.training, case.held_out))
    held_out = found.seconds >= begins
    share, budget = flag_share(found.flag[held_out]), case.asset_type.detection.false_alarm_budget
    figures = vars(share) | {"budget": budget}
    if share.steps < LEAST_HELD_OUT_STEPS:
        lacks = f"Only {share.steps} steps are held out: {LEAST_HELD_OUT_STEPS} or more show something."
        return Check(FALSE_ALARMS, None, figures, lacks)
    passed = share.within(budget)
    told = (
        f"{share.share:.2%} of {share.steps} held-out healthy steps are flagged (95 % interval {share.low:.2%} to "
        f"{share.high:.2%}); up to {MOST_OVER_BUDGET * budget:.2%} may be."
    )
    return Check(FALSE_ALARMS, passed, figures, told)


def check_injected_faults(case: RecalibrationCase, seed: int) -> Check:
    """Whether every injected fault that the active baseline flags in its own readings is flagged by the candidate in the new."""
    if case.old is None:
        lacks = "The readings that the active baseline was learnt from were not kept: there is nothing to compare with."
        return Check(INJECTED, None, {}, lacks)
    kind, faults = case.asset_type, faults_of(case.asset_type, seed)
    spread, recent = NormalSpread.of(kind, case.active), joined(case.training, case.held_out)
    shares = [
        share_flagged(kind, baseline, spread, healthy_stretches(kind, baseline, readings), faults)
        for baseline, readings in ((case.active, case.old), (case.candidate, recent))
    ]
    before, now = shares[0] == 1.0, shares[1] >= STILL_FLAGGED
    lost = [str(fault) for fault, gone in zip(faults, before & ~now, strict=True) if gone]
    kinds = np.array([fault.kind for fault in faults])
    figures = {
        "faults": len(faults), "flagged_before": int(before.sum()), "flagged_now": int(now.sum()), "lost": lost,
        "by_kind": {
            name: {
                "faults": int((kinds == name).sum()), "before": int(before[kinds == name].sum()),
                "now": int(now[kinds == name].sum()),
            }
            for name in dict.fromkeys(kinds.tolist())
        },
    }  # fmt: skip
    told = f"Of {len(faults)} injected faults the active baseline flags {before.sum()} and the candidate {now.sum()}"
    return Check(INJECTED, not lost, figures, f"{told}{_listed(lost)}.")


def check_past_faults(case: RecalibrationCase) -> Check:
    """Whether the candidate flags the faults that this machine had."""
    missed = [
        fault.began
        for fault in case.past_faults
        if not score(case.asset_type, case.candidate, fault.readings, at_once=True).raised
    ]
    count = len(case.past_faults)
    figures = {"faults": count, "lost_at": missed}
    if not count:
        return Check(PAST, True, figures, "No confirmed anomaly alarm of this asset is stored.")
    told = f"{count - len(missed)} of {count} stored past faults are still flagged."
    return Check(PAST, not missed, figures, told)


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
