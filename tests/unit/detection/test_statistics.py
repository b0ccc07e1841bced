"""The detector's statistics: what they are of known steps, and that a stream's cuts do not matter."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.detection.statistics import SPANS, SPREAD_SPANS, STATISTICS, smooth

RNG = np.random.default_rng(1)


def none(steps: int) -> np.ndarray:
    return np.zeros(steps, dtype=np.bool_)


def test_span_of_one_is_the_step_itself() -> None:
    steps = RNG.normal(size=(30, 3))
    np.testing.assert_allclose(smooth(steps, none(30)).level[:, 0], steps)


def test_means_of_independent_steps_have_variance_1_from_the_first_step_on() -> None:
    many = np.stack([smooth(RNG.normal(size=(60, 1)), none(60)).level[:, :, 0] for _ in range(2000)])
    for step in (0, 1, 4, 20, 59):
        np.testing.assert_allclose(many[:, step].std(axis=0), 1.0, atol=0.06)


def test_first_steps_are_averaged_plainly() -> None:
    level = smooth(np.array([[1.0], [2.0], [3.0]]), none(3)).level
    widest = SPANS.index(40)
    np.testing.assert_allclose(level[:, widest, 0], [1.0, 1.5 * np.sqrt(2), 2.0 * np.sqrt(3)])


def test_spread_is_the_log_of_the_variance_and_waits_for_the_fifth_step() -> None:
    steps = np.array([[1.0], [-2.0], [1.0], [-2.0], [3.0]])
    spread = smooth(steps, none(5)).spread
    assert np.isnan(spread[:4]).all()
    np.testing.assert_allclose(spread[4], np.log(steps.var(ddof=1)), rtol=1e-6)
    assert spread.shape == (5, len(SPREAD_SPANS), 1)


def test_spread_does_not_depend_on_where_the_mean_stands_and_is_not_biased() -> None:
    many = RNG.normal(size=(2000, 100))
    spread = np.stack([smooth(steps[:, None], none(100)).spread[:, :, 0] for steps in many])
    shifted = np.stack([smooth(steps[:, None] + 3.0, none(100)).spread[:, :, 0] for steps in many[:200]])
    np.testing.assert_allclose(np.exp(spread[:, [4, 12, 50, 99]]).mean(axis=0), 1.0, atol=0.06)
    np.testing.assert_allclose(shifted[:, 60:], spread[:200, 60:], atol=1e-9)


def test_spread_of_a_step_to_another_level_returns_to_what_it_was() -> None:
    steps = RNG.normal(size=(400, 1))
    steps[200:] += 5.0
    spread = smooth(steps, none(400)).spread[:, 0, 0]
    assert spread[205] > np.nanmax(spread[:200])
    assert spread[260:].max() < spread[205]


def test_restart_forgets_what_was_before() -> None:
    steps = RNG.normal(size=(40, 2))
    restarts = none(40)
    restarts[25] = True
    np.testing.assert_array_equal(smooth(steps, restarts).level[25:], smooth(steps[25:], none(15)).level)


def test_channel_without_values_is_forgotten_at_the_pace_of_its_span_and_others_are_left_alone() -> None:
    steps = RNG.normal(size=(20, 2))
    gap = steps.copy()
    gap[10:13, 0] = np.nan
    found, whole = smooth(gap, none(20)), smooth(steps, none(20))
    np.testing.assert_array_equal(found.level[:, :, 1], whole.level[:, :, 1])
    for place, span in enumerate(SPANS[1:], start=1):
        kept = (1 - 2 / (span + 1)) ** 3
        np.testing.assert_allclose(found.level[12, place, 0], kept * found.level[9, place, 0])
    assert found.level[10, 0, 0] == 0.0


def test_single_wild_step_is_seen_whole_but_does_not_linger() -> None:
    steps = np.zeros((60, 1))
    steps[30] = 1e6
    level = smooth(steps, none(60)).level
    assert level[30, 0, 0] == 1e6
    assert np.abs(level[31:, 0]).max() == 0
    assert np.abs(level[50, SPANS.index(3), 0]) < 0.01


def test_statistics_have_names() -> None:
    assert STATISTICS == ("level1", "level3", "level10", "level40", "spread10", "spread40")


@pytest.mark.parametrize("span", SPANS)
def test_lasting_shift_is_seen_by_the_longer_spans_the_better(span: int) -> None:
    level = smooth(np.full((200, 1), 0.5), none(200)).level[-1, SPANS.index(span), 0]
    assert level == pytest.approx(0.5 * np.sqrt(span), rel=0.03)
