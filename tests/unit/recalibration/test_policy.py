"""Who decides on a candidate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.drift.case import Verdict
from smart_sentry.recalibration.case import Check
from smart_sentry.recalibration.flags import flag_share
from smart_sentry.recalibration.policy import Action, NewestFinding, decide, needs_override
from smart_sentry.recalibration.shadow import Shadow
from smart_sentry.recalibration.watching import Watched, objections, rows_of_steps

GOOD = (Check("acceptance", True, {}, "Good."),)
CALM = Shadow(400, 0, 300, 0, 0.25, (5.0,), (), 3.0, 0.5)
LEARNT_UNTIL = 100_000.0
BENIGN = NewestFinding(Verdict.BENIGN, True, True, LEARNT_UNTIL)


def test_sound_candidate_after_a_benign_change_is_promoted() -> None:
    assert decide(BENIGN, GOOD, CALM, LEARNT_UNTIL).action is Action.PROMOTE
    after_maintenance = replace(BENIGN, verdict=Verdict.STEP_AFTER_MAINTENANCE)
    unmoved = replace(BENIGN, verdict=Verdict.NONE, may_recalibrate=False)
    for finding in (after_maintenance, unmoved):
        assert decide(finding, GOOD, CALM, LEARNT_UNTIL).action is Action.PROMOTE


def test_finding_that_ends_a_round_of_monitoring_before_the_training_does_is_fresh_enough() -> None:
    behind = replace(BENIGN, recent_end=LEARNT_UNTIL - 6 * 3600.0)
    assert decide(behind, GOOD, CALM, LEARNT_UNTIL).action is Action.PROMOTE
    assert decide(BENIGN, GOOD, CALM, math.inf).action is Action.ASK


@pytest.mark.parametrize("verdict", [Verdict.DEGRADATION, Verdict.SENSOR_FAULT, Verdict.UNKNOWN])
def test_nothing_is_promoted_by_itself_under_these_verdicts(verdict: Verdict) -> None:
    for may in (True, False):
        decision = decide(replace(BENIGN, verdict=verdict, may_recalibrate=may), GOOD, CALM, LEARNT_UNTIL)
        assert decision.action is Action.ASK
        assert verdict.value in decision.sentences[0]


def test_only_a_degradation_needs_an_override() -> None:
    assert [one for one in Verdict if needs_override(replace(BENIGN, verdict=one))] == [Verdict.DEGRADATION]
    assert not needs_override(None)


def test_failed_check_refuses_whatever_the_finding_says() -> None:
    decision = decide(BENIGN, (*GOOD, Check("past faults", False, {}, "One is lost.")), CALM, LEARNT_UNTIL)
    assert (decision.action, decision.sentences) == (Action.REFUSE, ("One is lost.",))
    assert decide(BENIGN, (), CALM, LEARNT_UNTIL).action is Action.REFUSE


@pytest.mark.parametrize(
    ("finding", "checks", "shadow"),
    [
        (None, GOOD, CALM),
        (replace(BENIGN, current=False), GOOD, CALM),
        (replace(BENIGN, may_recalibrate=False), GOOD, CALM),
        (replace(BENIGN, recent_end=LEARNT_UNTIL - 21_601.0), GOOD, CALM),
        (replace(BENIGN, passed_over=True), GOOD, CALM),
        (BENIGN, (Check("cumulative move", None, {}, "Far."),), CALM),
        (BENIGN, GOOD, replace(CALM, steps=49)),
        (BENIGN, GOOD, replace(CALM, only_active=2, only_candidate=30, alarms_candidate=(7.0,))),
    ],
    ids=[
        "no finding", "about another baseline", "not allowed", "older than the training", "passed over since",
        "check undecided", "short shadow", "new alarms",
    ],
)  # fmt: skip
def test_doubt_puts_it_before_a_person(
    finding: NewestFinding | None, checks: tuple[Check, ...], shadow: Shadow
) -> None:
    assert decide(finding, checks, shadow, LEARNT_UNTIL).action is Action.ASK


def test_settings_may_ask_for_a_person_always() -> None:
    assert decide(BENIGN, GOOD, CALM, LEARNT_UNTIL, "person").action is Action.ASK


def watched(flags: int, steps: int = 1000, growth: float = 0.0) -> Watched:
    return Watched(np.arange(steps) % (steps // max(flags, 1)) == 1 if flags else np.zeros(steps, dtype=bool),
                   np.linspace(0.1, 0.1 + growth, steps), ())  # fmt: skip


def test_promoted_baseline_is_kept_where_flags_are_within_budget() -> None:
    assert objections(watched(0), 0.002) == []
    assert objections(watched(10), 0.002) == []  # 1 %: five times the budget is not surely exceeded


def test_promoted_baseline_is_taken_back_for_flags_damage_or_an_urgent_alarm() -> None:
    assert "flagged" in objections(watched(40), 0.002)[0]
    assert "degradation index grew by 0.06" in objections(watched(0, growth=0.06), 0.002)[0]
    raised = AlarmTransition(
        "a:1", "a", "anomaly", AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, 1.0, "system", "",
        AlarmPriority.HIGH, 3.0,
    )  # fmt: skip
    assert "priority HIGH" in objections(replace(watched(0), alarms=(raised,)), 0.002)[0]
    low = replace(raised, priority=AlarmPriority.LOW)
    assert objections(replace(watched(0), alarms=(low,)), 0.002) == []
    unshelved = replace(raised, from_state=AlarmState.SHELVED, event=AlarmEvent.SHELF_EXPIRED)
    assert "priority HIGH" in objections(replace(watched(0), alarms=(unshelved,)), 0.002)[0]
    reminded = replace(raised, from_state=AlarmState.UNACKNOWLEDGED, event=AlarmEvent.RE_ALARMED)
    assert objections(replace(watched(0), alarms=(reminded,)), 0.002) == []


def test_few_steps_say_nothing_about_the_share_of_flags() -> None:
    assert objections(Watched(np.ones(49, dtype=bool), np.zeros(49), ()), 0.002) == []
    assert objections(Watched(np.ones(50, dtype=bool), np.zeros(50), ()), 0.002) != []


@pytest.mark.parametrize(
    ("judged", "step_readings", "expected"),
    [
        ("1101", 1, [0, 1, 3]),
        ("1111111", 3, [2, 5]),  # the first steps end at 0, 1 or 2, and at 3, 4 or 5
        ("0111111100", 3, [1, 4, 7]),  # the last one was cut off
        ("11001101111", 3, [4, 7, 10]),
        ("000", 3, []),
        ("", 3, []),
    ],
)
def test_one_reading_of_each_step_is_found_however_long_it_was_carried(
    judged: str, step_readings: int, expected: list[int]
) -> None:
    assert rows_of_steps(np.array([one == "1" for one in judged], dtype=bool), step_readings).tolist() == expected


def test_run_of_flags_is_one_event() -> None:
    """Ten flags in a row are one event in a hundred independent stretches of ten; ten apart are ten in a thousand."""
    together, apart = np.zeros((2, 1000), dtype=bool)
    together[100:110] = True
    apart[::100] = True
    assert flag_share(together).share == flag_share(apart).share == 0.01
    assert flag_share(together).low == pytest.approx(0.000253, abs=1e-6)  # Clopper and Pearson: 1 of 100
    assert flag_share(apart).low == pytest.approx(0.004805, abs=1e-6)  # 10 of 1000
    assert flag_share(np.zeros(0, dtype=bool)).high == 1.0
