"""Stored predictions against what then happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plant_fixture import sqlite_in
from stored_rows import some_assessments, some_predictions, some_readings

from smart_sentry.drift_monitoring.predictions import (
    TEST_PREDICTIONS,
    failure_calibration,
    prediction_drift,
    read_outcomes,
)
from smart_sentry.errors import UnreadableData
from smart_sentry.stores.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One engine's predictions at 1000 .. 1009 s: probabilities 0.00, 0.01 .. 0.09."""
    opened = Store(sqlite_in(tmp_path))
    with opened.transaction() as batch:
        numbers = range(10)
        batch.readings.append(
            some_readings("engine", numbers), some_assessments("engine", numbers), some_predictions(numbers)
        )
    return opened


def test_brier_score_counts_the_readings_before_the_failure(store: Store) -> None:
    with store.view() as batch:
        found = failure_calibration(batch, {"engine": [1007.0], "another": [1.0]}, horizon_cycles=2)
    assert found is not None
    assert (found.assets, found.rows, found.positive) == (1, 8, 3)  # of 0 .. 7 the last three are within two of the end
    said, came = np.arange(8) / 100, np.arange(8) >= 5
    assert found.brier == pytest.approx(np.mean((said - came) ** 2))
    assert found.calibration_error == pytest.approx(3 / 8 - said.mean())
    assert [(one.rows, one.observed_rate) for one in found.reliability] == [(8, pytest.approx(3 / 8))]


def test_prediction_is_judged_by_the_next_failure_after_it(store: Store) -> None:
    """Failures at 1003 and, after a repair, at 1007.5: 1, 2, 3 and 5, 6, 7 are within two readings; 8 and 9 are not judged."""
    came = np.isin(np.arange(8), [1, 2, 3, 5, 6, 7])
    for failed in ([1003.0, 1007.5], [1007.5, 1003.0, 1003.0]):
        with store.view() as batch:
            found = failure_calibration(batch, {"engine": failed}, horizon_cycles=2)
        assert found is not None
        assert (found.assets, found.rows, found.positive) == (1, 8, 6)
        assert found.brier == pytest.approx(np.mean((np.arange(8) / 100 - came) ** 2))


def test_no_prediction_of_a_failed_asset_is_no_figure(store: Store) -> None:
    with store.view() as batch:
        assert failure_calibration(batch, {"another": [2000.0]}, 30) is None


def test_recent_predictions_stand_beside_those_that_the_champion_was_judged_by(store: Store, tmp_path: Path) -> None:
    with store.view() as batch:
        assert prediction_drift(batch, ["engine"], tmp_path, 1.0) is None
        pd.DataFrame({"failure_probability": [0.5, 0.6]}).to_parquet(tmp_path / TEST_PREDICTIONS)
        found = prediction_drift(batch, ["engine", "another"], tmp_path, 4.0 / 3600.0)
    assert found is not None
    assert [part.tolist() for part in found] == [[0.5, 0.6], [0.05, 0.06, 0.07, 0.08, 0.09]]


def test_outcomes_are_read_from_a_file_of_failures(tmp_path: Path) -> None:
    path = tmp_path / "failures.csv"
    path.write_text("asset_id,failed_at\n7,2026-01-01T00:00:00Z\npump b,2026-01-01T02:00:00+01:00\n")
    assert read_outcomes(path) == {"7": [1_767_225_600.0], "pump b": [1_767_229_200.0]}


def test_every_failure_of_an_asset_is_read(tmp_path: Path) -> None:
    path = tmp_path / "failures.csv"
    path.write_text("asset_id,failed_at\n7,2026-01-01T00:00:00Z\n8,2026-01-01T00:00:00Z\n7,2026-01-01T01:00:00Z\n")
    assert read_outcomes(path) == {"7": [1_767_225_600.0, 1_767_229_200.0], "8": [1_767_225_600.0]}


@pytest.mark.parametrize(
    "content", [None, "asset_id\n7\n", "asset_id,failed_at\n7,yesterday\n", "asset_id,failed_at\n7,\n"]
)
def test_a_wrong_file_of_failures_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "failures.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UnreadableData, match="asset_id and failed_at"):
        read_outcomes(path)
