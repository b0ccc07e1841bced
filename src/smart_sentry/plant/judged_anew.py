"""Readings that were judged once more, by another baseline or model than the first time: the database's alarms follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from smart_sentry.contracts.alarms import SYSTEM, AlarmEvent, AlarmPriority, AlarmTransition
from smart_sentry.contracts.alarms import AlarmState as State
from smart_sentry.plant.verdicts import alarm_states
from smart_sentry.plant.watch import Watch
from smart_sentry.stores.alarm_log import STANDS_SINCE, AlarmState

_WHY = "judged once more after a restart, by another baseline or model than before"


@dataclass(frozen=True)
class AlarmChanges:
    """What is to be recorded: where alarms stand now, and how they came there."""

    states: tuple[AlarmState, ...]
    transitions: tuple[AlarmTransition, ...]


def changes(watch: Watch, standing: Sequence[AlarmState]) -> AlarmChanges:
    """How the database's alarms become those of a watch.

    Args:
        watch: has just judged once more all that the database has of its assets.
        standing: alarms of these assets that are not normal, as the database has them.
    """
    known = {alarm.alarm_id: alarm for alarm in standing}
    moved = []
    for its in watch.alarms.statuses():
        before = known.pop(its.alarm_id, None)
        was = State.NORMAL if before is None else State(before.state)
        if its.state is not was:
            event = AlarmEvent.CLEARED if its.state is State.NORMAL else AlarmEvent.RAISED
            time = its.since if before is None else max(its.since, before.since)
            step = AlarmTransition(
                its.alarm_id, its.asset_id, its.key, was, its.state, event, time, SYSTEM, _WHY, its.priority, its.score
            )  # fmt: skip
            moved.append(step)
    return AlarmChanges(
        (*alarm_states(watch, moved), *map(_ended, known.values())), (*moved, *map(_end, known.values()))
    )


def _ended(alarm: AlarmState) -> AlarmState:
    details = alarm.details | {"active": False, STANDS_SINCE: alarm.since}
    return replace(alarm, state=State.NORMAL.value, message=_WHY, details=details)


def _end(alarm: AlarmState) -> AlarmTransition:
    """Of an occurrence that the watch does not know."""
    return AlarmTransition(
        alarm.alarm_id, alarm.asset_id, alarm.kind, State(alarm.state), State.NORMAL, AlarmEvent.CLEARED, alarm.since, SYSTEM,
        _WHY, AlarmPriority(alarm.priority), None,
    )  # fmt: skip
