"""Derived features: what pandas and numpy give, with missing values, pauses and single rows, and never a look ahead."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.assets import load_asset_type
from smart_sentry.features.derived import (
    derived_features,
    distance,
    percent,
    ratio,
    ratio_of,
    rms,
    rolling_mean,
    spike_count,
)

MOTOR = load_asset_type(Path(__file__).parents[3] / "configs" / "assets" / "motor.yaml")
ROWS = 800


def with_holes(offset: float = 230.0, rows: int = ROWS) -> np.ndarray:
    """(rows,) noise about an offset, a few spikes, and missing values: single ones, the first ones and a long stretch."""
    rng = np.random.default_rng(4)
    values = offset + rng.normal(0, 2, rows)
    values[rng.random(rows) < 0.02] += 15
    values[rng.random(rows) < 0.1] = np.nan
    values[:3], values[300:340] = np.nan, np.nan
    return values


def with_gaps(rows: int = ROWS) -> np.ndarray:
    """(rows,) times with pauses, and readings at the same time."""
    return np.cumsum(np.random.default_rng(5).choice([0.0, 1.0, 1.0, 2.0, 90.0], rows))


def motor_readings(rows: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal([230, 15, 0.92, 0.15], [2, 1, 0.02, 0.03], (rows, 4))


@pytest.mark.parametrize("span", [0.5, 10.0, 3600.0])
def test_rolling_mean_is_that_of_pandas_by_time(span: float) -> None:
    values, seconds = with_holes(), with_gaps()
    index = pd.to_datetime(seconds, unit="s")
    expected = pd.Series(values, index).rolling(pd.Timedelta(seconds=span), min_periods=1).mean()
    np.testing.assert_allclose(rolling_mean(values, seconds, span), expected, rtol=1e-12)


def test_rolling_mean_forgets_what_was_before_a_pause() -> None:
    seconds = np.array([0.0, 1.0, 2.0, 3602.0, 3603.0])
    found = rolling_mean(np.array([1.0, 3.0, 8.0, 20.0, 30.0]), seconds, 3600.0)
    np.testing.assert_allclose(found, [1, 2, 4, 20, 25])


def test_rolling_mean_takes_a_clock_that_is_set_back_as_standing() -> None:
    found = rolling_mean(np.array([1.0, 2.0, 6.0, 9.0]), np.array([100.0, 101.0, 0.0, 102.0]), 2.0)
    np.testing.assert_allclose(found, [1, 1.5, 3, 17 / 3])


@pytest.mark.parametrize(("points", "sigma"), [(10, 3.0), (4, 1.5), (25, 2.0)])
def test_spike_count_is_that_of_pandas(points: int, sigma: float) -> None:
    values = pd.Series(with_holes())
    before = values.shift(1).rolling(points, min_periods=1)
    known = before.count()
    judged = values.notna() & (2 * known >= points)
    spike = ((values - before.mean()).abs() > sigma * before.std(ddof=0)) & judged
    expected = spike.where(judged).astype(float).rolling(points, min_periods=1).sum()
    assert expected.max() >= 2
    assert expected.isna().sum() > 5
    np.testing.assert_array_equal(spike_count(values.to_numpy(), points, sigma), expected)


def test_spike_counts_for_as_many_readings_as_points_and_a_constant_signal_has_none() -> None:
    values = 15 + np.tile([0.1, -0.1], 20)
    values[20] = 18
    found = spike_count(values, 10, 3.0)
    assert np.isnan(found[:5]).all()
    np.testing.assert_array_equal(found[5:], [0.0] * 15 + [1.0] * 10 + [0.0] * 10)
    still = np.concatenate([[0.3], np.full(40, 0.4)])
    assert (spike_count(still, 10, 3.0)[20:] == 0).all()  # though the mean of ten times 0.4 is not quite 0.4


def test_rms_is_that_of_numpy_over_the_last_points() -> None:
    values = with_holes(0.15)
    expected = [
        np.nan if np.isnan(part := values[max(0, row - 9) : row + 1]).all() else np.sqrt(np.nanmean(part**2))
        for row in range(ROWS)
    ]
    np.testing.assert_allclose(rms(values, 10), expected, rtol=1e-12)


def test_percent_distance_and_ratio_are_their_formulas() -> None:
    power_factor, vibration = np.array([0.8, 0.9, np.nan, 0.7]), np.array([0.1, np.nan, 0.2, 0.3])
    np.testing.assert_allclose(percent(power_factor, 0.8, 1.0), [0, 50, np.nan, -50], atol=1e-12)
    np.testing.assert_allclose(distance(np.array([228.0, 230.0, 233.0]), 230.0), [2, 0, 3])
    np.testing.assert_allclose(ratio(vibration, power_factor, 0.01), [0.1 / 0.81, np.nan, np.nan, 0.3 / 0.71])
    assert np.isnan(ratio(np.array([1.0]), np.array([-0.5]), 0.5)).all()


def test_six_features_of_the_motor_are_in_the_order_of_its_file() -> None:
    values, seconds = motor_readings(200), np.arange(200.0)
    found = derived_features(MOTOR.derived_features, MOTOR.signal_names, values, seconds)
    voltage, current, power_factor, vibration = values.T
    last = slice(190, 200)
    expected = [
        voltage.mean(), spike_count(current, 10, 3.0)[-1], (power_factor[-1] - 0.8) / 0.2 * 100,
        np.sqrt((vibration[last] ** 2).mean()), abs(voltage[-1] - 230), vibration[-1] / (power_factor[-1] + 0.01),
    ]  # fmt: skip
    np.testing.assert_allclose(found[-1], expected)


def test_single_row_and_no_row_are_taken() -> None:
    values = np.array([[233.0, 15.0, 0.9, 0.2]])
    found = derived_features(MOTOR.derived_features, MOTOR.signal_names, values, np.zeros(1))
    np.testing.assert_allclose(found, [[233, np.nan, 50, 0.2, 3, 0.2 / 0.91]])
    nothing = np.empty((0, 4))
    assert derived_features(MOTOR.derived_features, MOTOR.signal_names, nothing, np.empty(0)).shape == (0, 6)
    assert derived_features((), MOTOR.signal_names, values, np.zeros(1)).shape == (1, 0)


def test_signal_that_was_never_read_has_no_features_and_harms_no_other() -> None:
    values = motor_readings(50)
    values[:, 0] = np.nan
    found = derived_features(MOTOR.derived_features, MOTOR.signal_names, values, np.arange(50.0))
    assert np.isnan(found[:, [0, 4]]).all()
    assert np.isfinite(found[10:, [1, 2, 3, 5]]).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 120), st.integers(0, 1000))
def test_row_depends_on_the_rows_up_to_it_only(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, seconds = motor_readings(120, seed), np.cumsum(rng.choice([1.0, 2000.0], 120))
    values[rng.random(values.shape) < 0.2] = np.nan
    whole = derived_features(MOTOR.derived_features, MOTOR.signal_names, values, seconds)
    part = derived_features(MOTOR.derived_features, MOTOR.signal_names, values[:cut], seconds[:cut])
    np.testing.assert_array_equal(part, whole[:cut])


def test_sixty_thousand_readings_take_a_fraction_of_a_second() -> None:
    values, seconds = motor_readings(60_000), np.arange(60_000.0)
    begin = time.perf_counter()
    derived_features(MOTOR.derived_features, MOTOR.signal_names, values, seconds)
    assert time.perf_counter() - begin < 1.0  # 0.04 s on an idle machine


def test_ratio_of_one_reading_is_what_it_is_among_others() -> None:
    above, below = np.array([0.15, -2.0, 0.0, 1.0, np.nan, 1.0]), np.array([0.92, 3.0, 0.5, -0.01, 1.0, np.nan])
    alone = [ratio_of(one, other, 0.01) for one, other in zip(above.tolist(), below.tolist(), strict=True)]
    np.testing.assert_array_equal(alone, ratio(above, below, 0.01))
