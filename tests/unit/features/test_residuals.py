"""Residuals: distance from healthy behaviour at the same operating point, in healthy standard deviations."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.features.residuals import CLIP, ResidualModel, fit_residuals

ROWS = 4000


def fit_one(sensors: np.ndarray, settings: np.ndarray) -> ResidualModel:
    """One regime, all rows healthy."""
    rows = len(sensors)
    return fit_residuals(sensors, settings, np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=np.bool_), 1)


def residuals_of(model: ResidualModel, sensors: object, settings: object, regime: int = 0) -> np.ndarray:
    table = np.array(sensors, dtype=np.float64)
    return model.residuals(table, np.array(settings, dtype=np.float64), np.full(len(table), regime, dtype=np.int64))


@pytest.fixture
def loaded() -> ResidualModel:
    """A sensor that reads 10 + 3 * load with noise of 0.1, at loads about 5, and one that always reads 7."""
    rng = np.random.default_rng(1)
    load = rng.normal(5, 0.5, (ROWS, 1))
    return fit_one(np.hstack([10 + 3 * load + rng.normal(0, 0.1, (ROWS, 1)), np.full((ROWS, 1), 7.0)]), load)


def test_residuals_of_healthy_rows_have_mean_zero_and_deviation_one() -> None:
    rng = np.random.default_rng(2)
    sensors, settings = rng.normal([500, -3], [20, 0.01], (ROWS, 2)), rng.normal(0, 1, (ROWS, 1))
    found = fit_one(sensors, settings).residuals(sensors, settings, np.zeros(ROWS, dtype=np.int64))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-9)


def test_residual_takes_the_effect_of_the_setting_out(loaded: ResidualModel) -> None:
    found = residuals_of(loaded, [[22.0, 7.0], [28.0, 7.0]], [[4.0], [6.0]])  # 10 + 3 * 4 and 10 + 3 * 6
    np.testing.assert_allclose(found[:, 0], 0, atol=0.1)


def test_residual_of_a_shift_is_the_shift_in_healthy_deviations(loaded: ResidualModel) -> None:
    found = residuals_of(loaded, [[25.0 + 0.2, 7.0], [25.0 - 0.5, 7.0]], [[5.0], [5.0]])
    np.testing.assert_allclose(found[:, 0], [2, -5], rtol=0.05)


def test_residual_of_a_constant_sensor_is_zero_and_it_does_not_move(loaded: ResidualModel) -> None:
    assert loaded.moving.tolist() == [True, False]
    assert residuals_of(loaded, [[25.0, 900.0]], [[5.0]])[0, 1] == 0


def test_residual_of_a_wild_value_is_clipped(loaded: ResidualModel) -> None:
    found = residuals_of(loaded, [[1e6, 7.0], [-1e6, 7.0]], [[5.0], [5.0]])
    assert found[:, 0].tolist() == [CLIP, -CLIP]


def test_residual_of_a_missing_value_is_missing(loaded: ResidualModel) -> None:
    assert np.isnan(residuals_of(loaded, [[np.nan, 7.0]], [[5.0]])[0, 0])
    assert np.isnan(residuals_of(loaded, [[25.0, 7.0]], [[np.nan]])[0, 0])


def test_residuals_go_by_the_regime_of_the_row() -> None:
    rng = np.random.default_rng(3)
    regimes = rng.integers(0, 2, ROWS)
    sensors = np.where(regimes == 0, rng.normal(100, 1, ROWS), rng.normal(200, 10, ROWS))[:, None]
    model = fit_residuals(sensors, np.zeros((ROWS, 1)), regimes, np.ones(ROWS, dtype=np.bool_), 2)
    assert residuals_of(model, [[103.0]], [[0.0]], regime=0)[0, 0] == pytest.approx(3, abs=0.15)
    assert residuals_of(model, [[230.0]], [[0.0]], regime=1)[0, 0] == pytest.approx(3, abs=0.15)


def test_sensor_that_moves_in_one_regime_alone_counts_as_moving() -> None:
    rng = np.random.default_rng(4)
    regimes = rng.integers(0, 2, ROWS)
    sensors = np.where(regimes == 0, 50.0, rng.normal(50, 1, ROWS))[:, None]
    model = fit_residuals(sensors, np.zeros((ROWS, 0)), regimes, np.ones(ROWS, dtype=np.bool_), 2)
    assert model.moving.tolist() == [True]
    assert np.isinf(model.std[0, 0])
    assert np.isfinite(model.std[1, 0])


def test_healthy_behaviour_is_not_learnt_from_worn_rows() -> None:
    rng = np.random.default_rng(5)
    healthy = np.arange(ROWS) < ROWS // 2
    sensors = np.where(healthy, rng.normal(0, 1, ROWS), 1000.0)[:, None]
    model = fit_residuals(sensors, np.zeros((ROWS, 1)), np.zeros(ROWS, dtype=np.int64), healthy, 1)
    assert abs(model.mean[0, 0]) < 0.1
    assert model.std[0, 0] == pytest.approx(1, abs=0.05)


def test_regime_without_healthy_rows_expects_what_all_healthy_rows_show() -> None:
    rng = np.random.default_rng(6)
    regimes = np.repeat([0, 1], ROWS // 2).astype(np.int64)
    sensors, settings = rng.normal(10, 2, (ROWS, 1)), rng.normal(size=(ROWS, 1))
    model = fit_residuals(sensors, settings, regimes, regimes == 0, 2)
    np.testing.assert_array_equal(model.mean[1], model.mean[0])
    np.testing.assert_array_equal(model.std[1], model.std[0])


def test_settings_that_never_vary_or_say_the_same_leave_finite_effects() -> None:
    rng = np.random.default_rng(7)
    load = rng.normal(5, 1, ROWS)
    settings = np.column_stack([load, 2 * load, np.full(ROWS, 100.0)])
    model = fit_one((3 * load + rng.normal(0, 0.1, ROWS))[:, None], settings)
    assert np.isfinite(model.setting_effect).all()
    assert model.setting_effect[0, 2, 0] == 0
    found = residuals_of(model, [[18.0]], [[6.0, 12.0, 100.0]])
    assert found[0, 0] == pytest.approx(0, abs=0.2)
