"""What must hold is derived from the asset type; a small one is enough to see all of it."""

import numpy as np
import pandas as pd
import pytest

from smart_sentry.assets import AssetType
from smart_sentry.validation.contract import (
    Contract,
    SplitCounts,
    can_be_checked,
    readings_contract,
    truth_contract,
)
from smart_sentry.validation.sequence_rules import Contiguous, NoGap, Rising, UniqueKey, UniqueRows
from smart_sentry.validation.table_rules import ColumnSet, ColumnType, KnownAssets, RowCount
from smart_sentry.validation.value_rules import AtLeast, DistinctValues, NotNull, WithinLimits

PUMP = AssetType.model_validate(
    {
        "name": "pump",
        "signals": [
            {"name": "load", "unit": "%", "role": "setting", "limits": [0, 100]},
            {"name": "oil", "unit": "degC", "limits": [-20, 150]},
        ],
        "failure": {"horizon_cycles": 30},
    }
)
SOURCE = "configs/assets/pump.yaml"


def readings(**columns: object) -> pd.DataFrame:
    whole = {"asset_id": [1, 1], "cycle": [1, 2], "load": [50.0, 60.0], "oil": [80.0, 81.0]}
    return pd.DataFrame(whole | columns)


def names(contract: Contract) -> list[str]:
    return [rule.name for rule in contract.rules]


def test_readings_contract_has_the_exact_columns_and_their_types():
    rules = readings_contract(PUMP, "plant", "train").rules
    assert rules[0] == ColumnSet(("asset_id", "cycle", "load", "oil"), SOURCE)
    assert [rule for rule in rules if isinstance(rule, ColumnType)] == [
        ColumnType("asset_id", "int64"),
        ColumnType("cycle", "int64"),
        ColumnType("load", "float64"),
        ColumnType("oil", "float64"),
    ]


def test_readings_contract_takes_limits_and_units_from_the_signals():
    rules = readings_contract(PUMP, "plant", "train").rules
    assert WithinLimits("load", "%", (0.0, 100.0), SOURCE) in rules
    assert WithinLimits("oil", "degC", (-20.0, 150.0), SOURCE) in rules


def test_readings_contract_asks_every_column_for_values_and_both_keys_for_numbers_from_one():
    rules = readings_contract(PUMP, "plant", "train").rules
    assert [rule.column for rule in rules if isinstance(rule, NotNull)] == ["asset_id", "cycle", "load", "oil"]
    assert [(rule.column, rule.low) for rule in rules if isinstance(rule, AtLeast)] == [("asset_id", 1), ("cycle", 1)]


def test_readings_contract_has_the_rules_of_sequence_and_reports_every_signal():
    contract = readings_contract(PUMP, "plant", "train")
    assert {UniqueKey(("asset_id", "cycle")), NoGap(), Rising(), Contiguous()} <= set(contract.rules)
    assert UniqueRows(("asset_id", "cycle", "load", "oil")) in contract.rules
    assert contract.reported_signals == ("load", "oil")


def test_readings_contract_with_pinned_counts_fixes_rows_and_assets():
    rules = readings_contract(PUMP, "plant", "test", SplitCounts(rows=20, assets=3)).rules
    assert RowCount(1, 20) in rules
    assert KnownAssets((1, 2, 3), "plant test") in rules


@pytest.mark.parametrize(("split", "at_least"), [("train", 31), ("test", 1)])
def test_readings_contract_without_pinned_counts_asks_train_for_one_row_beyond_the_horizon(split, at_least):
    contract = readings_contract(PUMP, "plant", split)
    assert RowCount(at_least, None) in contract.rules
    assert "known_assets" not in names(contract)


def test_readings_contract_with_labelled_phases_has_a_text_column_more():
    rules = readings_contract(PUMP, "plant", "train", labelled_phases=True).rules
    assert rules[0] == ColumnSet(("asset_id", "cycle", "load", "oil", "phase"), SOURCE)
    assert {ColumnType("phase", "str"), NotNull("phase")} <= set(rules)


def test_truth_contract_names_exactly_the_test_assets():
    contract = truth_contract(PUMP, "plant", [3, 1, 3, 2])
    assert KnownAssets((1, 2, 3), "the test readings of plant") in contract.rules
    assert {UniqueKey(("asset_id",)), NotNull("rul_cycles")} <= set(contract.rules)
    assert [(rule.column, rule.low) for rule in contract.rules if isinstance(rule, AtLeast)] == [("rul_cycles", 0)]
    assert contract.split == "truth"
    assert contract.reported_signals == ()


def test_contract_suite_name_has_asset_type_data_set_and_split_and_is_safe_as_a_file_name():
    assert readings_contract(PUMP, "FD001", "train").suite_name == "pump.FD001.train"
    assert readings_contract(PUMP, "../plant 7", "train").suite_name == "pump.___plant_7.train"


def test_can_be_checked_on_a_whole_table_is_true_for_every_rule():
    assert all(can_be_checked(rule, readings()) for rule in readings_contract(PUMP, "plant", "train").rules)


@pytest.mark.parametrize(
    ("table", "unchecked"),
    [
        (
            readings().drop(columns="oil"),
            {("type", "oil"), ("not_null", "oil"), ("range", "oil"), ("distinct_values", "oil")},
        ),
        (readings(oil=["80", "n/a"]), {("range", "oil"), ("distinct_values", "oil")}),
        (readings(oil=pd.array([80.0, None], dtype="Float64")), {("range", "oil"), ("distinct_values", "oil")}),
        (readings(cycle=[1.0, np.nan]), {("gap_free", ""), ("order", ""), ("asset_by_asset", "")}),
    ],
)
def test_can_be_checked_leaves_out_what_needs_the_broken_column_and_nothing_else(table, unchecked):
    rules = readings_contract(PUMP, "plant", "train").rules
    left_out = {(rule.name, getattr(rule, "column", "")) for rule in rules if not can_be_checked(rule, table)}
    assert left_out - {("duplicate_row", "")} == unchecked


def test_can_be_checked_of_a_column_given_twice_is_false():
    table = pd.concat([readings(), readings()[["oil"]]], axis="columns")
    assert not can_be_checked(NotNull("oil"), table)
    assert can_be_checked(ColumnSet(("asset_id", "cycle", "load", "oil"), SOURCE), table)
    assert can_be_checked(NotNull("load"), table)


def test_can_be_checked_without_a_cycle_column_leaves_all_rules_of_sequence_out():
    table = readings().drop(columns="cycle")
    assert not any(can_be_checked(rule, table) for rule in (NoGap(), Rising(), Contiguous()))


def test_can_be_checked_of_text_asset_ids_leaves_the_known_assets_out():
    assert not can_be_checked(KnownAssets((1,), "plant"), readings(asset_id=["1", "x"]))
    assert can_be_checked(DistinctValues("oil"), readings(asset_id=["1", "x"]))
