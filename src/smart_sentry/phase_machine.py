"""The phase of a machine from its load and speed: a small state machine over every reading, in arrival order.

OFF and running are told apart by the load; a running machine is in STARTUP from the moment it is switched on until its speed has
stopped changing, and in SHUTDOWN from the moment the load is gone until it stands still. The change of speed above which a
machine is in transition is learnt: the valley between the two humps of the change's logarithm, noise and run-up (Otsu, 1979).
A machine without a speed signal is followed by its load.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.assets import PhaseRule
from smart_sentry.phases import PHASES, Phase

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

OFF, STARTUP, STEADY, SHUTDOWN, UNKNOWN = (PHASES.index(phase) for phase in Phase)
_HUMPS_APART = 0.75
"""Share of the variance between the humps from which two humps are believed (two halves of one normal hump reach 0.64)."""
_BINS = 256
_SLOW_AT_WORK = 0.02
_MOST_MEMORY = 64


class PhaseNumbers(NamedTuple):
    """What the rule needs of one asset.

    Attributes:
        off_below: load below which the machine is off, in its unit.
        moving_above: change of speed per second above which it is in transition, in the speed's unit.
        still_below: speed below which it stands.
        running_speed: its speed at work.
        at_speed: a starting machine that has reached this speed is at work, however its speed still moves.
    """

    off_below: float
    moving_above: float
    still_below: float
    running_speed: float
    at_speed: float


def valley(values: FloatArray) -> float | None:
    """The threshold between the two humps of a histogram (Otsu, 1979); None where there is one hump only."""
    if len(values) < 10 or np.ptp(values) <= 0:
        return None
    counts, edges = np.histogram(values, bins=_BINS)
    share = counts / counts.sum()
    middle = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(share)[:-1]
    part = np.cumsum(share * middle)[:-1]
    mean = float(np.sum(share * middle))
    variance = float(np.sum(share * (middle - mean) ** 2))
    known = (below > 0) & (below < 1)
    between = np.where(known, (mean * below - part) ** 2 / np.maximum(below * (1 - below), 1e-12), 0.0)
    if between.max() < _HUMPS_APART * variance:
        return None
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1 + int(best[len(best) // 2])])


def learn_phase_numbers(rule: PhaseRule, load: FloatArray, speed: FloatArray, interval_seconds: float) -> PhaseNumbers:
    """Learns an asset's numbers from its calibration.

    Args:
        load, speed: (rows,) in their units, in the order of time; NaN where missing.
        interval_seconds: between two rows.
    """
    known = load[np.isfinite(load)]
    if rule.off_below != "auto":
        off_below = float(rule.off_below)
    else:
        highest = float(np.quantile(known, 0.95)) if known.size else 1.0
        split = valley(known)
        never_off = split is None or float(np.mean(known[known < split])) > 0.2 * highest
        off_below = 0.1 * highest if never_off or split is None else min(split, 0.3 * highest)
    running = speed[np.isfinite(speed) & (load >= off_below)]
    running_speed = float(np.median(running)) if running.size else float(np.nanmax(speed, initial=1.0))
    if rule.moving_above != "auto":
        moving_above = float(rule.moving_above)
    else:
        span = span_rows(rule, interval_seconds)
        change = np.abs(speed[span:] - speed[:-span]) / (span * interval_seconds)
        change = change[np.isfinite(change)]
        floor = 1e-4 * max(abs(running_speed), 1e-12)
        split = valley(np.log(np.maximum(change, floor)))
        noise = float(np.quantile(change, 0.5)) if change.size else floor
        least = 0.005 * abs(running_speed)
        moving_above = max(6.0 * noise, least) if split is None else float(np.exp(split))
        moving_above = max(moving_above, least * 0.2, floor)
    numbers = PhaseNumbers(off_below, moving_above, 0.01 * abs(running_speed), running_speed, np.inf)
    machine = PhaseMachine(rule, interval_seconds)
    machine.set_numbers(0, numbers)
    at_work = speed[machine.update(load, speed, np.zeros(len(load), dtype=np.int64)) == STEADY]
    at_work = at_work[np.isfinite(at_work)]
    return numbers._replace(at_speed=float(np.quantile(at_work, _SLOW_AT_WORK)) if at_work.size else np.inf)


def span_rows(rule: PhaseRule, interval_seconds: float) -> int:
    """Rows over which the change of speed is taken."""
    return int(np.clip(round(rule.window_seconds / interval_seconds), 1, _MOST_MEMORY - 1))


class PhaseMachine:
    """The rule on a stream of readings of many assets of one type."""

    def __init__(self, rule: PhaseRule, interval_seconds: float) -> None:
        self._span = span_rows(rule, interval_seconds)
        self._dwell = max(1, round(rule.dwell_seconds / interval_seconds))
        self._interval = interval_seconds
        self._load_is_speed = rule.speed_signal in (None, rule.load_signal)
        self._numbers = np.empty((0, len(PhaseNumbers._fields)))
        self._memory = np.empty((0, _MOST_MEMORY))
        self._state = np.empty((0, 3), dtype=np.int64)

    def set_numbers(self, slot: int, numbers: PhaseNumbers) -> None:
        """Gives one asset its numbers."""
        self._reserve(slot + 1)
        self._numbers[slot] = numbers

    def update(self, load: FloatArray, speed: FloatArray, slots: IntArray) -> NDArray[np.int8]:
        """Takes readings in arrival order.

        Args:
            load, speed: (rows,) NaN where missing: the phase stays what it was.
            slots: (rows,) assets; one without numbers is UNKNOWN.

        Returns:
            (rows,) indices into `phases.PHASES`.
        """
        self._reserve(int(slots.max(initial=-1)) + 1)
        codes = np.empty(len(slots), dtype=np.int8)
        _follow(
            load, speed, slots, self._numbers, self._memory, self._state, self._span, self._dwell, self._interval,
            self._load_is_speed, codes,
        )  # fmt: skip
        return codes

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of what is remembered, as named arrays."""
        return {"numbers": self._numbers.copy(), "memory": self._memory.copy(), "state": self._state.copy()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back."""
        self._numbers, self._memory = snapshot["numbers"].copy(), snapshot["memory"].copy()
        self._state = snapshot["state"].copy()

    def _reserve(self, slots: int) -> None:
        fresh = slots - len(self._state)
        if fresh > 0:
            self._numbers = np.vstack([self._numbers, np.full((fresh, self._numbers.shape[1]), np.nan)])
            self._memory = np.vstack([self._memory, np.full((fresh, _MOST_MEMORY), np.nan)])
            self._state = np.vstack([self._state, np.tile(np.array([UNKNOWN, 0, 0]), (fresh, 1))])


@njit(cache=True, nogil=True)
def _follow(
    load: Any,
    speed: Any,
    slots: Any,
    numbers: Any,
    memory: Any,
    state: Any,
    span: int,
    dwell: int,
    interval: float,
    load_is_speed: bool,
    codes: Any,
) -> None:
    """`state` holds phase, readings seen, and readings for which the machine has not been moving, -1 while it has no load.

    A ramp down under load (a drive's) is one SHUTDOWN, whether it ends at rest or at a lower load, where the machine is at work
    again once it is calm. A machine that is followed by its load alone may be at work at any load.
    """
    for row in range(slots.size):
        slot = slots[row]
        phase, seen, calm = state[slot]
        if np.isnan(numbers[slot, 0]):
            codes[row] = UNKNOWN
            continue
        if np.isnan(load[row]) or np.isnan(speed[row]):
            codes[row] = phase
            continue
        off_below, moving_above, still_below, running, at_speed = numbers[slot]
        reach = min(span, seen)
        before = memory[slot, (seen - reach) % memory.shape[1]] if reach > 0 else speed[row]
        change = (speed[row] - before) / (max(reach, 1) * interval)
        memory[slot, seen % memory.shape[1]] = speed[row]
        moving = abs(change) > moving_above
        had_no_load = calm < 0 or phase == OFF
        calm = 0 if moving else calm + 1
        on = load[row] >= off_below
        if not on:
            phase = SHUTDOWN if speed[row] > still_below and (change < 0.0 or seen == 0) else OFF
            calm = -1
        elif had_no_load or (phase == SHUTDOWN and moving and change > 0.0):
            phase = STARTUP
            calm = 0
        elif phase == STARTUP:
            far_enough = load_is_speed or speed[row] > 0.5 * running
            if speed[row] >= at_speed or (calm >= dwell + span and far_enough):
                phase = STEADY
        elif phase == SHUTDOWN:
            if calm >= dwell + span:
                phase = STEADY
        elif phase == STEADY:
            if moving and change < 0.0 and speed[row] < 0.8 * running:
                phase = SHUTDOWN
        elif reach >= span:  # nothing known yet
            phase = STARTUP if moving and change > 0.0 else STEADY
        state[slot, 0], state[slot, 1], state[slot, 2] = phase, seen + 1, calm
        codes[row] = phase
