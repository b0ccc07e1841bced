"""When an alarm's condition stands: k of n, deadband, on-delay and off-delay, one compiled pass over observations of many alarms.

The pass stops at the first observation at which something changes, and goes on behind it: what happens to the alarm is decided in
`alarms.py`, so that nothing depends on how the observations were cut into batches.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NOTHING, TIME_PASSED = 0, 1
RAISED, CLEARED, SUPPRESSED, RELEASED = 2, 4, 8, 16
"""Bits of what an observation changed. TIME_PASSED: something was due before the observation, which is not yet taken."""

FARTHEST_SECONDS = 1e12
"""Times beyond, 30,000 years from the origin, are no times: adding a delay to them would no longer move them."""
_HIGHEST_SCORE = float(np.finfo(np.float64).max)
"""A score is remembered as a number: JSON knows no infinity."""
_ROUNDING_SECONDS = 1e-6
"""Seconds since 1970 are exact to 2.4e-7: a delay that is over but for rounding is over."""


class ConditionRule(NamedTuple):
    """The numbers of an alarm policy.

    Attributes:
        needed, window: k of the last n observations; the window is at most 50.
        stays_from: a standing condition needs a score from here on to stay, 1 less the deadband.
        on_delay, off_delay: seconds.
        suppressing: (phases,) whether the phase suppresses.
    """

    needed: int
    window: int
    stays_from: float
    on_delay: float
    off_delay: float
    suppressing: BoolArray


class ConditionState(NamedTuple):
    """What is remembered of each alarm; every array has one element an alarm.

    Attributes:
        clock: seconds of its newest observation, -inf before the first.
        heard: seconds at which that one came, by the clock of who received it; NaN where nobody says.
        score: newest known score, NaN before the first.
        severity: newest known severity that does not follow from the score, 0..1; NaN before the first.
        history: last observations as bits, the newest lowest.
        since: seconds since when k of n hold, NaN while they do not.
        clear_due: seconds at which the off-delay ends, inf while none runs.
        timer: seconds at which the life cycle wants to be woken (shelf, re-alarm), inf for never.
        active: whether the condition stands, all delays considered.
        suppressed: whether the phase or a maintenance suppresses it.
    """

    clock: FloatArray
    heard: FloatArray
    score: FloatArray
    severity: FloatArray
    history: IntArray
    since: FloatArray
    clear_due: FloatArray
    timer: FloatArray
    active: BoolArray
    suppressed: BoolArray

    @classmethod
    def empty(cls, alarms: int) -> ConditionState:
        return cls(
            np.full(alarms, -np.inf), np.full(alarms, np.nan), np.full(alarms, np.nan), np.full(alarms, np.nan),
            np.zeros(alarms, dtype=np.int64), np.full(alarms, np.nan), np.full(alarms, np.inf), np.full(alarms, np.inf),
            np.zeros(alarms, dtype=np.bool_), np.zeros(alarms, dtype=np.bool_),
        )  # fmt: skip

    def grown(self, alarms: int) -> ConditionState:
        """A copy with room for so many alarms."""
        larger = ConditionState.empty(alarms)
        for old, new in zip(self, larger, strict=True):
            new[: len(old)] = old
        return larger

    def clear(self, slot: int) -> None:
        """The off-delay is over: the condition no longer stands."""
        self.active[slot], self.clear_due[slot] = False, np.inf


@njit(cache=True, nogil=True)
def watch(
    start: int, slots: Any, seconds: Any, received: Any, scores: Any, severities: Any, flags: Any, phases: Any,
    maintenance: Any, rule: Any, state: Any,
) -> tuple[int, int]:  # fmt: skip
    """Takes observations from row `start` on until one changes something.

    Args:
        start: first row.
        slots: (rows,) alarms.
        seconds: (rows,) an observation older than the alarm's newest one is passed over, as is one without a time.
        received: (rows,) seconds at which each came, by the clock of who received it; NaN: nobody says.
        scores: (rows,) multiples of the limit; NaN without a flag says nothing.
        severities: (rows,) 0..1; NaN says nothing.
        flags: (rows,) whether the observation speaks for the alarm.
        phases: (rows,) indices into `rule.suppressing`.
        maintenance: (rows,) whether the machine is being worked on.
        rule: a `ConditionRule`.
        state: a `ConditionState`, advanced.

    Returns:
        Row and what changed there: `TIME_PASSED` (the row is still to be taken) or the bits of the changes. The number of
        rows and `NOTHING` at the end.
    """
    mask = (1 << rule.window) - 1
    for row in range(start, slots.size):
        slot, now = slots[row], seconds[row]
        if not (state.clock[slot] <= now and abs(now) < FARTHEST_SECONDS):
            continue
        if state.clear_due[slot] <= now or state.timer[slot] <= now:
            return row, TIME_PASSED
        state.clock[slot] = now
        state.heard[slot] = received[row]
        if not np.isnan(scores[row]):
            state.score[slot] = min(max(scores[row], -_HIGHEST_SCORE), _HIGHEST_SCORE)
        if not np.isnan(severities[row]):
            state.severity[slot] = severities[row]
        change = NOTHING
        suppressed = maintenance[row] or rule.suppressing[phases[row]]
        if suppressed != state.suppressed[slot]:
            state.suppressed[slot] = suppressed
            change = SUPPRESSED if suppressed else RELEASED
            state.active[slot] = False
            state.history[slot] = 0
            state.since[slot] = np.nan
            state.clear_due[slot] = np.inf
        if not suppressed and (flags[row] or not np.isnan(scores[row])):
            change |= _judge(slot, now, scores[row], flags[row], mask, rule, state)
        if change != NOTHING:
            return row, change
    return slots.size, NOTHING


@njit(cache=True, nogil=True)
def are_within(codes: Any, limit: int) -> bool:
    """Whether all codes (rows,) are in 0..limit - 1."""
    outside = 0
    for code in codes:
        outside += not 0 <= code < limit
    return outside == 0


@njit(cache=True, nogil=True)
def _judge(slot: int, now: float, score: float, flag: bool, mask: int, rule: Any, state: Any) -> int:
    speaks = flag or (state.active[slot] and score >= rule.stays_from)
    state.history[slot] = ((state.history[slot] << 1) | (1 if speaks else 0)) & mask
    count, bits = 0, state.history[slot]
    while bits:
        bits &= bits - 1
        count += 1
    if count >= rule.needed:
        state.clear_due[slot] = np.inf
        if np.isnan(state.since[slot]):
            state.since[slot] = now
        if not state.active[slot] and now - state.since[slot] >= rule.on_delay - _ROUNDING_SECONDS:
            state.active[slot] = True
            return RAISED
        return NOTHING
    state.since[slot] = np.nan
    if state.active[slot] and state.clear_due[slot] == np.inf:
        state.clear_due[slot] = now + rule.off_delay
        if state.clear_due[slot] <= now:
            state.active[slot] = False
            state.clear_due[slot] = np.inf
            return CLEARED
    return NOTHING
