import numpy as np
import pytest

from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.event_metrics import AlarmPolicy
from smart_sentry.prognosis.promotion import Decision, PromotionPolicy, ValidationFigures, decide_promotion
from smart_sentry.prognosis.scored_fleet import ScoredFleet

CHAMPION = ValidationFigures(
    validated_on="data 1",
    f1=0.900,
    average_precision=0.970,
    alerted_share=0.98,
    false_alarms_per_1000=0.05,
    lead_time_median_cycles=29,
)
SEED_METHOD = ValidationFigures(validated_on="data 1", f1=0.71, average_precision=0.75, alerted_share=1)


def decide(policy: PromotionPolicy | None = None, **changes: float | str) -> Decision:
    challenger = CHAMPION.model_copy(update=changes)
    return decide_promotion(challenger, CHAMPION, policy or PromotionPolicy(), SEED_METHOD)


def test_challenger_with_a_better_figure_and_equal_events_is_promoted() -> None:
    decision = decide(f1=0.910)
    assert decision.promote
    assert decision.reason == (
        "validation f1 0.9100 against the champion's 0.9000: a gain of +0.0100, no event-level loss"
    )


@pytest.mark.parametrize(("f1", "promoted"), [(0.9, False), (0.9019, False), (0.902, True)])
def test_challenger_needs_the_minimum_gain(f1: float, promoted: bool) -> None:
    decision = decide(f1=f1)
    assert decision.promote is promoted
    assert promoted or "is less than 0.002" in decision.reason


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        ({"alerted_share": 0.96}, "share of assets alerted in time went from 0.98 to 0.96 (tolerance 0.01)"),
        (
            {"false_alarms_per_1000": 0.11},
            "false alarms per 1000 healthy cycles went from 0.05 to 0.11 (tolerance 0.05)",
        ),
        ({"lead_time_median_cycles": 26}, "median lead time in cycles went from 29 to 26 (tolerance 2)"),
    ],
)
def test_challenger_that_loses_an_event_figure_stays_out_and_is_told_which(loss: dict[str, float], reason: str) -> None:
    decision = decide(f1=0.95, **loss)
    assert not decision.promote
    assert reason in decision.reason


@pytest.mark.parametrize(
    "within", [{"alerted_share": 0.97}, {"false_alarms_per_1000": 0.10}, {"lead_time_median_cycles": 27}]
)
def test_challenger_within_the_tolerance_of_an_event_figure_is_promoted(within: dict[str, float]) -> None:
    assert decide(f1=0.95, **within).promote


def test_challenger_judged_by_average_precision_does_not_win_by_f1() -> None:
    policy = PromotionPolicy(figure="average_precision")
    assert not decide(policy, f1=0.95).promote
    assert decide(policy, average_precision=0.98).promote


def test_first_model_that_beats_the_seed_method_is_promoted_whatever_the_seed_methods_events() -> None:
    first = CHAMPION.model_copy(update={"alerted_share": 0.9})
    decision = decide_promotion(first, None, PromotionPolicy(), SEED_METHOD)
    assert decision == Decision(True, "validation f1 0.9000 against the baseline's 0.7100: a gain of +0.1900")


def test_first_model_that_does_not_beat_the_seed_method_is_not_promoted() -> None:
    assert not decide_promotion(SEED_METHOD, None, PromotionPolicy(), SEED_METHOD).promote


def test_challenger_validated_on_other_data_is_not_compared() -> None:
    decision = decide(f1=0.99, validated_on="data 2")
    assert not decision.promote
    assert "the challenger was validated on data 2, the champion on data 1" in decision.reason


def test_figures_without_event_value_are_not_held_against_a_challenger() -> None:
    challenger = CHAMPION.model_copy(update={"f1": 0.95, "alerted_share": None})
    assert decide_promotion(challenger, CHAMPION, PromotionPolicy(), SEED_METHOD).promote


def test_validation_figures_from_a_report_are_those_that_decide() -> None:
    """One engine seen from RUL 59 to 0, the threshold reached from RUL 33 on: 31 hits, 3 misses, alarm from 32 on."""
    rul = np.arange(59, -1, -1)
    fleet = ScoredFleet.of(np.ones(60), np.arange(1, 61), rul, np.where(rul <= 33, 0.9, 0.1))
    report = evaluate(fleet, 0.5, dataset="motor", split="cross-validation", policy=AlarmPolicy())
    figures = ValidationFigures.from_report(report, validated_on="data 1")
    assert figures == ValidationFigures(
        validated_on="data 1",
        f1=62 / 65,
        average_precision=31 / 34,
        alerted_share=1,
        false_alarms_per_1000=0,
        lead_time_median_cycles=32,
    )
