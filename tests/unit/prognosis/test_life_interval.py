"""Intervals that hold what they promise, whatever life is estimated; of estimates whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.errors import InsufficientData
from smart_sentry.prognosis.life_interval import (
    IntervalPolicy,
    LifeInterval,
    Unseen,
    calibrate_interval,
    cross_validated_ends,
)

CAP = 100.0
POLICY = IntervalPolicy(CAP, coverage=0.9, seed=1)


def estimates(rows: int, seed: int, longest: float = 160) -> Unseen:
    """Estimates that are 5 % + 2 cycles off, and 4 % too long: no interval that is symmetric about them fits."""
    rng = np.random.default_rng(seed)
    rul_cycles = rng.uniform(0, longest, rows)
    truth = np.minimum(rul_cycles, CAP)
    estimate = np.clip(1.04 * truth + rng.normal(0, 2 + 0.05 * truth), 0, CAP)
    return Unseen(estimate, rul_cycles, np.ones(rows))


def held(interval: LifeInterval, unseen: Unseen, cap: float = CAP) -> np.ndarray:
    lower, upper = interval.ends(unseen.estimate)
    truth = np.minimum(unseen.rul_cycles, cap)
    return (lower <= truth) & (truth <= upper)


@pytest.fixture(scope="module")
def interval() -> LifeInterval:
    return calibrate_interval(estimates(8000, seed=1), POLICY)


@pytest.mark.parametrize(("least", "most"), [(10, 30), (30, 50), (50, 70), (70, 90)])
def test_every_stretch_of_estimates_is_held_to_the_coverage(interval: LifeInterval, least: float, most: float) -> None:
    others = estimates(20_000, seed=2)
    rows = (others.estimate >= least) & (others.estimate < most)
    assert held(interval, others)[rows].mean() == pytest.approx(interval.level, abs=0.03)


def test_closed_interval_is_missed_from_both_sides_alike(interval: LifeInterval) -> None:
    others = estimates(20_000, seed=2)
    lower, upper = interval.ends(others.estimate)
    rows = (others.estimate > 10) & (others.estimate < 60)
    assert (others.rul_cycles < lower)[rows].mean() == pytest.approx((1 - interval.level) / 2, abs=0.02)
    assert (others.rul_cycles > upper)[rows].mean() == pytest.approx((1 - interval.level) / 2, abs=0.02)


def test_interval_that_reaches_the_cap_is_missed_from_below_alone() -> None:
    rng = np.random.default_rng(3)
    rul_cycles = rng.uniform(0, 110, 20_000)
    estimate = np.clip(np.minimum(rul_cycles, CAP) + rng.normal(0, 15, rul_cycles.size), 0, CAP)
    lower, upper = calibrate_interval(Unseen(estimate, rul_cycles, np.ones(rul_cycles.size)), POLICY).ends(estimate)
    is_open = (upper == CAP) & (estimate < 0.95 * CAP)
    missed = np.minimum(rul_cycles, CAP)[is_open] < lower[is_open]
    assert missed.mean() == pytest.approx(0.1, abs=0.03)


def test_ends_hold_the_estimate_and_stay_within_nothing_and_the_cap(interval: LifeInterval) -> None:
    estimate = np.linspace(0, CAP, 1001)
    lower, upper = interval.ends(estimate)
    assert (lower >= 0).all()
    assert (lower <= estimate).all()
    assert (upper >= estimate).all()
    assert (upper <= CAP).all()


def test_longer_estimate_never_has_an_earlier_end(interval: LifeInterval) -> None:
    lower, upper = interval.ends(np.linspace(0, CAP, 1001))
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) >= 0).all()


def test_level_stays_where_the_fleet_is_held_as_promised() -> None:
    # Nobody at the cap: nothing is covered for certain, so coverage is what was asked.
    assert calibrate_interval(estimates(8000, seed=5, longest=70), POLICY).level == 0.9


def test_level_sinks_where_healthy_assets_are_covered_for_certain_but_never_far() -> None:
    fleet = estimates(8000, seed=5, longest=2000)
    sunk = calibrate_interval(fleet, POLICY)
    assert sunk.level == pytest.approx(0.85)
    near = fleet.rul_cycles < 80
    assert held(sunk, fleet)[near].mean() > 0.8


def test_rows_count_by_their_weight() -> None:
    fleet = estimates(8000, seed=6, longest=80)
    wrong = fleet.estimate < 1.04 * fleet.rul_cycles
    seldom = calibrate_interval(Unseen(fleet.estimate, fleet.rul_cycles, np.where(wrong, 0.02, 1.0)), POLICY)
    plain = calibrate_interval(fleet, POLICY)
    assert held(seldom, fleet)[~wrong].mean() > held(plain, fleet)[~wrong].mean() - 0.02
    assert held(seldom, fleet)[wrong].mean() < held(plain, fleet)[wrong].mean() - 0.1


def test_cross_validated_ends_are_those_of_intervals_that_have_not_seen_the_fold() -> None:
    fleet = estimates(3000, seed=7)
    first = np.arange(3000) < 1000
    lower, upper = cross_validated_ends(fleet, [first, ~first], POLICY)
    expected = calibrate_interval(fleet.take(~first), POLICY).ends(fleet.estimate[first])
    np.testing.assert_array_equal(lower[first], expected[0])
    np.testing.assert_array_equal(upper[first], expected[1])


def test_same_seed_gives_the_same_interval_and_another_one_draws_anew() -> None:
    fleet = estimates(3000, seed=8)
    first, again, other = (calibrate_interval(fleet, IntervalPolicy(CAP, 0.9, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.lower_cycles, again.lower_cycles)
    assert not np.array_equal(first.lower_cycles, other.lower_cycles)


def test_too_few_rows_say_how_many_there_are_and_how_many_are_needed() -> None:
    with pytest.raises(InsufficientData, match="have 19, need at least 20"):
        calibrate_interval(estimates(19, seed=9), POLICY)
