"""What reports read, on both databases: histories as columns, and alarms as they stood at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from stored_rows import add_judged, some_assessments, some_readings

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.stores import alarm_log
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.store import Store

START = 1000.0


@pytest.fixture
def filled(store: Store) -> Store:
    """Ten readings of pump, the last three with another list of signals; one of another asset."""
    with store.transaction(assets=["pump", "fan"]) as batch:
        add_judged(batch, "pump", range(7))
        later = [some_readings("pump", numbers, signals=("speed", "heat")) for numbers in (range(7, 9), [9])]
        batch.readings.append(later[0], some_assessments("pump", range(7, 9)))
        batch.readings.append(later[1])
        batch.readings.add(some_readings("fan", [50]))
    return store


def step(number: int, before: AlarmState, after: AlarmState, event: AlarmEvent, time: float) -> AlarmTransition:
    author = "Ada" if event == AlarmEvent.ACKNOWLEDGED else "system"
    return AlarmTransition(
        f"pump:anomaly:{number}",
        "pump",
        "anomaly",
        before,
        after,
        event,
        time,
        author,
        f"at {time:g}",
        AlarmPriority.HIGH,
        2.0,
    )


STEPS = [
    step(1, AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, 10.0),
    step(1, AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmEvent.ACKNOWLEDGED, 20.0),
    step(1, AlarmState.ACKNOWLEDGED, AlarmState.NORMAL, AlarmEvent.CLEARED, 30.0),
    step(2, AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, 40.0),
]


@pytest.fixture
def alarming(store: Store) -> Store:
    """An alarm that was raised, acknowledged and cleared, and one that stands."""
    with store.transaction(assets=["pump"]) as batch:
        for moved in STEPS:
            state = alarm_log.AlarmState(
                moved.alarm_id, "pump", "anomaly", "HIGH", moved.to_state.value, moved.time, moved.reason
            )
            batch.alarms.record([state], [moved])
    return store


def test_readings_come_as_columns_of_all_their_signals(filled: Store) -> None:
    with filled.view() as view:
        found = view.reports.read("pump", START + 6, START + 8)
    assert found.seconds.tolist() == [1006.0, 1007.0, 1008.0]
    columns = dict(zip(found.signals, found.values.T.tolist(), strict=True))
    assert columns["speed"] == [61.0, 70.0, 80.0]
    assert columns["current"][0] == 60.0
    assert math.isnan(columns["current"][1])
    assert columns["heat"][1:] == [71.0, 81.0]


def test_assessments_come_as_columns_and_reasons_of_what_was_flagged(filled: Store) -> None:
    with filled.view() as view:
        found = view.reports.judged("pump", START, START + 3)
        counted = view.reports.judged_count("pump", START, START + 3)
    assert found.seconds.tolist() == [1000.0, 1001.0, 1002.0, 1003.0]
    assert found.flag.tolist() == [False, False, True, True]
    np.testing.assert_array_equal(found.score, [np.nan, 1, 2, 3])
    assert (found.votes, found.reasons) == ((1, 1), ("too hot", "too hot"))
    assert counted == (3, 2)  # the first has no score


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_raw_rows_come_once_each_with_what_was_said_of_them(filled: Store, at_once: int) -> None:
    with filled.view() as view:
        signals = view.reports.signals("pump", START, START + 9)
        rows = list(view.reports.raw("pump", START, START + 9, signals, at_once))
    assert set(signals) == {"current", "speed", "heat"}
    assert [row[0] for row in rows] == [START + number for number in range(10)]
    speed, current = (1 + signals.index(name) for name in ("speed", "current"))
    assert [row[speed] for row in rows] == [1, 11, 21, 31, 41, 51, 61, 70, 80, 90]
    assert [row[current] is None for row in rows] == [False] * 7 + [True] * 3
    assert rows[0][-5:] == ("STEADY", None, False, 0, None)  # nothing had judged the machine yet
    assert rows[1][-4:] == (1.0, False, 0, 90.0)
    assert rows[2][-4:] == (2.0, True, 1, 90.0)
    assert rows[9][-5:] == (None,) * 5


def test_readings_of_one_time_are_all_told(store: Store) -> None:
    with store.transaction() as batch:
        for number in range(5):
            rows = some_readings("pump", [number], start=START - number)
            batch.readings.add(rows)
    with store.view() as view:
        rows = list(view.reports.raw("pump", START, START, ("current",), at_once=2))
    assert [row[1] for row in rows] == [0.0, 10.0, 20.0, 30.0, 40.0]


def test_times_of_the_newest_and_oldest_rows(filled: Store) -> None:
    with filled.transaction() as batch:
        batch.audit.add(AuditEntry(3000.0, "Ada", "maintenance", "pump", {}))
        batch.states.begin([AssetState("pump", "IDLE", "pump", 10.0)])
    with filled.view() as view:
        assert view.reports.newest("pump") == 3000.0
        assert view.reports.newest("nobody") is None
        assert view.reports.newest_of(["fan", "nobody"]) == 1050.0
        assert view.reports.newest_reading("pump", 1004.5) == 1004.0
        assert view.reports.oldest("pump", 2000.0) == 1000.0
        assert view.reports.time_of_last("pump", 3, 2000.0) == 1007.0
        assert view.reports.time_of_last("pump", 11, 2000.0) is None
        assert view.reports.count("pump", 1004.0) == 5


def test_health_is_that_of_the_newest_assessment_up_to_a_time_from_the_first_score_on(filled: Store) -> None:
    with filled.view() as view:
        found = view.reports.health_at("pump", [999.0, 1000.0, 1000.9, 1001.0, 5000.0])
        never = view.reports.health_at("fan", [5000.0])
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, 90.0, 90.0])
    assert np.isnan(never).all()


def test_health_stays_known_while_a_machine_that_was_judged_has_no_score(store: Store) -> None:
    with store.transaction() as batch:
        add_judged(batch, "pump", [1])
        add_judged(batch, "pump", [0], start=START + 2)
    with store.view() as view:
        found = view.reports.health_at("pump", [START + 2])
    assert found.tolist() == [90.0]


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (5.0, []), (10.0, [(1, "UNACKNOWLEDGED", 10.0)]), (25.0, [(1, "ACKNOWLEDGED", 20.0)]), (35.0, []),
        (40.0, [(2, "UNACKNOWLEDGED", 40.0)]), (math.inf, [(2, "UNACKNOWLEDGED", 40.0)]),
    ],
)  # fmt: skip
def test_alarms_stand_as_they_stood(alarming: Store, until: float, expected: list[tuple[int, str, float]]) -> None:
    with alarming.view() as view:
        found = view.reports.open_alarms("pump", until)
    assert [(int(one.alarm_id[-1]), one.state, one.since) for one in found] == expected


def test_an_alarms_life_is_told_in_one_row(alarming: Store) -> None:
    with alarming.view() as view:
        lives = list(view.reports.alarm_lives("pump", 100.0))
        early = list(view.reports.alarm_lives("pump", 15.0))
    assert [(life.raised, life.acknowledged, life.by, life.calls) for life in lives] == [
        (10.0, 20.0, "Ada", 1), (40.0, None, None, 1),
    ]  # fmt: skip
    assert [(life.last.to_state, life.acknowledged) for life in early] == [("UNACKNOWLEDGED", None)]


@pytest.mark.parametrize(
    ("start", "until", "expected"),
    [
        (0.0, 100.0, [(10.0, 30.0), (40.0, 100.0)]), (15.0, 25.0, [(15.0, 25.0)]), (12.0, 18.0, [(12.0, 18.0)]),
        (50.0, 60.0, [(50.0, 60.0)]), (31.0, 39.0, []),
    ],
)  # fmt: skip
def test_spans_are_those_in_which_an_alarm_stood(
    alarming: Store, start: float, until: float, expected: list[tuple[float, float]]
) -> None:
    with alarming.view() as view:
        found = view.reports.alarm_spans("pump", start, until)
    assert [(begin, end) for _, begin, end in found] == expected


def test_an_alarm_that_calls_again_stands_since_it_rose_at_any_time_that_is_asked_for(store: Store) -> None:
    unread = AlarmState.UNACKNOWLEDGED
    raised = step(1, AlarmState.NORMAL, unread, AlarmEvent.RAISED, 40.0)
    calls = [step(1, unread, unread, AlarmEvent.RE_ALARMED, time) for time in (100.0, 160.0)]
    since = {"stands_since": 40.0}
    last = alarm_log.AlarmState("pump:anomaly:1", "pump", "anomaly", "HIGH", unread.value, 160.0, "", since)
    with store.transaction(assets=["pump"]) as batch:
        batch.alarms.record([last], [raised, *calls])
    with store.view() as view:
        (now,), (then,) = view.reports.open_alarms("pump", math.inf), view.reports.open_alarms("pump", 120.0)
    assert (now.since, now.stands_since) == (160.0, 40.0)
    assert (then.since, then.stands_since) == (100.0, 40.0)
