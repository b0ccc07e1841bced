"""Times in words, always with their zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_LAST = 253_402_300_799.0
"""The year 9999 ends: beyond it no calendar has a name for a time."""


@dataclass(frozen=True)
class Zone:
    """The time zone of a page.

    Attributes:
        name: IANA name.
        whence: whose it is, in words.
    """

    name: str
    whence: str

    def moment(self, seconds: float) -> datetime:
        """A time (seconds since 1970 UTC) in this zone."""
        return datetime.fromtimestamp(min(max(seconds, 0.0), _LAST), UTC).astimezone(ZoneInfo(self.name))

    def clock(self, seconds: float) -> str:
        """Time of day with its zone, e.g. `14:03:22 CET`."""
        return f"{self.moment(seconds):%H:%M:%S %Z}"

    def full(self, seconds: float) -> str:
        """Date, time and zone, e.g. `2026-01-31 14:03:22 CET`."""
        return f"{self.moment(seconds):%Y-%m-%d %H:%M:%S %Z}"

    def shifted_ms(self, seconds: float) -> float:
        """Milliseconds at which a clock of UTC shows what this zone's clock shows then: for charts."""
        offset = self.moment(seconds).utcoffset()
        return 1000.0 * (seconds + (offset.total_seconds() if offset else 0.0))


def zone_of(name: str | None, whence: str, otherwise: Zone) -> Zone:
    """The zone of that name, or another one where there is none."""
    try:
        return Zone(ZoneInfo(name or "").key, whence)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


def seconds_of(text: str | None) -> float | None:
    """Seconds since 1970 UTC of a time in ISO 8601, as the service writes it; None where there is none."""
    return None if text is None else datetime.fromisoformat(text).timestamp()


def ago(seconds: float) -> str:
    """How long ago, for people.

    >>> ago(0.4), ago(12.7), ago(80), ago(7400), ago(200000)
    ('now', '12 s ago', '1 min ago', '2 h ago', '2 d ago')
    """
    return "now" if seconds < 1.0 else f"{span(seconds)} ago"


def span(seconds: float) -> str:
    """A length of time in its largest unit, rounded down.

    >>> span(3.2), span(119), span(3600), span(90000)
    ('3 s', '1 min', '1 h', '1 d')
    """
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds // 1:.0f} s"


def hours_in_words(hours: float) -> str:
    """A length of time given in hours, with two digits that matter.

    >>> hours_in_words(0.05), hours_in_words(1.5), hours_in_words(30), hours_in_words(200), hours_in_words(9000)
    ('3 min', '1.5 h', '30 h', '8.3 days', '375 days')
    """
    if hours < 1.0:
        return f"{60.0 * hours:.0f} min"
    if hours < 10.0:
        return f"{hours:.1f} h"
    if hours < 72.0:
        return f"{hours:.0f} h"
    days = hours / 24.0
    return f"{days:.1f} days" if days < 10.0 else f"{days:.0f} days"
