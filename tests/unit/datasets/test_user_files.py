"""Users' own run-to-failure files: what is read, and every mistake with its message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smart_sentry.assets import AssetType, FileMapping, Signal
from smart_sentry.datasets.user_files import UserFiles
from smart_sentry.errors import ConfigurationError, DataUnavailable, InsufficientData, TruthMissing, UnreadableData

SIGNALS = (
    Signal(name="load_pct", unit="%", role="setting", limits=(0, 150)),
    Signal(name="pressure_bar", unit="bar", limits=(0, 400)),
)
MAPPING = FileMapping(asset_column="pump", cycle_column="run", columns={"pressure_bar": "P (bar)"})


def source(**mapping: object) -> UserFiles:
    """Pumps whose file calls the asset `pump`, the cycle `run` and the pressure `P (bar)`, but for what is given."""
    files = FileMapping.model_validate(MAPPING.model_dump() | mapping)
    return UserFiles(AssetType(name="pump", signals=SIGNALS, files=files))


BY_TIME = {"cycle_column": None, "time_column": "at"}


def histories(names: list[str], rows: int = 4) -> pd.DataFrame:
    """`rows` rows of every asset, with pressures 100 * asset + cycle."""
    table = [
        {"pump": name, "run": run, "load_pct": 80.0, "P (bar)": 100.0 * number + run, "remark": "ignored"}
        for number, name in enumerate(names, start=1)
        for run in range(1, rows + 1)
    ]
    return pd.DataFrame(table)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "pump").mkdir()
    return tmp_path


def put(raw: Path, table: pd.DataFrame | str | bytes, name: str = "train.csv") -> None:
    path = raw / "pump" / name
    if isinstance(table, bytes):
        path.write_bytes(table)
    elif isinstance(table, str):
        path.write_text(table, encoding="utf-8")
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_load_of_train_and_test_files_gives_typed_tables_and_names(raw, suffix):
    put(raw, histories(["north", "east", "south"]), f"train{suffix}")
    put(raw, histories(["west", "east"], rows=2), f"test{suffix}")
    fleet = source().load(raw)
    assert list(fleet.train.columns) == ["asset_id", "cycle", "load_pct", "pressure_bar"]
    assert fleet.train.dtypes.astype(str).tolist() == ["int64", "int64", "float64", "float64"]
    # sorted: east 1, north 2, south 3, west 4; north was the first in the file
    assert fleet.asset_names.to_dict() == {1: "east", 2: "north", 3: "south", 4: "west"}
    assert fleet.train["asset_id"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert fleet.train["pressure_bar"].iloc[:5].tolist() == [201.0, 202.0, 203.0, 204.0, 101.0]
    assert fleet.test["asset_id"].tolist() == [1, 1, 4, 4]
    assert fleet.train_truth().tolist() == [3, 2, 1, 0] * 3


def test_load_of_rows_in_any_order_sorts_them_by_asset_and_cycle(raw):
    table = histories(["b", "a"])
    put(raw, table, "test.csv")
    put(raw, table.sample(frac=1.0, random_state=1))
    fleet = source().load(raw)
    assert fleet.train["cycle"].tolist() == [1, 2, 3, 4] * 2
    assert fleet.train["pressure_bar"].tolist() == [201.0, 202.0, 203.0, 204.0, 101.0, 102.0, 103.0, 104.0]


def test_load_of_numbered_assets_keeps_their_numbers(raw):
    put(raw, histories(["10", "9", "101"]))
    put(raw, histories(["7"]), "test.csv")
    fleet = source().load(raw)
    assert fleet.train["asset_id"].unique().tolist() == [9, 10, 101]
    assert fleet.asset_names.loc[101] == "101"


def test_load_of_numbers_with_leading_zeros_treats_them_as_names(raw):
    put(raw, histories(["007", "008"]))
    put(raw, histories(["007"]), "test.csv")
    assert source().load(raw).asset_names.to_dict() == {1: "007", 2: "008"}


@pytest.mark.parametrize(
    "times",
    [
        ["2026-03-01T10:00:00Z", "2026-03-01T10:00:10Z", "2026-03-01T10:00:20Z", "2026-03-01T10:00:30Z"],
        ["2026-03-01 10:00", "2026-03-01 10:05", "2026-03-01 10:10", "2026-03-02 00:00"],
        # the clock goes back: 02:30 summer time comes before 02:10 winter time
        ["2026-10-25T02:30+02:00", "2026-10-25T02:50+02:00", "2026-10-25T02:10+01:00", "2026-10-25T02:20+01:00"],
        [0.0, 10.5, 21.0, 1e6],
    ],
)
def test_load_by_time_counts_the_rows_of_every_asset_in_its_order(raw, times):
    table = histories(["a", "b"]).assign(at=times * 2).drop(columns="run")
    put(raw, table, "test.csv")
    put(raw, table.iloc[::-1])
    fleet = source(**BY_TIME).load(raw)
    assert fleet.train["cycle"].tolist() == [1, 2, 3, 4] * 2
    assert fleet.train["pressure_bar"].tolist() == [101.0, 102.0, 103.0, 104.0, 201.0, 202.0, 203.0, 204.0]


def test_load_of_parquet_timestamps_and_named_index_reads_them(raw):
    table = histories(["a", "b"]).assign(at=list(pd.date_range("2026-03-01", periods=4, freq="10s", tz="UTC")) * 2)
    table.set_index("pump").to_parquet(raw / "pump" / "train.parquet")
    table.to_parquet(raw / "pump" / "test.parquet")
    assert source(**BY_TIME).load(raw).train["cycle"].tolist() == [1, 2, 3, 4] * 2


def test_load_with_remaining_life_in_the_test_file_gives_the_truth(raw):
    train = histories(["a", "b"]).assign(left=[3, 2, 1, 0] * 2)
    put(raw, train)
    put(raw, histories(["c", "d"], rows=2).assign(left=[41, 40, 8, 7]), "test.csv")
    fleet = source(rul_column="left").load(raw)
    assert fleet.test_truth().tolist() == [41, 40, 8, 7]
    assert fleet.asset_names.loc[fleet.test_final_rul_cycles.index].tolist() == ["c", "d"]


def test_load_without_remaining_life_in_the_test_file_predicts_but_does_not_score(raw):
    put(raw, histories(["a", "b"]))
    put(raw, histories(["c"]), "test.csv")
    with pytest.raises(TruthMissing, match="set rul_column"):
        source().load(raw).test_truth()


def test_load_keeps_missing_readings_and_infinities_for_the_validation(raw):
    put(raw, histories(["c"]), "test.csv")
    put(raw, "pump,run,load_pct,P (bar)\na,1,80,\na,2,80,inf\nb,1,80,5\n")
    pressure = source().load(raw).train["pressure_bar"]
    assert np.isnan(pressure[0])
    assert np.isposinf(pressure[1])


def test_load_with_repeated_cycle_leaves_it_to_the_validation(raw):
    put(raw, histories(["c"]), "test.csv")
    put(raw, pd.concat([histories(["a", "b"]), histories(["a"]).head(1)]))
    assert source().load(raw).train["cycle"].tolist() == [1, 1, 2, 3, 4, 1, 2, 3, 4]


# Without a test file: an honest split


def test_split_sets_whole_assets_aside_and_cuts_them_before_their_failure(raw):
    names = [f"pump {number:02}" for number in range(20)]
    put(raw, histories(names, rows=50))
    fleet = source().load(raw)
    train_ids, test_ids = set(fleet.train["asset_id"]), set(fleet.test["asset_id"])
    assert len(test_ids) == 6  # 30 % of 20
    assert train_ids.isdisjoint(test_ids)
    assert train_ids | test_ids == set(range(1, 21))
    seen = fleet.test.groupby("asset_id").size()
    assert seen.between(1, 49).all()
    assert seen.nunique() > 3
    assert (seen + fleet.test_final_rul_cycles == 50).all()
    assert fleet.train.groupby("asset_id").size().eq(50).all()


def test_split_depends_on_the_seed_but_not_on_the_order_of_the_rows(raw):
    table = histories([f"pump {number:02}" for number in range(20)], rows=50)
    put(raw, table)
    first = source().load(raw)
    other = UserFiles(source().asset_type, seed=21).load(raw)
    put(raw, table.iloc[::-1])
    reversed_rows = source().load(raw)
    pd.testing.assert_frame_equal(reversed_rows.test, first.test)
    assert not first.test.equals(other.test)


def test_split_cut_of_an_asset_does_not_depend_on_the_other_assets(raw):
    names = [f"pump {number:02}" for number in range(20)]
    put(raw, histories(names, rows=50))
    first = source().load(raw)
    seen = dict(
        zip(first.asset_names[first.test["asset_id"].unique()], first.test.groupby("asset_id").size(), strict=True)
    )
    put(raw, histories([*names, "pump 99"], rows=50))
    more = source().load(raw)
    seen_now = dict(
        zip(more.asset_names[more.test["asset_id"].unique()], more.test.groupby("asset_id").size(), strict=True)
    )
    both = seen.keys() & seen_now.keys()
    assert len(both) >= 5
    assert all(seen[name] == seen_now[name] for name in both)


def test_split_of_two_assets_leaves_one_on_either_side(raw):
    put(raw, histories(["a", "b"]))
    fleet = source().load(raw)
    assert fleet.train["asset_id"].nunique() == fleet.test["asset_id"].nunique() == 1


# fetch


def test_fetch_reports_the_files_and_the_missing_test_file(raw):
    put(raw, histories(["a", "b"]))
    report = source().fetch(raw)
    assert [file.path.name for file in report.files] == ["train.csv"]
    assert report.missing == ("test",)
    put(raw, histories(["c"]), "test.parquet")
    assert [file.path.name for file in source().fetch(raw).files] == ["train.csv", "test.parquet"]


def test_fetch_without_files_says_where_to_put_them(raw):
    with pytest.raises(DataUnavailable) as caught:
        source().fetch(raw)
    assert caught.value.tried == (str(raw / "pump/train.csv"), str(raw / "pump/train.parquet"))
    assert "configs/assets/pump.yaml" in caught.value.remedy


def test_fetch_with_two_train_files_asks_which(raw):
    put(raw, histories(["a", "b"]))
    put(raw, histories(["a", "b"]), "train.parquet")
    with pytest.raises(UnreadableData, match=r"one train file, found train\.csv and train\.parquet"):
        source().fetch(raw)


# mistakes


def broken(raw: Path, table: pd.DataFrame | str | bytes, name: str = "train.csv", **mapping: object) -> str:
    """The message for a train file that cannot be read."""
    put(raw, table, name)
    with pytest.raises(UnreadableData) as caught:
        source(**mapping).load(raw)
    message = str(caught.value)
    assert message.startswith(f"{raw / 'pump' / name}: expected ")
    return message


@pytest.mark.parametrize("name", ["train.csv", "train.parquet"])
def test_load_without_a_mapped_column_names_it_and_what_there_is(raw, name):
    message = broken(raw, histories(["a", "b"]).rename(columns={"P (bar)": "P"}), name)
    assert "expected the columns P (bar), found only the columns pump, run, load_pct, P, remark" in message


def test_load_without_the_asset_column_names_it(raw):
    assert "the columns pump" in broken(raw, histories(["a", "b"]).rename(columns={"pump": "machine"}))


def test_load_with_another_separator_shows_the_header(raw):
    assert "only the columns pump;run;load_pct" in broken(raw, "pump;run;load_pct;P (bar)\na;1;80;5\n")


@pytest.mark.parametrize("name", ["train.csv", "train.parquet"])
def test_load_with_text_in_a_number_shows_the_first_rows(raw, name):
    table = histories(["a", "b"]).astype({"P (bar)": object})
    table["P (bar)"] = table["P (bar)"].astype(str)
    table.loc[[1, 2, 4, 6], "P (bar)"] = ["fault", "1,5", "---", "off"]
    message = broken(raw, table, name)
    assert "numbers in column P (bar), found 'fault' in row 2, '1,5' in row 3, '---' in row 5 and 1 more" in message


def test_load_with_times_in_a_number_refuses_them(raw):
    table = histories(["a", "b"]).assign(**{"P (bar)": pd.date_range("2026-03-01", periods=8)})
    assert "numbers in column P (bar)" in broken(raw, table, "train.parquet")


@pytest.mark.parametrize(("cell", "shown"), [("1.5", "'1.5'"), ("", "None"), ("inf", "'inf'")])
def test_load_with_broken_cycle_shows_it(raw, cell, shown):
    message = broken(raw, f"pump,run,load_pct,P (bar)\na,1,80,5\na,{cell},80,5\nb,1,80,5\n")
    assert f"whole numbers in column run, found {shown} in row 2" in message


def test_load_with_nameless_asset_shows_its_rows(raw):
    message = broken(raw, "pump,run,load_pct,P (bar)\na,1,80,5\n,2,80,5\n  ,1,80,5\n")
    assert "the name of an asset in column pump, found None in row 2, '  ' in row 3" in message


def test_load_with_unparseable_time_shows_it(raw):
    times = ["2026-03-01", "yesterday", "03/04/2026", None]
    message = broken(raw, histories(["a", "b"]).assign(at=times * 2), **BY_TIME)
    assert (
        "timestamps in column at, found 'yesterday' in row 2, '03/04/2026' in row 3, None in row 4 and 3 more"
        in message
    )
    assert "ISO 8601" in message


def test_load_with_text_among_times_as_numbers_shows_the_text(raw):
    message = broken(raw, histories(["a", "b"]).assign(at=["0", "10", "later", "30"] * 2), **BY_TIME)
    assert "times as numbers in column at, found 'later' in row 3, 'later' in row 7" in message


def test_load_with_times_with_and_without_zone_refuses_the_mixture(raw):
    times = ["2026-03-01T10:00:00Z", "2026-03-01T10:00:10", "2026-03-01T10:00:20+01:00", "2026-03-01 10:00:30"]
    message = broken(raw, histories(["a", "b"]).assign(at=times * 2), **BY_TIME)
    assert (
        "either all timestamps with a time zone or none in column at, found '2026-03-01T10:00:10' in row 2" in message
    )


def test_load_with_repeated_time_shows_it(raw):
    table = histories(["a", "b"]).assign(at=[0, 10, 10, 30, 0, 10, 20, 30])
    assert "one reading an asset and time in column at, found 10 in row 3" in broken(raw, table, **BY_TIME)


def test_load_with_cycles_against_the_time_refuses_them(raw):
    table = histories(["a", "b"]).assign(at=[0, 20, 10, 30, 0, 10, 20, 30])
    message = broken(raw, table, time_column="at")
    assert "cycles that rise with the time in column run, found 2 in row 2" in message


def test_load_of_empty_file_says_so(raw):
    assert "only the columns (none)" in broken(raw, "")
    assert "a file without a row" in broken(raw, "pump,run,load_pct,P (bar)\n")


@pytest.mark.parametrize("row", ["b,1,80,5,9", "b,1,80"])
def test_load_of_row_that_is_not_as_long_as_the_header_names_it(raw, row):
    columns = row.count(",") + 1
    message = broken(raw, f"pump,run,load_pct,P (bar)\na,1,80,5\n{row}\n")
    assert f"Row #3: Expected 4 columns, got {columns}" in message
    assert "Expected 4 columns" in broken(raw, f"pump,run,load_pct,P (bar)\n{row}\n{row}\n")


def test_load_of_other_encoding_refuses_it(raw):
    assert "UTF-8" in broken(raw, "pump,run,load_pct,P (bar)\nK\u00fche,1,80,5\n".encode("latin-1"))


def test_load_of_damaged_parquet_says_so(raw):
    put(raw, histories(["a", "b"]), "train.parquet")
    whole = (raw / "pump" / "train.parquet").read_bytes()
    assert "a Parquet file" in broken(raw, whole[: len(whole) // 2], "train.parquet")


def test_load_with_a_column_given_twice_names_it(raw):
    assert "load_pct twice" in broken(raw, "pump,run,load_pct,load_pct,P (bar)\na,1,80,80,5\nb,1,80,80,5\n")


def test_load_of_one_asset_is_too_little(raw):
    put(raw, histories(["only"]))
    with pytest.raises(InsufficientData, match="have 1, need at least 2"):
        source().load(raw)


def test_load_with_capped_remaining_life_refuses_it(raw):
    table = histories(["a", "b"]).assign(left=[2, 2, 1, 0] * 2)
    message = broken(raw, table, rul_column="left")
    assert "falls by one with every cycle, found 2 at cycle 1 of asset a" in message


def test_load_with_train_asset_that_did_not_fail_refuses_it(raw):
    table = histories(["a", "b"]).assign(left=[3, 2, 1, 0, 13, 12, 11, 10])
    assert "found asset b with 10 cycles left at its last row" in broken(raw, table, rul_column="left")


def test_load_without_remaining_life_column_in_train_names_it(raw):
    assert "expected the columns left" in broken(raw, histories(["a", "b"]), rul_column="left")


def test_load_with_a_mapping_that_orders_nothing_is_a_configuration_error(raw):
    put(raw, histories(["a", "b"]))
    with pytest.raises(ConfigurationError, match="neither cycle_column nor time_column"):
        source(cycle_column=None).load(raw)


def test_load_of_csv_with_byte_order_mark_and_windows_lines_reads_it(raw):
    put(raw, b"\xef\xbb\xbfpump,run,load_pct,P (bar)\r\na,1,80,5\r\nb,1,80,6\r\n")
    put(raw, histories(["c"]), "test.csv")
    assert source().load(raw).train["pressure_bar"].tolist() == [5.0, 6.0]
