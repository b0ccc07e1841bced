"""The detector's statistics: one compiled pass over steps in arrival order, used alike by calibration and by live scoring.

A step is a row of standardised deviations from an asset's own healthy behaviour. Two questions are asked
of each:

- Is the step itself out of place, or have the last ones shifted? Hotelling's T2 of exponentially weighted means (MEWMA; Lowry,
  Woodall, Champ and Rigdon, 1992), one for each span in `SPANS`; span 1 is the step itself.
- Do the last ones spread more than they should, wherever their mean stands (jitter)? Exponentially weighted variances about
  the exponentially weighted mean (MacGregor and Harris, 1993), one for each span in `SPREAD_SPANS`.

A mean of k steps is divided by the root of its sum of squared weights, so that it has the same variance from the first step on.
A channel without a value is forgotten at the pace of each span: what was last seen of a dead sensor must not be held against the
machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SPANS = (1, 3, 10, 40)
SPREAD_SPANS = (10, 40)
STATISTICS = (*(f"level{span}" for span in SPANS), *(f"spread{span}" for span in SPREAD_SPANS))
"""Names of the statistics, in the order of every array."""

_LEVEL_RATES = np.array([2.0 / (span + 1.0) for span in SPANS])
_SPREAD_RATES = np.array([2.0 / (span + 1.0) for span in SPREAD_SPANS])
_FAR = 12.0
"""A single wild step counts no further than this in means of several: it must not linger."""
_WIDE = 36.0
"""Likewise its squared distance from the mean in variances of several."""
_FLOOR = 1e-6
_EXPLAIN_FROM = 0.8
_TEN = SPANS.index(10)
_SPREAD_AT = SPANS.index(SPREAD_SPANS[0])
_SPREAD_FROM = 5
"""Steps before a spread is judged."""


class StepState(NamedTuple):
    """What is remembered of each asset; every array's first axis is the asset.

    Attributes:
        seen: (assets, channels) steps seen since the last restart.
        level: (assets, spans, channels) weighted means. level_weight: their sums of squared weights.
        spread: (assets, spread spans, channels) weighted variances about the mean of the same span. spread_weight: likewise.
    """

    seen: IntArray
    level: FloatArray
    level_weight: FloatArray
    spread: FloatArray
    spread_weight: FloatArray

    @classmethod
    def empty(cls, assets: int, channels: int) -> StepState:
        levels, spreads = (assets, len(SPANS), channels), (assets, len(SPREAD_SPANS), channels)
        return cls(
            np.zeros((assets, channels), dtype=np.int64), np.zeros(levels), np.zeros(levels), np.zeros(spreads),
            np.zeros(spreads),
        )  # fmt: skip


class Smoothed(NamedTuple):
    """Means and spreads of one asset's steps.

    Attributes:
        level: (steps, spans, channels) means over the root of their squared weights: variance 1 for independent steps.
        spread: (steps, spread spans, channels) logarithms of variances; NaN before the fifth step.
        spread_root: likewise, the roots of their squared weights: the standard deviation of `spread` is proportional to it.
    """

    level: FloatArray
    spread: FloatArray
    spread_root: FloatArray


def smooth(deviations: FloatArray, restarts: BoolArray) -> Smoothed:
    """Runs one asset's steps through fresh state.

    Args:
        deviations: (steps, channels) standardised; NaN where missing.
        restarts: (steps,) True where what was seen before is forgotten.
    """
    steps, channels = deviations.shape
    level = np.zeros((steps, len(SPANS), channels))
    spread, root = np.full((2, steps, len(SPREAD_SPANS), channels), np.nan)
    _smooth(np.ascontiguousarray(deviations), restarts, StepState.empty(1, channels), level, spread, root)
    return Smoothed(level, spread, root)


@njit(cache=True, nogil=True)
def _restart(slot: int, state: Any) -> None:
    state.seen[slot] = 0
    state.level[slot] = 0.0
    state.level_weight[slot] = 0.0
    state.spread[slot] = 0.0
    state.spread_weight[slot] = 0.0


@njit(cache=True, nogil=True)
def _advance(slot: int, step: Any, state: Any) -> None:
    """Takes one step of one asset."""
    for i in range(step.size):
        if np.isnan(step[i]):
            state.level[slot, 0, i] = 0.0
            for k in range(1, _LEVEL_RATES.size):
                state.level[slot, k, i] -= _LEVEL_RATES[k] * state.level[slot, k, i]
            continue
        state.seen[slot, i] += 1
        least = 1.0 / state.seen[slot, i]
        clipped = min(max(step[i], -_FAR), _FAR)
        for k in range(_SPREAD_RATES.size):
            rate = max(_SPREAD_RATES[k], least)
            square = min((clipped - state.level[slot, _SPREAD_AT + k, i]) ** 2, _WIDE)
            state.spread[slot, k, i] = (1.0 - rate) * (state.spread[slot, k, i] + rate * square)
            state.spread_weight[slot, k, i] = (1.0 - rate) ** 2 * state.spread_weight[slot, k, i] + rate * rate
        state.level[slot, 0, i] = step[i]
        state.level_weight[slot, 0, i] = 1.0
        for k in range(1, _LEVEL_RATES.size):
            rate = max(_LEVEL_RATES[k], least)
            state.level[slot, k, i] += rate * (clipped - state.level[slot, k, i])
            state.level_weight[slot, k, i] = (1.0 - rate) ** 2 * state.level_weight[slot, k, i] + rate * rate


@njit(cache=True, nogil=True)
def _level(slot: int, k: int, i: int, state: Any) -> float:
    weight = state.level_weight[slot, k, i]
    return float(state.level[slot, k, i] / np.sqrt(weight)) if weight > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _variance(slot: int, j: int, i: int, state: Any) -> float:
    """Without the bias that the mean comes from the same steps."""
    return float(state.spread[slot, j, i] / (1.0 - state.spread_weight[slot, j, i]))


@njit(cache=True, nogil=True)
def _log_spread(slot: int, j: int, i: int, state: Any) -> float:
    return float(np.log(_variance(slot, j, i, state) + _FLOOR))


@njit(cache=True, nogil=True)
def _smooth(deviations: Any, restarts: Any, state: Any, levels: Any, spreads: Any, roots: Any) -> None:
    for row in range(deviations.shape[0]):
        if restarts[row]:
            _restart(0, state)
        _advance(0, deviations[row], state)
        for i in range(deviations.shape[1]):
            for k in range(_LEVEL_RATES.size):
                levels[row, k, i] = _level(0, k, i, state)
            if state.seen[0, i] >= _SPREAD_FROM:
                for k in range(_SPREAD_RATES.size):
                    spreads[row, k, i] = _log_spread(0, k, i, state)
                    roots[row, k, i] = np.sqrt(state.spread_weight[0, k, i])


class Scored(NamedTuple):
    """What the detector says of steps.

    Attributes:
        score: (steps,) 1 is the limit of the false-alarm budget; unbounded above and monotone in severity; NaN in a phase that
            was not calibrated.
        statistic: (steps,) index into `STATISTICS` of the one that stands highest against its limit; -1 where there is no score.
        effect: (steps, channels) what each channel adds to that statistic where the score is 0.8 or more, else 0.
        moved: (steps, channels) likewise: a level's mean deviation, or a spread's standard deviation, in those of health.
        window: (steps, 2 * channels) means over ten steps and log spreads, as the window forest takes them; NaN before the fifth.
    """

    score: FloatArray
    statistic: IntArray
    effect: FloatArray
    moved: FloatArray
    window: FloatArray

    @classmethod
    def empty(cls, steps: int, channels: int) -> Scored:
        """Room for that many steps."""
        return cls(
            np.full(steps, np.nan), np.full(steps, -1, dtype=np.int64), np.zeros((steps, channels)),
            np.zeros((steps, channels)), np.full((steps, 2 * channels), np.nan),
        )  # fmt: skip


class DetectorArrays(NamedTuple):
    """The detectors of many assets; the first axis is the asset, the second the phase (index into phases.PHASES).

    The fields after `covered` are those of `covariance.Detector`.
    """

    covered: BoolArray
    whiten: FloatArray
    level_scale: FloatArray
    spread_mean: FloatArray
    spread_scale: FloatArray
    centre: FloatArray
    limit: FloatArray

    @classmethod
    def empty(cls, assets: int, phases: int, channels: int) -> DetectorArrays:
        """Room for the detectors of that many assets; none is covered yet."""
        at = (assets, phases)
        levels, spreads, statistics = (
            (*at, len(SPANS), channels),
            (*at, len(SPREAD_SPANS), channels),
            (*at, len(STATISTICS)),
        )
        return cls(
            np.zeros(at, dtype=np.bool_), np.zeros((*at, channels, channels)), np.zeros(levels), np.zeros(spreads),
            np.zeros(spreads), np.zeros(statistics), np.ones(statistics),
        )  # fmt: skip


@njit(cache=True, nogil=True)
def score_steps(
    deviations: Any, slots: Any, phases: Any, restarts: Any, entered_from: Any, by_earlier: Any, last_phase: Any, state: Any,
    detectors: Any, out: Any,
) -> None:  # fmt: skip
    """Scores steps of many assets in arrival order.

    The first step of a phase is taken while the machine passes from one to the other: it counts as the one that explains it
    better, judged by itself, and is not remembered.

    Args:
        deviations: (steps, channels) standardised with each asset's own normal; NaN where missing.
        slots: (steps,) asset. phases: (steps,) phase.
        restarts: (steps,) True after a gap. What was seen before it, or before a change of phase, is forgotten.
        entered_from: (steps,) from `find_entries`. by_earlier: (steps, channels) deviations from the normal of that phase.
        last_phase: (assets,) phase of each asset's newest step, -1 before the first; advanced.
        state: advanced.
        detectors: `DetectorArrays` of all assets.
        out: `Scored` to fill.
    """
    channels = deviations.shape[1]
    whitened = np.empty(channels)
    levels, log_spreads = np.empty((_LEVEL_RATES.size, channels)), np.empty((_SPREAD_RATES.size, channels))
    for row in range(slots.size):
        slot, phase, earlier = slots[row], phases[row], entered_from[row]
        if restarts[row] or last_phase[slot] != phase:
            _restart(slot, state)
            last_phase[slot] = phase
        entering = earlier >= 0 and detectors.covered[slot, earlier] and detectors.covered[slot, phase]
        best, where = np.inf, 0
        if entering:
            _advance(slot, by_earlier[row], state)
            _read(slot, state, levels, log_spreads)
            best = _against_limit(slot, earlier, 0, state, levels, log_spreads, detectors, whitened)
            _restart(slot, state)
        _advance(slot, deviations[row], state)
        _read(slot, state, levels, log_spreads)
        for i in range(channels):
            if state.seen[slot, i] >= _SPREAD_FROM:
                out.window[row, i] = levels[_TEN, i]
                out.window[row, channels + i] = log_spreads[0, i]
        if not detectors.covered[slot, phase]:
            out.score[row], out.statistic[row] = np.nan, -1
            continue
        if entering:
            best = min(best, _against_limit(slot, phase, 0, state, levels, log_spreads, detectors, whitened))
        else:
            best = -np.inf
            for which in range(_LEVEL_RATES.size + _SPREAD_RATES.size):
                against = _against_limit(slot, phase, which, state, levels, log_spreads, detectors, whitened)
                if against > best:
                    best, where = against, which
        out.score[row], out.statistic[row] = best, where
        if best >= _EXPLAIN_FROM:
            _effects(
                slot, phase, where, state, levels, log_spreads, detectors, whitened, out.effect[row], out.moved[row]
            )
        if entering:
            _restart(slot, state)


@njit(cache=True, nogil=True)
def find_entries(slots: Any, phases: Any, restarts: Any, last_phase: Any, entered_from: Any) -> int:
    """Fills (steps,) with the phase that an asset was in one step earlier where it is now in another one, else -1; counts them.

    After a gap nobody knows what came before: -1. `last_phase` (assets,) is read, not advanced.
    """
    newest = last_phase.copy()
    found = 0
    for row in range(slots.size):
        slot = slots[row]
        entered_from[row] = -1
        if not restarts[row] and newest[slot] >= 0 and newest[slot] != phases[row]:
            entered_from[row] = newest[slot]
            found += 1
        newest[slot] = phases[row]
    return found


@njit(cache=True, nogil=True)
def _read(slot: int, state: Any, levels: Any, log_spreads: Any) -> None:
    """Fills (spans, channels) and (spread spans, channels): each is asked for several times, and its root and logarithm cost
    more than all that is done with it.
    """
    for i in range(levels.shape[1]):
        for k in range(_LEVEL_RATES.size):
            levels[k, i] = _level(slot, k, i, state)
        if state.seen[slot, i] >= _SPREAD_FROM:
            for j in range(_SPREAD_RATES.size):
                log_spreads[j, i] = _log_spread(slot, j, i, state)


@njit(cache=True, nogil=True)
def _against_limit(
    slot: int, phase: int, which: int, state: Any, levels: Any, log_spreads: Any, detectors: Any, whitened: Any
) -> float:
    """One statistic between its middle (0) and its limit (1)."""
    if which < _LEVEL_RATES.size:
        total = _whitened_level(slot, phase, which, levels, detectors, whitened)
    else:
        total = 0.0
        for i in range(whitened.size):
            total += _wider(slot, phase, which - _LEVEL_RATES.size, i, state, log_spreads, detectors) ** 2
    centre = detectors.centre[slot, phase, which]
    return float((np.cbrt(total / whitened.size) - centre) / (detectors.limit[slot, phase, which] - centre))


@njit(cache=True, nogil=True)
def _whitened_level(slot: int, phase: int, k: int, levels: Any, detectors: Any, whitened: Any) -> float:
    """Sum of squares of the whitened, rescaled means; leaves them in `whitened`."""
    total = 0.0
    for row in range(whitened.size):
        value = 0.0
        for i in range(row + 1):
            value += detectors.whiten[slot, phase, row, i] * levels[k, i]
        whitened[row] = value * detectors.level_scale[slot, phase, k, row]
        total += whitened[row] ** 2
    return float(total)


@njit(cache=True, nogil=True)
def _wider(slot: int, phase: int, j: int, i: int, state: Any, log_spreads: Any, detectors: Any) -> float:
    """By how many standard deviations a channel's spread is above what it was in calibration; 0 below it."""
    if state.seen[slot, i] < _SPREAD_FROM:
        return 0.0
    log = log_spreads[j, i] - detectors.spread_mean[slot, phase, j, i]
    wider = log / np.sqrt(state.spread_weight[slot, j, i]) * detectors.spread_scale[slot, phase, j, i]
    return max(float(wider), 0.0)


@njit(cache=True, nogil=True)
def _effects(
    slot: int, phase: int, which: int, state: Any, levels: Any, log_spreads: Any, detectors: Any, whitened: Any, effect: Any,
    moved: Any,
) -> None:  # fmt: skip
    channels, spread = whitened.size, which - _LEVEL_RATES.size
    if spread >= 0:
        for i in range(channels):
            effect[i] = _wider(slot, phase, spread, i, state, log_spreads, detectors) ** 2
            moved[i] = np.sqrt(_variance(slot, spread, i, state)) if state.seen[slot, i] > 1 else 0.0
        return
    _whitened_level(slot, phase, which, levels, detectors, whitened)
    for i in range(channels):
        gradient = 0.0
        for row in range(i, channels):
            gradient += (
                detectors.whiten[slot, phase, row, i] * detectors.level_scale[slot, phase, which, row] * whitened[row]
            )
        effect[i] = gradient * levels[which, i]
        moved[i] = state.level[slot, which, i]
