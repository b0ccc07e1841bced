"""Two baselines on the same stream."""

from __future__ import annotations

import numpy as np
from condition_sample import baseline, pump, running, seconds

from smart_sentry.detection.calibration import Readings
from smart_sentry.recalibration.moves import moves
from smart_sentry.recalibration.shadow import shadow

PUMP = pump()
OLD, NEW = baseline(), baseline(values=running(600, 2) + np.array([3.0, 0.0, 0.0]))


def stream(values: np.ndarray, begin: int) -> Readings:
    return Readings(begin + seconds(len(values)), values)


def test_baseline_agrees_with_itself() -> None:
    found = shadow(PUMP, OLD, OLD, stream(running(100, 3), 0), stream(running(300, 4), 100))
    assert (found.steps, found.agreement, found.only_active, found.only_candidate) == (300, 1.0, 0, 0)
    assert found.mean_score_active == found.mean_score_candidate


def test_new_duty_is_flagged_by_the_active_baseline_only() -> None:
    before, now = (running(rows, seed) + np.array([3.0, 0.0, 0.0]) for rows, seed in ((100, 3), (300, 4)))
    found = shadow(PUMP, OLD, NEW, stream(before, 0), stream(now, 100))
    assert found.only_active > 290
    assert found.only_candidate == 0
    assert found.agreement == (found.steps - found.only_active) / found.steps
    assert "by the active baseline only" in found.sentence


def test_steps_that_nobody_judged_are_no_agreement() -> None:
    """The pump stands still for the first half of the stream, which neither baseline knows."""
    kind = pump(phase={"load_signal": "current_a", "speed_signal": "speed_rpm"})
    old, new = (
        baseline(asset_type=kind, values=running(600, seed) + np.array([shift, 0.0, 0.0]))
        for seed, shift in ((1, 0), (2, 3))
    )
    still, runs = np.tile([0.0, 0.0, 0.01], (250, 1)), running(150, 4) + np.array([3.0, 0.0, 0.0])
    found = shadow(kind, old, new, stream(still[:100], 0), stream(np.vstack([still[100:], runs]), 100))
    assert 140 <= found.steps <= 150  # of 300: those that run, but for the start
    assert found.only_active > 130
    assert found.agreement == (found.steps - found.only_active) / found.steps


def test_stream_that_nobody_judged_compares_nothing() -> None:
    kind = pump(phase={"load_signal": "current_a", "speed_signal": "speed_rpm"})
    one = baseline(asset_type=kind)
    still = np.tile([0.0, 0.0, 0.01], (400, 1))
    found = shadow(kind, one, one, stream(still[:100], 0), stream(still[100:], 100))
    assert (found.steps, found.agreement, found.mean_score_active) == (0, 1.0, None)


def test_alarms_are_those_of_the_stream_alone() -> None:
    found = shadow(PUMP, OLD, NEW, stream(running(100, 3), 0), stream(running(300, 4) + np.array([3.0, 0.0, 0.0]), 100))
    assert len(found.alarms_active) == 1
    assert found.alarms_active[0] >= 100.0
    assert found.alarms_candidate == ()


def test_moves_are_in_the_old_deviations_and_the_farthest_comes_first() -> None:
    found = moves(OLD, NEW)
    assert found[0].channel == "current_a"
    assert abs(found[0].sigma - 3.0) < 0.3
    assert abs(found[0].new - found[0].old - 3.0) < 0.2
    assert all(abs(one.sigma) < 0.3 for one in found[1:])
    assert [one.sigma for one in moves(OLD, OLD)] == [0.0, 0.0, 0.0]


def test_move_is_taken_at_the_same_settings() -> None:
    """A pump whose current follows its load setting has not moved because it is asked for more."""
    kind = pump(
        signals=[*pump().model_dump()["signals"], {"name": "load", "unit": "%", "role": "setting", "limits": [0, 100]}]
    )

    def at(low: float, high: float, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        load = rng.uniform(low, high, 600)
        values = running(600, seed)
        values[:, 0] += 0.2 * load
        return np.column_stack([values, load])

    wide, high = (baseline(asset_type=kind, values=at(low, 80.0, seed)) for low, seed in ((20.0, 1), (70.0, 2)))
    assert abs(high.steady.normal.centre[0] - wide.steady.normal.centre[0]) > 4.0  # 25 % of load: 5 A
    assert max(abs(one.sigma) for one in moves(wide, high)) < 1.0
