"""C-MAPSS tables: the published counts, the truth, and lines that are not what they should be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from smart_sentry.datasets.cmapss import ENVIRONMENT_VARIABLE, Cmapss
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import DataUnavailable, TruthMissing, UnreadableData

# facts of the data sets: train rows, train engines, test rows, test engines
COUNTS = {
    "FD001": (20631, 100, 13096, 100),
    "FD002": (53759, 260, 33991, 259),
    "FD003": (24720, 100, 16596, 100),
    "FD004": (61249, 249, 41214, 248),
}


@pytest.fixture(scope="module")
def fleets(turbofan, tmp_path_factory) -> dict[str, RunToFailure]:
    raw = tmp_path_factory.mktemp("cmapss")
    loaded = {}
    for name in COUNTS:
        source = Cmapss(name, turbofan, local=Path(os.environ[ENVIRONMENT_VARIABLE]), url="")
        source.fetch(raw)
        loaded[name] = source.load(raw)
    return loaded


@pytest.mark.parametrize("name", COUNTS)
def test_load_of_published_set_has_the_published_counts(fleets, name):
    fleet = fleets[name]
    counts = (len(fleet.train), fleet.train["asset_id"].nunique(), len(fleet.test), fleet.test["asset_id"].nunique())
    assert counts == COUNTS[name]


def test_load_of_published_set_has_typed_columns(fleets, turbofan):
    train = fleets["FD001"].train
    assert list(train.columns) == ["asset_id", "cycle", *turbofan.signal_names]
    assert train.dtypes.astype(str).tolist() == ["int64"] * 2 + ["float64"] * 24
    # first line of train_FD001.txt: 1 1 -0.0007 -0.0004 100.0 518.67 641.82 ... 23.4190
    assert train.iloc[0, :7].tolist() == [1, 1, -0.0007, -0.0004, 100.0, 518.67, 641.82]
    assert train.iloc[0, -1] == 23.4190


@pytest.mark.parametrize(("name", "near_failure"), [("FD001", 332), ("FD002", 1087), ("FD003", 291)])
def test_truth_of_published_set_has_the_published_rows_near_failure(fleets, name, near_failure):
    assert (fleets[name].test_truth() <= 30).sum() == near_failure


def test_truth_counts_down_to_the_truth_files_value(fleets):
    fleet = fleets["FD001"]
    first_engine = fleet.test_truth()[fleet.test["asset_id"] == 1]
    # test engine 1 is seen for 31 cycles, and the truth file's first line is 112
    assert first_engine.tolist() == list(range(142, 111, -1))
    # train engine 1 lives 192 cycles
    assert fleet.train_truth()[fleet.train["asset_id"] == 1].tolist() == list(range(191, -1, -1))


def test_truth_of_fd004_is_known_exactly_where_its_file_is(fleets, tmp_path):
    fleet = fleets["FD004"]
    if Path(fleet.truth_source).is_file():
        assert fleet.test_final_rul_cycles is not None
        assert len(fleet.test_final_rul_cycles) == 248
    else:
        with pytest.raises(TruthMissing, match=r"RUL_FD004\.txt"):
            fleet.test_truth()


@pytest.fixture
def raw(tmp_path: Path, tiny_cmapss: dict[str, bytes]) -> Path:
    (tmp_path / "cmapss").mkdir()
    for name, content in tiny_cmapss.items():
        (tmp_path / "cmapss" / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def source(turbofan) -> Cmapss:
    return Cmapss("FD001", turbofan, local=None, url="")


def spoil(raw: Path, name: str, old: bytes, new: bytes) -> None:
    path = raw / "cmapss" / name
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_load_of_tiny_set_gives_its_numbers(source, raw):
    fleet = source.load(raw)
    assert fleet.train["asset_id"].tolist() == [1, 1, 1, 2, 2]
    assert fleet.train_truth().tolist() == [2, 1, 0, 1, 0]
    assert fleet.test_truth().tolist() == [113, 112, 98]


def test_load_with_short_line_names_file_line_and_columns(source, raw):
    spoil(raw, "train_FD001.txt", b"1 2 -0.0007 ", b"1 2 ")
    with pytest.raises(UnreadableData, match=r"train_FD001\.txt: expected 26 numbers.*25 columns in line 2"):
        source.load(raw)


@pytest.mark.parametrize(("row", "number"), [(b"1 1 ", 1), (b"2 1 ", 4)])
def test_load_with_long_line_names_it(source, raw, row, number):
    spoil(raw, "train_FD001.txt", row + b"-0.0007", row + b"-0.0007 7")
    with pytest.raises(UnreadableData, match=f"27 columns in line {number}"):
        source.load(raw)


def test_load_of_file_cut_in_a_line_names_the_last_line(source, raw):
    path = raw / "cmapss" / "test_FD001.txt"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(UnreadableData, match=r"test_FD001\.txt.* columns in line 3"):
        source.load(raw)


@pytest.mark.parametrize("text", [b"abc", b"NA", b"5OO.10", b'"500.1"'])
def test_load_with_text_in_a_number_names_value_column_and_line(source, raw, text):
    spoil(raw, "train_FD001.txt", b"500.20", text)
    found = text.decode().replace(".", r"\.")
    with pytest.raises(UnreadableData, match=f"{found}.* as sensor_1 in line 2"):
        source.load(raw)


@pytest.mark.parametrize("cycle", [b"2.5", b"nan", b"inf"])
def test_load_with_broken_cycle_names_it(source, raw, cycle):
    spoil(raw, "train_FD001.txt", b"1 2 -", b"1 " + cycle + b" -")
    with pytest.raises(UnreadableData, match="as cycle in line 2"):
        source.load(raw)


def test_load_with_nan_and_infinity_leaves_them_to_the_validation(source, raw):
    spoil(raw, "train_FD001.txt", b"500.10", b"nan")
    spoil(raw, "train_FD001.txt", b"500.20", b"inf")
    sensor = source.load(raw).train["sensor_1"]
    assert np.isnan(sensor.iloc[0])
    assert np.isposinf(sensor.iloc[1])


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_load_of_empty_file_says_so(source, raw, content):
    (raw / "cmapss" / "train_FD001.txt").write_bytes(content)
    with pytest.raises(UnreadableData, match="an empty file"):
        source.load(raw)


def test_load_of_truth_for_other_engines_names_both_counts(source, raw):
    (raw / "cmapss" / "RUL_FD001.txt").write_text("112\n98\n69\n")
    with pytest.raises(UnreadableData, match=r"each of the 2 engines.* found 3 lines"):
        source.load(raw)


@pytest.mark.parametrize("value", ["-5", "98.5", "soon", "98 69"])
def test_load_of_truth_that_is_not_a_count_names_the_line(source, raw, value):
    (raw / "cmapss" / "RUL_FD001.txt").write_text(f"112\n{value}\n")
    with pytest.raises(UnreadableData, match=f"'{value}' in line 2"):
        source.load(raw)


def test_load_before_fetch_says_how_to_get_the_data(source, tmp_path):
    with pytest.raises(DataUnavailable, match="smart-sentry data get FD001"):
        source.load(tmp_path)
