"""Trends are found where they are, and correlated noise is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.drift.trend import autocorrelation_time, effective_size, lag_one_correlation, mann_kendall


def wandering(rows: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """(rows,) a first-order autoregression with unit variance."""
    noise, out = rng.normal(size=rows), np.empty(rows)
    out[0] = noise[0]
    for row in range(1, rows):
        out[row] = correlation * out[row - 1] + np.sqrt(1 - correlation**2) * noise[row]
    return out


def test_mann_kendall_of_eight_rising_values_is_that_of_the_textbook() -> None:
    found = mann_kendall(np.arange(8.0))
    assert found.z == pytest.approx((28 - 1) / np.sqrt(8 * 7 * 21 / 18), rel=1e-3)
    assert found.change == 7.0
    assert mann_kendall(-np.arange(8.0)).z == pytest.approx(-found.z)


def test_mann_kendall_of_constant_and_of_too_few_values_is_nothing() -> None:
    assert mann_kendall(np.ones(10)).z == 0.0
    assert mann_kendall(np.array([1.0, 2.0, np.nan])).z == 0.0


def test_trend_is_seen_through_gaps() -> None:
    values = np.arange(20.0)
    values[5:9] = np.nan
    assert mann_kendall(values).z > 5
    assert mann_kendall(values).change == pytest.approx(19.0)


def test_correlation_widens_the_mann_kendall_test() -> None:
    rng = np.random.default_rng(1)
    found = np.array([mann_kendall(wandering(60, 0.6, rng)).z for _ in range(300)])
    white = np.array([mann_kendall(rng.normal(size=60)).z for _ in range(300)])
    assert np.mean(np.abs(white) > 2.576) <= 0.03
    assert np.mean(np.abs(found) > 2.576) <= 0.12  # a fifth without the correction


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_autocorrelation_time_of_an_autoregression_is_known(correlation: float) -> None:
    values = wandering(20_000, correlation, np.random.default_rng(2))
    truth = (1 + correlation) / (1 - correlation)
    assert autocorrelation_time(values) == pytest.approx(truth, rel=0.2)
    assert effective_size(values) == pytest.approx(20_000 / truth, rel=0.2)
    assert lag_one_correlation(values) == pytest.approx(correlation, abs=0.03)
