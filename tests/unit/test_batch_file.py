"""A file of readings scored row by row, and what it is told when something is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_champion import SmallChampion

from smart_sentry.batch_file import predict_file
from smart_sentry.errors import ModelUnavailable, UnreadableData

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def readings(small_champion: SmallChampion) -> pd.DataFrame:
    return small_champion.data.test.query("asset_id <= 3").reset_index(drop=True)


def predicted(champion: SmallChampion, readings: pd.DataFrame, folder: Path, ending: str = ".csv") -> pd.DataFrame:
    """Writes the readings, scores the file and reads the answer."""
    source, out = folder / f"readings{ending}", folder / "out" / "scores.csv"
    if ending == ".parquet":
        readings.to_parquet(source)
    else:
        readings.to_csv(source, index=False)
    assert predict_file(champion.bundle.folder, source, out) == len(readings)
    return pd.read_csv(out, dtype={"asset_id": str})


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_file_is_scored_row_by_row_in_its_order(
    small_champion: SmallChampion, readings: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    found = predicted(small_champion, readings, tmp_path, ending)
    wanted = small_champion.bundle.predict_frame(readings)
    assert found["asset_id"].tolist() == readings["asset_id"].astype(str).tolist()
    assert found["cycle"].tolist() == readings["cycle"].tolist()
    for column in ("failure_probability", "rul_cycles", "rul_lower_cycles", "rul_upper_cycles"):
        np.testing.assert_allclose(found[column], wanted[column], rtol=1e-12)
    for column in ("alarm", "warming", "restored", "regime"):
        assert found[column].tolist() == wanted[column].tolist()


def test_assets_may_stand_mixed_and_beside_columns_that_nobody_knows(
    small_champion: SmallChampion, readings: pd.DataFrame, tmp_path: Path
) -> None:
    mixed = readings.sort_values("cycle", kind="stable").assign(operator="Ann")
    found = predicted(small_champion, mixed, tmp_path)
    wanted = predicted(small_champion, readings, tmp_path).set_index(["asset_id", "cycle"])["failure_probability"]
    again = found.set_index(["asset_id", "cycle"])["failure_probability"].reindex(wanted.index)
    np.testing.assert_allclose(again, wanted, rtol=0, atol=1e-6)


def test_names_of_assets_stay_as_they_are(
    small_champion: SmallChampion, readings: pd.DataFrame, tmp_path: Path
) -> None:
    named = readings.assign(asset_id=readings["asset_id"].map({1: "007", 2: "7", 3: "pump, east"}))
    found = predicted(small_champion, named, tmp_path)
    assert found["asset_id"].unique().tolist() == ["007", "7", "pump, east"]
    # 007 and 7 are two machines: the second begins anew.
    np.testing.assert_allclose(
        found["failure_probability"], predicted(small_champion, readings, tmp_path)["failure_probability"], atol=1e-12
    )


def test_index_of_a_parquet_file_means_nothing(
    small_champion: SmallChampion, readings: pd.DataFrame, tmp_path: Path
) -> None:
    odd = readings.set_index(pd.Index(np.arange(len(readings))[::-1].astype(str)))
    pd.testing.assert_frame_equal(
        predicted(small_champion, odd, tmp_path, ".parquet"), predicted(small_champion, readings, tmp_path)
    )


@pytest.mark.parametrize(
    ("change", "expected", "found"),
    [
        (
            lambda table: table.drop(columns=["sensor_4", "cycle"]),
            "columns cycle, sensor_4",
            "columns asset_id, op_setting_1",
        ),
        (lambda table: table.head(0), "at least one row", "none"),
        (lambda table: put(table, 4, "sensor_4", np.nan), "finite numbers in sensor_4", "nan in data row 5"),
        (lambda table: put(table, 4, "sensor_4", np.inf), "finite numbers in sensor_4", "inf in data row 5"),
        (lambda table: put(table, 6, "sensor_4", "hot"), "finite numbers in sensor_4", "'hot' in data row 7"),
        (lambda table: put(table, 0, "cycle", "first"), "finite numbers in cycle", "'first' in data row 1"),
        (lambda table: put(table, 2, "asset_id", None), "an asset's name in asset_id", "nan in data row 3"),
        (lambda table: put(table, 3, "sensor_4", 780.0), "sensor_4 in [900, 1700] degR", "780.0 in data row 4"),
        (lambda table: put(table, 5, "cycle", 5), "cycle rising within each asset", "5 in data row 6"),
        (lambda table: table.iloc[::-1], "cycle rising within each asset", "in data row 2 and"),
    ],
    ids=["column", "empty", "nan", "inf", "text", "cycle", "asset", "unit", "duplicate", "order"],
)
def test_file_with_a_mistake_is_refused_with_its_place_and_nothing_is_written(
    small_champion: SmallChampion, readings: pd.DataFrame, tmp_path: Path, change: Change, expected: str, found: str
) -> None:
    change(readings).to_csv(tmp_path / "readings.csv", index=False)
    with pytest.raises(UnreadableData) as caught:
        predict_file(small_champion.bundle.folder, tmp_path / "readings.csv", tmp_path / "scores.csv")
    assert caught.value.expected == expected
    assert found in caught.value.found
    assert not (tmp_path / "scores.csv").exists()


def put(table: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    changed = table.astype({column: object})
    changed.loc[row, column] = value
    return changed


@pytest.mark.parametrize(("name", "content"), [("readings.csv", b""), ("readings.parquet", b"PAR1 and then nothing")])
def test_file_that_is_not_in_its_format_is_refused(
    small_champion: SmallChampion, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableData, match="expected a CSV or Parquet file"):
        predict_file(small_champion.bundle.folder, tmp_path / name, tmp_path / "scores.csv")


def test_file_that_is_missing_is_refused(small_champion: SmallChampion, tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="found no file"):
        predict_file(small_champion.bundle.folder, tmp_path / "readings.csv", tmp_path / "scores.csv")


def test_file_cannot_be_scored_without_a_model(readings: pd.DataFrame, tmp_path: Path) -> None:
    readings.to_csv(tmp_path / "readings.csv", index=False)
    with pytest.raises(ModelUnavailable, match="smart-sentry train"):
        predict_file(tmp_path / "bundle", tmp_path / "readings.csv", tmp_path / "scores.csv")
