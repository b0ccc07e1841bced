"""Numbers, times and spans in words: the same on every page."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

NOT_AVAILABLE = "not available"
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0


def number(value: float | None, digits: int = 4) -> str:
    """A figure with so many significant digits, without an exponent where it is between a millionth and a thousand million.

    >>> number(0.91999), number(2914.3821), number(1_234_567.0), number(None), number(0.0)
    ('0.9200', '2,914', '1,234,567', 'not available', '0')
    """
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if not -6 <= magnitude < 9:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(digits - 1 - magnitude, 0)}f}"


def fixed(value: float | None, decimals: int) -> str:
    """A figure with so many decimals: columns of them stand one below the other.

    >>> fixed(93.456, 1), fixed(None, 1)
    ('93.5', 'not available')
    """
    return NOT_AVAILABLE if value is None or not math.isfinite(value) else f"{value:,.{decimals}f}"


def decimals_for(scale: float | None, digits: int = 3) -> int:
    """Decimals that show so many digits of a scale, such as a standard deviation.

    >>> decimals_for(2.03), decimals_for(0.0298), decimals_for(1500.0), decimals_for(None)
    (2, 4, 0, 3)
    """
    if scale is None or not math.isfinite(scale) or scale <= 0:
        return 3
    return min(max(digits - 1 - math.floor(math.log10(scale)), 0), 9)


def money(value: float, currency: str) -> str:
    """An amount, to the unit of its currency.

    >>> money(12345.6, "EUR")
    '12,346 EUR'
    """
    return f"{value:,.0f} {currency}"


def hours_text(hours: float, *, short: bool = False) -> str:
    """A span given in hours; where it is short, days stand alone.

    >>> hours_text(0.25), hours_text(5.4), hours_text(100.0), hours_text(24 * 400)
    ('15 min', '5.4 h', '4.2 days (100 h)', '400 days (9,600 h)')
    """
    if 0 < hours < 1:
        return f"{hours * 60:.0f} min"
    if hours < 48:
        return f"{hours:.1f} h"
    days = f"{hours / 24:,.{1 if hours < 2400 else 0}f} days"
    return days if short else f"{days} ({hours:,.0f} h)"


def span_text(seconds: float) -> str:
    """A span given in seconds.

    >>> span_text(86_400), span_text(1000), span_text(12)
    ('24.0 h', '17 min', '12 s')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    return hours_text(seconds / _HOUR) if seconds >= 2 * _HOUR else f"{seconds / _MINUTE:.0f} min"


class Clock:
    """Times of a zone.

    Args:
        zone: IANA name.
    """

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = ZoneInfo(zone)

    def at(self, seconds: float) -> datetime:
        """A time (seconds since 1970 UTC) in the zone."""
        return datetime.fromtimestamp(seconds, UTC).astimezone(self._zone)

    def text(self, seconds: float | None) -> str:
        """Date and time to the second.

        >>> Clock("Asia/Tokyo").text(0.0)
        '1970-01-01 09:00:00'
        """
        return NOT_AVAILABLE if seconds is None else self.at(seconds).strftime("%Y-%m-%d %H:%M:%S")

    def stated(self, seconds: float | None) -> str:
        """The same, with the zone and what it is ahead of UTC.

        >>> Clock("Asia/Tokyo").stated(0.0), Clock("UTC").stated(0.0)
        ('1970-01-01 09:00:00 Asia/Tokyo (UTC+09:00)', '1970-01-01 00:00:00 UTC')
        """
        if seconds is None:
            return NOT_AVAILABLE
        found = self.at(seconds)
        ahead = found.strftime("%z")
        shown = "UTC" if self.zone == "UTC" else f"{self.zone} (UTC{ahead[:3]}:{ahead[3:5]})"
        return f"{self.text(seconds)} {shown}"
