"""What an alarm book remembers of each alarm, and the same as plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smart_sentry.contracts.alarms import AlarmPriority, AlarmState
from smart_sentry.health.alarm_conditions import ConditionState

_NEVER = {
    "clock": -math.inf, "heard": math.nan, "score": math.nan, "severity": math.nan, "since": math.nan, "clear_due": math.inf,
    "timer": math.inf,
}  # fmt: skip
"""What null stands for, array by array: JSON has no infinity."""


@dataclass
class AlarmMemory:
    """One alarm.

    Attributes:
        asset_id, key: which.
        priority: of the present or last occurrence.
        state: where it stands.
        occurrence: how often it has risen.
        newest, since: seconds of its newest transition, and of the newest that changed its state.
        unread: suppressed before anybody had acknowledged it.
    """

    asset_id: str
    key: str
    priority: AlarmPriority
    state: AlarmState = AlarmState.NORMAL
    occurrence: int = 0
    newest: float = -math.inf
    since: float = -math.inf
    unread: bool = False

    @property
    def alarm_id(self) -> str:
        """Identifies the occurrence."""
        return f"{self.asset_id}:{self.key}:{self.occurrence}"


def plain(alarms: Sequence[AlarmMemory], state: ConditionState) -> dict[str, Any]:
    """Alarms and their conditions as JSON values."""
    conditions = {
        name: [None if math.isinf(value) or math.isnan(value) else value for value in array[: len(alarms)].tolist()]
        for name, array in state._asdict().items()
    }
    lives = [
        {
            "asset_id": alarm.asset_id,
            "key": alarm.key,
            "priority": alarm.priority.value,
            "state": alarm.state.value,
            "occurrence": alarm.occurrence,
            "newest": alarm.newest if math.isfinite(alarm.newest) else None,
            "since": alarm.since if math.isfinite(alarm.since) else None,
            "unread": alarm.unread,
        }
        for alarm in alarms
    ]
    return {"alarms": lives, "conditions": conditions}


def remembered(snapshot: Mapping[str, Any]) -> tuple[list[AlarmMemory], ConditionState]:
    """What `plain` wrote, as it was."""
    alarms = [
        AlarmMemory(
            asset_id=life["asset_id"],
            key=life["key"],
            priority=AlarmPriority(life["priority"]),
            state=AlarmState(life["state"]),
            occurrence=life["occurrence"],
            newest=-math.inf if life["newest"] is None else life["newest"],
            since=-math.inf if life["since"] is None else life["since"],
            unread=life["unread"],
        )
        for life in snapshot["alarms"]
    ]
    state = ConditionState.empty(len(alarms))
    for name, array in state._asdict().items():
        if name in snapshot["conditions"]:  # an older version remembered less
            array[:] = [_NEVER[name] if value is None else value for value in snapshot["conditions"][name]]
    return alarms, state
