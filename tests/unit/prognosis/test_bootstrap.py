import time

import numpy as np
import pytest

from smart_sentry.prognosis.bootstrap import Estimate, bootstrap_by_asset, widen_share, widen_zero_rate
from smart_sentry.prognosis.row_metrics import average_precision_of, confusion, weighted_mean
from smart_sentry.prognosis.scored_fleet import FloatArray


def test_bootstrap_draws_whole_assets_and_as_many_as_there_are() -> None:
    assets = np.array([5, 5, 5, 8, 9, 9])
    draws: list[FloatArray] = []

    def spy(count: FloatArray) -> float:
        draws.append(count.copy())
        return float(count.sum())

    bootstrap_by_asset(spy, assets, replicates=200, seed=1)
    counts = np.array(draws)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 1] == counts[:, 2]).all()
    assert (counts[:, 4] == counts[:, 5]).all()
    assert (counts[:, [0, 3, 4]].sum(axis=1) == 3).all()
    assert counts.max() == 3


def test_bootstrap_of_a_mean_has_the_width_of_its_normal_interval() -> None:
    """400 assets with N(0, 1): the standard error is 1/20, so 95 % is 0.098 to either side."""
    values = np.random.default_rng(3).normal(size=400)
    values = (values - values.mean()) / values.std()
    interval = bootstrap_by_asset(lambda count: weighted_mean(values, count), np.arange(400), replicates=2000, seed=0)
    assert interval.value == pytest.approx(0, abs=1e-12)
    assert interval.low == pytest.approx(-0.098, rel=0.08)
    assert interval.high == pytest.approx(0.098, rel=0.08)


def test_bootstrap_of_rows_that_repeat_their_asset_is_no_narrower_than_of_one_row_each() -> None:
    values = np.random.default_rng(4).normal(size=30)
    once = bootstrap_by_asset(lambda count: weighted_mean(values, count), np.arange(30), seed=2)
    repeated = np.repeat(values, 50)
    many = bootstrap_by_asset(lambda count: weighted_mean(repeated, count), np.repeat(np.arange(30), 50), seed=2)
    assert many.low == pytest.approx(once.low, abs=1e-12)
    assert many.high == pytest.approx(once.high, abs=1e-12)


def test_bootstrap_with_the_same_seed_is_the_same_and_with_another_is_not() -> None:
    values = np.random.default_rng(5).normal(size=40)

    def interval(seed: int) -> Estimate:
        return bootstrap_by_asset(lambda count: weighted_mean(values, count), np.arange(40), seed=seed)

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_bootstrap_of_a_figure_without_value_is_none_and_prints_as_not_available() -> None:
    interval = bootstrap_by_asset(lambda count: float("nan"), np.arange(3))
    assert interval == Estimate(value=None, low=None, high=None)
    assert str(interval) == "n/a"


def test_bootstrap_leaves_draws_without_value_out() -> None:
    """Only the draws that hold asset 0 have a value, and that value is always 1."""
    interval = bootstrap_by_asset(lambda count: 1.0 if count[0] else float("nan"), np.arange(3))
    assert (interval.value, interval.low, interval.high) == (1, 1, 1)


def test_share_that_all_assets_reach_gets_the_exact_binomial_lower_bound() -> None:
    sixteen_of_sixteen = widen_share(Estimate(value=1, low=1, high=1), assets=16)
    assert sixteen_of_sixteen.low == pytest.approx(0.7941, abs=1e-4)
    assert sixteen_of_sixteen.high == 1
    none_of_sixteen = widen_share(Estimate(value=0, low=0, high=0), assets=16)
    assert none_of_sixteen.high == pytest.approx(0.2059, abs=1e-4)
    assert widen_share(Estimate(value=0.5, low=0.3, high=0.7), assets=16).low == 0.3


def test_rate_without_an_event_gets_the_exact_poisson_upper_bound() -> None:
    """-ln(0.025) = 3.6889, over 10 thousand cycles."""
    assert widen_zero_rate(Estimate(value=0, low=0, high=0), exposure=10).high == pytest.approx(0.36889, abs=1e-5)
    assert widen_zero_rate(Estimate(value=0.2, low=0.1, high=0.3), exposure=10).high == 0.3


def test_bootstrap_of_headline_figures_at_34000_rows_stays_under_five_seconds_each() -> None:
    generator = np.random.default_rng(6)
    assets, scores = np.sort(generator.integers(0, 259, size=34_000)), generator.random(34_000)
    positive = generator.random(34_000) < scores**4
    area = average_precision_of(scores, positive)
    for figure in (lambda count: confusion(scores >= 0.5, positive, count).f1, area):
        started = time.process_time()
        bootstrap_by_asset(figure, assets)
        assert time.process_time() - started < 5
