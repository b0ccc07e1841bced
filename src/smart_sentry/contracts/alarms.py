"""Alarms in words that every surface shares: states and events of ISA-18.2 / IEC 62682, and the record of one transition."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SYSTEM = "system"
"""Author of every transition that no person asked for."""


class AlarmState(StrEnum):
    """Where an alarm stands (ISA-18.2, section 5.3: the alarm state transition diagram)."""

    NORMAL = "NORMAL"
    UNACKNOWLEDGED = "UNACKNOWLEDGED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    RETURNED_UNACKNOWLEDGED = "RETURNED_UNACKNOWLEDGED"
    SHELVED = "SHELVED"
    SUPPRESSED = "SUPPRESSED"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"


class AlarmEvent(StrEnum):
    """What made an alarm move."""

    RAISED = "RAISED"
    CLEARED = "CLEARED"
    RE_ALARMED = "RE_ALARMED"
    SUPPRESSED = "SUPPRESSED"
    RELEASED = "RELEASED"
    SHELF_EXPIRED = "SHELF_EXPIRED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    SHELVED = "SHELVED"
    UNSHELVED = "UNSHELVED"
    TAKEN_OUT_OF_SERVICE = "TAKEN_OUT_OF_SERVICE"
    RETURNED_TO_SERVICE = "RETURNED_TO_SERVICE"
    COMMENTED = "COMMENTED"


class AlarmAction(StrEnum):
    """What an operator may ask for."""

    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    TAKE_OUT_OF_SERVICE = "take out of service"
    RETURN_TO_SERVICE = "return to service"
    COMMENT = "comment"


class AlarmPriority(StrEnum):
    """How soon an operator must act, the least urgent first."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True)
class AlarmTransition:
    """One step in the life of an alarm.

    Attributes:
        alarm_id: `asset_id:key:n`, n the occurrence from 1; it stays from the alarm's rise until the alarm is normal
            again. 0: the alarm has never risen.
        asset_id, key: which alarm of which machine, e.g. "anomaly" or "sensor:vibration_g".
        from_state, to_state: equal where an alarm is re-alarmed, commented on, or acknowledged while suppressed.
        event: what made it move.
        time: seconds, on the clock of the observations; never before the same alarm's earlier transition.
        author: `SYSTEM` or a person's name.
        reason: in words.
        priority: of the present occurrence.
        score: the newest one that was observed, as a multiple of its limit; None where none was.
    """

    alarm_id: str
    asset_id: str
    key: str
    from_state: AlarmState
    to_state: AlarmState
    event: AlarmEvent
    time: float
    author: str
    reason: str
    priority: AlarmPriority
    score: float | None


@dataclass(frozen=True)
class AlarmStatus:
    """Where one alarm stands now.

    Attributes:
        alarm_id, asset_id, key, state, priority: as in `AlarmTransition`.
        since: seconds of its newest transition that changed the state; -inf before the first.
        active: whether its condition stands, also while the alarm is shelved or out of service.
        score: newest observed, as a multiple of the limit; None where none was.
        shelved_until: seconds; None where it is not shelved.
        allowed: what an operator may do now.
    """

    alarm_id: str
    asset_id: str
    key: str
    state: AlarmState
    priority: AlarmPriority
    since: float
    active: bool
    score: float | None
    shelved_until: float | None
    allowed: tuple[AlarmAction, ...]
