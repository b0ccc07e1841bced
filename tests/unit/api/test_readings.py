import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_sentry.api.errors import BrokenJson, InvalidRequest
from smart_sentry.api.readings import RequestRules, parse_request
from smart_sentry.assets import AssetType

PUMP = AssetType.model_validate(
    {
        "name": "pump",
        "signals": [
            {"name": "flow", "unit": "kg/s", "limits": [0, 10]},
            {"name": "pressure", "unit": "bar", "limits": [0, 20], "description": "outlet pressure"},
        ],
    }
)
RULES = RequestRules(PUMP, most_assets=3, most_readings=10)


def body(*assets: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"assets": list(assets), **more}).encode()


def columns(asset_id: str, cycles: list[int], flow: list[float], pressure: list[float]) -> dict[str, Any]:
    # The order of the keys is not that of the asset type: columns are taken by name.
    return {"asset_id": asset_id, "cycles": cycles, "signals": {"pressure": pressure, "flow": flow}}


def rows(asset_id: str, cycles: list[int], flow: list[float], pressure: list[float]) -> dict[str, Any]:
    readings = [
        {"signals": {"pressure": second, "flow": first}, "cycle": cycle}
        for cycle, first, second in zip(cycles, flow, pressure, strict=True)
    ]
    return {"asset_id": asset_id, "readings": readings}


def mistakes(content: bytes, rules: RequestRules = RULES) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(content, rules)
    return {detail.field: detail.reason for detail in caught.value.details}


@pytest.mark.parametrize("form", [rows, columns])
def test_request_becomes_arrays_in_the_order_of_the_signals(form: Any) -> None:
    content = body(form("a", [4, 7], [1, 2.5], [3, 4]), form("b", [1], [5], [6]), top_contributions=2)
    first, second = parse_request(content, RULES)
    assert (first.asset_id, first.newest_cycle, first.top) == ("a", 7, 2)
    np.testing.assert_array_equal(first.values, [[1, 3], [2.5, 4]])
    assert (second.asset_id, second.newest_cycle, second.top) == ("b", 1, 2)
    np.testing.assert_array_equal(second.values, [[5, 6]])


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 20)), min_size=1, max_size=10))
def test_rows_and_columns_carry_the_same_values_exactly(readings: list[tuple[float, float]]) -> None:
    flow, pressure = (list(column) for column in zip(*readings, strict=True))
    cycles = list(range(1, len(readings) + 1))
    (from_rows,), (from_columns,) = (
        parse_request(body(form("a", cycles, flow, pressure)), RULES) for form in (rows, columns)
    )
    np.testing.assert_array_equal(from_rows.values, np.array(readings))
    np.testing.assert_array_equal(from_columns.values, np.array(readings))


def test_asset_type_with_one_signal_is_read() -> None:
    rules = RequestRules(PUMP.model_copy(update={"signals": PUMP.signals[:1]}), 3, 10)
    (history,) = parse_request(body({"asset_id": "a", "readings": [{"cycle": 1, "signals": {"flow": 2}}]}), rules)
    np.testing.assert_array_equal(history.values, [[2.0]])


def test_values_on_the_limits_are_taken() -> None:
    (history,) = parse_request(body(columns("a", [1, 2], [0, 10], [20, 0])), RULES)
    np.testing.assert_array_equal(history.values, [[0, 20], [10, 0]])


@pytest.mark.parametrize(("form", "field"), [(rows, "readings.1.signals.pressure"), (columns, "signals.pressure.1")])
def test_value_outside_limits_is_named_with_unit_limits_and_place(form: Any, field: str) -> None:
    found = mistakes(body(columns("b", [1], [1], [1]), form("a", [1, 2, 3], [1, 1, 1], [3, -5.25, -6])))
    assert found == {f"assets.1.{field}": "-5.25 bar is outside what pressure (outlet pressure) can be: 0 to 20 bar"}


def test_values_that_fit_another_unit_are_told_which() -> None:
    # 500 and 510 kPa are 5 and 5.1 bar, in the middle of the limits; as psia they would be 34 bar, outside.
    found = mistakes(body(columns("a", [1, 2], [1, 1], [500, 510])))
    assert found["assets.0.signals.pressure.0"].endswith("0 to 20 bar; looks like kPa: bar = 0.01 * kPa")


def test_wrong_signals_of_all_assets_are_listed_and_all_values_counted() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(body(columns("a", [1, 2], [-1, -2], [1, 1]), columns("b", [1], [11], [21])), RULES)
    assert caught.value.count == 4
    assert [detail.field for detail in caught.value.details] == [
        "assets.0.signals.flow.0",
        "assets.1.signals.flow.0",
        "assets.1.signals.pressure.0",
    ]
    assert caught.value.message == "The request has 4 mistakes; 3 of them are listed."


def test_limits_of_a_request_hold_for_all_assets_together() -> None:
    ten = [columns("a", [*range(1, 6)], [1] * 5, [1] * 5), columns("b", [*range(1, 6)], [1] * 5, [1] * 5)]
    assert len(parse_request(body(*ten), RULES)) == 2
    eleven = [*ten, columns("c", [1], [1], [1])]
    assert mistakes(body(*eleven)) == {"assets": "11 readings, at most 10 a request"}
    four = [columns(name, [1], [1], [1]) for name in "abcd"]
    assert mistakes(body(*four)) == {"assets": "4 assets, at most 3 a request"}


def test_mistakes_of_several_kinds_are_told_at_once() -> None:
    found = mistakes(body(columns("a", [2, 2], [1], [1, 1]), columns("a", [1], [1], [1])))
    assert set(found) == {"assets.0.cycles.1", "assets.0.signals.flow", "assets.1.asset_id"}


def test_null_in_the_place_of_the_other_form_is_as_good_as_nothing() -> None:
    asset = columns("a", [1], [1], [1]) | {"readings": None}
    assert len(parse_request(body(asset), RULES)) == 1


def test_body_that_is_no_json_says_where_it_breaks() -> None:
    with pytest.raises(BrokenJson, match="line 1 column 13"):
        parse_request(b'{"assets": [}', RULES)


def test_error_tells_the_offending_value_but_not_a_long_one() -> None:
    found = mistakes(body({"asset_id": "a", "cycles": ["x" * 500], "signals": {"flow": [1]}}))
    assert "not 'xxx" in found["assets.0.cycles.0"]
    assert len(found["assets.0.cycles.0"]) < 100
