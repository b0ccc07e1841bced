import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.validation.sequence_rules import Contiguous, NoGap, Rising, UniqueKey, UniqueRows, cycle_steps

STEPS = ["missing_before", "steps_back", "resumes"]


def readings(asset_id: list[int], cycle: list[int], oil: list[float] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"asset_id": asset_id, "cycle": cycle, "oil": oil or [float(n) for n in range(len(cycle))]})


@settings(deadline=None, max_examples=50)
@given(lives=st.lists(st.integers(min_value=1, max_value=6), min_size=1, max_size=5))
def test_cycle_steps_of_any_whole_fleet_are_all_zero(lives):
    asset_id = [number for number, life in enumerate(lives, start=1) for _ in range(life)]
    cycle = [step for life in lives for step in range(1, life + 1)]
    steps = cycle_steps(readings(asset_id, cycle))
    assert len(steps) == sum(lives)
    assert not steps[STEPS].to_numpy().any()


def test_cycle_steps_of_a_gap_count_the_cycles_before_it():
    assert cycle_steps(readings([1, 1, 1], [1, 2, 6]))["missing_before"].tolist() == [0, 0, 3]


def test_cycle_steps_of_a_late_start_count_from_one():
    assert cycle_steps(readings([1, 2], [1, 4]))["missing_before"].tolist() == [0, 3]


def test_cycle_steps_of_a_swap_are_steps_back_and_no_gap():
    steps = cycle_steps(readings([1, 1, 1, 1], [1, 3, 2, 4]))
    assert steps["steps_back"].tolist() == [0, 0, 1, 0]
    assert steps["missing_before"].tolist() == [0, 0, 0, 0]


def test_cycle_steps_of_a_repeated_cycle_are_zero_since_another_rule_reports_it():
    assert not cycle_steps(readings([1, 1, 1], [1, 1, 2]))[STEPS].to_numpy().any()


def test_cycle_steps_of_interleaved_assets_mark_where_one_resumes():
    assert cycle_steps(readings([1, 2, 1, 1], [1, 1, 2, 3]))["resumes"].tolist() == [0, 0, 1, 0]


def test_cycle_steps_leave_assets_with_a_cycle_below_one_out_and_keep_positions():
    steps = cycle_steps(readings([1, 1, 2, 2], [1, -2, 1, 3]))
    assert steps.index.tolist() == [2, 3]
    assert steps["missing_before"].tolist() == [0, 1]


def test_unique_rows_shows_the_copy_and_not_the_original():
    table = readings([1, 1, 1], [1, 2, 2], [80.0, 81.0, 81.0])
    (finding,) = UniqueRows(("asset_id", "cycle", "oil")).explain(table, [1, 2])
    assert finding.message == "1 row repeating an earlier one in every column"
    assert finding.first_rows == ({"row": 3, "asset_id": 1, "cycle": 2},)


def test_unique_key_shows_a_cycle_with_other_values():
    (finding,) = UniqueKey(("asset_id", "cycle")).explain(readings([1, 1, 1], [1, 2, 2], [80.0, 81.0, 82.0]), [1, 2])
    assert finding.rule == "unique_cycle"
    assert finding.first_rows == ({"row": 3, "asset_id": 1, "cycle": 2, "oil": 82.0},)


def test_unique_key_leaves_copies_in_every_column_to_the_other_rule():
    assert UniqueKey(("asset_id", "cycle")).explain(readings([1, 1], [1, 1], [80.0, 80.0]), [0, 1]) == ()


def test_unique_key_of_assets_has_a_name_of_its_own():
    truth = pd.DataFrame({"asset_id": [1, 1], "rul_cycles": [5, 6]})
    (finding,) = UniqueKey(("asset_id",)).explain(truth, [0, 1])
    assert finding.rule == "unique_asset"
    assert finding.first_rows == ({"row": 2, "asset_id": 1, "rul_cycles": 6},)


def test_no_gap_names_the_cycles_that_are_missing():
    (finding,) = NoGap().explain(readings([1, 1, 2, 2], [1, 5, 1, 3]), [1, 3])
    assert finding.message == "2 gaps; asset_id 1 lacks cycles 2 to 4; the rows shown stand after a gap"
    assert finding.first_rows[0] == {"row": 2, "asset_id": 1, "cycle": 5}


def test_no_gap_of_a_late_start_counts_from_cycle_one():
    (finding,) = NoGap().explain(readings([1, 2], [1, 2]), [1])
    assert "asset_id 2 lacks cycle 1;" in finding.message


def test_rising_and_contiguous_show_the_first_row_out_of_place():
    table = readings([1, 1, 2, 1], [1, 3, 1, 2])
    (back,) = Rising().explain(table, [3])
    (resumed,) = Contiguous().explain(table, [3])
    assert back.first_rows == resumed.first_rows == ({"row": 4, "asset_id": 1, "cycle": 2},)
    assert "Sort the table by asset_id and cycle" in back.remedy
    assert resumed.message == "rows of an asset go on after another asset's rows, 1 time"
