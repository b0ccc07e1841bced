import numpy as np
import pandas as pd
import pytest

from smart_sentry.validation.table_rules import ColumnSet, ColumnType, KnownAssets, RowCount

SOURCE = "configs/assets/pump.yaml"


def readings(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"asset_id": [1, 1, 2], "cycle": [1, 2, 1], "oil": [80.0, 81.0, 79.0]} | columns)


def test_column_set_of_a_table_without_a_column_names_it():
    (finding,) = ColumnSet(("asset_id", "cycle", "oil", "load"), SOURCE).explain(readings(), [])
    assert finding.rule == "columns"
    assert finding.columns == ("load",)
    assert finding.message == "missing: load"
    assert SOURCE in finding.remedy


def test_column_set_of_a_table_with_an_extra_column_shows_its_first_value():
    (finding,) = ColumnSet(("asset_id", "cycle", "oil"), SOURCE).explain(readings(note=["a", "b", "c"]), [])
    assert finding.message == "unexpected: note"
    assert finding.first_rows == ({"row": 1, "asset_id": 1, "cycle": 1, "note": "a"},)


def test_column_set_of_a_renamed_column_proposes_the_name():
    (finding,) = ColumnSet(("asset_id", "cycle", "oil"), SOURCE).explain(readings().rename(columns={"oil": "Oil_"}), [])
    assert finding.message == "missing: oil; unexpected: Oil_"
    assert finding.remedy.startswith("Rename Oil_ to oil.")


def test_column_set_of_a_column_given_twice_says_so():
    twice = pd.concat([readings(), readings()[["oil"]]], axis="columns")
    (finding,) = ColumnSet(("asset_id", "cycle", "oil"), SOURCE).explain(twice, [])
    assert finding.message == "given twice: oil"


def test_column_set_of_a_table_without_rows_still_explains():
    (finding,) = ColumnSet(("asset_id",), SOURCE).explain(readings().head(0), [])
    assert finding.first_rows == ()
    assert finding.columns == ("cycle", "oil")


def test_column_type_of_text_in_a_number_shows_the_text_and_its_row():
    (finding,) = ColumnType("oil", "float64").explain(readings(oil=["80.0", "n/a", "79.0"]), [0, 1, 2])
    assert finding.message == "expected float64, found object: 1 value not numbers"
    assert finding.first_rows == ({"row": 2, "asset_id": 1, "cycle": 2, "oil": "n/a"},)


def test_column_type_of_numbers_stored_as_text_asks_for_a_conversion():
    (finding,) = ColumnType("oil", "float64").explain(readings(oil=["80", "81", "79"]), [0, 1, 2])
    assert finding.message == "expected float64, found object"
    assert finding.first_rows == ()
    assert finding.remedy.startswith("Convert the column to float64.")


def test_column_type_of_a_fractional_cycle_shows_it():
    (finding,) = ColumnType("cycle", "int64").explain(readings(cycle=[1.0, 2.5, 1.0]), [])
    assert finding.message == "expected int64, found float64: 1 value not whole numbers"
    assert finding.first_rows == ({"row": 2, "asset_id": 1, "cycle": 2.5},)


def test_column_type_of_an_infinite_cycle_shows_it():
    (finding,) = ColumnType("cycle", "int64").explain(readings(cycle=[1.0, np.inf, 1.0]), [])
    assert finding.first_rows == ({"row": 2, "asset_id": 1, "cycle": float("inf")},)


def test_column_type_of_whole_floats_is_reported_unless_empty_cells_are_the_cause():
    whole = readings(cycle=[1.0, 2.0, 1.0])
    (finding,) = ColumnType("cycle", "int64").explain(whole, [])
    assert finding.message == "expected int64, found float64"
    assert ColumnType("cycle", "int64").explain(readings(cycle=[1.0, np.nan, 1.0]), []) == ()


def test_column_type_of_integers_in_a_signal_is_reported():
    (finding,) = ColumnType("oil", "float64").explain(readings(oil=[80, 81, 79]), [])
    assert finding.message == "expected float64, found int64"


def test_column_type_of_numbers_in_a_text_column_is_reported():
    (finding,) = ColumnType("phase", "str").explain(readings(phase=[1, 2, 3]), [0, 1, 2])
    assert finding.message == "expected str, found int64"


@pytest.mark.parametrize(
    ("rule", "message", "remedy"),
    [
        (RowCount(1, 5), "expected exactly 5 rows, found 3 (2 missing)", "truncated"),
        (RowCount(1, 2), "expected exactly 2 rows, found 3 (1 too many)", "Rows were added"),
        (RowCount(31), "expected at least 31 rows, found 3 (28 missing)", "longer history"),
    ],
)
def test_row_count_tells_the_difference_and_where_the_table_ends(rule, message, remedy):
    (finding,) = rule.explain(readings(), [])
    assert finding.message == f"{message}; the last row is shown"
    assert finding.first_rows == ({"row": 3, "asset_id": 2, "cycle": 1},)
    assert remedy in finding.remedy


def test_row_count_of_an_empty_table_has_no_row_to_show():
    (finding,) = RowCount(1).explain(readings().head(0), [])
    assert finding.message == "expected at least 1 row, found 0 (1 missing)"
    assert finding.first_rows == ()


def test_known_assets_names_unknown_ones_with_their_rows_and_missing_ones():
    (finding,) = KnownAssets((1, 3), "plant").explain(readings(), [])
    assert finding.message == "expected the 2 assets of plant, found 1 row of unknown asset_id 2; no row of asset_id 3"
    assert finding.first_rows == ({"row": 3, "asset_id": 2, "cycle": 1},)


def test_known_assets_of_an_empty_cell_leaves_it_to_not_null():
    (finding,) = KnownAssets((1, 2, 3), "plant").explain(readings(asset_id=[1.0, 2.0, np.nan]), [])
    assert finding.message == "expected the 3 assets of plant, found no row of asset_id 3"
