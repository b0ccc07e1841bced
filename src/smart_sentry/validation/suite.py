"""How each rule is said in Great Expectations' own vocabulary, as the configurations that its suites are made of. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.validation.contract import Rule
from smart_sentry.validation.sequence_rules import Contiguous, NoGap, Rising, UniqueKey, UniqueRows
from smart_sentry.validation.table_rules import ColumnSet, ColumnType, KnownAssets, RowCount
from smart_sentry.validation.value_rules import AtLeast, DistinctValues, NotNull, WithinLimits

LARGEST = sys.float_info.max
"""Great Expectations lets infinity pass an infinite limit; this keeps it out."""

RULE = "rule"
"""Key of an expectation's `meta` that leads from its result back to the rule: the rule's position in the suite."""

Expressed = tuple[str, Mapping[str, Any]]
"""An expectation's type and its arguments."""


def expectation_configurations(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """The expectations of a suite; `description` is what the Data Docs show of them."""
    return [
        {
            "type": kind,
            "kwargs": dict(arguments),
            "description": rule.statement,
            "meta": {RULE: position, "name": rule.name},
        }
        for position, rule in enumerate(rules)
        for kind, arguments in express(rule)
    ]


def express(rule: Rule) -> tuple[Expressed, ...]:
    """The expectations that together say what a rule says.

    Raises:
        TypeError: a new kind of rule has not been added here.
    """
    match rule:
        case ColumnSet():
            same = ("expect_table_columns_to_match_set", {"column_set": list(rule.columns), "exact_match": True})
            once = ("expect_table_column_count_to_equal", {"value": len(rule.columns)})  # a set has each name once
            return (same, once)
        case ColumnType():
            return (("expect_column_values_to_be_of_type", {"column": rule.column, "type_": rule.dtype}),)
        case RowCount(rows=int(rows)):
            return (("expect_table_row_count_to_equal", {"value": rows}),)
        case RowCount():
            return (("expect_table_row_count_to_be_between", {"min_value": rule.at_least}),)
        case KnownAssets():
            arguments = {"column": ASSET_COLUMN, "value_set": list(rule.assets)}
            return (("expect_column_distinct_values_to_equal_set", arguments),)
        case NotNull():
            return (("expect_column_values_to_not_be_null", {"column": rule.column}),)
        case WithinLimits():
            low, high = max(rule.limits[0], -LARGEST), min(rule.limits[1], LARGEST)
            return (_between(rule.column, min_value=low, max_value=high),)
        case AtLeast():
            return (_between(rule.column, min_value=rule.low),)
        case UniqueKey(columns=(column,)):
            return (("expect_column_values_to_be_unique", {"column": column}),)
        case UniqueRows() | UniqueKey():
            return (("expect_compound_columns_to_be_unique", {"column_list": list(rule.columns)}),)
        case NoGap() | Rising() | Contiguous():
            return (("expect_column_values_to_be_in_set", {"column": rule.step_column, "value_set": [0]}),)
        case DistinctValues():
            return (("expect_column_unique_value_count_to_be_between", {"column": rule.column, "min_value": 0}),)
    raise TypeError(f"no expectation says {type(rule).__name__}: add it here")


def _between(column: str, **limits: float) -> Expressed:
    return ("expect_column_values_to_be_between", {"column": column, **limits})
