"""Charts as plain figures for the typesetter: everything is a share of the width or height of the plot, 0..1, y upwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.reports.wording import Clock

FloatArray = NDArray[np.float64]

_STEPS_S = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000, 7_776_000, 15_552_000, 31_536_000, 157_680_000,
)  # fmt: skip
_TICKS = 6
_GAP = 4.0
"""A line is cut where its points are so many times farther apart than they usually are."""


@dataclass(frozen=True)
class Axes:
    """The ranges of a chart: x in seconds since 1970 UTC, y in the unit of what is shown."""

    start: float
    end: float
    low: float
    high: float

    def x(self, seconds: float) -> float:
        """Share of the width."""
        return _share(seconds, self.start, self.end)

    def y(self, value: float) -> float:
        """Share of the height."""
        return _share(value, self.low, self.high)

    def lines(self, seconds: FloatArray, values: FloatArray) -> list[list[list[float]]]:
        """Points of (points,) values, cut where there is no number, and where several in a row are missing."""
        parts: list[list[list[float]]] = [[]]
        apart = _GAP * float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
        before = None
        for at, value in zip(seconds.tolist(), values.tolist(), strict=True):
            if parts[-1] and (value != value or (before is not None and at - before > apart)):
                parts.append([])
            if value == value:
                parts[-1].append([self.x(at), self.y(value)])
            before = at
        return [part for part in parts if part]

    def area(self, seconds: FloatArray, low: FloatArray, high: FloatArray) -> list[list[list[float]]]:
        """The outlines of what lies between two lines of (points,) values, cut where there is no number."""
        upper, lower = self.lines(seconds, high), self.lines(seconds, low)
        return [above + below[::-1] for above, below in zip(upper, lower, strict=True) if len(above) > 1]


def _share(value: float, low: float, high: float) -> float:
    return round(min(max((value - low) / (high - low), 0.0), 1.0), 5) if high > low else 0.5


def nice_range(low: float, high: float) -> tuple[float, float]:
    """A range around a lowest and a highest value, with a little room.

    >>> nice_range(0.0, 10.0), nice_range(5.0, 5.0)
    ((-0.5, 10.5), (4.5, 5.5))
    """
    if not high > low:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    room = (high - low) * 0.05
    return low - room, high + room


def number_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers within a range, at most so many.

    >>> number_ticks(0.0, 100.0), number_ticks(0.12, 0.34)
    ([0.0, 25.0, 50.0, 75.0, 100.0], [0.2, 0.3])
    """
    least = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def y_ticks(axes: Axes, most: int = 5) -> list[dict[str, Any]]:
    """Ticks of the y axis, all with the decimals that they need."""
    found = number_ticks(axes.low, axes.high, most)
    decimals = max((_decimals(value) for value in found), default=0)
    return [{"at": axes.y(value), "label": f"{value:,.{decimals}f}"} for value in found]


def time_ticks(axes: Axes, clock: Clock, most: int = _TICKS) -> list[dict[str, Any]]:
    """Ticks of the x axis at round times of the clock's zone; the first of each day with its date."""
    span = axes.end - axes.start
    step = next((float(step) for step in _STEPS_S if span / step <= most), float(_STEPS_S[-1]))
    offset = clock.at(axes.start).utcoffset()
    ahead = 0.0 if offset is None else offset.total_seconds()
    first = math.ceil((axes.start + ahead) / step) * step - ahead
    ticks, day = [], ""
    for place in range(most + 1):
        at = first + place * step
        if at > axes.end:
            break
        found = clock.at(at)
        date = found.strftime("%d %b" if span < 300 * 86_400 else "%b %Y")
        time = found.strftime("%H:%M:%S" if step < 60 else "%H:%M")
        label = date if step >= 86_400 else time if date == day else f"{time}\n{date}"
        day = date
        ticks.append({"at": axes.x(at), "label": label})
    return ticks


def chart(
    axes: Axes, clock: Clock, alt: str, *, lines: Sequence[dict[str, Any]] = (), areas: Sequence[dict[str, Any]] = (),
    bands: Sequence[dict[str, Any]] = (), spans: Sequence[dict[str, Any]] = (), marks: Sequence[dict[str, Any]] = (),
    most_x: int = _TICKS, most_y: int = 5,
) -> dict[str, Any]:  # fmt: skip
    """A chart for the template.

    Args:
        axes: its ranges. clock: of the times. alt: the same in words, for those who cannot see it.
        lines: {"points", "tone"}. areas: {"points", "tone"}. bands: {"from", "to", "tone"}, of y. spans: the same, of x.
        marks: {"at", "label", "tone"}, horizontal.
        most_x, most_y: ticks.
    """
    return {
        "alt": alt, "x": time_ticks(axes, clock, most_x), "y": y_ticks(axes, most_y), "lines": list(lines),
        "areas": list(areas), "bands": list(bands), "spans": list(spans), "marks": list(marks),
    }  # fmt: skip


def spans_of(axes: Axes, spans: Sequence[tuple[str, float, float]], most: int = 200) -> list[dict[str, Any]]:
    """When alarms stood, as spans of a chart: joined where they touch or overlap, at most so many (the longest)."""
    joined: list[list[float]] = []
    for _, begin, end in sorted(spans, key=lambda span: span[1]):
        first, last = axes.x(begin), axes.x(end)
        if joined and first <= joined[-1][1] + 0.002:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    kept = sorted(sorted(joined, key=lambda span: span[0] - span[1])[:most])
    return [{"from": first, "to": last, "tone": "alarm"} for first, last in kept]


def _decimals(value: float) -> int:
    text = f"{value:.10f}".rstrip("0")
    return len(text) - text.index(".") - 1
