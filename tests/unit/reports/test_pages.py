"""What single lines of the pages say."""

from __future__ import annotations

from smart_sentry.reports.actions import by_urgency
from smart_sentry.reports.pages import alarm
from smart_sentry.reports.wording import Clock
from smart_sentry.stores.alarm_log import AlarmState


def standing(name: str, since: float, stands_since: float) -> AlarmState:
    return AlarmState(name, "pump", "anomaly", "HIGH", "UNACKNOWLEDGED", since, "", {"stands_since": stands_since})


def test_an_alarm_is_told_and_ordered_by_when_it_rose_not_by_when_it_called_last() -> None:
    called, risen = standing("a", 72_000.0, 0.0), standing("b", 3_600.0, 3_600.0)
    assert by_urgency([risen, called]) == (called, risen)
    assert alarm(called, Clock("UTC"))["since"] == "1970-01-01 00:00:00"
