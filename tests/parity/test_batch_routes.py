"""One fixture through every route that scores: all give what the original models give, within 1e-5."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_champion import SmallChampion

from smart_sentry.answers import AssetHistory, answer_histories
from smart_sentry.batch_file import predict_file
from smart_sentry.contracts.failure import FailureAssessment
from smart_sentry.features.pipeline import FeatureStream
from smart_sentry.monitor import Assessments, Monitor

TOLERANCE = 1e-5
"""In probability, and in remaining life as a share of its cap."""
COLUMNS = ["failure_probability", "rul_cycles", "rul_lower_cycles", "rul_upper_cycles"]


def readings_of(champion: SmallChampion) -> pd.DataFrame:
    """All eight test engines, and two lives until failure that end in alarms."""
    lives = champion.data.train.query("asset_id in (3, 9)").assign(asset_id=lambda table: table["asset_id"] + 100)
    return pd.concat([champion.data.test, lives], ignore_index=True)


def values_of(champion: SmallChampion, readings: pd.DataFrame) -> np.ndarray:
    return readings[list(champion.data.asset_type.signal_names)].to_numpy(np.float64)


def figures(probability: np.ndarray, life: np.ndarray) -> np.ndarray:
    return np.column_stack([probability, life])


def by_original_models(champion: SmallChampion, readings: pd.DataFrame, _: Path) -> np.ndarray:
    """A plain pass through features and the models before they became ONNX, one asset after the other."""
    parts = []
    for _, rows in readings.groupby("asset_id", sort=False):
        stream = FeatureStream(champion.feature_model)
        batch = stream.update(values_of(champion, rows), np.zeros(len(rows), dtype=np.int64))
        features = batch.features.astype(np.float32)
        parts.append(figures(champion.failure.probability(features), champion.life.predict(features)))
    return np.concatenate(parts)


def of_assessments(found: Assessments) -> np.ndarray:
    return figures(found.failure_probability, found.rul_cycles)


def by_monitor_one_by_one(champion: SmallChampion, readings: pd.DataFrame, _: Path) -> np.ndarray:
    monitor, values = Monitor(champion.bundle), values_of(champion, readings)
    order = np.argsort(readings["cycle"].to_numpy(), kind="stable")  # as they come in: all assets at a time
    out = np.empty((len(readings), 4))
    for row in order:
        out[row] = of_assessments(monitor.assess([str(readings["asset_id"][row])], values[row : row + 1]))[0]
    return out


def by_monitor_batch(champion: SmallChampion, readings: pd.DataFrame, _: Path) -> np.ndarray:
    found = Monitor(champion.bundle).assess(readings["asset_id"].astype(str).tolist(), values_of(champion, readings))
    return of_assessments(found)


def by_file(champion: SmallChampion, readings: pd.DataFrame, folder: Path) -> np.ndarray:
    readings.to_csv(folder / "readings.csv", index=False)
    predict_file(champion.bundle.folder, folder / "readings.csv", folder / "scores.csv")
    return pd.read_csv(folder / "scores.csv")[COLUMNS].to_numpy()


def by_frame(champion: SmallChampion, readings: pd.DataFrame, _: Path) -> np.ndarray:
    return champion.bundle.predict_frame(readings)[COLUMNS].to_numpy()


ROUTES = {
    "monitor, one by one": by_monitor_one_by_one,
    "monitor, one batch": by_monitor_batch,
    "file": by_file,
    "table": by_frame,
}
Route = Callable[[SmallChampion, pd.DataFrame, Path], np.ndarray]


def assert_close(found: np.ndarray, wanted: np.ndarray, champion: SmallChampion) -> None:
    cap = champion.data.asset_type.failure.rul_cap_cycles
    unit = np.array([1, cap, cap, cap])
    np.testing.assert_allclose(found / unit, wanted / unit, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES.keys())
def test_every_row_is_scored_the_same_by_every_route(
    route: Route, small_champion: SmallChampion, tmp_path: Path
) -> None:
    readings = readings_of(small_champion)
    wanted = by_original_models(small_champion, readings, tmp_path)
    alarm = wanted[:, 0] >= small_champion.bundle.manifest.threshold
    assert alarm.any()
    assert not alarm.all()
    assert_close(route(small_champion, readings, tmp_path), wanted, small_champion)


def figures_of(answers: list[FailureAssessment]) -> np.ndarray:
    return np.array([[getattr(answer, column) for column in COLUMNS] for answer in answers])


def test_newest_rows_are_answered_the_same_by_the_routes_that_answer_once_an_asset(
    small_champion: SmallChampion, tmp_path: Path
) -> None:
    champion, readings = small_champion, readings_of(small_champion)
    values, names = values_of(champion, readings), readings["asset_id"].astype(str)
    last = ~readings["asset_id"].duplicated(keep="last").to_numpy()
    wanted = by_original_models(champion, readings, tmp_path)[last]
    histories = [
        AssetHistory(name, int(readings["cycle"][rows[-1]]), values[rows])
        for name, rows in names.groupby(names, sort=False).indices.items()
    ]
    batched = answer_histories(champion.bundle, histories)
    alone = [answer for history in histories for answer in answer_histories(champion.bundle, [history])]
    monitored = Monitor(champion.bundle, explain=True).answer(names.tolist(), readings["cycle"].tolist(), values)
    threshold = champion.bundle.manifest.threshold
    for answers in (batched, alone, monitored):
        assert [answer.asset_id for answer in answers] == names[last].tolist()
        assert_close(figures_of(answers), wanted, champion)
        assert [answer.alarm for answer in answers] == (wanted[:, 0] >= threshold).tolist()
    for one, other in zip(batched, monitored, strict=True):
        assert [part.signal for part in one.top_contributions] == [part.signal for part in other.top_contributions]
