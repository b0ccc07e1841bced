"""Channels that never settle are told from those that do, and are judged by their own slow mean."""

from __future__ import annotations

import numpy as np
import pytest
from condition_sample import CREATED, pump, running, seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.condition_monitor import Condition, ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.detection.adaptation import adaptation_rates, follow_slowly, slow_means
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate

KIND, SPEED = pump(), 1


def warming(rows: int, seed: int) -> np.ndarray:
    """(rows, 3) a pump whose speed creeps up by 1 in 10 s all the time."""
    values = running(rows, seed)
    values[:, SPEED] += 0.1 * np.arange(rows)
    return values


def learnt_and_live(seed: int, rows: int = 600, live: int = 1500) -> tuple[Baseline, np.ndarray]:
    values = warming(rows + live, seed)
    return calibrate("pump 1", KIND, Readings(seconds(rows), values[:rows]), created=CREATED, seed=1), values[rows:]


def assess(baseline: Baseline, values: np.ndarray, monitor: ConditionMonitor | None = None) -> Condition:
    watching = monitor or ConditionMonitor(KIND, {"pump 1": baseline})
    return watching.assess(watching.slots(["pump 1"] * len(values)), seconds(len(values)), values)


@pytest.mark.parametrize("rows", [100, 500, 5000])
def test_white_noise_has_a_normal_value(rows: int) -> None:
    many = np.random.default_rng(1).normal(size=(rows, 300))
    assert np.mean(adaptation_rates(many) > 0) <= 0.005


def test_trend_random_walk_and_slow_wave_have_none_and_a_fast_wave_has() -> None:
    rng, time = np.random.default_rng(2), np.arange(1000)
    noise = rng.normal(size=(1000, 4))
    slow = np.column_stack([
        0.01 * time, np.cumsum(rng.normal(size=1000)), 5 * np.sin(2 * np.pi * time / 1500), 5 * np.sin(2 * np.pi * time / 30),
    ])  # fmt: skip
    found = adaptation_rates(noise + slow)
    assert (found[:3] > 0).all()
    assert found[3] == 0


def test_rate_is_a_tenth_of_the_calibration_and_short_or_silent_channels_have_none() -> None:
    trend = np.arange(1000.0)[:, None]
    assert adaptation_rates(trend)[0] == pytest.approx(2 / 101)
    assert adaptation_rates(trend[:90])[0] == 0
    silent = trend.copy()
    silent[300:400] = np.nan
    assert adaptation_rates(silent)[0] == 0
    assert adaptation_rates(np.ones((500, 1)))[0] == 0


def test_slow_mean_is_that_of_the_steps_before_and_of_all_of_them_at_first() -> None:
    channels = np.array([[1.0], [3.0], [np.nan], [5.0], [9.0], [2.0]])
    restarts = np.array([True, False, False, False, False, True])
    np.testing.assert_allclose(slow_means(channels, restarts, np.array([0.1]))[:, 0], [1, 1, 2, 2, 3, 2])
    assert (slow_means(channels, restarts, np.zeros(1)) == 0).all()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6))
def test_any_split_gives_the_same_slow_means(cuts: list[int]) -> None:
    rows = sum(cuts)
    rng = np.random.default_rng(rows)
    channels, slots, restarts = rng.normal(size=(rows, 2)), rng.integers(0, 3, rows), rng.random(rows) < 0.05
    rates = np.array([[0.1, 0.0], [0.0, 0.3], [0.2, 0.2]])

    def follow(parts: list[int]) -> np.ndarray:
        seen, mean, out, begin = np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((rows, 2)), 0
        for length in parts:
            part = slice(begin, begin + length)
            follow_slowly(channels[part], slots[part], restarts[part], rates, seen, mean, out[part])
            begin += length
        return out

    np.testing.assert_array_equal(follow(cuts), follow([rows]))


def test_machine_whose_speed_creeps_up_is_not_flagged_for_it_and_a_jump_of_it_is() -> None:
    shares = []
    for seed in range(4):
        baseline, live = learnt_and_live(seed)
        assert np.flatnonzero(baseline.adaptation).tolist() == [SPEED]
        shares.append(assess(baseline, live).flag.mean())
        jump, worn = live.copy(), live.copy()
        jump[1000:, SPEED] += 25
        worn[1000:, 2] += 0.2
        found = assess(baseline, jump)
        assert found.flag[1000:1020].mean() > 0.9
        assert found.flag[1300:].mean() < 0.05  # it has become what is normal
        assert assess(baseline, worn).flag[1001:].mean() > 0.95
    assert np.mean(shares) <= 0.005


def test_report_says_which_channels_never_settled_and_the_reason_names_the_slow_mean() -> None:
    baseline, live = learnt_and_live(1)
    assert any("speed_rpm" in remark and "never settled" in remark for remark in baseline.acceptance.remarks)
    live[1000:, SPEED] += 25
    monitor = ConditionMonitor(KIND, {"pump 1": baseline})
    reasons = row_reasons(monitor, assess(baseline, live, monitor))
    told = next(reason for reason in reasons[1000:] if "speed_rpm" in reason)
    value, expected = (float(told.split(place)[1].split()[0]) for place in (": ", "against "))
    assert value == pytest.approx(live[1000, SPEED], rel=0.01)
    assert expected == pytest.approx(live[950:1000, SPEED].mean(), rel=0.003)


def test_snapshot_keeps_the_slow_means() -> None:
    baseline, live = learnt_and_live(2)
    whole = assess(baseline, live)
    first = ConditionMonitor(KIND, {"pump 1": baseline})
    assess(baseline, live[:700], first)
    again = ConditionMonitor(KIND, {"pump 1": baseline})
    again.restore(first.snapshot())
    rest = again.assess(again.slots(["pump 1"] * 800), 700 + seconds(800), live[700:])
    np.testing.assert_array_equal(rest.score, whole.score[700:])
