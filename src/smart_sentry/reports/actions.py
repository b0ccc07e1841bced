"""What to do, from what stands: every action names the record that asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from smart_sentry.assets import AssetType
from smart_sentry.contracts.alarms import AlarmPriority, AlarmState
from smart_sentry.contracts.monitoring import AssetStatus
from smart_sentry.health.maintenance import MaintenanceWindow
from smart_sentry.plant.watch import CLOCK, SENSOR
from smart_sentry.reports.content import Action, BaselineFacts
from smart_sentry.reports.wording import hours_text, number
from smart_sentry.stores import alarm_log

_POOR = ("D", "F")
_ORDER = {priority.value: -place for place, priority in enumerate(AlarmPriority)}


def by_urgency(alarms: Sequence[alarm_log.AlarmState]) -> tuple[alarm_log.AlarmState, ...]:
    """Alarms, the highest priority first; of one priority those that nobody has acknowledged, then the longest-standing."""
    waiting = (AlarmState.UNACKNOWLEDGED.value, AlarmState.RETURNED_UNACKNOWLEDGED.value)

    def rank(one: alarm_log.AlarmState) -> tuple[int, bool, float, str]:
        return _ORDER.get(one.priority, 1), one.state not in waiting, one.stands_since, one.alarm_id

    return tuple(sorted(alarms, key=rank))


def actions_of(
    kind: AssetType, status: AssetStatus, maintenance: MaintenanceWindow | None, alarms: Sequence[alarm_log.AlarmState],
    baseline: BaselineFacts | None, why_missing: str, to_calibrate: bool,
) -> tuple[Action, ...]:  # fmt: skip
    """What to do, the most urgent first; one that says so where there is nothing.

    Args:
        kind: of the asset. status: as it stands. maintenance: when it is due.
        alarms: in the order of `by_urgency`. baseline: what it is held against.
        why_missing: why there is no health; empty where there is.
        to_calibrate: whether nothing judges it, and nobody is at work on that.
    """
    found = _of_maintenance(kind, status, maintenance)
    found += [_of_alarm(alarm) for alarm in alarms]
    if to_calibrate:
        found.append(Action("before health can be told", "Calibrate the asset on healthy operation.", why_missing))
    if baseline is not None and baseline.grade in _POOR:
        why = "; ".join(baseline.remarks) or "its acceptance report"
        found.append(
            Action("at the next healthy run", f"Calibrate again: the baseline's grade is {baseline.grade}.", why)
        )
    if not found:
        found.append(Action("-", "No action is needed.", "no alarm stands, and no maintenance is due"))
    return tuple(found)


def _of_maintenance(kind: AssetType, status: AssetStatus, window: MaintenanceWindow | None) -> list[Action]:
    if window is None or window.state == "none":
        return []
    if window.cycles is not None:
        why = "lower end of the predicted remaining life"
        return [Action(f"within {number(window.cycles)} cycles", "Plan the maintenance of the machine.", why)]
    if window.hours is not None:
        why = f"at the present rate of damage the degradation then reaches {kind.health.maintenance_after:g}"
        return [Action(f"within {hours_text(window.hours)}", "Plan the maintenance of the machine.", why)]
    if status.prediction is not None:
        why = f"the failure model calls a failure within {kind.failure.horizon_cycles} cycles"
    else:
        why = f"degradation {number(status.degradation)} has reached {kind.health.maintenance_after:g}"
    return [Action("now", "Do the maintenance of the machine.", why)]


def _of_alarm(alarm: alarm_log.AlarmState) -> Action:
    waits = alarm.state in (AlarmState.UNACKNOWLEDGED.value, AlarmState.RETURNED_UNACKNOWLEDGED.value)
    when = "now" if waits and alarm.priority != AlarmPriority.LOW.value else "this shift" if waits else "in hand"
    name = alarm.kind.removeprefix(SENSOR)
    if alarm.kind == SENSOR + CLOCK:
        what = "Set the clock of the sender of the readings."
    elif alarm.kind.startswith(SENSOR):
        what = f"Check the sensor {name} and its wiring."
    else:
        what = f"Answer the alarm {name}: inspect the machine."
    told = f"alarm {alarm.kind} ({alarm.priority}), {alarm.state.replace('_', ' ').lower()}"
    return Action(when, what, f"{told}: {alarm.message}" if alarm.message else told)
