"""Operating regimes: how many there are, their numbers, and how far a row stands from them."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.features.regimes import Regimes, find_regimes

LOW, HIGH = np.array([-1.0, -0.05, 40.0]), np.array([60.0, 1.0, 110.0])
FLIGHTS = np.array([[0, 0, 100], [10, 0.25, 100], [20, 0.7, 100], [25, 0.62, 60], [35, 0.84, 100], [42, 0.84, 100]])
"""Altitude, Mach number and throttle of the six flight conditions of C-MAPSS FD002 and FD004."""
NOISE = np.array([0.002, 0.0003, 0.0])


def flown(rng: np.random.Generator, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Settings at random flight conditions, and which condition each row is of."""
    which = rng.integers(0, len(FLIGHTS), rows)
    return FLIGHTS[which] + rng.normal(0, 1, (rows, 3)) * NOISE, which


def test_regimes_of_white_noise_about_one_setting_are_one() -> None:
    settings = np.array([0, 0, 100]) + np.random.default_rng(1).normal(0, 1, (500, 3)) * NOISE
    regimes = find_regimes(settings, LOW, HIGH, most=8, seed=0)
    assert regimes.count == 1
    assert set(regimes.assign(settings)) == {0}


def test_regimes_of_six_flight_conditions_are_these_six_in_order() -> None:
    settings, which = flown(np.random.default_rng(2))
    regimes = find_regimes(settings, LOW, HIGH, most=8, seed=0)
    assert regimes.count == 6
    np.testing.assert_array_equal(regimes.assign(settings), which)  # FLIGHTS is sorted


@pytest.mark.parametrize("seed", [1, 20])
def test_regime_numbers_are_the_same_whatever_seed_and_sample(seed: int) -> None:
    settings, which = flown(np.random.default_rng(100 + seed), rows=300)
    np.testing.assert_array_equal(find_regimes(settings, LOW, HIGH, most=8, seed=seed).assign(settings), which)


@pytest.mark.parametrize("sample", [0, 1, 3])
def test_regimes_that_share_a_setting_are_numbered_by_the_next_one(sample: int) -> None:
    rng = np.random.default_rng(sample)
    which = rng.integers(0, 4, 400)
    centres = np.array([[20, 0.1, 60], [20, 0.9, 60], [40, 0.1, 60], [40, 0.9, 60]])
    settings = centres[which] + rng.normal(0, 1, (400, 3)) * [0.3, 0.005, 0.0]
    np.testing.assert_array_equal(find_regimes(settings, LOW, HIGH, most=8, seed=sample).assign(settings), which)


def test_regimes_of_settings_that_vary_continuously_are_at_most_so_many() -> None:
    settings = np.random.default_rng(3).uniform(LOW, HIGH, (400, 3))
    regimes = find_regimes(settings, LOW, HIGH, most=5, seed=0)
    assert regimes.count == 5
    assert set(regimes.assign(settings)) == set(range(5))


def test_regimes_without_settings_are_one() -> None:
    nothing = np.empty((4, 0))
    regimes = find_regimes(nothing, np.empty(0), np.empty(0), most=8, seed=0)
    assert regimes.count == 1
    assert regimes.assign(nothing).tolist() == [0, 0, 0, 0]
    assert regimes.distance(nothing).tolist() == [0, 0, 0, 0]


def test_assign_goes_by_the_range_of_each_setting_not_by_its_unit() -> None:
    regimes = Regimes(np.array([0.0, 0.0]), np.array([1000.0, 1.0]), np.array([[0.1, 0.1], [0.2, 0.9]]))
    # 150 of 1000 stands between both; 0.8 of 1 is near the second, though 0.7 is little against 50.
    assert regimes.assign(np.array([[150.0, 0.8], [150.0, 0.2]])).tolist() == [1, 0]


def test_distance_is_measured_in_shares_of_the_range() -> None:
    regimes = Regimes(np.array([0.0, 0.0]), np.array([1000.0, 1.0]), np.array([[0.1, 0.1], [0.2, 0.9]]))
    found = regimes.distance(np.array([[100.0, 0.1], [400.0, 0.5]]))
    np.testing.assert_allclose(found, [0.0, np.hypot(0.2, 0.4)], rtol=1e-12)
