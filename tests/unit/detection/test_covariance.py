"""The leading detector: limits that a healthy machine keeps, and shifts, spreads and broken correlations that it does not."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.detection.covariance import Detector, Normal, fit_detector, fit_normal, fit_whitening
from smart_sentry.detection.statistics import STATISTICS, DetectorArrays, Scored, StepState, score_steps

BUDGET = 0.002
MIXING = np.array([[1.0, 0, 0], [0.8, 0.5, 0], [-0.3, 0.2, 0.4]])


def healthy(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3)) @ MIXING.T * [2.0, 0.1, 30.0] + [230.0, 0.9, 1000.0]


def starts(rows: int) -> np.ndarray:
    return np.arange(rows) == 0


def fitted(values: np.ndarray, terms: np.ndarray | None = None) -> tuple[Normal, Detector]:
    normal, detector, _ = fit_detector(
        values, np.empty((len(values), 0)) if terms is None else terms, starts(len(values)), BUDGET
    )
    return normal, detector


def score(normal: Normal, detector: Detector, values: np.ndarray, terms: np.ndarray | None = None) -> Scored:
    rows, channels = values.shape
    arrays = DetectorArrays(
        np.ones((1, 1), dtype=np.bool_), *(np.ascontiguousarray(part[None, None]) for part in detector)
    )
    out, nowhere = Scored.empty(rows, channels), np.zeros(rows, dtype=np.int64)
    deviations = normal.deviations(values, np.empty((rows, 0)) if terms is None else terms)
    score_steps(
        deviations,
        nowhere,
        nowhere,
        np.zeros(rows, dtype=np.bool_),
        np.full(rows, -1),
        deviations,
        np.full(1, -1),
        StepState.empty(1, channels),
        arrays,
        out,
    )
    return out


@pytest.mark.parametrize("rows", [10, 30, 100, 500, 3000])
def test_healthy_machine_keeps_the_budget_however_short_its_calibration(rows: int) -> None:
    shares = [np.mean(score(*fitted(healthy(rows, seed)), healthy(2000, 100 + seed)).score >= 1.0) for seed in range(8)]
    assert np.mean(shares) <= 3 * BUDGET
    assert max(shares) <= 0.02


def test_autocorrelated_machine_keeps_the_budget() -> None:
    def wandering(rows: int, seed: int) -> np.ndarray:
        noise = healthy(rows, seed) - [230.0, 0.9, 1000.0]
        for row in range(1, rows):
            noise[row] += 0.9 * noise[row - 1]
        return noise

    shares = [
        np.mean(score(*fitted(wandering(1500, seed)), wandering(3000, 50 + seed)).score >= 1.0) for seed in range(6)
    ]
    assert np.mean(shares) <= 0.01


def test_held_out_scores_are_what_fresh_healthy_steps_get() -> None:
    values = healthy(3000, 1)
    _, _, held_out = fit_detector(values, np.empty((3000, 0)), starts(3000), BUDGET)
    fresh = score(*fitted(values), healthy(3000, 2)).score
    assert np.quantile(held_out.score, 0.9) == pytest.approx(np.quantile(fresh, 0.9), abs=0.1)
    assert np.mean(held_out.score >= 1) <= 2 * BUDGET


def test_score_rises_with_the_severity_of_a_shift_and_does_not_saturate() -> None:
    normal, detector = fitted(healthy(1000, 1))
    last = [
        float(np.median(score(normal, detector, healthy(60, 3) + np.array([2.0 * times, 0, 0])).score[-20:]))
        for times in (0, 1, 2, 4, 8, 32)
    ]
    assert last == sorted(last)
    assert last[0] < 1 < last[2]
    assert last[-1] > 1.2 * last[-2]


def test_jitter_with_its_mean_in_place_is_found_by_a_spread() -> None:
    normal, detector = fitted(healthy(1000, 1))
    values = healthy(200, 3)
    values[:, 1] = 0.9 + (values[:, 1] - 0.9) * 2.5
    found = score(normal, detector, values)
    assert np.mean(found.score[40:] >= 1) > 0.9
    assert {STATISTICS[which] for which in found.statistic[100:]} & {"spread10", "spread40"}


def test_shifted_channel_that_does_not_spread_more_is_no_spread() -> None:
    normal, detector = fitted(healthy(1000, 1))
    found = score(normal, detector, np.concatenate([healthy(100, 3), healthy(200, 3) + np.array([8.0, 0, 0])]))
    assert np.mean(found.score[100:] >= 1) > 0.99
    assert {STATISTICS[which] for which in found.statistic[160:]} <= {"level1", "level3", "level10", "level40"}


def test_broken_correlation_is_found_though_each_channel_keeps_its_range() -> None:
    normal, detector = fitted(healthy(1000, 1))
    values = healthy(300, 4)
    values[:, 1] = np.random.default_rng(5).permutation(values[:, 1])
    assert np.mean(score(normal, detector, values).score[40:] >= 1) > 0.2  # of single steps; none of a healthy machine


def test_effect_names_the_channel_that_moved() -> None:
    normal, detector = fitted(healthy(1000, 1))
    found = score(normal, detector, healthy(50, 6) + np.array([0, 0, 400.0]))
    assert (np.argmax(found.effect[10:], axis=1) == 2).all()
    assert found.moved[-1, 2] > 5


def test_load_that_was_seen_in_calibration_explains_what_follows_it() -> None:
    rng = np.random.default_rng(7)
    load = rng.choice([-1.0, 0.0, 1.0], 1500)
    terms = np.column_stack([load, load**2])
    values = healthy(1500, 1) + np.outer(load, [10.0, 0.3, 100.0])
    normal, detector = fitted(values, terms)
    later = rng.choice([-1.0, 0.0, 1.0], 1500)
    again = healthy(1500, 2) + np.outer(later, [10.0, 0.3, 100.0])
    assert np.mean(score(normal, detector, again, np.column_stack([later, later**2])).score >= 1) <= 0.01
    assert np.mean(score(normal, detector, again, np.zeros((1500, 2))).score >= 1) > 0.3


def test_channel_that_never_moved_has_a_scale_of_its_size() -> None:
    values = healthy(200, 1)
    values[:, 1] = 50.0
    normal = fit_normal(values, np.empty((200, 0)))
    assert normal.scale[1] == pytest.approx(0.5)
    assert score(*fitted(values), values).score[-1] < 1


def test_missing_values_of_a_calibration_are_left_out() -> None:
    values = healthy(500, 1)
    holes = values.copy()
    holes[::7, 1] = np.nan
    np.testing.assert_allclose(fit_normal(holes, np.empty((500, 0))).centre, values.mean(axis=0), rtol=0.01)
    assert np.isfinite(score(*fitted(holes), healthy(100, 2)).score).all()


def test_whitened_healthy_deviations_are_uncorrelated() -> None:
    deviations = (healthy(5000, 1) - healthy(5000, 1).mean(axis=0)) / healthy(5000, 1).std(axis=0)
    covariance = np.cov((deviations @ fit_whitening(deviations).T).T)
    np.testing.assert_allclose(covariance, np.eye(3), atol=0.1)


def with_still(values: np.ndarray, still: int) -> np.ndarray:
    """The same beside channels that never move."""
    return np.column_stack([values, np.full((len(values), still), 7.0)])


def test_channels_that_never_move_do_not_hide_what_the_others_do() -> None:
    live = healthy(400, 3) + np.array([2.0, 0, 0])
    alone = score(*fitted(healthy(1000, 1)), live).score
    beside = score(*fitted(with_still(healthy(1000, 1), 40)), with_still(live, 40)).score
    assert np.mean(alone[60:] >= 1) > 0.3
    assert np.mean(beside[60:] >= 1) == pytest.approx(np.mean(alone[60:] >= 1), abs=0.05)


def test_blip_of_a_channel_that_never_moved_is_seen_and_does_not_linger() -> None:
    normal, detector = fitted(with_still(healthy(1000, 1), 1))
    live = with_still(healthy(200, 3), 1)
    without = score(normal, detector, live).score
    live[100, 3] = 8.0
    found = score(normal, detector, live).score
    assert found[100] > 2 > without[100]
    assert (found[120:] >= 1).tolist() == (without[120:] >= 1).tolist()


def test_switch_that_was_rarely_on_in_calibration_is_flagged_when_it_stays_on() -> None:
    values = np.column_stack([healthy(1000, 1), np.isin(np.arange(1000), (40, 41, 60, 61))])
    normal, detector = fitted(values)
    live = np.column_stack([healthy(400, 3), np.arange(400) >= 200])
    found = score(normal, detector, live).score
    assert np.mean(found[:200] >= 1) <= 0.02
    assert (found[210:] >= 1).all()
