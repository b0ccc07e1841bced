"""Predictions of failure models: stored and read back whole, in both databases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from stored_rows import some_assessments, some_predictions, some_readings

from smart_sentry.stores.predictions import StoredPrediction
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store


def test_predictions_come_back_as_they_were_in_the_order_of_time(store: Store) -> None:
    with store.transaction() as batch:
        for asset, numbers in (("engine", [3, 0, 1]), ("other", [2])):
            batch.readings.append(
                some_readings(asset, numbers), some_assessments(asset, numbers), some_predictions(numbers)
            )
    with store.view() as view:
        found = view.predictions.history("engine")
        newest = view.predictions.history("engine", Span(limit=1, newest_first=True))
    assert [one.reading_id for one in found] == ["r0", "r1", "r3"]
    assert (
        newest
        == found[-1:]
        == [StoredPrediction("engine", "r3", 1003.0, 0.03, 97.0, 92.0, 102.0, False, True, "tiny-0123456789ab", 3)]
    )
    assert [one.warming for one in found] == [True, True, False]


def test_readings_that_no_model_judged_have_no_prediction(store: Store) -> None:
    predicted = replace(some_predictions([1, 3]), places=np.array([1, 3]))
    with store.transaction() as batch:
        batch.readings.append(some_readings("engine", range(5)), some_assessments("engine", range(5)), predicted)
    with store.view() as view:
        found = view.predictions.history("engine")
        assert len(view.assessments.history("engine")) == 5
    assert [(one.reading_id, one.failure_probability) for one in found] == [("r1", 0.01), ("r3", 0.03)]


def test_predictions_of_more_readings_than_are_handed_over_at_once_stand_with_their_readings(store: Store) -> None:
    count, judged = 1000, [0, 3, 255, 256, 511, 700, 999]
    predicted = replace(some_predictions(judged), places=np.array(judged))
    with store.transaction() as batch:
        batch.readings.append(
            some_readings("engine", range(count)), some_assessments("engine", range(count)), predicted
        )
    with store.view() as view:
        found, told = view.predictions.history("engine"), view.assessments.history("engine")
        history = view.readings.history("engine")
    assert [(one.reading_id, one.failure_probability) for one in found] == [
        (f"r{number}", number / 100) for number in judged
    ]
    sent = some_readings("engine", range(count))
    assert (len(told), list(history.reading_ids)) == (count, [f"r{number}" for number in range(count)])
    np.testing.assert_array_equal(history.values, sent.values)


def test_newest_prediction_is_that_of_a_reading_not_far_back(store: Store) -> None:
    count = 250
    for asset, judged in (("engine", 200), ("silent", 100)):
        predicted = replace(some_predictions([1, judged]), places=np.array([1, judged]))
        with store.transaction() as batch:
            batch.readings.append(some_readings(asset, range(count)), some_assessments(asset, range(count)), predicted)
    with store.view() as view:
        newest, earlier = view.predictions.newest("engine"), view.predictions.newest("engine", 1050.0)
        assert view.predictions.newest("silent") is view.predictions.newest("nobody") is None
    assert newest is not None
    assert earlier is not None
    assert (newest.reading_id, earlier.reading_id) == ("r200", "r1")


def test_predictions_of_a_transaction_that_fails_are_not_there(store: Store) -> None:
    try:
        with store.transaction() as batch:
            batch.readings.append(some_readings("engine", [0]), some_assessments("engine", [0]), some_predictions([0]))
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    with store.view() as view:
        assert view.predictions.history("engine") == []
