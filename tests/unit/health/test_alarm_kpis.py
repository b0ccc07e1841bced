"""Tables of transitions short enough to count by hand; times in seconds."""

import math

import numpy as np
import pandas as pd
import pytest

from smart_sentry.assets import AlarmRules
from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.health.alarm_kpis import (
    AlarmRate,
    acknowledge_time,
    alarm_kpis,
    alarm_rate,
    annunciations,
    chattering,
    floods,
    most_frequent,
    priorities,
    stale,
    transition_table,
)
from smart_sentry.health.alarms import AlarmBook

NORMAL, UNACKNOWLEDGED, ACKNOWLEDGED = AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED
RETURNED = AlarmState.RETURNED_UNACKNOWLEDGED
HOUR = 3600.0
PATHS = {
    AlarmEvent.RAISED: (NORMAL, UNACKNOWLEDGED),
    AlarmEvent.RE_ALARMED: (UNACKNOWLEDGED, UNACKNOWLEDGED),
    AlarmEvent.CLEARED: (UNACKNOWLEDGED, RETURNED),
    AlarmEvent.ACKNOWLEDGED: (UNACKNOWLEDGED, ACKNOWLEDGED),
    AlarmEvent.COMMENTED: (UNACKNOWLEDGED, UNACKNOWLEDGED),
    AlarmEvent.UNSHELVED: (AlarmState.SHELVED, UNACKNOWLEDGED),
    AlarmEvent.SHELVED: (UNACKNOWLEDGED, AlarmState.SHELVED),
}


def step(
    time: float, event: AlarmEvent, asset: str = "pump", occurrence: int = 1, priority: AlarmPriority = AlarmPriority.LOW,
    to_state: AlarmState | None = None,
) -> AlarmTransition:  # fmt: skip
    before, after = PATHS[event]
    return AlarmTransition(
        f"{asset}:anomaly:{occurrence}",
        asset,
        "anomaly",
        before,
        to_state or after,
        event,
        time,
        "ada",
        "",
        priority,
        None,
    )


def raised_at(*times: float, asset: str = "pump") -> pd.DataFrame:
    return transition_table(step(time, AlarmEvent.RAISED, asset) for time in times)


def test_transition_table_is_sorted_by_time_and_has_its_columns_even_when_empty() -> None:
    assert raised_at(5.0, 2.0)["time"].tolist() == [2.0, 5.0]
    assert transition_table([]).columns.tolist() == transition_table([step(0.0, AlarmEvent.RAISED)]).columns.tolist()


def test_annunciations_are_what_calls_an_operator() -> None:
    table = transition_table(step(float(place), event) for place, event in enumerate(PATHS))
    assert annunciations(table)["event"].tolist() == [AlarmEvent.RAISED, AlarmEvent.RE_ALARMED, AlarmEvent.UNSHELVED]


def test_rate_is_the_mean_of_the_span_and_the_busiest_ten_minutes_wherever_they_begin() -> None:
    table = raised_at(0.0, 500.0, 700.0, 1099.0, 1100.0)  # 500..1099 holds three, 1100 is ten minutes after 500
    assert alarm_rate(table, 0.0, 1200.0) == AlarmRate(mean=2.5, peak=3.0)
    assert alarm_rate(table, 0.0, 1200.0, operators=2) == AlarmRate(mean=1.25, peak=1.5)


def test_ten_alarms_in_ten_minutes_are_no_flood_and_eleven_are() -> None:
    assert floods(raised_at(*range(0, 600, 60))).empty
    assert floods(raised_at(*range(0, 600, 60), 600.0)).empty
    assert floods(raised_at(*range(0, 600, 60), 599.0)).to_dict("records") == [
        {"start": 0.0, "end": 599.0, "count": 11}
    ]


def test_flood_lasts_as_long_as_its_windows_touch_and_another_is_counted_apart() -> None:
    first, second = np.arange(0, 1200, 50.0), 9000.0 + np.arange(11)
    table = raised_at(-700.0, *first, 3000.0, *second)
    assert floods(table).to_dict("records") == [
        {"start": 0.0, "end": 1150.0, "count": 24},
        {"start": 9000.0, "end": 9010.0, "count": 11},
    ]
    assert floods(table, operators=2).empty


def test_floods_that_share_an_alarm_are_one() -> None:
    table = raised_at(
        *range(10), 599.0, *range(1100, 1110)
    )  # 0..599 and 599..1109 hold eleven each, nothing between does
    assert floods(table).to_dict("records") == [{"start": 0.0, "end": 1109.0, "count": 21}]


def test_flood_of_many_alarms_counts_across_machines() -> None:
    table = transition_table(step(float(number), AlarmEvent.RAISED, f"pump-{number}") for number in range(11))
    assert floods(table)["count"].tolist() == [11]


def test_three_moves_within_a_minute_are_chattering_of_that_alarm_alone() -> None:
    up, down = AlarmEvent.RAISED, AlarmEvent.CLEARED
    moves = [
        *(step(time, event, "restless") for time, event in [(100, up), (130, down), (140, up), (159, down), (160, up)]),
        *(step(time, event, "slow") for time, event in [(0, up), (30, down), (60, up), (90, down)]),
        *(step(time, AlarmEvent.COMMENTED, "discussed") for time in range(9)),
        step(0, up, "discussed"),
    ]  # fmt: skip
    assert chattering(transition_table(moves)).to_dict("records") == [
        {"asset_id": "restless", "key": "anomaly", "most_per_minute": 4, "start": 100.0}
    ]


def test_alarm_that_stands_over_a_day_is_stale_acknowledged_or_not() -> None:
    table = transition_table(
        [
            step(0.0, AlarmEvent.RAISED, "forgotten"),
            step(HOUR, AlarmEvent.ACKNOWLEDGED, "forgotten"),
            step(2 * HOUR, AlarmEvent.COMMENTED, "forgotten", to_state=ACKNOWLEDGED),
            step(0.0, AlarmEvent.RAISED, "over"),
            step(25 * HOUR, AlarmEvent.CLEARED, "over"),
            step(0.0, AlarmEvent.RAISED, "just not"),
            step(24 * HOUR, AlarmEvent.CLEARED, "just not"),
            step(0.0, AlarmEvent.RAISED, "shelved"),
            step(1 * HOUR, AlarmEvent.SHELVED, "shelved"),
            step(20 * HOUR, AlarmEvent.UNSHELVED, "shelved"),
            step(10 * HOUR, AlarmEvent.RAISED, "young"),
        ]
    )
    assert stale(table, end=30 * HOUR).to_dict("records") == [
        {"asset_id": "forgotten", "key": "anomaly", "start": 0.0, "hours": 30.0, "standing": True},
        {"asset_id": "over", "key": "anomaly", "start": 0.0, "hours": 25.0, "standing": False},
    ]


def test_most_frequent_ranks_alarms_by_their_share_of_all() -> None:
    calls = [step(float(n), AlarmEvent.RAISED, f"pump-{n % 11:02d}") for n in range(22)]
    calls += [step(50.0 + n, AlarmEvent.RAISED, "pump-07") for n in range(3)]
    top = most_frequent(transition_table(calls))
    assert top.iloc[0].to_dict() == {"asset_id": "pump-07", "key": "anomaly", "count": 5, "share": 0.2}
    assert top["count"].tolist() == [5] + [2] * 9
    assert top["share"].sum() == pytest.approx(23 / 25)


def test_priorities_are_all_told_and_shares_add_up() -> None:
    low, high = AlarmPriority.LOW, AlarmPriority.HIGH
    table = transition_table(step(n, AlarmEvent.RAISED, priority=p) for n, p in enumerate([low, low, low, high]))
    assert priorities(table).to_dict("list") == {
        "priority": ["LOW", "MEDIUM", "HIGH", "CRITICAL"],
        "count": [3, 0, 1, 0],
        "share": [0.75, 0.0, 0.25, 0.0],
    }


def test_time_to_acknowledge_runs_from_the_first_call_of_the_occurrence() -> None:
    table = transition_table(
        [
            step(0.0, AlarmEvent.RAISED),
            step(600.0, AlarmEvent.RE_ALARMED),
            step(700.0, AlarmEvent.ACKNOWLEDGED),
            step(1000.0, AlarmEvent.RAISED, occurrence=2),
            step(1100.0, AlarmEvent.ACKNOWLEDGED, occurrence=2),
            step(2000.0, AlarmEvent.RAISED, occurrence=3),
        ]
    )
    waited = acknowledge_time(table)
    assert (waited.mean_seconds, waited.acknowledged, waited.unacknowledged) == (400.0, 2, 1)


def test_kpis_of_nothing_are_zero_and_not_a_failure() -> None:
    kpis = alarm_kpis(transition_table([]), 0.0, 600.0)
    assert (kpis.annunciations, kpis.rate) == (0, AlarmRate(0.0, 0.0))
    assert all(table.empty for table in (kpis.floods, kpis.chattering, kpis.stale, kpis.most_frequent))
    assert kpis.priorities["share"].tolist() == [0.0] * 4
    assert math.isnan(kpis.acknowledge_time.mean_seconds)


def test_kpis_count_what_is_within_the_span_but_know_what_stood_before() -> None:
    table = raised_at(0.0, 30 * HOUR, 40 * HOUR)
    kpis = alarm_kpis(table, start=20 * HOUR, end=40 * HOUR)
    assert (kpis.annunciations, kpis.rate.mean) == (1, pytest.approx(1 / 120))
    assert kpis.stale["hours"].tolist() == [40.0]


@pytest.mark.parametrize(("end", "operators"), [(0.0, 1), (-1.0, 1), (10.0, 0)])
def test_kpis_of_no_time_or_nobody_are_an_error(end: float, operators: int) -> None:
    with pytest.raises(ValueError, match="start < end"):
        alarm_kpis(transition_table([]), 0.0, end, operators)


def test_default_policy_keeps_a_restless_machine_from_chattering() -> None:
    restless = np.tile([2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0], 450)
    quick, default = AlarmRules(off_delay_seconds=0, deadband=0), AlarmRules()
    found = []
    for rules in (quick, default):
        book = AlarmBook(rules)
        slots = np.repeat(book.slots([("pump", "anomaly")]), restless.size)
        found.append(chattering(transition_table(book.observe(slots, np.arange(restless.size, dtype=float), restless))))
    assert (len(found[0]), len(found[1])) == (1, 0)
