import numpy as np
import pandas as pd

from smart_sentry.validation.stuck_signals import StuckSignal, stuck_signals


def fleet(assets: int = 10, rows: int = 20) -> pd.DataFrame:
    """Every signal changes in every row."""
    asset_id = np.repeat(np.arange(1, assets + 1), rows)
    return pd.DataFrame({"asset_id": asset_id, "oil": np.arange(assets * rows, dtype=float), "load": 50.0})


def test_stuck_signals_of_one_constant_asset_names_it_with_its_value():
    readings = fleet()
    readings.loc[readings.asset_id == 3, "oil"] = 82.5
    assert stuck_signals(readings, ["oil"], "train") == (StuckSignal("train", 3, "oil", 82.5, 20),)


def test_stuck_signals_of_a_moving_fleet_is_empty():
    assert stuck_signals(fleet(), ["oil"], "train") == ()


def test_stuck_signals_does_not_report_a_signal_that_is_constant_in_the_whole_fleet():
    assert stuck_signals(fleet(), ["load"], "train") == ()


def test_stuck_signals_does_not_report_a_signal_that_stands_still_in_many_assets():
    readings = fleet()
    readings.loc[readings.asset_id <= 3, "oil"] = 82.5  # seen from each of them 7 of 9 others move: below nine tenths
    assert stuck_signals(readings, ["oil"], "train") == ()


def test_stuck_signals_does_not_report_a_signal_that_hardly_moves_in_a_small_fleet():
    readings = fleet(assets=3, rows=100)
    readings["oil"] = np.where((readings.asset_id > 1) & (readings.index % 25 == 0), 1.0, 0.0)  # 7 changes in 99 steps
    assert stuck_signals(readings, ["oil"], "train") == ()
    readings["oil"] = np.where((readings.asset_id > 1) & (readings.index % 10 == 0), 1.0, 0.0)  # 19 changes in 99 steps
    assert [stuck.asset_id for stuck in stuck_signals(readings, ["oil"], "train")] == [1]


def test_stuck_signals_does_not_report_an_asset_too_short_to_show_ten_changes():
    readings = fleet()
    readings.loc[readings.asset_id == 3, "oil"] = 82.5
    short = readings.drop(readings.index[(readings.asset_id == 3)][10:])  # 9 steps, so 9 changes expected
    long = readings.drop(readings.index[(readings.asset_id == 3)][11:])  # 10 steps
    assert stuck_signals(short, ["oil"], "train") == ()
    assert [(stuck.asset_id, stuck.rows) for stuck in stuck_signals(long, ["oil"], "train")] == [(3, 11)]


def test_stuck_signals_of_a_single_asset_has_nothing_to_compare_it_with():
    assert stuck_signals(fleet(assets=1).assign(oil=1.0), ["oil"], "train") == ()


def test_stuck_signals_does_not_count_the_step_from_one_asset_to_the_next():
    readings = fleet(assets=3)
    readings["oil"] = readings["asset_id"].astype(float)  # constant in each asset, another value in each
    assert stuck_signals(readings, ["oil"], "train") == ()
