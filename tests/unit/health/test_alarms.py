"""The pump's alarm "anomaly", judged at once, unless a test says otherwise; times in seconds, a step a second."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smart_sentry.assets import AlarmRules, AssetType
from smart_sentry.contracts.alarms import SYSTEM, AlarmAction, AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.errors import ActionRefused
from smart_sentry.health.alarms import AlarmBook
from smart_sentry.phases import PHASES
from smart_sentry.prognosis.event_metrics import persistent_alarm

PUMP = ("pump-1", "anomaly")
NAN = float("nan")
AT_ONCE = AlarmRules(needed=1, window=1, deadband=0, off_delay_seconds=0, re_alarm_minutes=None)


def book_of(**rules: object) -> AlarmBook:
    book = AlarmBook(AT_ONCE.model_copy(update=rules))
    book.slots([PUMP])
    return book


def observe(
    book: AlarmBook, first: float, *scores: float, phase: str = "STEADY", maintenance: bool = False
) -> list[AlarmTransition]:
    rows = len(scores)
    return book.observe(
        np.zeros(rows, dtype=np.int64), first + np.arange(rows), np.array(scores), None,
        np.full(rows, PHASES.index(phase)), np.full(rows, maintenance),
    )  # fmt: skip


def path(transitions: list[AlarmTransition]) -> list[tuple[float, str, str]]:
    return [(t.time, t.event.value, t.to_state.value) for t in transitions]


def state(book: AlarmBook) -> AlarmState:
    status = book.status(*PUMP)
    assert status is not None
    return status.state


def test_alarm_through_its_ordinary_life_records_every_step() -> None:
    book = book_of()
    risen = observe(book, 0, 0.5, 2.0)
    assert risen == [
        AlarmTransition(
            "pump-1:anomaly:1", "pump-1", "anomaly", AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, 1.0, SYSTEM,
            "score 2 times its limit", AlarmPriority.MEDIUM, 2.0,
        )
    ]  # fmt: skip
    seen = book.acknowledge(*PUMP, "ada", 5.0, "going there")
    assert (seen.to_state, seen.author, seen.reason, seen.time) == (AlarmState.ACKNOWLEDGED, "ada", "going there", 5.0)
    assert path(observe(book, 10, 2.0, 0.2)) == [(11.0, "CLEARED", "NORMAL")]
    assert observe(book, 12, 3.0)[0].alarm_id == "pump-1:anomaly:2"


def test_alarms_of_one_key_have_the_numbers_that_their_names_have() -> None:
    book = AlarmBook(AT_ONCE)
    assert book.slots([("a", "sensor:t"), ("b", "anomaly")]).tolist() == [0, 1]
    assert book.slots_of_key(["c", "b", "a", "c"], "anomaly").tolist() == [2, 1, 3, 2]
    assert book.slots([("a", "anomaly"), ("c", "anomaly"), ("a", "sensor:t")]).tolist() == [3, 2, 0]
    again = AlarmBook(AT_ONCE)
    again.restore(book.snapshot())
    assert again.slots_of_key(["a", "b", "c"], "anomaly").tolist() == [3, 1, 2]


def test_alarm_that_returns_before_anybody_saw_it_waits_for_its_acknowledgement() -> None:
    book = book_of()
    assert path(observe(book, 0, 2.0, 0.0, 2.0, 0.0)) == [
        (0.0, "RAISED", "UNACKNOWLEDGED"),
        (1.0, "CLEARED", "RETURNED_UNACKNOWLEDGED"),
        (2.0, "RAISED", "UNACKNOWLEDGED"),
        (3.0, "CLEARED", "RETURNED_UNACKNOWLEDGED"),
    ]
    seen = book.acknowledge(*PUMP, "ada", 9.0)
    assert (seen.alarm_id, seen.to_state) == ("pump-1:anomaly:1", AlarmState.NORMAL)


def test_k_of_n_raises_at_the_kth_and_clears_when_the_window_lets_go() -> None:
    book = book_of(needed=2, window=3)
    assert path(observe(book, 0, 2, 0, 0, 2, 0, 2, 2, 0, 0)) == [
        (5.0, "RAISED", "UNACKNOWLEDGED"),
        (8.0, "CLEARED", "RETURNED_UNACKNOWLEDGED"),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60),
    st.integers(1, 6).flatmap(lambda window: st.tuples(st.integers(1, window), st.just(window))),
)
def test_k_of_n_agrees_with_the_evaluation_of_failure_models(
    rows: list[tuple[int, bool]], k_of_n: tuple[int, int]
) -> None:
    needed, window = k_of_n
    rows = sorted(rows, key=lambda row: row[0])
    asset, reached = np.array([r[0] for r in rows], dtype=np.int64), np.array([r[1] for r in rows], dtype=np.bool_)
    expected = persistent_alarm(asset, reached, needed, window) if rows else reached
    book = AlarmBook(AT_ONCE.model_copy(update={"needed": needed, "window": window}))
    slots = book.slots([(f"a{number}", "anomaly") for number in range(3)])
    for row, stands in enumerate(expected):
        book.observe(slots[asset[row : row + 1]], np.array([float(row)]), np.array([2.0 * reached[row]]))
        assert book.statuses()[asset[row]].active == stands


def test_deadband_holds_a_standing_alarm_but_raises_none() -> None:
    book = book_of(deadband=0.1)
    assert observe(book, 0, 0.95, 0.99) == []
    assert path(observe(book, 2, 1.0, 0.95, 0.9, 0.89)) == [
        (2.0, "RAISED", "UNACKNOWLEDGED"),
        (5.0, "CLEARED", "RETURNED_UNACKNOWLEDGED"),
    ]


def test_on_delay_restarts_with_every_interruption() -> None:
    book = book_of(on_delay_seconds=3)
    assert path(observe(book, 0, 2, 2, 2, 0, 2, 2, 2, 2)) == [(7.0, "RAISED", "UNACKNOWLEDGED")]


def test_on_delay_is_not_defeated_by_the_rounding_of_clock_times() -> None:
    book = book_of(on_delay_seconds=1)
    times = 1.7e9 + np.arange(11) * 0.1
    risen = book.observe(np.zeros(11, dtype=np.int64), times, np.full(11, 2.0))
    assert [t.time for t in risen] == [times[10]]


def test_on_delay_needs_an_observation_at_its_end() -> None:
    book = book_of(on_delay_seconds=3)
    observe(book, 0, 2.0)
    assert book.advance(1000.0) == []


def test_off_delay_ends_at_its_own_time_whoever_notices() -> None:
    by_time, by_observation = book_of(off_delay_seconds=5), book_of(off_delay_seconds=5)
    for book in (by_time, by_observation):
        assert path(observe(book, 0, 2, 0, 2, 0, 0)) == [(0.0, "RAISED", "UNACKNOWLEDGED")]
    cleared = [(8.0, "CLEARED", "RETURNED_UNACKNOWLEDGED")]
    assert by_time.advance(7.9) == []
    assert path(by_time.advance(60.0)) == cleared
    assert path(observe(by_observation, 60, 0.0)) == cleared


def test_flag_raises_without_a_score_and_nan_without_a_flag_says_nothing() -> None:
    book = book_of(off_delay_seconds=2)
    slots = np.zeros(1, dtype=np.int64)
    risen = book.observe(slots, np.array([0.0]), np.array([NAN]), np.array([True]))
    assert (risen[0].score, risen[0].priority, risen[0].reason) == (None, AlarmPriority.LOW, "the condition stands")
    assert observe(book, 1, NAN, NAN, NAN, NAN, NAN, NAN) == []
    assert path(observe(book, 7, 0.0, NAN, NAN)) == [(9.0, "CLEARED", "RETURNED_UNACKNOWLEDGED")]


def test_infinite_score_is_critical_and_can_be_written_as_json() -> None:
    book = book_of()
    assert observe(book, 0, float("inf"))[0].priority is AlarmPriority.CRITICAL
    json.dumps(book.snapshot(), allow_nan=False)


@pytest.mark.parametrize("time", [4.0, NAN, float("inf"), -float("inf"), 1e300])
def test_observation_from_the_past_or_without_a_time_is_passed_over(time: float) -> None:
    book = book_of(re_alarm_minutes=1)
    observe(book, 5, 0.5)
    assert book.observe(np.zeros(1, dtype=np.int64), np.array([time]), np.array([9.0])) == []
    assert path(observe(book, 6, 2.0)) == [(6.0, "RAISED", "UNACKNOWLEDGED")]


@pytest.mark.parametrize(("phase", "maintenance"), [("OFF", False), ("STEADY", True)])
def test_suppression_in_off_and_in_maintenance_lets_nothing_rise_and_forgets_its_evidence(
    phase: str, maintenance: bool
) -> None:
    book = book_of(needed=2, window=2)
    assert path(observe(book, 0, 2, 2, 2, phase=phase, maintenance=maintenance)) == [(0.0, "SUPPRESSED", "SUPPRESSED")]
    assert path(observe(book, 3, 2, 2)) == [(3.0, "RELEASED", "NORMAL"), (4.0, "RAISED", "UNACKNOWLEDGED")]


def test_evidence_from_before_a_suppression_does_not_count_behind_it() -> None:
    book = book_of(needed=2, window=3)
    observe(book, 0, 2.0)
    observe(book, 1, 2.0, phase="OFF")
    assert path(observe(book, 2, 2.0, 2.0)) == [(2.0, "RELEASED", "NORMAL"), (3.0, "RAISED", "UNACKNOWLEDGED")]


def test_start_up_is_suppressed_only_where_the_policy_says_so() -> None:
    assert path(observe(book_of(), 0, 2.0, phase="STARTUP")) == [(0.0, "RAISED", "UNACKNOWLEDGED")]
    quiet = book_of(suppress_in_phases=("OFF", "STARTUP"))
    assert path(observe(quiet, 0, 2.0, phase="STARTUP")) == [(0.0, "SUPPRESSED", "SUPPRESSED")]


def test_alarm_that_stopped_its_machine_is_not_lost_in_suppression() -> None:
    book = book_of()
    observe(book, 0, 2.0)
    assert path(observe(book, 1, 0.0, phase="OFF")) == [(1.0, "SUPPRESSED", "SUPPRESSED")]
    assert path(observe(book, 2, 0.0)) == [(2.0, "RELEASED", "RETURNED_UNACKNOWLEDGED")]


def test_suppressed_alarm_may_be_acknowledged_if_nobody_had() -> None:
    book = book_of()
    observe(book, 0, 2.0)
    observe(book, 1, 0.0, phase="OFF")
    assert book.acknowledge(*PUMP, "ada", 2.0).to_state is AlarmState.SUPPRESSED
    with pytest.raises(ActionRefused, match="Allowed now: take out of service, comment"):
        book.acknowledge(*PUMP, "ada", 3.0)
    assert path(observe(book, 4, 0.0)) == [(4.0, "RELEASED", "NORMAL")]


def test_unacknowledged_alarm_is_raised_again_until_it_is_acknowledged() -> None:
    book = book_of(re_alarm_minutes=10)
    observe(book, 0, 2.0)
    assert path(book.advance(599.0)) == []
    assert path(book.advance(600.0)) == [(600.0, "RE_ALARMED", "UNACKNOWLEDGED")]
    assert path(observe(book, 1300, 2.0)) == [(1200.0, "RE_ALARMED", "UNACKNOWLEDGED")]
    book.acknowledge(*PUMP, "ada", 1301.0)
    assert book.advance(90_000.0) == []


def test_re_alarms_missed_in_a_silence_come_once() -> None:
    book = book_of(re_alarm_minutes=10)
    observe(book, 0, 2.0)
    assert path(book.advance(7 * 86400.0 + 1)) == [(7 * 86400.0, "RE_ALARMED", "UNACKNOWLEDGED")]


def seen_at(book: AlarmBook, first: float, received: float, *scores: float) -> list[AlarmTransition]:
    """Observations a second apart, the first of which came at `received`."""
    rows = np.arange(len(scores))
    return book.observe(np.zeros(len(scores), dtype=np.int64), first + rows, np.array(scores), received=received + rows)


def test_silence_lets_an_off_delay_end_and_readings_that_come_do_not() -> None:
    book = book_of(off_delay_seconds=60)
    seen_at(book, 0, 0, 2.0, 0.0)  # the off-delay runs from 1 to 61
    assert book.advance_silent(61.0, silent_seconds=61.0) == []  # heard 60 s ago
    assert path(book.advance_silent(62.0, silent_seconds=61.0)) == [(61.0, "CLEARED", "RETURNED_UNACKNOWLEDGED")]


def test_silence_of_readings_dated_a_day_back_passes_on_their_own_clock() -> None:
    book = book_of(off_delay_seconds=60, re_alarm_minutes=10)
    seen_at(book, 0, 86_400, 2.0, 0.0)
    assert book.advance_silent(86_400 + 60.0, silent_seconds=10) == []
    assert path(book.advance_silent(86_400 + 61.0, silent_seconds=10)) == [(61.0, "CLEARED", "RETURNED_UNACKNOWLEDGED")]
    assert path(seen_at(book, 70, 86_470, 2.0)) == [(70.0, "RAISED", "UNACKNOWLEDGED")]  # it is not too old


def test_observation_from_the_past_breaks_no_silence() -> None:
    """Raised at 2, nobody comes; a gateway sends something of a while ago again at 3500, which is passed over."""
    for stragglers in (0, 1, 3):
        book = book_of(re_alarm_minutes=60)
        seen_at(book, 0, 0, 0.5, 0.5, 2.0)
        seen_at(book, -100, 3500, *[0.5] * stragglers)
        assert path(book.advance_silent(3601.0, silent_seconds=60)) == []
        assert path(book.advance_silent(3700.0, silent_seconds=60)) == [(3602.0, "RE_ALARMED", "UNACKNOWLEDGED")]


def test_straggler_in_the_batch_of_newer_observations_does_not_tell_when_these_came() -> None:
    """The alarm is raised in the middle of the batch: what follows is taken by a second pass over it."""
    slots, times, score = np.zeros(4, dtype=np.int64), np.array([0.0, 1.0, -100.0, 2.0]), np.array([0.5, 2, 0.5, 2])
    received = np.array([0.0, 1.0, 3500.0, 2.0])
    for rows, heard in ((3, 1.0), (4, 2.0)):
        for cut in range(rows + 1):
            book = book_of(re_alarm_minutes=60)
            for part in (slice(cut), slice(cut, rows)):
                book.observe(slots[part], times[part], score[part], received=received[part])
            assert book.snapshot()["conditions"]["heard"][0] == heard


def test_shelf_over_readings_dated_a_day_back_ends_by_the_clock_on_the_wall() -> None:
    book = book_of()
    seen_at(book, 0, 86_400, 2.0)
    book.shelve(*PUMP, "ada", 86_401.0, "sensor is being moved", until=90_000.0)
    assert book.advance_silent(89_999.0, silent_seconds=10) == []
    assert path(book.advance_silent(90_000.0, silent_seconds=10)) == [(90_000.0, "SHELF_EXPIRED", "UNACKNOWLEDGED")]


def test_book_of_an_older_version_without_times_of_arrival_takes_them_as_on_time() -> None:
    book = book_of(off_delay_seconds=60)
    observe(book, 0, 2.0, 0.0)
    kept = book.snapshot()
    del kept["conditions"]["heard"]
    again = book_of(off_delay_seconds=60)
    again.restore(kept)
    assert path(again.advance_silent(61.0, silent_seconds=60)) == [(61.0, "CLEARED", "RETURNED_UNACKNOWLEDGED")]


def test_alarm_that_ends_when_it_would_be_raised_again_is_not() -> None:
    book = book_of(re_alarm_minutes=1, off_delay_seconds=59)
    observe(book, 0, 2.0, 0.0)
    assert path(book.advance(60.0)) == [(60.0, "CLEARED", "RETURNED_UNACKNOWLEDGED")]


def test_re_alarm_takes_the_higher_priority_of_a_condition_that_got_worse() -> None:
    book = book_of(re_alarm_minutes=10)
    assert observe(book, 0, 1.1, 8.0, 1.1)[0].priority is AlarmPriority.LOW
    observe(book, 3, 8.0)
    assert book.advance(600.0)[0].priority is AlarmPriority.CRITICAL
    observe(book, 601, 1.1)
    assert book.advance(1200.0)[0].priority is AlarmPriority.CRITICAL


def test_fixed_priority_does_not_follow_the_score() -> None:
    assert observe(book_of(priority="HIGH"), 0, 50.0)[0].priority is AlarmPriority.HIGH


def observe_severity(book: AlarmBook, first: float, *severities: float, score: float = 1.1) -> list[AlarmTransition]:
    rows = len(severities)
    return book.observe(
        np.zeros(rows, dtype=np.int64), first + np.arange(rows), np.full(rows, score), severity=np.array(severities)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "expected"),
    [(0.0, "LOW"), (0.24, "LOW"), (0.25, "MEDIUM"), (0.5, "HIGH"), (0.75, "CRITICAL"), (1.0, "CRITICAL"), (NAN, "LOW")],
)
def test_priority_is_by_a_severity_where_it_is_known(severity: float, expected: str) -> None:
    assert observe_severity(book_of(), 0, severity)[0].priority.value == expected


def test_severity_that_is_not_known_for_once_stays_as_it_was() -> None:
    assert observe_severity(book_of(needed=2, window=2), 0, 0.6, NAN)[0].priority is AlarmPriority.HIGH


def test_fixed_priority_does_not_follow_the_severity() -> None:
    assert observe_severity(book_of(priority="LOW"), 0, 1.0)[0].priority is AlarmPriority.LOW


def test_re_alarm_takes_the_severity_of_its_time_however_observations_are_cut() -> None:
    for cut in (1, 2, 3, 4):
        book, severities = book_of(re_alarm_minutes=0.05), [0.3, 0.6, 0.6, 0.6, 0.9]  # raised again after 3 s
        found = observe_severity(book, 0, *severities[:cut]) + observe_severity(book, cut, *severities[cut:])
        assert [one.priority.value for one in found] == ["MEDIUM", "HIGH"]


def test_book_of_an_older_version_without_severities_goes_on_by_the_score() -> None:
    book = book_of(re_alarm_minutes=1)
    observe(book, 0, 2.0)
    kept = book.snapshot()
    del kept["conditions"]["severity"]
    again = book_of(re_alarm_minutes=1)
    again.restore(kept)
    assert again.advance(60.0)[0].priority is AlarmPriority.MEDIUM


def test_shelf_hides_the_alarm_and_expires_into_what_stands_by_then() -> None:
    standing, gone, off = book_of(), book_of(), book_of()
    for book in (standing, gone, off):
        observe(book, 0, 2.0)
        assert book.shelve(*PUMP, "ada", 1.0, "sensor is being moved", until=101.0).to_state is AlarmState.SHELVED
        assert observe(book, 2, 0.0, 2.0) == []
    observe(gone, 50, 0.0)
    observe(off, 50, 0.0, phase="OFF")
    assert path(standing.advance(500.0)) == [(101.0, "SHELF_EXPIRED", "UNACKNOWLEDGED")]
    assert path(observe(gone, 200, 2.0)) == [(101.0, "SHELF_EXPIRED", "NORMAL"), (200.0, "RAISED", "UNACKNOWLEDGED")]
    assert path(off.advance(101.0)) == [(101.0, "SHELF_EXPIRED", "SUPPRESSED")]


def test_unshelve_brings_a_standing_alarm_back_as_a_new_occurrence() -> None:
    book = book_of()
    observe(book, 0, 2.0)
    book.shelve(*PUMP, "ada", 1.0, "known", until=100.0)
    back = book.unshelve(*PUMP, "bo", 20.0)
    assert (back.to_state, back.alarm_id, back.author) == (AlarmState.UNACKNOWLEDGED, "pump-1:anomaly:2", "bo")
    assert book.advance(1000.0) == []


@pytest.mark.parametrize("until", [1.0, 0.0, 1.0 + 2 * 3600 + 1, NAN, float("inf")])
def test_shelf_that_ends_in_the_past_or_too_late_is_refused(until: float) -> None:
    book = book_of(longest_shelf_hours=2)
    with pytest.raises(ActionRefused, match="within 2 hours"):
        book.shelve(*PUMP, "ada", 1.0, "known", until=until)
    assert state(book) is AlarmState.NORMAL


def test_out_of_service_ends_only_when_somebody_ends_it() -> None:
    book = book_of()
    observe(book, 0, 2.0)
    book.take_out_of_service(*PUMP, "ada", 1.0, "pump is dismantled")
    assert observe(book, 2, 0.0, 2.0) + observe(book, 4, 0.0, phase="OFF") + observe(book, 5, 2.0) == []
    assert book.advance(1e6) == []
    assert book.return_to_service(*PUMP, "ada", 1e6).to_state is AlarmState.UNACKNOWLEDGED


def test_comment_leaves_the_alarm_and_its_timers_alone() -> None:
    book = book_of(re_alarm_minutes=1)
    observe(book, 0, 2.0)
    said = book.comment(*PUMP, "ada", 30.0, "bearing is warm")
    assert (said.from_state, said.to_state, said.reason) == (
        AlarmState.UNACKNOWLEDGED,
        AlarmState.UNACKNOWLEDGED,
        "bearing is warm",
    )
    assert path(book.advance(60.0)) == [(60.0, "RE_ALARMED", "UNACKNOWLEDGED")]


ACTIONS = {
    AlarmAction.ACKNOWLEDGE: lambda book: book.acknowledge(*PUMP, "ada", 50.0),
    AlarmAction.SHELVE: lambda book: book.shelve(*PUMP, "ada", 50.0, "known", until=3600.0),
    AlarmAction.UNSHELVE: lambda book: book.unshelve(*PUMP, "ada", 50.0),
    AlarmAction.TAKE_OUT_OF_SERVICE: lambda book: book.take_out_of_service(*PUMP, "ada", 50.0, "work"),
    AlarmAction.RETURN_TO_SERVICE: lambda book: book.return_to_service(*PUMP, "ada", 50.0),
    AlarmAction.COMMENT: lambda book: book.comment(*PUMP, "ada", 50.0, "text"),
}


def _in_state(wanted: AlarmState) -> AlarmBook:
    book = book_of()
    if wanted in (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED):
        observe(book, 0, 2.0)
    if wanted is AlarmState.ACKNOWLEDGED:
        book.acknowledge(*PUMP, "ada", 1.0)
    elif wanted is AlarmState.RETURNED_UNACKNOWLEDGED:
        observe(book, 1, 0.0)
    elif wanted is AlarmState.SHELVED:
        book.shelve(*PUMP, "ada", 1.0, "known", until=3600.0)
    elif wanted is AlarmState.SUPPRESSED:
        observe(book, 1, 0.0, phase="OFF")
    elif wanted is AlarmState.OUT_OF_SERVICE:
        book.take_out_of_service(*PUMP, "ada", 1.0, "work")
    assert state(book) is wanted
    return book


PERMITTED = {
    AlarmState.NORMAL: "shelve, take out of service, comment",
    AlarmState.UNACKNOWLEDGED: "acknowledge, shelve, take out of service, comment",
    AlarmState.ACKNOWLEDGED: "shelve, take out of service, comment",
    AlarmState.RETURNED_UNACKNOWLEDGED: "acknowledge, shelve, take out of service, comment",
    AlarmState.SHELVED: "unshelve, take out of service, comment",
    AlarmState.SUPPRESSED: "take out of service, comment",
    AlarmState.OUT_OF_SERVICE: "return to service, comment",
}


@pytest.mark.parametrize("action", list(AlarmAction))
@pytest.mark.parametrize("wanted", list(AlarmState))
def test_action_in_a_state_is_done_or_refused_with_what_is_allowed(wanted: AlarmState, action: AlarmAction) -> None:
    book = _in_state(wanted)
    before = book.snapshot()
    if action.value in PERMITTED[wanted].split(", "):
        done = ACTIONS[action](book)
        assert (done.from_state, done.author, done.time) == (wanted, "ada", 50.0)
        assert state(book) is done.to_state
    else:
        with pytest.raises(ActionRefused) as refusal:
            ACTIONS[action](book)
        assert str(refusal.value) == (
            f"{action.value} refused: alarm anomaly of pump-1 is {wanted.value}. Allowed now: {PERMITTED[wanted]}."
        )
        assert book.snapshot() == before


def test_action_without_author_reason_time_or_alarm_is_refused() -> None:
    book = book_of()
    with pytest.raises(ActionRefused, match="author"):
        book.comment(*PUMP, " ", 0.0, "text")
    with pytest.raises(ActionRefused, match="author"):
        book.comment(*PUMP, SYSTEM, 0.0, "text")
    with pytest.raises(ActionRefused, match="reason"):
        book.take_out_of_service(*PUMP, "ada", 0.0, "")
    with pytest.raises(ActionRefused, match="time in seconds"):
        book.comment(*PUMP, "ada", NAN, "text")
    with pytest.raises(ActionRefused, match=r"alarm failure of pump-1 is not known. Allowed now: nothing"):
        book.comment("pump-1", "failure", "ada", 0.0, "text")


def test_transition_is_never_timed_before_the_alarms_earlier_one() -> None:
    book = book_of(off_delay_seconds=5)
    observe(book, 0, 2.0, 0.0)
    book.acknowledge(*PUMP, "ada", 20.0)
    assert path(book.advance(30.0)) == [(20.0, "CLEARED", "NORMAL")]


def test_observe_with_a_wrong_slot_phase_or_length_is_an_error() -> None:
    book = book_of()
    one = np.zeros(1)
    with pytest.raises(ValueError, match=r"slots must be in 0\.\.0"):
        book.observe(np.array([1]), one, one)
    with pytest.raises(ValueError, match="phase must be in"):
        book.observe(np.array([0]), one, one, None, np.array([9]))
    with pytest.raises(ValueError, match="one value a row"):
        book.observe(np.array([0]), np.zeros(2), one)


def test_rules_with_more_needed_than_looked_at_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"needed \(4\) must not exceed window \(3\)"):
        AlarmRules(needed=4, window=3)


def test_asset_type_reads_its_alarm_rules() -> None:
    signals = [{"name": "flow", "unit": "l/s", "limits": [0, 9]}]
    asset_type = AssetType.model_validate({"name": "pump", "signals": signals, "alarms": {"off_delay_seconds": 5}})
    assert asset_type.alarms == AlarmRules(off_delay_seconds=5)


RULES = AlarmRules(
    needed=2, window=3, deadband=0.2, on_delay_seconds=2, off_delay_seconds=4, re_alarm_minutes=1,
    suppress_in_phases=("OFF", "STARTUP"),
)  # fmt: skip
ALARMS = [(f"pump-{number}", key) for number in range(2) for key in ("anomaly", "health")]
Rows = list[tuple[int, float, float, bool, str, bool]]
SCORES = st.sampled_from([0.0, 0.7, 0.85, 0.95, 1.0, 2.0, 9.0, NAN])
OBSERVATIONS = st.lists(
    st.tuples(
        st.integers(0, len(ALARMS) - 1),
        st.sampled_from([-1.0, 0.0, 0.5, 1.0, 1.0, 2.0, 90.0]),
        SCORES,
        st.booleans(),
        st.sampled_from(["STEADY", "STEADY", "STEADY", "STARTUP", "OFF"]),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=80,
)


def _batches(rows: Rows, cuts: list[int]) -> Iterator[Rows]:
    for start, end in pairwise([0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]):
        yield rows[start:end]


def _run(book: AlarmBook, rows: Rows) -> list[AlarmTransition]:
    slot, seconds, score, flag, phase, work = zip(*rows, strict=True) if rows else ([], [], [], [], [], [])
    numbers = [PHASES.index(name) for name in phase]
    return book.observe(
        book.slots([ALARMS[number] for number in slot]), np.array(seconds, dtype=np.float64), np.array(score, dtype=np.float64),
        np.array(flag, dtype=np.bool_), np.array(numbers, dtype=np.int64), np.array(work, dtype=np.bool_),
    )  # fmt: skip


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # of the machine, not of alarms
@given(OBSERVATIONS, st.lists(st.integers(0, 80), max_size=6))
def test_transitions_do_not_depend_on_batches_nor_on_a_restart(rows: Rows, cuts: list[int]) -> None:
    times = np.cumsum([row[1] for row in rows])
    rows = [(row[0], float(time), *row[2:]) for row, time in zip(rows, times, strict=True)]
    whole = AlarmBook(RULES)
    expected = _run(whole, rows)
    book, found = AlarmBook(RULES), []
    for batch in _batches(rows, cuts):
        found += _run(book, batch)
        text = json.dumps(book.snapshot(), allow_nan=False)
        book = AlarmBook(RULES)
        book.restore(json.loads(text))
    assert found == expected
    assert book.snapshot() == whole.snapshot()
    for alarm in ALARMS:
        of_alarm = [t for t in expected if (t.asset_id, t.key) == alarm]
        assert all(a.to_state is b.from_state and a.time <= b.time for a, b in pairwise(of_alarm))


def test_advance_tells_the_alarms_of_a_fleet_in_the_order_of_time() -> None:
    book = AlarmBook(AT_ONCE.model_copy(update={"off_delay_seconds": 10.0}))
    slots = book.slots([("late", "anomaly"), ("early", "anomaly")])
    book.observe(slots, np.zeros(2), np.full(2, 2.0))
    book.observe(slots, np.array([5.0, 3.0]), np.zeros(2))
    assert [(t.asset_id, t.time) for t in book.advance(100.0)] == [("early", 13.0), ("late", 15.0)]


def test_observations_in_which_nothing_happens_are_taken_at_fifty_thousand_a_second() -> None:
    book = AlarmBook(AlarmRules())
    slots = np.tile(book.slots([(f"pump-{number}", "anomaly") for number in range(500)]), 20)
    seconds = np.repeat(np.arange(20.0), 500)
    score = np.random.default_rng(0).uniform(0, 0.99, slots.size)
    book.observe(slots, seconds, score)  # compiled here
    started = time.thread_time()  # of the processor: other tests may run at the same time
    for batch in range(1, 11):
        assert book.observe(slots, seconds + 20.0 * batch, score) == []
    assert 10 * slots.size / (time.thread_time() - started) > 50_000
