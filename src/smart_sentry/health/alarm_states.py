"""The alarm state machine of ISA-18.2 / IEC 62682 as tables: what moves an alarm where, and what an operator may do when."""

from __future__ import annotations

import numpy as np

from smart_sentry.contracts.alarms import AlarmAction, AlarmEvent, AlarmPriority, AlarmState
from smart_sentry.health.degradation import severity

_IN_USE = (
    AlarmState.NORMAL,
    AlarmState.UNACKNOWLEDGED,
    AlarmState.ACKNOWLEDGED,
    AlarmState.RETURNED_UNACKNOWLEDGED,
)

MOVES: dict[tuple[AlarmState, AlarmEvent], AlarmState] = {
    (AlarmState.NORMAL, AlarmEvent.RAISED): AlarmState.UNACKNOWLEDGED,
    (AlarmState.RETURNED_UNACKNOWLEDGED, AlarmEvent.RAISED): AlarmState.UNACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.CLEARED): AlarmState.RETURNED_UNACKNOWLEDGED,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.CLEARED): AlarmState.NORMAL,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.RE_ALARMED): AlarmState.UNACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.ACKNOWLEDGED): AlarmState.ACKNOWLEDGED,
    (AlarmState.RETURNED_UNACKNOWLEDGED, AlarmEvent.ACKNOWLEDGED): AlarmState.NORMAL,
    (AlarmState.SUPPRESSED, AlarmEvent.ACKNOWLEDGED): AlarmState.SUPPRESSED,
    **{(state, AlarmEvent.SUPPRESSED): AlarmState.SUPPRESSED for state in _IN_USE},
    **{(state, AlarmEvent.SHELVED): AlarmState.SHELVED for state in _IN_USE},
    **{
        (state, AlarmEvent.TAKEN_OUT_OF_SERVICE): AlarmState.OUT_OF_SERVICE
        for state in (*_IN_USE, AlarmState.SHELVED, AlarmState.SUPPRESSED)
    },
    **{(state, AlarmEvent.COMMENTED): state for state in AlarmState},
}
"""Where an event leads. An event that is not named for a state leaves it as it is.

The ways back from SHELVED, SUPPRESSED and OUT_OF_SERVICE are not here: they lead to wherever the condition stands by then."""

_ALLOWED = {
    AlarmState.NORMAL: (AlarmAction.SHELVE, AlarmAction.TAKE_OUT_OF_SERVICE),
    AlarmState.UNACKNOWLEDGED: (AlarmAction.ACKNOWLEDGE, AlarmAction.SHELVE, AlarmAction.TAKE_OUT_OF_SERVICE),
    AlarmState.ACKNOWLEDGED: (AlarmAction.SHELVE, AlarmAction.TAKE_OUT_OF_SERVICE),
    AlarmState.RETURNED_UNACKNOWLEDGED: (AlarmAction.ACKNOWLEDGE, AlarmAction.SHELVE, AlarmAction.TAKE_OUT_OF_SERVICE),
    AlarmState.SHELVED: (AlarmAction.UNSHELVE, AlarmAction.TAKE_OUT_OF_SERVICE),
    AlarmState.SUPPRESSED: (AlarmAction.TAKE_OUT_OF_SERVICE,),
    AlarmState.OUT_OF_SERVICE: (AlarmAction.RETURN_TO_SERVICE,),
}

_PRIORITY_SEVERITIES = np.array([0.25, 0.5, 0.75])
"""Severity from which an alarm is MEDIUM, HIGH, CRITICAL: scores of 5/3, 3 and 7 limits."""


def allowed_actions(state: AlarmState, unread: bool) -> tuple[AlarmAction, ...]:
    """What an operator may do now.

    Args:
        state: of the alarm.
        unread: a suppressed alarm that nobody had acknowledged may still be.
    """
    acknowledge = (AlarmAction.ACKNOWLEDGE,) if state is AlarmState.SUPPRESSED and unread else ()
    return (*acknowledge, *_ALLOWED[state], AlarmAction.COMMENT)


def severity_of(score: float) -> float:
    """Severity of one score as of `degradation.severity`, in 0..1; 0 where there is no score.

    >>> [severity_of(score) for score in (1.0, 3.0, float("inf"), float("nan"))]
    [0.0, 0.5, 1.0, 0.0]
    """
    return 1.0 if np.isposinf(score) else float(severity(np.array([score]))[0])


def priority_of(severe: float) -> AlarmPriority:
    """Priority by a severity in 0..1.

    >>> [priority_of(severe).value for severe in (0.0, 0.25, 0.5, 0.75, 1.0)]
    ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'CRITICAL']
    """
    return tuple(AlarmPriority)[int(np.searchsorted(_PRIORITY_SEVERITIES, severe, side="right"))]
