"""Real C-MAPSS readings, corrupted in every way that has a rule, through Great Expectations itself."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.datasets.cmapss import Cmapss
from smart_sentry.datasets.motor_fleet import MotorFleet
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import ValidationFailed
from smart_sentry.validation.contract import SplitCounts, readings_contract, truth_contract
from smart_sentry.validation.gate import truth_table, validate, validate_table
from smart_sentry.validation.report import ValidationReport

ASSET_TYPES = Path(__file__).parents[2] / "configs" / "assets"
FD001_COUNTS = {"train": SplitCounts(20631, 100), "test": SplitCounts(13096, 100)}
KEYS = ["asset_id", "cycle"]
SOME_SIGNALS = ["op_setting_1", "sensor_2", "sensor_4", "sensor_7", "sensor_9", "sensor_11", "sensor_15"]
"""Great Expectations takes about 20 ms an expectation: a table with seven signals instead of 24 is a third of the work."""
FOUR_ENGINES = {"train": SplitCounts(192 + 287 + 179 + 189, 4), "test": SplitCounts(31 + 49 + 126 + 106, 4)}
"""The lives of FD001's first four engines, counted in the raw files."""

Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def turbofan() -> AssetType:
    return load_asset_type(ASSET_TYPES / "turbofan.yaml")


@pytest.fixture(scope="module")
def fd001(turbofan: AssetType, tmp_path_factory: pytest.TempPathFactory) -> RunToFailure:
    source = Cmapss("FD001", turbofan, Path(os.environ["SMART_SENTRY_CMAPSS"]), url="http://127.0.0.1:9/none")
    raw_folder = tmp_path_factory.mktemp("raw")
    source.fetch(raw_folder)
    return source.load(raw_folder)


@pytest.fixture(scope="module")
def engines(fd001: RunToFailure) -> RunToFailure:
    """The first four engines of FD001 with seven signals."""
    kept = tuple(signal for signal in fd001.asset_type.signals if signal.name in SOME_SIGNALS)
    return replace(
        fd001,
        asset_type=fd001.asset_type.model_copy(update={"signals": kept}),
        train=first_engines(fd001.train),
        test=first_engines(fd001.test),
        test_final_rul_cycles=fd001.test_final_rul_cycles.loc[:4],
    )


def first_engines(readings: pd.DataFrame) -> pd.DataFrame:
    return readings.loc[readings.asset_id <= 4, KEYS + SOME_SIGNALS].reset_index(drop=True)


def check_split(engines: RunToFailure, split: str, table: pd.DataFrame, folder: Path) -> ValidationReport:
    """Holds one table of the four engines against its contract."""
    kind = engines.asset_type
    if split == "truth":
        return validate_table(table, truth_contract(kind, "FD001", engines.test.asset_id), folder)
    return validate_table(table, readings_contract(kind, "FD001", split, FOUR_ENGINES[split]), folder)


def with_cell(readings: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    """A copy with one other value; `row` counts from 1."""
    changed = readings.copy()
    if isinstance(value, str):
        changed[column] = changed[column].astype(object)
    changed.loc[row - 1, column] = value
    return changed


def rows_in_order(readings: pd.DataFrame, order: list[int]) -> pd.DataFrame:
    return readings.iloc[order].reset_index(drop=True)


def swapped(readings: pd.DataFrame) -> pd.DataFrame:
    order = list(range(len(readings)))
    order[9], order[10] = order[10], order[9]
    return rows_in_order(readings, order)


def as_other_engine(readings: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([readings, readings.head(2).assign(asset_id=99)], ignore_index=True)


@dataclass(frozen=True)
class Corruption:
    """What is done to a table, and what the error must say about it."""

    name: str
    change: Change
    rule: str
    columns: tuple[str, ...]
    says: tuple[str, ...]
    split: str = "train"


CORRUPTIONS = [
    Corruption(
        "missing column",
        lambda table: table.drop(columns="sensor_7"),
        "columns",
        ("sensor_7",),
        ("missing: sensor_7", "configs/assets/turbofan.yaml"),
    ),
    Corruption(
        "extra column",
        lambda table: table.assign(oil_grade=1.5),
        "columns",
        ("oil_grade",),
        ("unexpected: oil_grade", "row 1, asset_id 1, cycle 1, oil_grade 1.5"),
    ),
    Corruption(
        "renamed column",
        lambda table: table.rename(columns={"sensor_7": "Sensor_7"}),
        "columns",
        ("sensor_7", "Sensor_7"),
        ("Rename Sensor_7 to sensor_7", "row 1, asset_id 1, cycle 1, Sensor_7 554.36"),
    ),
    Corruption(
        "column given twice",
        lambda table: pd.concat([table, table[["sensor_7"]]], axis="columns"),
        "columns",
        ("sensor_7",),
        ("given twice: sensor_7",),
    ),
    Corruption(
        "text in a number",
        lambda table: with_cell(table, 7, "sensor_4", "n/a"),
        "type",
        ("sensor_4",),
        ("expected float64, found object: 1 value not numbers", "row 7, asset_id 1, cycle 7, sensor_4 n/a"),
    ),
    Corruption(
        "numbers stored as text",
        lambda table: table.astype({"sensor_4": str}),
        "type",
        ("sensor_4",),
        ("Convert the column to float64",),
    ),
    Corruption(
        "fractional cycle",
        lambda table: with_cell(table.astype({"cycle": "float64"}), 3, "cycle", 3.5),
        "type",
        ("cycle",),
        ("1 value not whole numbers", "row 3, asset_id 1, cycle 3.5"),
    ),
    Corruption(
        "NaN in a sensor",
        lambda table: with_cell(table, 200, "sensor_11", np.nan),
        "not_null",
        ("sensor_11",),
        ("1 of 847 values empty", "row 200, asset_id 2, cycle 8, sensor_11 nan"),
    ),
    Corruption(
        "NaN in the cycle",
        lambda table: with_cell(table, 12, "cycle", np.nan),
        "not_null",
        ("cycle",),
        ("1 of 847 values empty", "row 12, asset_id 1, cycle nan"),
    ),
    Corruption(
        "infinity",
        lambda table: with_cell(table, 5, "sensor_2", np.inf),
        "finite",
        ("sensor_2",),
        ("1 of 847 values infinite", "row 5, asset_id 1, cycle 5, sensor_2 inf"),
    ),
    Corruption(
        "negative infinity",
        lambda table: with_cell(table, 5, "sensor_2", -np.inf),
        "finite",
        ("sensor_2",),
        ("row 5, asset_id 1, cycle 5, sensor_2 -inf", "division by zero"),
    ),
    Corruption(
        "value out of range",
        lambda table: with_cell(table, 5, "sensor_15", -8.4),
        "range",
        ("sensor_15",),
        ("1 of 847 values outside [6, 14] fraction", "row 5, asset_id 1, cycle 5, sensor_15 -8.4"),
    ),
    Corruption(
        "kPa for psia",
        lambda table: table.assign(sensor_7=table.sensor_7 * 6.894757),
        "range",
        ("sensor_7",),
        ("looks like kPa instead of psia", "row 1, asset_id 1, cycle 1, sensor_7 3822.18", "psia = 0.145038 * kPa"),
    ),
    Corruption(
        "K for degR in one engine",
        lambda table: table.assign(sensor_2=table.sensor_2.where(table.asset_id != 2, table.sensor_2 / 1.8)),
        "range",
        ("sensor_2",),
        ("287 of 847 values", "looks like K instead of degR", "row 193, asset_id 2, cycle 1, sensor_2 356.606"),
    ),
    Corruption(
        "Hz for rpm",
        lambda table: table.assign(sensor_9=table.sensor_9 / 60),
        "range",
        ("sensor_9",),
        ("looks like Hz instead of rpm", "row 1, asset_id 1, cycle 1, sensor_9 150.77"),
    ),
    Corruption(
        "duplicated cycle",
        lambda table: with_cell(table, 10, "cycle", 9),
        "unique_cycle",
        ("asset_id", "cycle"),
        ("1 row with the asset_id and cycle of an earlier row", "row 10, asset_id 1, cycle 9"),
    ),
    Corruption(
        "duplicated row",
        lambda table: rows_in_order(table, [0, 1, 2, 2, *range(3, len(table))]),
        "duplicate_row",
        ("asset_id", "cycle"),
        ("1 row repeating an earlier one", "row 4, asset_id 1, cycle 3", "Delete the copies"),
    ),
    Corruption(
        "gap",
        lambda table: table.drop(index=19),
        "gap_free",
        ("asset_id", "cycle"),
        ("1 gap; asset_id 1 lacks cycle 20", "row 20, asset_id 1, cycle 21"),
    ),
    Corruption(
        "late start",
        lambda table: table.drop(index=range(192, 197)),
        "gap_free",
        ("asset_id", "cycle"),
        ("asset_id 2 lacks cycles 1 to 5", "row 193, asset_id 2, cycle 6"),
    ),
    Corruption(
        "negative cycle",
        lambda table: with_cell(table, 5, "cycle", -5),
        "minimum",
        ("cycle",),
        ("1 of 847 values below 1", "row 5, asset_id 1, cycle -5", "Number the cycles from 1"),
    ),
    Corruption(
        "engine number zero",
        lambda table: table.assign(asset_id=table.asset_id - 1),
        "minimum",
        ("asset_id",),
        ("192 of 847 values below 1", "row 1, asset_id 0, cycle 1"),
    ),
    Corruption(
        "cycles out of order",
        swapped,
        "order",
        ("asset_id", "cycle"),
        ("1 row with a lower cycle", "row 11, asset_id 1, cycle 10", "Sort the table"),
    ),
    Corruption(
        "engines interleaved",
        lambda table: rows_in_order(table, [*range(100), *range(192, len(table)), *range(100, 192)]),
        "asset_by_asset",
        ("asset_id",),
        ("go on after another asset's rows", "row 756, asset_id 1, cycle 101"),
    ),
    Corruption(
        "truncated table",
        lambda table: table.head(800),
        "row_count",
        (),
        ("expected exactly 847 rows, found 800 (47 missing)", "row 800, asset_id 4, cycle 142", "truncated"),
    ),
    Corruption(
        "empty table",
        lambda table: table.head(0),
        "row_count",
        (),
        ("expected exactly 847 rows, found 0",),
    ),
    Corruption(
        "rows of an unknown engine",
        as_other_engine,
        "known_assets",
        ("asset_id",),
        ("2 rows of unknown asset_id 99", "row 848, asset_id 99, cycle 1"),
    ),
    Corruption(
        "a test engine left out",
        lambda table: table[table.asset_id != 2],
        "known_assets",
        ("asset_id",),
        ("no row of asset_id 2",),
        split="test",
    ),
    Corruption(
        "truth without an engine",
        lambda truth: truth[truth.asset_id != 3],
        "known_assets",
        ("asset_id",),
        ("expected the 4 assets of the test readings of FD001, found no row of asset_id 3",),
        split="truth",
    ),
    Corruption(
        "truth of an unknown engine",
        lambda truth: with_cell(truth, 4, "asset_id", 77),
        "known_assets",
        ("asset_id",),
        ("1 row of unknown asset_id 77; no row of asset_id 4", "row 4, asset_id 77"),
        split="truth",
    ),
    Corruption(
        "truth below zero",
        lambda truth: with_cell(truth, 2, "rul_cycles", -1),
        "minimum",
        ("rul_cycles",),
        ("row 2, asset_id 2, rul_cycles -1",),
        split="truth",
    ),
    Corruption(
        "an engine twice in the truth",
        lambda truth: pd.concat([truth, truth.tail(1).assign(rul_cycles=1)], ignore_index=True),
        "unique_asset",
        ("asset_id",),
        ("row 5, asset_id 4, rul_cycles 1",),
        split="truth",
    ),
]


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_validate_table_of_corrupted_data_stops_and_names_rule_column_and_first_row(engines, corruption, tmp_path):
    whole = (
        truth_table(engines.test_final_rul_cycles)
        if corruption.split == "truth"
        else getattr(engines, corruption.split)
    )
    with pytest.raises(ValidationFailed) as failure:
        check_split(engines, corruption.split, corruption.change(whole), tmp_path)

    error = failure.value
    found = [
        finding
        for finding in error.findings
        if finding.rule == corruption.rule and finding.columns == corruption.columns
    ]
    assert len(found) == 1, [(finding.rule, finding.columns) for finding in error.findings]
    assert found[0].split == corruption.split == error.split
    for part in (f"[{corruption.split}] {corruption.rule}", *corruption.columns, *corruption.says):
        assert part in found[0].sentence()
    assert found[0].sentence() in str(error)
    assert str(error.data_docs) in str(error)
    assert found[0].message.split(";")[0].replace("'", "&#x27;") in error.data_docs.read_text(encoding="utf-8")


def test_validate_whole_engines_passes_so_every_corruption_above_is_the_cause_of_its_error(engines, tmp_path):
    assert validate(engines, tmp_path, FOUR_ENGINES).success


def test_validate_clean_fd001_passes_and_builds_data_docs_that_fetch_nothing(fd001, tmp_path, monkeypatch):
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("validation opened a socket")

    docs, elsewhere = tmp_path / "docs", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(elsewhere))
    monkeypatch.setattr(socket, "socket", refuse)

    report = validate(fd001, docs, FD001_COUNTS)

    assert report.success
    assert report.findings == ()
    # op_setting_3 is 100 % throttle all along; T2, P2, epr, farB, Nf_dmd and PCNfR_dmd do not move at sea level.
    constant = ("op_setting_3", "sensor_1", "sensor_5", "sensor_10", "sensor_16", "sensor_18", "sensor_19")
    assert report.constant_signals == {"train": constant, "test": constant}
    assert report.stuck_signals == ()
    assert [suite.suite for suite in report.suites] == [
        "turbofan.FD001.train",
        "turbofan.FD001.train_cycles",
        "turbofan.FD001.test",
        "turbofan.FD001.test_cycles",
        "turbofan.FD001.truth",
    ]
    # 2 for the columns, 26 types, 1 count, 1 known assets, 26 not null, 2 minima, 24 ranges, 2 unique, 24 reports
    assert report.suites[0].checks == 2 + 26 + 1 + 1 + 26 + 2 + 24 + 2 + 24
    assert report.data_docs_index == docs / "gx" / "data_docs" / "index.html"
    index = report.data_docs_index.read_text(encoding="utf-8")
    assert "turbofan.FD001.train" in index
    assert "Validation passed" in index
    site = report.data_docs_index.parent
    pages = list(site.rglob("*.html"))
    assert len(pages) == 1 + 2 * 5
    assert not [page for page in pages if any(way in page.read_text() for way in ("<script", 'src="http', "url('http"))]
    assert all((site / link).is_file() for link in index.split('href="')[1:] for link in [link.split('"')[0]])
    suite_page = (site / "expectations/turbofan/FD001/train.html").read_text(encoding="utf-8")
    assert "sensor_7 is finite and within [100, 650] psia." in suite_page
    assert "analytics_enabled: false" in (docs / "gx" / "great_expectations.yml").read_text(encoding="utf-8")
    assert [path.name for path in docs.iterdir()] == ["gx"]
    assert list(elsewhere.iterdir()) == []


def test_validate_without_truth_checks_train_and_test(engines, tmp_path):
    report = validate(replace(engines, test_final_rul_cycles=None), tmp_path, FOUR_ENGINES)
    assert [suite.suite.split(".")[-1] for suite in report.suites] == ["train", "train_cycles", "test", "test_cycles"]


def test_validate_without_pinned_counts_takes_the_assets_of_the_truth_from_the_test_readings(engines, tmp_path):
    assert validate(engines, tmp_path).success
    with pytest.raises(ValidationFailed, match="found no row of asset_id 3") as failure:
        validate(replace(engines, test_final_rul_cycles=engines.test_final_rul_cycles.drop(3)), tmp_path)
    assert failure.value.split == "truth"


def test_validate_with_two_broken_tables_tells_both(engines, tmp_path):
    broken = replace(
        engines,
        train=with_cell(engines.train, 5, "sensor_2", np.inf),
        test=with_cell(engines.test, 6, "sensor_4", np.nan),
    )
    with pytest.raises(ValidationFailed) as failure:
        validate(broken, tmp_path, FOUR_ENGINES)
    assert failure.value.split == "train and test"
    assert [(finding.split, finding.rule) for finding in failure.value.findings] == [
        ("train", "finite"),
        ("test", "not_null"),
    ]


def test_validate_stuck_sensor_passes_and_is_reported(engines, tmp_path):
    still = engines.train.copy()
    still.loc[still.asset_id == 3, "sensor_2"] = 642.25
    report = check_split(engines, "train", still, tmp_path)
    assert [(s.split, s.asset_id, s.signal, s.value, s.rows) for s in report.stuck_signals] == [
        ("train", 3, "sensor_2", 642.25, 179)
    ]
    assert "train: sensor_2 stands at 642.25 in all 179 rows of asset_id 3" in report.data_docs_index.read_text()


def test_validate_constant_sensor_passes_and_is_reported(engines, tmp_path):
    report = validate(replace(engines, train=engines.train.assign(sensor_2=642.25)), tmp_path, FOUR_ENGINES)
    assert "sensor_2" in report.constant_signals["train"]
    assert "sensor_2" not in report.constant_signals["test"]


def test_validate_again_replaces_the_data_docs_of_the_run_before(engines, tmp_path):
    with pytest.raises(ValidationFailed) as failure:
        check_split(engines, "train", engines.train.head(800), tmp_path)
    report = check_split(engines, "train", engines.train, tmp_path)
    assert report.data_docs_index == failure.value.data_docs
    assert "Validation passed" in report.data_docs_index.read_text(encoding="utf-8")
    assert len(list(report.data_docs_index.parent.joinpath("validations").rglob("*.html"))) == 2


def test_validate_table_names_the_rows_as_the_data_docs_do(engines, tmp_path):
    with pytest.raises(ValidationFailed, match="row 7, asset_id 1, cycle 7, sensor_2 nan") as failure:
        check_split(engines, "train", with_cell(engines.train, 7, "sensor_2", np.nan), tmp_path)
    results = failure.value.data_docs.parents[1] / "uncommitted" / "validations" / "turbofan" / "FD001" / "train"
    (stored,) = results.rglob("*.json")
    failed = [result for result in json.loads(stored.read_text())["results"] if not result["success"]]
    assert [result["result"]["unexpected_index_list"] for result in failed] == [[7]]


def test_validate_table_where_a_check_cannot_run_fails_instead_of_passing(engines, tmp_path):
    listed = engines.train.astype({"sensor_4": object})
    listed.at[6, "sensor_4"] = [1400.6]  # a list cannot be compared with other rows
    with pytest.raises(ValidationFailed) as failure:
        check_split(engines, "train", listed, tmp_path)
    messages = {finding.rule: finding.message for finding in failure.value.findings}
    assert messages["duplicate_row"].startswith("could not be checked: unhashable type")
    assert "1 value not numbers" in messages["type"]


def test_validate_simulated_motors_with_labelled_phases_passes(tmp_path):
    motors = MotorFleet(load_asset_type(ASSET_TYPES / "motor_fleet.yaml"), train_motors=3, test_motors=2)
    motors.fetch(tmp_path / "raw")
    fleet = motors.load(tmp_path / "raw")
    assert "phase" in fleet.train.columns
    assert validate(fleet, tmp_path / "docs").success


def test_validate_phases_in_train_alone_stops_at_the_test_table(engines, tmp_path):
    with pytest.raises(ValidationFailed, match=r"\[test\] columns on phase: missing: phase"):
        validate(replace(engines, train=engines.train.assign(phase="STEADY")), tmp_path, FOUR_ENGINES)
