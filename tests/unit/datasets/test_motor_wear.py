"""Damage, severity and stress."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smart_sentry.datasets import motor_wear
from smart_sentry.datasets.motor import Faults, MotorDesign
from smart_sentry.datasets.motor_wear import BEARING, IMBALANCE, ROTOR_BAR, WINDING, Wear

DESIGN = MotorDesign()
WEAR = Wear(mode=BEARING, strength_s=1000.0, acceleration=2.0 * math.log(2.0), symptoms=Faults(0.9, 0.1, 0.0, 0.3))


def stress(
    mode: int, speed_rpm: float = 2880.0, load: float = 1.0, temperature_c: float = 73.0, heat_w: float = 202.05
):
    return motor_wear.stress(DESIGN, mode, speed_rpm, load, temperature_c, heat_w)


def test_severity_starts_at_nothing_ends_at_one_and_accelerates():
    # k = 2 ln 2: (2 - 1) / (4 - 1) at half the damage
    assert motor_wear.severity(WEAR.acceleration, 0.0) == 0.0
    assert motor_wear.severity(WEAR.acceleration, 0.5) == pytest.approx(1.0 / 3.0)
    assert motor_wear.severity(WEAR.acceleration, 1.0) == 1.0


def test_expected_wear_rises_monotonically_and_ever_faster():
    path = np.array([motor_wear.severity(4.5, damage) for damage in np.linspace(0.0, 1.0, 101)])
    assert (np.diff(path) > 0.0).all()
    assert (np.diff(path, n=2) > 0.0).all()


def test_faults_share_the_severity_and_stay_at_their_final_value():
    assert motor_wear.faults_at(WEAR, 0.5) == pytest.approx((0.3, 0.1 / 3.0, 0.0, 0.1))
    assert motor_wear.faults_at(WEAR, 1.7) == pytest.approx(WEAR.symptoms)


@pytest.mark.parametrize("mode", [BEARING, WINDING, ROTOR_BAR, IMBALANCE])
def test_stress_at_rated_load_and_temperature_is_one(mode):
    assert stress(mode) == pytest.approx(1.0)


def test_stress_of_each_mode_follows_its_law():
    assert stress(BEARING, load=0.0) == pytest.approx(0.125)  # half the load is preload: 0.5 cubed
    assert stress(BEARING, speed_rpm=1440.0) == pytest.approx(0.5)
    assert stress(WINDING, temperature_c=83.0) == pytest.approx(2.0)
    assert stress(ROTOR_BAR, heat_w=404.1) == pytest.approx(2.0)
    assert stress(IMBALANCE, speed_rpm=1440.0, load=0.0) == pytest.approx(0.125)


def test_damage_of_an_interval_is_never_negative_and_right_in_the_mean():
    rng = np.random.default_rng(1)
    steps = np.array([motor_wear.damage_done(WEAR, 10.0, rng) for _ in range(20_000)])
    assert (steps >= 0.0).all()
    # mean 10/1000, variance 10 * 20 / 1000^2: the standard error is 0.0001
    assert steps.mean() == pytest.approx(0.010, abs=0.0004)
    assert steps.std() == pytest.approx(math.sqrt(200.0) / 1000.0, rel=0.05)


def test_damage_at_rest_is_none():
    assert motor_wear.damage_done(WEAR, 0.0, np.random.default_rng(1)) == 0.0


def test_damage_over_a_time_does_not_depend_on_the_interval():
    rng = np.random.default_rng(2)
    fine = np.array([[motor_wear.damage_done(WEAR, 5.0, rng) for _ in range(20)] for _ in range(1000)]).sum(axis=1)
    coarse = np.array([motor_wear.damage_done(WEAR, 100.0, rng) for _ in range(1000)])
    assert fine.mean() == pytest.approx(coarse.mean(), rel=0.03)
    assert fine.std() == pytest.approx(coarse.std(), rel=0.1)
