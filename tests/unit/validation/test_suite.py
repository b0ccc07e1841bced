import math
import sys

import pytest

from smart_sentry.validation.sequence_rules import NoGap, UniqueKey
from smart_sentry.validation.suite import expectation_configurations, express
from smart_sentry.validation.table_rules import ColumnSet, RowCount
from smart_sentry.validation.value_rules import NotNull, WithinLimits


def test_expectation_configurations_lead_back_to_their_rules_and_carry_the_statement():
    rules = [ColumnSet(("asset_id",), "x.yaml"), NotNull("asset_id")]
    configurations = expectation_configurations(rules)
    assert [(item["type"], item["meta"]["rule"]) for item in configurations] == [
        ("expect_table_columns_to_match_set", 0),
        ("expect_table_column_count_to_equal", 0),
        ("expect_column_values_to_not_be_null", 1),
    ]
    assert configurations[2]["description"] == "asset_id has a value in every row."


def test_express_of_infinite_limits_keeps_infinity_out():
    ((kind, arguments),) = express(WithinLimits("oil", "degC", (-math.inf, math.inf), "x.yaml"))
    assert kind == "expect_column_values_to_be_between"
    assert (arguments["min_value"], arguments["max_value"]) == (-sys.float_info.max, sys.float_info.max)


@pytest.mark.parametrize(
    ("rule", "kind", "arguments"),
    [
        (RowCount(31, 20631), "expect_table_row_count_to_equal", {"value": 20631}),
        (RowCount(31), "expect_table_row_count_to_be_between", {"min_value": 31}),
        (UniqueKey(("asset_id",)), "expect_column_values_to_be_unique", {"column": "asset_id"}),
        (
            UniqueKey(("asset_id", "cycle")),
            "expect_compound_columns_to_be_unique",
            {"column_list": ["asset_id", "cycle"]},
        ),
        (NoGap(), "expect_column_values_to_be_in_set", {"column": "missing_before", "value_set": [0]}),
    ],
)
def test_express_uses_the_expectation_that_great_expectations_has(rule, kind, arguments):
    assert express(rule) == ((kind, arguments),)


def test_express_of_an_unknown_rule_says_where_to_add_it():
    class Odd:
        name, columns, statement = "odd", (), ""

        def explain(self, readings, rows):
            return ()

    with pytest.raises(TypeError, match="no expectation says Odd: add it here"):
        express(Odd())
