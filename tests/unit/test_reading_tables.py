"""Tables of readings: times in the units and spellings in which files have them, in the order of time."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smart_sentry.assets import AssetType
from smart_sentry.reading_tables import TimedReadings, as_readings, numbers_of, read_table

KIND = AssetType.model_validate({
    "name": "pump", "sampling_seconds": 5, "signals": [{"name": "flow", "unit": "1", "limits": [-1e9, 1e9]}]
})  # fmt: skip
MIDNIGHT = 1705017600.0
"""2024-01-12T00:00:00Z"""
DAY = 86400.0


def read(folder: Path, times: object, name: str = "live.csv") -> TimedReadings:
    frame = pd.DataFrame({"timestamp": times})
    frame["flow"] = np.arange(len(frame), dtype=np.float64)
    path = folder / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return as_readings(path, read_table(path), KIND)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_parquet_are_seconds_whatever_unit_they_are_kept_in(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    times = pd.Series(pd.date_range("2024-01-12", periods=3, freq="10s", tz="UTC")).dt.as_unit(unit)
    found = read(tmp_path, times.dt.tz_convert(zone), "live.parquet")
    assert found.seconds.tolist() == [MIDNIGHT, MIDNIGHT + 10, MIDNIGHT + 20]


@pytest.mark.parametrize("name", ["live.csv", "live.parquet"])
@pytest.mark.parametrize("per_second", [1, 10**3, 10**6, 10**9])
def test_numbers_since_1970_are_told_apart_by_their_size(tmp_path: Path, name: str, per_second: int) -> None:
    found = read(tmp_path, (int(MIDNIGHT) + np.arange(3) * 10) * per_second, name)
    assert found.seconds.tolist() == [MIDNIGHT, MIDNIGHT + 10, MIDNIGHT + 20]


def test_numbers_from_a_start_of_their_own_are_seconds(tmp_path: Path) -> None:
    assert read(tmp_path, [0.0, 0.5, 1.0]).seconds.tolist() == [0, 0.5, 1]


def test_spans_of_parquet_are_seconds(tmp_path: Path) -> None:
    found = read(tmp_path, pd.to_timedelta([0, 90, 180], unit="s"), "live.parquet")
    assert found.seconds.tolist() == [0, 90, 180]


def test_dates_that_begin_with_the_day_somewhere_do_so_everywhere(tmp_path: Path) -> None:
    found = read(tmp_path, ["13/01/2024 00:00:00", "12/01/2024 00:00:00", "12/01/2024 10:00:00", "14/01/2024"])
    assert (found.seconds - MIDNIGHT).tolist() == [DAY, 0, 36000, 2 * DAY]
    assert found.order.tolist() == [1, 2, 0, 3]


def test_dates_that_have_the_day_second_somewhere_do_so_everywhere(tmp_path: Path) -> None:
    found = read(tmp_path, ["01/12/2024 00:00", "01/13/2024 00:00"])
    assert (found.seconds - MIDNIGHT).tolist() == [0, DAY]


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (["12/01/2024", "11/01/2024", "10/01/2024"], [0, -1, -2]),
        (["01/12/2024", "01/11/2024", "01/10/2024"], [0, -1, -2]),
        (["01/12/2024", "01/12/2024"], [0, 0]),
        (["12.01.2024", "11.01.2024"], [0, -1]),
    ],
    ids=["what changes faster is the day", "the second does", "neither: the month is first", "with dots"],
)
def test_dates_that_could_be_either_are_read_by_what_changes_faster(
    tmp_path: Path, dates: list[str], days: list[float]
) -> None:
    assert ((read(tmp_path, dates).seconds - MIDNIGHT) / DAY).tolist() == days


def test_iso_dates_stay_iso_dates_beside_slashed_ones(tmp_path: Path) -> None:
    found = read(tmp_path, ["2024-01-12", "2024-01-12T00:00:10Z", "13/01/2024", "2024-01-12 01:00:00+01:00"])
    assert (found.seconds - MIDNIGHT).tolist() == [0, 10, DAY, 0]


def test_what_is_no_time_keeps_its_place_and_a_column_of_it_is_counted_in_the_types_interval(tmp_path: Path) -> None:
    assert read(tmp_path, ["2024-01-12", "yesterday", "2024-01-13"]).order.tolist() == [0, 1, 2]
    assert read(tmp_path, ["a", "b", "c"]).seconds.tolist() == [0, 5, 10]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([True, False, True]),
        pd.Series(["true", "FALSE", " True"]),
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series(["1", "0", "1.0"], dtype="category"),
        pd.Series([Decimal("1"), Decimal("0"), Decimal("1.00")]),
    ],
    ids=["truths", "truths as text", "whole numbers", "categories", "decimals"],
)
@pytest.mark.parametrize("missing", [False, True])
def test_numbers_of_a_column_are_found_however_it_is_kept(values: pd.Series, missing: bool) -> None:
    expected = [1.0, 0.0, 1.0] + [np.nan] * missing
    np.testing.assert_array_equal(numbers_of(values.reindex(range(3 + missing))), expected)


@pytest.mark.parametrize(
    "values", [["a", "1e400", "-inf"], pd.date_range("2024", periods=3), pd.to_timedelta([1, 2, 3])]
)
def test_what_is_no_finite_number_is_missing(values: object) -> None:
    assert np.isnan(numbers_of(pd.Series(values))).all()


@pytest.mark.parametrize(
    "text",
    [
        "timestamp;flow\n2024-01-12;1,5\n2024-01-13;2\n",
        "timestamp;flow\n2024-01-12;1.5\n2024-01-13;2\n",
        "timestamp\tflow\n2024-01-12\t1.5\n2024-01-13\t2\n",
        'timestamp,flow\n2024-01-12,"1.5"\n2024-01-13,2\n',
    ],
)
def test_values_may_be_separated_by_commas_semicolons_or_tabs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "live.csv"
    path.write_text(text)
    assert as_readings(path, read_table(path), KIND).values.tolist() == [[1.5], [2.0]]


def test_index_of_times_is_the_timestamp_of_a_parquet_file_that_has_none(tmp_path: Path) -> None:
    path = tmp_path / "live.parquet"
    pd.DataFrame({"flow": [1.0, 2.0]}, index=pd.date_range("2024-01-12", periods=2, freq="1min")).to_parquet(path)
    assert as_readings(path, read_table(path), KIND).seconds.tolist() == [MIDNIGHT, MIDNIGHT + 60]
