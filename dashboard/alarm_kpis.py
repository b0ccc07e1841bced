"""The key figures of the alarm system in words, against the aims of ISA-18.2 (docs/alarms.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard.marks import BLUE, GREY
from dashboard.pieces import Kpi
from dashboard.times import Zone, hours_in_words, seconds_of, span

RATE_AIM, RATE_LIMIT = 1.0, 10.0
"""Calls an operator in 10 minutes: what is acceptable, and from where on it is a flood."""
AIMS = {"LOW": 0.80, "MEDIUM": 0.15, "HIGH and CRITICAL": 0.05}
_GOOD, _FAIR, _BAD = "● aim met", "◆ above the aim", "▲ far above the aim"


def alarm_figures(told: Mapping[str, Any]) -> list[Kpi]:
    """The figures of GET /api/v1/alarms/kpis with their aims."""
    rate, answered = told["rate"], told["acknowledge_time"]
    mean = answered["mean_seconds"]
    return [
        Kpi("calls", "Alarm calls", f"{told['annunciations']:,}", f"to {told['operators']} operator(s)"),
        Kpi("rate", "Calls in 10 min, mean", f"{rate['mean']:.2f}", f"{_judged(rate['mean'])}; aim: about 1"),
        Kpi("peak", "Calls in 10 min, peak", f"{rate['peak']:.1f}", f"{_judged(rate['peak'])}; flood: above 10"),
        _count("floods", "Floods", told["floods"]),
        _count("chattering", "Chattering alarms", told["chattering"]),
        _count("stale", "Stale alarms", told["stale"]),
        Kpi("acknowledge", "Time to acknowledge", "–" if mean is None else span(mean),
            f"{answered['acknowledged']} acknowledged, {answered['unacknowledged']} never"),
    ]  # fmt: skip


def _judged(rate: float) -> str:
    return _GOOD if rate <= RATE_AIM else _FAIR if rate <= RATE_LIMIT else _BAD


def _count(key: str, label: str, found: Sequence[Any]) -> Kpi:
    return Kpi(key, label, str(len(found)), f"{'▲ aim missed' if found else _GOOD}; aim: none")


def priority_table(shares: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Share of calls by priority beside the aim: a row each, in percent."""
    measured = dict.fromkeys(AIMS, 0.0)
    for one in shares:
        name = one["priority"] if one["priority"] in measured else "HIGH and CRITICAL"
        measured[name] += one["share"]
    rows = [
        (name, kind, 100.0 * share)
        for name in AIMS
        for kind, share in (("measured", measured[name]), ("aim", AIMS[name]))
    ]
    return pd.DataFrame(rows, columns=["priority", "kind", "percent"])


def priority_chart(height: int = 260) -> dict[str, Any]:
    """The specification of `priority_table`."""
    return {
        "height": height, "mark": {"type": "bar", "tooltip": True},
        "encoding": {
            "x": {"field": "priority", "type": "nominal", "sort": list(AIMS), "title": None, "axis": {"labelAngle": 0}},
            "xOffset": {"field": "kind", "sort": ["measured", "aim"]},
            "y": {"field": "percent", "type": "quantitative", "title": "% of all calls", "scale": {"domain": [0, 100]}},
            "color": {"field": "kind", "type": "nominal", "title": None, "legend": {"orient": "top"},
                      "scale": {"domain": ["measured", "aim"], "range": [BLUE, GREY]}},
        },
    }  # fmt: skip


def frequent_table(frequent: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The alarms that call most often: name, calls, share in percent."""
    rows = [(f"{one['asset_id']} · {one['key']}", one["count"], 100.0 * one["share"]) for one in frequent]
    return pd.DataFrame(rows, columns=["alarm", "calls", "percent"])


def frequent_chart(height: int = 300) -> dict[str, Any]:
    """The specification of `frequent_table`."""
    return {
        "height": height, "mark": {"type": "bar", "color": BLUE, "tooltip": True, "size": 16},
        "encoding": {
            "y": {"field": "alarm", "type": "nominal", "sort": None, "title": None,
                  "axis": {"labelLimit": 260, "labelOverlap": False}},
            "x": {"field": "calls", "type": "quantitative", "title": "calls", "axis": {"tickMinStep": 1}},
        },
        "padding": {"left": 4, "right": 12, "top": 4, "bottom": 4},
    }  # fmt: skip


def flood_rows(floods: Sequence[Mapping[str, Any]], zone: Zone) -> list[Sequence[str]]:
    """Start, end and calls of every flood."""
    return [(_time(one["start"], zone), _time(one["end"], zone), str(one["count"])) for one in floods]


def chattering_rows(found: Sequence[Mapping[str, Any]], zone: Zone) -> list[Sequence[str]]:
    """Alarms that chatter: asset, alarm, rises and falls in the busiest minute, and when."""
    return [(one["asset_id"], one["key"], str(one["most_per_minute"]), _time(one["start"], zone)) for one in found]


def stale_rows(found: Sequence[Mapping[str, Any]], zone: Zone) -> list[Sequence[str]]:
    """Alarms that stood for over a day: asset, alarm, since when, how long, whether they still do."""
    return [
        (
            one["asset_id"],
            one["key"],
            _time(one["start"], zone),
            hours_in_words(one["hours"]),
            "yes" if one["standing"] else "no",
        )
        for one in found
    ]


def _time(text: str, zone: Zone) -> str:
    return zone.full(seconds_of(text) or 0.0)
