"""What happens to an alarm when its condition changes, its time comes or an operator acts: the state machine with its books."""

from __future__ import annotations

import math

from smart_sentry.assets import AlarmRules
from smart_sentry.contracts.alarms import SYSTEM, AlarmEvent, AlarmPriority, AlarmState, AlarmStatus, AlarmTransition
from smart_sentry.health.alarm_conditions import CLEARED, RAISED, RELEASED, SUPPRESSED, ConditionState
from smart_sentry.health.alarm_memory import AlarmMemory
from smart_sentry.health.alarm_states import MOVES, allowed_actions, priority_of, severity_of

_OUTSIDE = (AlarmState.NORMAL, AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE)
_URGENCY = {priority: place for place, priority in enumerate(AlarmPriority)}


class AlarmLives:
    """The lives of many alarms; an alarm's number is its place in `memories` and in the arrays of `conditions`.

    Args:
        rules: the asset type's alarm policy.
    """

    def __init__(self, rules: AlarmRules) -> None:
        self.rules = rules
        self.memories: list[AlarmMemory] = []
        self.conditions = ConditionState.empty(0)

    def add(self, asset_id: str, key: str) -> int:
        """A new alarm, normal so far; returns its number."""
        self.memories.append(AlarmMemory(asset_id, key, priority=self.priority_by(math.nan, math.nan)))
        if len(self.memories) > len(self.conditions.clock):
            self.conditions = self.conditions.grown(2 * len(self.memories))
        return len(self.memories) - 1

    def apply(self, slot: int, change: int, now: float, why: str) -> list[AlarmTransition]:
        """What an observation changed, in words of the life cycle."""
        alarm = self.memories[slot]
        found: list[AlarmTransition] = []
        if change & SUPPRESSED and (alarm.state, AlarmEvent.SUPPRESSED) in MOVES:
            found.append(self.follow(slot, AlarmEvent.SUPPRESSED, now, SYSTEM, why))
        if change & RELEASED and alarm.state is AlarmState.SUPPRESSED:
            unread = alarm.unread
            to_state = AlarmState.RETURNED_UNACKNOWLEDGED if unread else AlarmState.NORMAL
            reason = f"{why}{'; nobody had acknowledged the alarm' if unread else ''}"
            found.append(self.enter(slot, AlarmEvent.RELEASED, to_state, now, SYSTEM, reason))
        if change & RAISED and (alarm.state, AlarmEvent.RAISED) in MOVES:
            score = float(self.conditions.score[slot])
            reason = "the condition stands" if math.isnan(score) else f"score {score:.3g} times its limit"
            found.append(self.follow(slot, AlarmEvent.RAISED, now, SYSTEM, reason))
        if change & CLEARED:
            found += self._clear(slot, now)
        return found

    def _clear(self, slot: int, time: float) -> list[AlarmTransition]:
        if (self.memories[slot].state, AlarmEvent.CLEARED) not in MOVES:
            return []
        return [self.follow(slot, AlarmEvent.CLEARED, time, SYSTEM, "the condition is gone")]

    def pass_time(self, slot: int, now: float) -> list[AlarmTransition]:
        """Everything that was due for an alarm up to `now`, in the order of time."""
        found: list[AlarmTransition] = []
        alarm = self.memories[slot]
        while True:
            clear_due, due = float(self.conditions.clear_due[slot]), float(self.conditions.timer[slot])
            if min(clear_due, due) > now:
                return found
            if clear_due <= due:
                self.conditions.clear(slot)
                found += self._clear(slot, clear_due)
            elif alarm.state is AlarmState.SHELVED:
                to_state = self.state_by_condition(slot)
                found.append(self.enter(slot, AlarmEvent.SHELF_EXPIRED, to_state, due, SYSTEM, "the shelf has expired"))
            else:
                found.append(self._re_alarm(slot, due, min(clear_due, now)))

    def _re_alarm(self, slot: int, due: float, until: float) -> AlarmTransition:
        """Raises an alarm again. Of several that were missed in a silence, only the newest."""
        minutes = self.rules.re_alarm_minutes or math.inf
        time = due + math.floor((until - due) / (minutes * 60.0)) * minutes * 60.0
        reason = f"not acknowledged for another {minutes:g} minutes"
        return self.follow(slot, AlarmEvent.RE_ALARMED, time, SYSTEM, reason)

    def state_by_condition(self, slot: int) -> AlarmState:
        """Where an alarm belongs that comes back from a shelf or from out of service."""
        if self.conditions.suppressed[slot]:
            return AlarmState.SUPPRESSED
        return AlarmState.UNACKNOWLEDGED if self.conditions.active[slot] else AlarmState.NORMAL

    def follow(self, slot: int, event: AlarmEvent, time: float, author: str, reason: str) -> AlarmTransition:
        """Moves an alarm where the table says."""
        return self.enter(slot, event, MOVES[self.memories[slot].state, event], time, author, reason)

    def enter(
        self, slot: int, event: AlarmEvent, to_state: AlarmState, time: float, author: str, reason: str
    ) -> AlarmTransition:
        """Moves an alarm and keeps its books: occurrence, priority, next wake-up, whether it is unread."""
        alarm, from_state = self.memories[slot], self.memories[slot].state
        alarm.newest = max(alarm.newest, time)
        score = float(self.conditions.score[slot])
        if event is not AlarmEvent.COMMENTED:
            if to_state is AlarmState.UNACKNOWLEDGED:
                risen = self.priority_by(score, float(self.conditions.severity[slot]))
                if from_state in _OUTSIDE:
                    alarm.occurrence, alarm.priority = alarm.occurrence + 1, risen
                alarm.priority = max(alarm.priority, risen, key=_URGENCY.__getitem__)
            alarm.unread = to_state is AlarmState.SUPPRESSED and event is AlarmEvent.SUPPRESSED and from_state in (
                AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED
            )  # fmt: skip
            wakes = to_state is AlarmState.UNACKNOWLEDGED and self.rules.re_alarm_minutes is not None
            self.conditions.timer[slot] = (
                alarm.newest + (self.rules.re_alarm_minutes or 0.0) * 60.0 if wakes else math.inf
            )
        if to_state is not from_state:
            alarm.state, alarm.since = to_state, alarm.newest
        return AlarmTransition(
            alarm.alarm_id, alarm.asset_id, alarm.key, from_state, to_state, event, alarm.newest, author, reason,
            alarm.priority, None if math.isnan(score) else score,
        )  # fmt: skip

    def priority_by(self, score: float, severity: float) -> AlarmPriority:
        """The policy's priority for an alarm that rises at this score, and this severity if it is known (NaN: it is not)."""
        if self.rules.priority != "severity":
            return AlarmPriority(self.rules.priority)
        return priority_of(severity_of(score) if math.isnan(severity) else severity)

    def status(self, slot: int) -> AlarmStatus:
        """Where an alarm stands."""
        alarm, score = self.memories[slot], float(self.conditions.score[slot])
        shelved = alarm.state is AlarmState.SHELVED
        return AlarmStatus(
            alarm.alarm_id, alarm.asset_id, alarm.key, alarm.state, alarm.priority, alarm.since,
            bool(self.conditions.active[slot]), None if math.isnan(score) else score,
            float(self.conditions.timer[slot]) if shelved else None, allowed_actions(alarm.state, alarm.unread),
        )  # fmt: skip
