import numpy as np
import pandas as pd

from smart_sentry.validation.value_rules import AtLeast, DistinctValues, NotNull, WithinLimits

PRESSURE = WithinLimits("p30", "psia", (100.0, 650.0), "configs/assets/turbofan.yaml")


def readings(p30: list[float]) -> pd.DataFrame:
    count = len(p30)
    return pd.DataFrame({"asset_id": [7] * count, "cycle": range(1, count + 1), "p30": p30})


def test_within_limits_names_unit_and_limits_and_first_rows():
    (finding,) = PRESSURE.explain(readings([550.0, 99.0, 551.0, 98.0]), [1, 3])
    assert finding.rule == "range"
    assert finding.message == "2 of 4 values outside [100, 650] psia"
    assert finding.first_rows[0] == {"row": 2, "asset_id": 7, "cycle": 2, "p30": 99.0}
    assert "configs/assets/turbofan.yaml" in finding.remedy


def test_within_limits_of_a_swapped_unit_names_it_and_how_to_convert():
    (finding,) = PRESSURE.explain(readings([550.0, 3792.1]), [1])
    assert finding.message.endswith("looks like kPa instead of psia")
    assert "psia = 0.145038 * kPa" in finding.remedy


def test_within_limits_of_infinity_breaks_the_rule_finite_and_not_the_range():
    findings = PRESSURE.explain(readings([550.0, np.inf, -np.inf]), [1, 2])
    assert [finding.rule for finding in findings] == ["finite"]
    assert findings[0].message == "2 of 3 values infinite"
    assert findings[0].first_rows[1] == {"row": 3, "asset_id": 7, "cycle": 3, "p30": -np.inf}


def test_within_limits_of_infinity_and_a_wrong_value_breaks_both():
    findings = PRESSURE.explain(readings([np.inf, 5.0]), [0, 1])
    assert [(finding.rule, finding.first_rows[0]["row"]) for finding in findings] == [("finite", 1), ("range", 2)]


def test_within_limits_of_a_dimensionless_signal_says_fraction():
    rule = WithinLimits("p30", "1", (0.0, 1.0), "x.yaml")
    (finding,) = rule.explain(readings([92.0]), [0])
    assert finding.message == "1 of 1 value outside [0, 1] fraction; looks like % instead of fraction"


def test_not_null_counts_the_empty_cells_and_shows_three():
    (finding,) = NotNull("p30").explain(readings([np.nan] * 5), [0, 1, 2, 3, 4])
    assert finding.message == "5 of 5 values empty (NaN)"
    assert [row["row"] for row in finding.first_rows] == [1, 2, 3]


def test_at_least_shows_the_value_below_and_its_remedy():
    (finding,) = AtLeast("cycle", 1, "Number the cycles from 1.").explain(readings([550.0]).assign(cycle=-4), [0])
    assert finding.message == "1 of 1 value below 1"
    assert finding.first_rows == ({"row": 1, "asset_id": 7, "cycle": -4},)
    assert finding.remedy == "Number the cycles from 1."


def test_distinct_values_never_finds_anything():
    assert DistinctValues("p30").explain(readings([1.0]), [0]) == ()
