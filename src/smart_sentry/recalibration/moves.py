"""How far normal values have moved from one baseline to another, at the same settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.detection.baseline import Baseline, PhaseBaseline
from smart_sentry.phases import Phase

FloatArray = NDArray[np.float64]

LASTING = frozenset({Phase.STEADY.value, Phase.OFF.value, Phase.UNKNOWN.value})
"""Phases in which a machine may stay."""
LEAST_STEPS = 50
"""Of a phase whose mean is believed."""


@dataclass(frozen=True)
class Move:
    """One channel's normal value in one phase.

    Attributes:
        phase, channel: which.
        old, new: in the channel's unit, at the settings where they differ most.
        sigma: new less old, in the old one's standard deviations.
    """

    phase: str
    channel: str
    old: float
    new: float
    sigma: float


def moves(old: Baseline, new: Baseline, *, every_phase: bool = False) -> list[Move]:
    """Every channel of every lasting phase that both know, the farthest first; channels that never settled in either have none.

    The mean of a start-up or a coast-down says how long it took rather than how the machine is: these phases are left out.
    Both are asked for the same settings: those that the new one was learnt at (its mean and its regimes), as far as the old one
    knows them.

    Args:
        old, new: baselines of one asset.
        every_phase: also those that are left out, for people to see.
    """
    settings = _common_settings(old, new)
    settled = (old.adaptation == 0) & (new.adaptation == 0)
    found = []
    for phase in old.phases.keys() & new.phases.keys():
        believed = phase in LASTING and min(old.phases[phase].steps, new.phases[phase].steps) >= LEAST_STEPS
        if not (believed or every_phase):
            continue
        before, spread = _normal_at(old, old.phases[phase], settings)
        after, _ = _normal_at(new, new.phases[phase], settings)
        sigma = (after - before) / spread
        worst = np.argmax(np.abs(sigma), axis=0)
        for channel, name in enumerate(old.channels):
            if settled[channel]:
                at = worst[channel], channel
                found.append(Move(phase, name, float(before[at]), float(after[at]), float(sigma[at])))
    return sorted(found, key=lambda one: (-abs(one.sigma), one.phase, one.channel))


def _common_settings(old: Baseline, new: Baseline) -> FloatArray:
    """(points, settings)"""
    its = new.settings
    if not len(its.centre):
        return np.empty((1, 0))
    points = np.vstack([its.centre[None, :], its.regimes.reshape(-1, len(its.centre))])
    known = ((points >= old.settings.low) & (points <= old.settings.high)).all(axis=1)
    return points[known] if known.any() else np.clip(points, old.settings.low, old.settings.high)


def _normal_at(baseline: Baseline, part: PhaseBaseline, settings: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(points, channels) normal value and its standard deviation."""
    terms = baseline.settings.terms(settings)
    normal = part.normal
    return normal.centre + terms @ normal.slope.T, normal.scale * np.exp(terms @ normal.spread.T)
