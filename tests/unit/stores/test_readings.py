"""Readings: stored once, found by time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stored_rows import some_assessments, some_readings

from smart_sentry.stores.readings import AlreadyStored, ReadingRows
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store


def _fill(store: Store, *rows: ReadingRows) -> None:
    with store.transaction() as batch:
        for each in rows:
            batch.readings.add(each)


def test_readings_are_new_once_and_never_again(store: Store) -> None:
    with store.transaction() as batch:
        assert batch.readings.add(some_readings("pump", [0, 1])).tolist() == [True, True]
    with store.transaction() as batch:
        assert batch.readings.add(some_readings("pump", [2, 1, 3, 0])).tolist() == [True, False, True, False]
        assert batch.readings.add(some_readings("pump", [3, 4])).tolist() == [False, True]
    with store.view() as view:
        assert view.readings.count("pump") == 5


def test_readings_repeated_within_a_batch_count_once_and_the_first_is_kept(store: Store) -> None:
    rows = replace(some_readings("pump", [7, 7, 8]), values=np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    with store.transaction() as batch:
        assert batch.readings.add(rows).tolist() == [True, False, True]
    with store.view() as view:
        assert view.readings.history("pump").values.tolist() == [[1.0, 2.0], [5.0, 6.0]]


def test_large_batch_with_some_known_readings_tells_the_new_ones_of_its_own_assets(store: Store) -> None:
    _fill(store, some_readings("pump", range(0, 400, 2)), some_readings("fan", range(50)))
    with store.transaction() as batch:
        found = batch.readings.add(some_readings("pump", range(300)))
        assert found.tolist() == [number % 2 == 1 for number in range(300)]
        assert batch.readings.add(some_readings("fan", range(300))).tolist() == [number >= 50 for number in range(300)]
        assert not batch.readings.add(some_readings("pump", range(300))).any()
    with store.view() as view:
        assert (view.readings.count("pump"), view.readings.count("fan")) == (350, 300)


def test_signals_of_a_transaction_that_failed_are_named_anew(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as batch:
            batch.readings.add(some_readings("pump", [0], signals=("a", "b")))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    _fill(store, some_readings("pump", [0], signals=("c", "d")), some_readings("pump", [1], signals=("a", "b")))
    with store.view() as view:
        found = view.readings.history("pump")
    assert set(found.signals) == {"a", "b", "c", "d"}
    assert np.isfinite(found.values).sum(axis=1).tolist() == [2, 2]


def test_reading_ids_are_unique_within_an_asset_only(store: Store) -> None:
    with store.transaction() as batch:
        batch.readings.add(some_readings("pump", [0]))
        assert batch.readings.add(some_readings("fan", [0])).all()
    with store.view() as view:
        assert view.readings.assets() == ["fan", "pump"]


def test_history_gives_back_every_number_exactly(store: Store) -> None:
    values = np.array([[0.1, -1e300], [np.nan, 5e-324], [np.inf, 3.0]])
    rows = replace(some_readings("pump", [0, 1, 2], start=1.7e9 + 0.123456), values=values)
    _fill(store, rows)
    with store.view() as view:
        found = view.readings.history("pump")
    assert np.array_equal(found.values, values, equal_nan=True)
    assert np.array_equal(found.seconds, rows.seconds)
    assert found.signals == ("current", "speed")
    assert (found.reading_ids, found.sources, found.received.tolist()) == (
        ("r0", "r1", "r2"),
        ("http",) * 3,
        [5000.0] * 3,
    )


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(), ["r0", "r1", "r2", "r3"]),
        (Span(newest_first=True), ["r3", "r2", "r1", "r0"]),
        (Span(start=1001.0, end=1003.0), ["r1", "r2"]),
        (Span(limit=2), ["r0", "r1"]),
        (Span(limit=2, newest_first=True), ["r3", "r2"]),
        (Span.last_minutes(1.0, now=1062.0), ["r2", "r3"]),
        (Span(start=2000.0), []),
    ],
)
def test_history_of_a_span_gives_what_is_in_it_in_its_order(store: Store, span: Span, expected: list[str]) -> None:
    _fill(store, some_readings("pump", [2, 0, 3, 1]), some_readings("fan", [1, 2]))
    with store.view() as view:
        assert list(view.readings.history("pump", span).reading_ids) == expected


def test_history_of_one_time_stands_in_the_order_of_arrival(store: Store) -> None:
    rows = replace(some_readings("pump", [3, 1, 2]), seconds=np.full(3, 1000.0))
    _fill(store, rows)
    with store.view() as view:
        assert view.readings.history("pump").reading_ids == ("r3", "r1", "r2")


def test_history_across_a_change_of_signals_has_them_all_and_gaps_where_there_were_none(store: Store) -> None:
    _fill(store, some_readings("pump", [0]), some_readings("pump", [1], signals=("speed", "heat")))
    with store.view() as view:
        found = view.readings.history("pump")
    assert found.signals == ("speed", "heat", "current")
    assert np.array_equal(found.values, [[1.0, np.nan, 0.0], [10.0, 11.0, np.nan]], equal_nan=True)


def test_history_of_an_unknown_asset_is_empty(store: Store) -> None:
    with store.view() as view:
        assert len(view.readings.history("nobody").seconds) == 0
        assert view.readings.newest("nobody") is None
        assert view.readings.assets() == []


def test_newest_reading_is_the_one_of_the_latest_time(store: Store) -> None:
    _fill(store, some_readings("pump", [5, 9, 2]))
    with store.view() as view:
        assert view.readings.newest("pump") == 1009.0


def test_when_the_newest_reading_came_is_told_of_the_latest_time(store: Store) -> None:
    _fill(store, some_readings("pump", [5, 9]), replace(some_readings("pump", [2]), received=6000.0))
    with store.view() as view:
        assert view.readings.newest_came("pump") == 5000.0
        assert view.readings.newest_came("nobody") is None


@pytest.mark.parametrize("name", ["'; DROP TABLE readings; --", "größe/🏭", "%s $1 ?", " "])
def test_names_of_any_characters_are_only_names(store: Store, name: str) -> None:
    _fill(store, some_readings(name, [0]))
    with store.view() as view:
        assert view.readings.assets() == [name]
        assert view.readings.history(name).reading_ids == ("r0",)


def test_values_without_a_column_for_each_signal_are_refused(store: Store) -> None:
    rows = replace(some_readings("pump", [0, 1]), values=np.zeros((2, 3)))
    with store.transaction() as batch, pytest.raises(ValueError, match=r"\(2, 2\), not \(2, 3\)"):
        batch.readings.add(rows)


def test_no_readings_are_no_new_ones(store: Store) -> None:
    with store.transaction() as batch:
        assert batch.readings.add(some_readings("pump", [])).tolist() == []


def test_assets_come_sorted_by_their_bytes(store: Store) -> None:
    _fill(store, *(some_readings(name, [0]) for name in ["b", "B", "a-10", "a-9", "ä"]))
    with store.view() as view:
        assert view.readings.assets() == ["B", "a-10", "a-9", "b", "ä"]


def test_readings_that_are_all_new_are_stored_like_others(store: Store) -> None:
    with store.transaction() as batch:
        batch.readings.append(some_readings("pump", [0, 1]))
        batch.readings.append(some_readings("pump", []))
    with store.view() as view:
        found = view.readings.history("pump")
    _fill(store, some_readings("fan", [0, 1]))
    with store.view() as view:
        other = view.readings.history("fan")
    assert found.reading_ids == other.reading_ids
    assert np.array_equal(found.values, other.values)
    assert (found.sources, found.signals) == (other.sources, other.signals)
    assert np.array_equal([found.seconds, found.received], [other.seconds, other.received])


@pytest.mark.parametrize("numbers", [[1, 2], [3, 3]])
def test_reading_that_is_not_new_stores_nothing_where_all_should_be(store: Store, numbers: list[int]) -> None:
    def fill() -> None:
        with store.transaction() as batch:
            batch.readings.append(some_readings("pump", [7]), some_assessments("pump", [7]))
            batch.readings.append(some_readings("pump", numbers))

    _fill(store, some_readings("pump", [0, 1]))
    with pytest.raises(AlreadyStored):
        fill()
    with store.view() as view:
        assert view.readings.count("pump") == 2
        assert view.assessments.latest() == {}
    _fill(store, some_readings("pump", numbers))


def test_values_are_those_of_the_history_in_the_order_that_is_asked_for(store: Store) -> None:
    _fill(store, some_readings("pump", range(5)), some_readings("fan", [9]))
    with store.view() as view:
        seconds, values = view.readings.values("pump", ("speed", "nothing", "current"), Span(1001.0, 1004.0))
        assert seconds.tolist() == [1001.0, 1002.0, 1003.0]
        np.testing.assert_array_equal(values, [[11, np.nan, 10], [21, np.nan, 20], [31, np.nan, 30]])
        empty = view.readings.values("mill", ("speed",))
    assert [part.shape for part in empty] == [(0,), (0, 1)]


def test_values_of_several_lists_of_signals_stand_in_their_columns(store: Store) -> None:
    _fill(store, some_readings("pump", [0, 2]), some_readings("pump", [1], signals=("speed", "load")))
    with store.view() as view:
        _, values = view.readings.values("pump", ("current", "speed", "load"))
    np.testing.assert_array_equal(values, [[0, 1, np.nan], [np.nan, 10, 11], [20, 21, np.nan]])
