"""Whether a baseline that was promoted a while ago has to be taken back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.contracts.alarms import AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.recalibration.flags import flag_share

LEAST_STEPS = 50
"""Judged steps before the share of flags says something, and without which no watch ends."""
MOST_GROWTH = 0.05
"""Of the degradation index, over a watch period."""
_URGENT = (AlarmPriority.HIGH, AlarmPriority.CRITICAL)


@dataclass(frozen=True)
class Watched:
    """What has come since a promotion.

    Attributes:
        flag: (steps,) whether each was flagged.
        degradation: (values,) the index, 0..1, from the first since the promotion to the newest.
        alarms: transitions of the machine's anomaly alarm.
    """

    flag: NDArray[np.bool_]
    degradation: NDArray[np.float64]
    alarms: tuple[AlarmTransition, ...]


def rows_of_steps(judged: NDArray[np.bool_], step_readings: int) -> NDArray[np.int64]:
    """(steps,) one reading of each judged step, of readings that carry what their asset's newest step said.

    What breaks a window leaves readings that are not judged until the next one is whole, so that the first that is judged after
    them ends a step. Where the very first reading is judged, its step began before: it is passed over, and which of the
    readings up to the `step_readings`-th ends the next one makes no difference.

    Args:
        judged: (rows,) whether each reading carries a step, in the order of time.
        step_readings: readings in a step.

    >>> rows_of_steps(np.array([1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0], dtype=bool), 3).tolist()
    [2, 6, 9]
    """
    rows = np.flatnonzero(judged)
    begins = np.flatnonzero(judged & ~np.append(False, judged[:-1]))
    begin = begins[np.searchsorted(begins, rows, side="right") - 1]
    first = np.where(begin == 0, step_readings - 1, 0)
    chosen: NDArray[np.int64] = rows[(rows - begin) % step_readings == first]
    return chosen


def objections(watched: Watched, budget: float) -> list[str]:
    """What speaks against a baseline that was promoted, in sentences; empty where nothing does.

    Args:
        watched: since the promotion.
        budget: share of healthy steps that may be flagged.
    """
    found = []
    share = flag_share(watched.flag)
    if share.steps >= LEAST_STEPS and not share.within(budget):
        found.append(
            f"{share.share:.1%} of {share.steps} steps since the promotion are flagged (95 % interval {share.low:.1%} to "
            f"{share.high:.1%})."
        )
    raised = [one for one in watched.alarms if _rises(one) and one.priority in _URGENT]
    if raised:
        found.append(f"An anomaly alarm of priority {raised[0].priority} rose.")
    known = watched.degradation
    if len(known) and (growth := float(known[-1] - known[0])) > MOST_GROWTH:
        found.append(f"The degradation index grew by {growth:.2f}.")
    return found


def _rises(step: AlarmTransition) -> bool:
    """Whether an alarm calls from now on: it was raised, or came back from a shelf or from out of service as it stands."""
    return step.to_state is AlarmState.UNACKNOWLEDGED and step.from_state is not AlarmState.UNACKNOWLEDGED
