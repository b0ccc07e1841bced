"""How a motor wears: damage accumulates with the stress of its fault mode, severity accelerates towards the failure.

Damage is a gamma process in stress time (J. M. van Noortwijk, A survey of the application of gamma processes in maintenance,
Reliability Engineering and System Safety 94 (2009) 2-21): it never falls, its mean grows by stress / strength a
second, and it does not depend on the sampling interval. A motor fails when its damage reaches 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from smart_sentry.datasets.motor import Faults, MotorDesign, rated_speed_rpm

FAULT_MODES = Faults._fields
"""bearing, winding, rotor_bar, imbalance: a mode's index stands in `Wear.mode`."""
BEARING, WINDING, ROTOR_BAR, IMBALANCE = range(4)
DAMAGE_GRAIN_S = 20.0
"""Variance of the gamma process per mean, in seconds of stress time: a life of 8000 s scatters by sqrt(20/8000) = 5 %."""


class Wear(NamedTuple):
    """What a motor will die of, and how.

    Attributes:
        mode: index into FAULT_MODES, whose stress drives the damage.
        strength_s: seconds at rated stress until damage 1.
        acceleration: k of the severity's exponential; larger means later and steeper symptoms.
        symptoms: severity of every fault at damage 1; the dominant one is near 1, the others are side effects.
    """

    mode: int
    strength_s: float
    acceleration: float
    symptoms: Faults


@njit()
def severity(acceleration: float, damage: float) -> float:
    """Share of the final symptom at a given damage: (exp(k D) - 1) / (exp(k) - 1), 0 at 0 and 1 at 1.

    The shape of exponential degradation in A. Saxena, K. Goebel, D. Simon and N. Eklund, Damage propagation modeling for
    aircraft engine run-to-failure simulation (PHM 2008), with a linear limit as k goes to 0.
    """
    return math.expm1(acceleration * damage) / math.expm1(acceleration)


@njit()
def faults_at(wear: Wear, damage: float) -> Faults:
    """Severity of every fault at a given damage (held at its final value beyond 1)."""
    share = severity(wear.acceleration, min(damage, 1.0))
    return Faults(
        wear.symptoms.bearing * share,
        wear.symptoms.winding * share,
        wear.symptoms.rotor_bar * share,
        wear.symptoms.imbalance * share,
    )


@njit()
def stress(
    design: MotorDesign,
    mode: int,
    speed_rpm: float,
    load_share: float,
    winding_temperature_c: float,
    rotor_heat_w: float,
) -> float:
    """How fast a mode wears, relative to rated load and temperature (1 there).

    - bearing: life falls with speed and the cube of the load (ISO 281), half of which is preload.
    - winding: ageing doubles every 10 K (V. M. Montsinger, Loading transformers by temperature, AIEE Trans. 49, 1930).
    - rotor_bar: thermal fatigue, by the heat in the cage, so above all by starts (A. H. Bonnett and G. C. Soukup, Cause and
      analysis of stator and rotor failures in three-phase squirrel-cage induction motors, IEEE Trans. IA 28, 1992).
    - imbalance: the coupling wears with the centrifugal force, speed squared, and with load.
    """
    speed_share = speed_rpm / rated_speed_rpm(design)
    if mode == WINDING:
        return math.exp2((winding_temperature_c - design.rated_winding_temperature_c) / 10.0)
    if mode == ROTOR_BAR:
        return rotor_heat_w / design.rated_rotor_heat_w
    if mode == BEARING:
        return speed_share * (0.5 + 0.5 * load_share) ** 3
    return speed_share**2 * (0.5 + 0.5 * load_share)


@njit()
def damage_done(wear: Wear, stress_time_s: float, rng: np.random.Generator) -> float:
    """Damage of one interval: an increment of the gamma process, stress_time_s / strength_s in the mean."""
    if stress_time_s <= 0.0:
        return 0.0
    return rng.gamma(stress_time_s / DAMAGE_GRAIN_S, DAMAGE_GRAIN_S) / wear.strength_s
