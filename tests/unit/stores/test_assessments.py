"""Assessments: found by time, and the newest of each asset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stored_rows import add_judged, some_assessments, some_readings

from smart_sentry.stores.assessments import StoredAssessment
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store


@pytest.fixture
def filled(store: Store) -> Store:
    with store.transaction() as batch:
        add_judged(batch, "pump", [3, 0, 2, 1])
        add_judged(batch, "fan", [1])
        batch.readings.add(some_readings("pump", [4]))  # nothing was said of it
        batch.readings.add(some_readings("mill", [1]))
    return store


def test_assessment_comes_back_as_it_was_stored(filled: Store) -> None:
    with filled.view() as view:
        found = view.assessments.history("pump", Span(start=1002.0, limit=1))
    assert found == [
        StoredAssessment("pump", "r2", 1002.0, "STEADY", 2.0, True, 1, 90.0, "LOW", 0.1, "too hot"),
    ]


def test_assessment_that_was_not_judged_has_no_score(filled: Store) -> None:
    with filled.view() as view:
        assert [found.score for found in view.assessments.history("pump")] == [None, 1.0, 2.0, 3.0]


def test_flagged_assessments_can_be_asked_for_alone(filled: Store) -> None:
    with filled.view() as view:
        found = view.assessments.history("pump", Span(newest_first=True), flagged_only=True)
    assert [assessment.reading_id for assessment in found] == ["r3", "r2"]


def test_latest_gives_the_newest_of_each_asset(filled: Store) -> None:
    with filled.view() as view:
        latest = view.assessments.latest()
    assert {asset: found.time for asset, found in latest.items()} == {"fan": 1001.0, "pump": 1003.0}


def test_latest_of_an_empty_store_is_empty(store: Store) -> None:
    with store.view() as view:
        assert view.assessments.latest() == {}


def test_assessments_of_unequal_columns_are_refused(store: Store) -> None:
    with store.transaction() as batch, pytest.raises(ValueError, match="risks must have 2 rows, not 1"):
        batch.readings.append(some_readings("pump", [1, 2]), replace(some_assessments("pump", [1, 2]), risks=["LOW"]))


def test_degradation_is_that_of_the_newest_assessment_at_each_time(store: Store) -> None:
    rows = some_assessments("pump", range(4))
    with store.transaction() as batch:
        batch.readings.append(
            some_readings("pump", range(4)), replace(rows, degradation=np.array([0.0, 0.1, 0.2, 0.3]))
        )
    with store.view() as view:
        found = view.assessments.degradation_at("pump", np.array([999.0, 1000.0, 1001.5, 2000.0]))
        assert np.isnan(view.assessments.degradation_at("fan", np.array([2000.0]))).all()
    np.testing.assert_array_equal(found, [np.nan, 0.0, 0.1, 0.3])


def test_scores_are_those_that_were_judged_or_every_so_manieth(store: Store) -> None:
    with store.transaction() as batch:
        add_judged(batch, "pump", range(300))
    with store.view() as view:
        assert view.assessments.scores("pump", Span(1000.0, 1004.0)).tolist() == [1.0, 2.0, 3.0]
        thin = view.assessments.scores("pump", one_in=7)
    assert len(thin) in (42, 43)
    assert (np.diff(thin) == 7).all()
