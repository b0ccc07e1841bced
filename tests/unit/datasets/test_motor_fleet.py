"""The simulated fleet: determinism, truth, phases, and lives that can be predicted but not trivially."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smart_sentry.datasets.motor_fleet import MotorFleet
from smart_sentry.datasets.motor_life import branch, draw_cut, draw_duty, live
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import DataUnavailable, UnreadableData

FILES = ("train.parquet", "test.parquet", "rul.parquet", "motors.parquet")


@pytest.fixture(scope="module")
def source(motor_type) -> MotorFleet:
    return MotorFleet(motor_type, seed=20, train_motors=12, test_motors=6)


@pytest.fixture(scope="module")
def raw(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    source.fetch(folder)
    return folder


@pytest.fixture(scope="module")
def fleet(source, raw) -> RunToFailure:
    return source.load(raw)


def bytes_of(raw: Path) -> dict[str, bytes]:
    return {name: (raw / "motor_fleet" / name).read_bytes() for name in FILES}


def test_fetch_with_the_same_seed_writes_the_same_bytes(source, raw, tmp_path):
    report = source.fetch(tmp_path)
    assert bytes_of(tmp_path) == bytes_of(raw)
    assert [file.path.name for file in report.files] == list(FILES)
    assert report.origin == "simulated with seed 20"


def test_fetch_with_another_seed_writes_other_histories(source, raw, tmp_path):
    replace(source, seed=21).fetch(tmp_path)
    assert bytes_of(tmp_path)["train.parquet"] != bytes_of(raw)["train.parquet"]


def test_history_of_a_motor_does_not_depend_on_the_size_of_the_fleet(source, fleet, tmp_path):
    small = replace(source, train_motors=3, test_motors=2)
    small.fetch(tmp_path)
    few = small.load(tmp_path)
    pd.testing.assert_frame_equal(few.train, fleet.train[fleet.train["asset_id"] <= 3])
    pd.testing.assert_frame_equal(few.test, fleet.test[fleet.test["asset_id"] <= 2])
    pd.testing.assert_series_equal(few.test_final_rul_cycles, fleet.test_final_rul_cycles.head(2))


def test_branch_is_the_spawned_seed_sequence():
    spawned = np.random.SeedSequence(20).spawn(2)[1].spawn(5)[4]
    assert branch(20, 1, 4).random() == np.random.default_rng(spawned).random()


def test_load_gives_typed_columns_and_gap_free_cycles(fleet, motor_type):
    assert list(fleet.train.columns) == ["asset_id", "cycle", *motor_type.signal_names, "phase"]
    assert fleet.train.dtypes.astype(str).tolist() == ["int64"] * 2 + ["float64"] * 7 + ["object"]
    assert fleet.train["asset_id"].unique().tolist() == list(range(1, 13))
    counted = fleet.train.groupby("asset_id").cumcount() + 1
    assert (fleet.train["cycle"] == counted).all()


def test_every_reading_is_within_the_limits_of_its_signal(fleet, motor_type):
    both = pd.concat([fleet.train, fleet.test])
    for sensed in motor_type.signals:
        assert both[sensed.name].between(*sensed.limits).all(), sensed.name


def test_phases_of_every_motor_change_in_legal_order_only(fleet):
    legal = {("OFF", "STARTUP"), ("STARTUP", "STEADY"), ("STEADY", "SHUTDOWN"), ("SHUTDOWN", "OFF")}
    for _, life in fleet.train.groupby("asset_id"):
        phase = life["phase"].tolist()
        changes = {(before, after) for before, after in pairwise(phase) if before != after}
        assert phase[0] == "OFF"
        assert changes == legal


def test_test_motors_are_cut_before_their_failure_and_the_truth_is_the_rest(fleet, raw):
    motors = pd.read_parquet(raw / "motor_fleet" / "motors.parquet")
    life = motors[motors["split"] == "test"].set_index("asset_id")["life_cycles"]
    seen = fleet.test.groupby("asset_id")["cycle"].max()
    assert (fleet.test_final_rul_cycles >= 1).all()
    assert (seen + fleet.test_final_rul_cycles == life).all()
    assert fleet.test_truth().groupby(fleet.test["asset_id"]).max().tolist() == (life - 1).tolist()


def test_last_row_of_every_train_motor_is_its_failure(fleet, raw):
    motors = pd.read_parquet(raw / "motor_fleet" / "motors.parquet")
    life = motors[motors["split"] == "train"].set_index("asset_id")["life_cycles"]
    assert fleet.train.groupby("asset_id").size().tolist() == life.tolist()
    assert (fleet.train_truth() == 0).sum() == 12


def test_lives_last_about_400_to_1200_rows_and_end_by_several_faults():
    lives = [live(branch(20, 0, number)) for number in range(24)]
    cycles = np.array([life.life_cycles for life in lives])
    assert cycles.min() > 350
    assert cycles.max() < 1300
    assert 650 < cycles.mean() < 900
    assert {life.fault_mode for life in lives} == {"bearing", "winding", "rotor_bar", "imbalance"}


def test_worn_motors_differ_from_new_ones_in_the_signals_of_their_fault():
    raised = {
        "bearing": "vibration_g",
        "imbalance": "vibration_g",
        "rotor_bar": "vibration_g",
        "winding": "winding_temperature_c",
    }
    names = ["load_pct", "voltage_v", "current_a", "power_factor", "vibration_g", "winding_temperature_c", "speed_rpm"]
    for number in range(10):
        life = live(branch(20, 0, number))
        steady = life.trace.readings[life.trace.phase == 2][:, names.index(raised[life.fault_mode])]
        assert steady[-60:].mean() > 1.3 * steady[60:120].mean(), (number, life.fault_mode)


def test_early_wear_hides_in_the_noise():
    # the first third of a life moves the vibration by less than its scatter from row to row
    for number in range(10):
        life = live(branch(20, 0, number))
        steady = life.trace.readings[life.trace.phase == 2]
        vibration = steady[steady[:, 0] > 95.0][:, 4]
        early, third = vibration[:20], vibration[len(vibration) // 3 - 20 : len(vibration) // 3]
        assert abs(third.mean() - early.mean()) < 3.0 * early.std(), (number, life.fault_mode)


def test_cut_leaves_at_least_a_row_on_either_side():
    rng = np.random.default_rng(9)
    cuts = np.array([draw_cut(rng, 800) for _ in range(2000)])
    assert cuts.min() >= 0.38 * 800
    assert cuts.max() < 800
    # share left 0.01 + 0.6 u^2 is at most 60 rows of 800 where u <= sqrt(0.065 / 0.6) = 0.33
    assert (800 - cuts <= 60).mean() == pytest.approx(0.33, abs=0.04)
    assert draw_cut(rng, 2) == 1


def test_duty_cycle_changes_its_load_and_lets_the_shaft_stop():
    command, load_pct = draw_duty(np.random.default_rng(10))
    running = load_pct[command]
    assert set(running) <= {70.0, 85.0, 100.0, 115.0}
    assert len(set(running)) > 1
    assert 30 <= len(running) <= 80
    assert not command[:2].any()
    assert not command[-18:].any()


def test_load_before_fetch_says_how_to_get_the_data(source, tmp_path):
    with pytest.raises(DataUnavailable, match="smart-sentry data get motor_fleet"):
        source.load(tmp_path)


def test_load_of_a_file_that_is_not_parquet_names_it(source, raw, tmp_path):
    folder = tmp_path / "motor_fleet"
    folder.mkdir()
    for name, content in bytes_of(raw).items():
        (folder / name).write_bytes(content[: len(content) // 2] if name == "test.parquet" else content)
    with pytest.raises(UnreadableData, match=r"test\.parquet: expected a Parquet file"):
        source.load(tmp_path)


def test_load_of_a_file_without_a_column_names_it(source, raw, tmp_path):
    folder = tmp_path / "motor_fleet"
    folder.mkdir()
    for name, content in bytes_of(raw).items():
        (folder / name).write_bytes(content)
    pd.read_parquet(folder / "train.parquet").drop(columns="vibration_g").to_parquet(folder / "train.parquet")
    with pytest.raises(UnreadableData, match="no vibration_g"):
        source.load(tmp_path)
