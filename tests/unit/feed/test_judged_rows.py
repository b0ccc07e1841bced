"""A stored batch as messages of the live feed."""

from __future__ import annotations

import numpy as np

from smart_sentry.feed.judged_rows import JudgedRows, messages_of
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.predictions import PredictionRows

ASSETS, IDS, SECONDS = ["a", "a", "b", "c"], ["1", "2", "1", "1"], np.array([1.0, 2.0, 1.0, 1.0])


def rows_of(judged: list[int]) -> JudgedRows:
    """Four readings, of which a failure model judged these; its probability is a tenth of the row."""
    count, nothing = len(ASSETS), np.zeros(len(ASSETS))
    assessments = AssessmentRows(
        ASSETS, IDS, SECONDS, ["UNKNOWN"] * count, nothing, nothing > 0, nothing.astype(np.int64), nothing, ["LOW"] * count,
        nothing, [""] * count,
    )  # fmt: skip
    told = np.array(judged)
    predictions = PredictionRows(
        told, told / 10, np.zeros((len(told), 3)), told < 0, told < 0, "model", told + 1,
    )  # fmt: skip
    return JudgedRows("engine", ("t",), np.zeros((count, 1)), 3.0, assessments, predictions)


def probabilities(judged: list[int]) -> dict[str, float | None]:
    found = {}
    for message in messages_of(rows_of(judged), {}):
        prediction = message["prediction"]
        found[message["asset_id"]] = None if prediction is None else prediction["failure_probability"]
    return found


def test_newest_reading_is_told_with_its_own_prediction_where_it_was_judged() -> None:
    assert probabilities([0, 1, 2, 3]) == {"a": 0.1, "b": 0.2, "c": 0.3}
    assert probabilities([0, 2, 3]) == {"a": None, "b": 0.2, "c": 0.3}
    assert [message["prediction"]["regime"] for message in messages_of(rows_of([1, 2, 3]), {})] == [2, 3, 4]
    assert probabilities([1, 3]) == {"a": 0.1, "b": None, "c": 0.3}
