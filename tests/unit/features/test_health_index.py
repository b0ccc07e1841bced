"""Condition indicators on planted wear: the direction is found, fault modes are told apart, regimes agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from smart_sentry.features.health_index import (
    CURVED_INDICATORS,
    LIFE_INDICATORS,
    HealthIndex,
    fit_health_index,
    terms_of,
)

ASSETS, LIFE, SENSORS = 30, 150, 6
CAP, HORIZON = 125.0, 30.0
FIRST_MODE, SECOND_MODE = np.array([1.0, -0.8, 0.5, 0, 0, 0]), np.array([0, 0, 0.5, 1.0, 0.8, 0])


@dataclass(frozen=True)
class Planted:
    """Residuals that are noise and wear.

    Attributes:
        wear: (rows,) from 0 to 8, growing ever faster. mode: (rows,) 0 or 1.
    """

    residuals: np.ndarray
    regimes: np.ndarray
    asset: np.ndarray
    rul_cycles: np.ndarray
    wear: np.ndarray
    mode: np.ndarray

    def fit(self, factors: int = 1) -> HealthIndex:
        count = int(self.regimes.max()) + 1
        return fit_health_index(self.residuals, self.regimes, self.asset, self.rul_cycles, count, CAP, HORIZON, factors)

    def indicators(self, factors: int = 1) -> dict[str, np.ndarray]:
        index = self.fit(factors)
        return dict(zip(index.names, index.indicators(terms_of(self.residuals), self.regimes).T, strict=True))


def planted(
    modes: int = 1, gains: tuple[float, ...] = (1.0,), noise: np.ndarray | float = 1.0, seed: int = 1
) -> Planted:
    """A fleet whose residuals move along a fault mode's direction, times the gain of the regime, plus white noise."""
    rng = np.random.default_rng(seed)
    asset, cycle = np.repeat(np.arange(ASSETS), LIFE), np.tile(np.arange(LIFE), ASSETS)
    rul_cycles = (LIFE - 1 - cycle).astype(np.float64)
    wear = 8 * np.exp(-rul_cycles / 40)
    mode, regimes = asset % modes, rng.integers(0, len(gains), len(asset))
    directions = np.vstack([FIRST_MODE, SECOND_MODE])[mode]
    gain = np.array(gains)[regimes]
    residuals = (wear * gain)[:, None] * directions + rng.normal(size=(len(asset), SENSORS)) * noise
    return Planted(residuals, regimes, asset, rul_cycles, wear, mode)


def test_indicator_names_end_with_the_wear_factors() -> None:
    names = planted().fit(factors=2).names
    assert names == (*LIFE_INDICATORS, *CURVED_INDICATORS, "wear_factor_1", "wear_factor_2")


def test_terms_are_residuals_and_signed_squares_that_stop_growing() -> None:
    # squares / 8, and no more than 8 * 8 / 8
    found = terms_of(np.array([[-4.0, 2.0, 12.0, -15.0, 0.0]]))
    assert found.tolist() == [[-4.0, 2.0, 12.0, -15.0, 0.0, -2.0, 0.5, 8.0, -8.0, 0.0]]


def test_wear_factor_recovers_the_planted_direction() -> None:
    weights = planted().fit().weights[0, :SENSORS, -1]
    cosine = weights @ FIRST_MODE / np.linalg.norm(weights) / np.linalg.norm(FIRST_MODE)
    assert cosine > 0.99


def test_wear_factor_follows_the_planted_wear() -> None:
    fleet = planted()
    assert np.corrcoef(fleet.indicators()["wear_factor_1"], fleet.wear)[0, 1] > 0.9


def test_wear_factor_points_up_whichever_way_the_sensors_move() -> None:
    fleet = planted()
    late = fleet.rul_cycles < 5
    assert fleet.indicators()["wear_factor_1"][late].mean() > fleet.indicators()["wear_factor_1"][~late].mean() + 0.5


def test_life_indicators_estimate_what_they_are_named_after() -> None:
    fleet = planted()
    found = fleet.indicators()
    targets = {
        "remaining_share": np.minimum(fleet.rul_cycles, CAP) / CAP,
        "failure_near": np.exp(-fleet.rul_cycles / 25),
        "failure_ahead": np.exp(-fleet.rul_cycles / 60),
    }
    for name, target in targets.items():
        assert np.corrcoef(found[name], target)[0, 1] > 0.8, name
        assert found[name].mean() == pytest.approx(target.mean(), abs=1e-6)
        curved = np.mean((found[f"curved_{name}"] - target) ** 2)
        assert curved < np.mean((found[name] - target) ** 2), name


def test_two_wear_factors_tell_two_fault_modes_apart() -> None:
    fleet = planted(modes=2)
    found = fleet.indicators(factors=2)
    plane = np.column_stack([found["wear_factor_1"], found["wear_factor_2"]])
    healthy, late = plane[fleet.rul_cycles > 100].mean(axis=0), fleet.rul_cycles < 10
    way = {asset: plane[late & (fleet.asset == asset)].mean(axis=0) - healthy for asset in range(ASSETS)}
    mean_way = [np.mean([way[asset] for asset in range(mode, ASSETS, 2)], axis=0) for mode in (0, 1)]
    angle = np.degrees(np.arccos(mean_way[0] @ mean_way[1] / np.linalg.norm(mean_way[0]) / np.linalg.norm(mean_way[1])))
    assert angle > 45
    for asset, its_way in way.items():
        nearest = int(np.argmin([np.linalg.norm(its_way - mean) for mean in mean_way]))
        assert nearest == asset % 2


def test_noisy_sensor_counts_less_than_a_quiet_one() -> None:
    # Both move alike; against five times the noise the best weight is a fraction of the quiet sensor's.
    quiet_and_noisy = np.array([1.0, 5.0, 1.0, 1.0, 1.0, 1.0])
    rng = np.random.default_rng(2)
    fleet = planted()
    both = np.array([1.0, 1.0, 0, 0, 0, 0])
    noise = rng.normal(size=fleet.residuals.shape) * quiet_and_noisy
    weights = (
        Planted(
            fleet.wear[:, None] * both + noise, fleet.regimes, fleet.asset, fleet.rul_cycles, fleet.wear, fleet.mode
        )
        .fit()
        .weights[0, :SENSORS, -1]
    )
    assert 0 < weights[1] < weights[0] / 5


def test_regimes_that_show_wear_differently_are_calibrated_to_each_other() -> None:
    fleet = planted(gains=(1.0, 0.4, 2.0))
    factor = fleet.indicators()["wear_factor_1"]
    late = (fleet.rul_cycles < 40) & (fleet.rul_cycles > 5)
    of_regime = [late & (fleet.regimes == regime) for regime in range(3)]
    mean = np.array([factor[rows].mean() for rows in of_regime])
    slope = np.array([np.polyfit(fleet.wear[rows], factor[rows], 1)[0] for rows in of_regime])
    # The sensors themselves differ fivefold between the regimes.
    np.testing.assert_allclose(mean, mean.mean(), rtol=0.1)
    assert slope.min() > 0
    assert slope.max() / slope.min() < 1.35


def test_regime_that_was_never_seen_is_answered_with_zeros() -> None:
    fleet = planted()
    index = fit_health_index(fleet.residuals, fleet.regimes, fleet.asset, fleet.rul_cycles, 2, CAP, HORIZON, 2)
    found = index.indicators(terms_of(fleet.residuals[:3]), np.ones(3, dtype=np.int64))
    np.testing.assert_array_equal(found, 0)


def test_indicators_of_a_row_with_a_missing_term_are_missing() -> None:
    fleet = planted()
    residuals = fleet.residuals[:2].copy()
    residuals[0, 4] = np.nan
    found = fleet.fit().indicators(terms_of(residuals), fleet.regimes[:2])
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_indicators_are_affine_in_the_terms() -> None:
    index = planted(gains=(1.0, 2.0)).fit(factors=2)
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 50, 2 * SENSORS))
    regimes = rng.integers(0, 2, 50)
    mixed = index.indicators(0.25 * first + 0.75 * second, regimes)
    apart = 0.25 * index.indicators(first, regimes) + 0.75 * index.indicators(second, regimes)
    np.testing.assert_allclose(mixed, apart, atol=1e-12)


def test_fit_of_the_same_fleet_gives_the_same_bits() -> None:
    first, second = planted(modes=2, gains=(1.0, 2.0)).fit(2), planted(modes=2, gains=(1.0, 2.0)).fit(2)
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_array_equal(first.offset, second.offset)
