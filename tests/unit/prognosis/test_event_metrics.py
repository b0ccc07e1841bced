"""The fleet of these tests, with the default policy (2 of 3, horizon 30, alert by 20, early up to 50):

engine 1, RUL 60..0: threshold reached at 58, 57 and from 33 on -> alarm at 57, 56 (false) and from 32 on
engine 2, RUL 40..15: reached from 19 on -> alarm from 18 on, too late
engine 3, RUL 90..25: never reached, and no alert was due
engine 4, RUL 35..10: never reached, though an alert was due
engine 5, RUL 12..0: reached throughout, but it was first seen too late for an alert in time
"""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from smart_sentry.prognosis.event_metrics import AlarmPolicy, asset_outcomes, persistent_alarm
from smart_sentry.prognosis.scored_fleet import ScoredFleet

ENGINES = {
    1: (60, 0, {58, 57, *range(34)}),
    2: (40, 15, set(range(20))),
    3: (90, 25, set()),
    4: (35, 10, set()),
    5: (12, 0, set(range(13))),
}


def fleet_of(engines: dict[int, tuple[int, int, set[int]]]) -> ScoredFleet:
    rows = [
        (asset, first - rul + 1, rul, 0.9 if rul in reached else 0.1)
        for asset, (first, last, reached) in engines.items()
        for rul in range(first, last - 1, -1)
    ]
    return ScoredFleet.of(*np.array(rows).T)


OUTCOMES = asset_outcomes(fleet_of(ENGINES), threshold=0.5, policy=AlarmPolicy())
ONCE = np.ones(5)


def test_persistent_alarm_with_one_of_one_is_the_threshold_itself() -> None:
    reached = np.array([True, False, True])
    assert persistent_alarm(np.array([1, 1, 1]), reached, 1, 1).tolist() == reached.tolist()


def test_persistent_alarm_with_three_of_five_counts_the_last_five_rows_only() -> None:
    reached = np.array([1, 1, 0, 0, 1, 0, 0, 0, 1], dtype=bool)
    alarm = persistent_alarm(np.zeros(9, dtype=np.int64), reached, 3, 5)
    assert np.flatnonzero(alarm).tolist() == [4]


def test_persistent_alarm_at_the_border_of_two_assets_does_not_look_across() -> None:
    asset, reached = np.array([1, 1, 2, 2]), np.array([False, True, True, False])
    assert not persistent_alarm(asset, reached, 2, 3).any()


def test_assets_due_are_those_seen_before_and_at_the_alert_limit() -> None:
    assert OUTCOMES.due.tolist() == [True, True, False, True, False]


def test_alerted_share_counts_only_an_alarm_at_or_before_the_alert_limit() -> None:
    assert OUTCOMES.alerted.tolist() == [True, False, False, False, False]
    assert OUTCOMES.alerted_share(ONCE) == pytest.approx(1 / 3)


def test_alert_that_stands_exactly_at_the_limit_is_in_time() -> None:
    outcomes = asset_outcomes(fleet_of({1: (40, 0, {21, 20})}), 0.5, AlarmPolicy())
    assert outcomes.alerted.tolist() == [True]


def test_alarm_that_came_and_went_in_the_healthy_zone_alerts_nobody() -> None:
    outcomes = asset_outcomes(fleet_of({1: (90, 0, {80, 79, 78})}), 0.5, AlarmPolicy())
    assert outcomes.alerted.tolist() == [False]
    assert outcomes.lead_time_cycles.tolist() == [0]
    assert outcomes.false_episodes.tolist() == [1]


def test_alarm_that_stands_from_the_healthy_zone_to_the_failure_alerts_and_is_false_at_its_start() -> None:
    outcomes = asset_outcomes(fleet_of({1: (90, 0, set(range(80)))}), 0.5, AlarmPolicy())
    assert outcomes.alerted.tolist() == [True]
    assert outcomes.lead_time_cycles.tolist() == [78]
    assert outcomes.false_episodes.tolist() == [1]


def test_lead_time_runs_from_the_first_alarm_row_of_the_last_episode() -> None:
    assert OUTCOMES.lead_time_cycles[[0, 1, 3]].tolist() == [32, 18, 0]
    assert np.isnan(OUTCOMES.lead_time_cycles[[2, 4]]).all()
    assert OUTCOMES.lead_time(ONCE, 0.5) == 18
    assert OUTCOMES.lead_time(ONCE, 0.1) == 0


def test_lead_time_with_an_engine_drawn_three_times_counts_it_three_times() -> None:
    assert OUTCOMES.lead_time(np.array([3.0, 1, 0, 1, 0]), 0.5) == 32


def test_detection_delay_counts_from_the_horizon_and_is_a_lower_bound_where_no_alarm_came() -> None:
    assert OUTCOMES.detection_delay_cycles[[0, 1, 3]].tolist() == [0, 12, 21]
    assert OUTCOMES.detected.tolist() == [True, True, False, False, True]
    assert OUTCOMES.detection_delay(ONCE, 0.5) == 12


def test_false_alarms_count_episodes_that_start_beyond_the_early_zone() -> None:
    assert OUTCOMES.false_episodes.tolist() == [1, 0, 0, 0, 0]
    assert OUTCOMES.healthy_cycles.tolist() == [10, 0, 40, 0, 0]
    assert OUTCOMES.false_alarms_per_1000(ONCE) == pytest.approx(1000 * 1 / 50)


def test_strict_false_alarms_count_the_early_episodes_too() -> None:
    assert OUTCOMES.strict_false_episodes.tolist() == [2, 0, 0, 0, 0]
    assert OUTCOMES.strict_healthy_cycles.tolist() == [30, 10, 60, 5, 0]
    assert OUTCOMES.strict_false_alarms_per_1000(ONCE) == pytest.approx(1000 * 2 / 105)


def test_alarm_in_the_first_row_of_an_asset_is_the_start_of_an_episode() -> None:
    """The alarm of engine 1 stands in its last row: engine 2's is a new one all the same."""
    engines = {1: (70, 60, {60}), 2: (70, 60, {70})}
    outcomes = asset_outcomes(fleet_of(engines), 0.5, AlarmPolicy(needed=1, window=1))
    assert outcomes.false_episodes.tolist() == [1, 1]


def test_figures_of_a_fleet_without_due_assets_have_no_value() -> None:
    outcomes = asset_outcomes(fleet_of({3: ENGINES[3]}), 0.5, AlarmPolicy())
    assert math.isnan(outcomes.alerted_share(np.ones(1)))
    assert math.isnan(outcomes.lead_time(np.ones(1), 0.5))
    assert outcomes.false_alarms_per_1000(np.ones(1)) == 0


@pytest.mark.parametrize("wrong", [{"needed": 4, "window": 3}, {"alert_cycles": 31}, {"neded": 2}])
def test_alarm_policy_that_contradicts_itself_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=r"needed|alert_cycles|neded"):
        AlarmPolicy(**wrong)
