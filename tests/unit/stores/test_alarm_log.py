"""Alarms and their transitions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from smart_sentry.contracts import alarms as words
from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmTransition
from smart_sentry.stores.alarm_log import AlarmState
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.notes import Note
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store

RAISED = AlarmState("pump/anomaly", "pump", "anomaly", "HIGH", "UNACKNOWLEDGED", 10.0, "too hot", {"count": 1})
RAISING = AlarmTransition(
    "pump/anomaly", "pump", "anomaly", words.AlarmState.NORMAL, words.AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, 10.0,
    "system", "score above 1", AlarmPriority.HIGH, 3.5,
)  # fmt: skip
SHELVING = replace(
    RAISING, from_state=words.AlarmState.UNACKNOWLEDGED, to_state=words.AlarmState.SHELVED, event=AlarmEvent.SHELVED, time=20.0,
    author="ann", reason="sensor is being changed", score=None,
)  # fmt: skip


def test_alarm_stands_where_the_last_record_put_it_and_its_transitions_are_all_kept(store: Store) -> None:
    with store.transaction() as batch:
        batch.alarms.record([RAISED], [RAISING])
    shelved = replace(RAISED, state="SHELVED", since=20.0, details={"until": 99.5})
    with store.transaction() as batch:
        batch.alarms.record([shelved], [SHELVING])
    with store.view() as view:
        assert view.alarms.find("pump/anomaly") == shelved
        assert view.alarms.transitions() == [RAISING, SHELVING]
        assert view.alarms.transitions(Span(newest_first=True, limit=1)) == [SHELVING]


def test_transitions_after_a_number_are_those_that_were_stored_since(store: Store) -> None:
    with store.transaction() as batch:
        assert batch.alarms.last_number() == 0
        batch.alarms.record([RAISED], [RAISING])
        before = batch.alarms.last_number()
        batch.alarms.record([], [replace(SHELVING, time=5.0)])  # stored later, though of an earlier time
    with store.view() as view:
        assert view.alarms.transitions(after=before) == [replace(SHELVING, time=5.0)]
        assert view.alarms.transitions(after=before + 1) == []


def test_transition_comes_back_in_the_words_it_was_told_in(store: Store) -> None:
    with store.transaction() as batch:
        batch.alarms.record([RAISED], [RAISING])
    with store.view() as view:
        (found,) = view.alarms.transitions()
    assert (type(found.to_state), type(found.event), type(found.priority)) == (
        words.AlarmState, AlarmEvent, AlarmPriority,
    )  # fmt: skip


def test_what_led_to_standing_alarms_is_found_behind_the_start_and_what_is_over_is_not(store: Store) -> None:
    over = replace(RAISED, alarm_id="pump/over", state="NORMAL", since=12.0)
    ended = [
        replace(RAISING, alarm_id="pump/over"),
        replace(RAISING, alarm_id="pump/over", to_state=words.AlarmState.NORMAL, event=AlarmEvent.CLEARED, time=12.0),
    ]
    fan = replace(RAISED, alarm_id="fan/anomaly", asset_id="fan", since=30.0)
    later = replace(RAISING, alarm_id="fan/anomaly", asset_id="fan", time=30.0)
    with store.transaction() as batch:
        batch.alarms.record([RAISED, over, fan], [RAISING, *ended, later])
    with store.view() as view:
        assert view.alarms.transitions_behind(15.0, 40.0) == [RAISING, later]
        assert view.alarms.transitions_behind(15.0, 30.0) == [RAISING]
        assert view.alarms.transitions_behind(15.0, 40.0, "fan") == [later]
        assert view.alarms.transitions_behind(12.0, 30.0) == [RAISING, *ended]


def test_alarms_are_found_by_asset_and_state(store: Store) -> None:
    other = replace(RAISED, alarm_id="fan/anomaly", asset_id="fan", state="ACKNOWLEDGED", since=5.0)
    moved = replace(RAISING, alarm_id="fan/anomaly", asset_id="fan", time=5.0)
    with store.transaction() as batch:
        batch.alarms.record([RAISED, other], [RAISING, moved])
    with store.view() as view:
        assert view.alarms.current() == [other, RAISED]
        assert view.alarms.current("pump") == [RAISED]
        assert view.alarms.current(states=["ACKNOWLEDGED"]) == [other]
        assert view.alarms.transitions(asset_id="fan") == [moved]
        assert view.alarms.transitions(alarm_id="pump/anomaly") == [RAISING]
        assert view.alarms.find("nothing") is None


def test_newest_occurrence_stands_for_its_alarm_unless_every_one_is_asked_for(store: Store) -> None:
    def occurrence(number: int, asset: str, kind: str, state: str = "NORMAL") -> AlarmState:
        return replace(
            RAISED, alarm_id=f"{asset}/{kind}/{number}", asset_id=asset, kind=kind, state=state, since=float(number)
        )

    first, second = occurrence(1, "pump", "anomaly", "SHELVED"), occurrence(2, "pump", "anomaly")
    third, sensor = occurrence(3, "pump", "anomaly"), occurrence(4, "pump", "sensor:flow", "UNACKNOWLEDGED")
    fan = occurrence(5, "fan", "anomaly")
    with store.transaction() as batch:
        batch.alarms.record([fan, third, first, sensor, second], [])
    with store.view() as view:
        assert view.alarms.newest(10) == [fan, sensor, third]
        assert view.alarms.newest(10, asset_id="pump") == [sensor, third]
        assert view.alarms.newest(1, asset_id="pump") == [sensor]
        assert view.alarms.newest(10, open_only=True) == [sensor, first]  # none that is open is hidden by a later one
        assert view.alarms.newest(10, asset_id="pump", every=True) == [sensor, third, second, first]
        assert view.alarms.newest(2, every=True) == [fan, sensor]


def test_several_states_of_one_alarm_in_a_record_leave_the_last(store: Store) -> None:
    with store.transaction() as batch:
        batch.alarms.record([RAISED, replace(RAISED, state="NORMAL")], [])
    with store.view() as view:
        assert [alarm.state for alarm in view.alarms.current()] == ["NORMAL"]


def test_transition_of_an_alarm_that_nobody_knows_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), store.transaction() as batch:
        batch.alarms.record([], [RAISING])
    with store.view() as view:
        assert view.alarms.transitions() == []


@pytest.mark.parametrize("table", ["alarm_transitions", "audit_log", "baselines", "operator_notes"])
def test_log_cannot_be_rewritten_even_by_sql(store: Store, table: str) -> None:
    with store.transaction() as batch:
        batch.alarms.record([RAISED], [RAISING])
        batch.audit.add(AuditEntry(1.0, "ann", "purge", None, {}))
        batch.notes.add(Note("pump", "observation", "ann", 1.0, "hums"))
        batch.baselines.activate(ActiveBaseline("pump", "v1", 1.0, "ann"))
    with store._engine.connect().execution_options(writes=True) as connection:  # noqa: SIM117
        with pytest.raises(DBAPIError, match=f"{table} is append-only"):
            connection.execute(text(f"UPDATE {table} SET time = 0"))
