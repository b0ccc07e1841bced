"""The quality lane: sensors that lie are named, and nothing is repaired."""

from __future__ import annotations

import numpy as np
from condition_sample import pump, running

from smart_sentry.quality import FLAWS, QualityLane, longest_runs, run_limits, spike_limits

NEVER = np.full((2, 3), np.iinfo(np.int64).max)


def flaws(values: np.ndarray, limits: np.ndarray = NEVER, slots: np.ndarray | None = None) -> np.ndarray:
    at = np.zeros(len(values), dtype=np.int64) if slots is None else slots
    codes = QualityLane(pump()).update(values, at, limits)
    return np.array(FLAWS, dtype=object)[codes]


def test_good_readings_have_no_flaw() -> None:
    assert (flaws(running(200, 1)) == "good").all()


def test_missing_infinite_and_impossible_values_are_told_apart() -> None:
    values = np.array([[np.nan, 2900, 0.1], [np.inf, 2900, 0.1], [-0.1, 4000, 50.1]])
    assert flaws(values).tolist() == [
        ["missing", "good", "good"], ["missing", "good", "good"], ["out of range", "good", "out of range"],
    ]  # fmt: skip


def test_what_values_show_alone_is_told_without_memory() -> None:
    values = np.array([[np.nan, 2900, 0.1], [np.inf, 2900, 0.1], [-0.1, 4000, 50.1]])
    lane = QualityLane(pump())
    np.testing.assert_array_equal(
        lane.told_by_values(values), QualityLane(pump()).update(values, np.zeros(3, int), NEVER)
    )
    assert not lane.snapshot()["last"].size


def test_signal_is_stuck_from_three_times_its_longest_healthy_run_but_not_before_21() -> None:
    values = running(100, 1)
    values[10:, 0] = 15.0
    stuck = flaws(values, run_limits(np.array([[2, 2, 2], [2, 2, 2]])))[:, 0] == "stuck"
    assert np.flatnonzero(stuck)[0] == 10 + 20
    longer = flaws(values, run_limits(np.array([[12, 2, 2], [2, 2, 2]])))[:, 0] == "stuck"
    assert np.flatnonzero(longer)[0] == 10 + 36


def test_signal_that_never_moved_is_never_stuck() -> None:
    values = running(500, 1)
    values[:, 1] = 2900.0
    assert longest_runs(values)[1] == 0
    assert (flaws(values, np.tile(run_limits(longest_runs(values)), (2, 1))) == "good").all()


def test_runs_of_different_assets_are_counted_apart() -> None:
    values = np.tile([[15.0, 2900.0, 0.1]], (30, 1))
    limits = run_limits(np.full((2, 3), 2))
    slots = np.arange(30) % 2
    assert (flaws(values, limits, slots) == "good").all()  # 15 readings each
    assert (flaws(values, limits)[20:] == "stuck").all()


def test_flaws_do_not_depend_on_how_the_stream_is_cut() -> None:
    values = np.repeat(running(20, 1), 7, axis=0)
    values[::9, 1] = np.nan
    limits = np.tile(run_limits(np.full(3, 2)), (1, 1))
    lane, slots = QualityLane(pump()), np.zeros(len(values), dtype=np.int64)
    parts = [lane.update(values[i : i + 11], slots[i : i + 11], limits) for i in range(0, len(values), 11)]
    np.testing.assert_array_equal(np.concatenate(parts), QualityLane(pump()).update(values, slots, limits))


def spiking(values: np.ndarray, interval: float = 0.01) -> np.ndarray:
    limits = np.tile(spike_limits(running(500, 9), 1.0), (1, 1))
    slots = np.zeros(len(values), dtype=np.int64)
    codes = QualityLane(pump(sampling_seconds=interval)).update(values, slots, NEVER, limits)
    return np.array(FLAWS, dtype=object)[codes]


def test_single_wild_reading_of_one_signal_is_a_spike_and_its_neighbours_are_good() -> None:
    values = running(100, 1)
    values[[30, 60, 61], 2] += 5.0
    found = spiking(values)
    assert np.flatnonzero(found[:, 2] == "spike").tolist() == [30, 60, 61]
    assert (np.delete(found, [30, 60, 61], axis=0) == "good").all()


def test_what_stays_away_or_moves_several_signals_is_the_machines() -> None:
    values = running(100, 1)
    values[50:, 2] += 5.0
    assert np.flatnonzero(spiking(values)[:, 2] == "spike").tolist() == [50, 51]
    both = running(100, 1)
    both[50] += [40.0, 0, 5.0]
    assert (spiking(both) == "good").all()


def test_slower_machine_is_believed_sooner() -> None:
    values = running(100, 1)
    values[50:, 2] += 5.0
    assert np.flatnonzero(spiking(values, 1.0)[:, 2] == "spike").tolist() == [50]
    assert (spiking(values, 60.0) == "good").all()


def test_healthy_readings_have_no_spike() -> None:
    assert (spiking(running(20_000, 3)) == "good").all()


def test_switch_may_last_and_is_never_stuck() -> None:
    values = running(500, 1)
    values[:, 1] = np.arange(500) // 30 % 2  # never more than 30 in a row
    limits = np.tile(run_limits(longest_runs(values)), (2, 1))
    values[:, 1] = 1.0
    assert (flaws(values, limits)[:, 1] == "good").all()
