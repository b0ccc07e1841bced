"""What every page shows, as plain values for the templates; and the page of the executive report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from unicodedata import east_asian_width

import numpy as np

from smart_sentry import __version__
from smart_sentry.contracts.monitoring import AssetStatus, Prediction
from smart_sentry.health.degradation import RISKS
from smart_sentry.health.maintenance import LONGEST_TOLD, LONGEST_TOLD_HOURS
from smart_sentry.reports.charts import Axes, chart, spans_of
from smart_sentry.reports.content import Event, ReportContent, Trend
from smart_sentry.reports.wording import NOT_AVAILABLE, Clock, fixed, hours_text, span_text
from smart_sentry.stores.alarm_log import AlarmState

_LONGEST_LINE = 170
_ACTIONS, _EVENTS, _ALARMS = 4, 5, 4
OTHER_ACTIONS = "most answer an open alarm, and the workbook has all of these"
"""Where actions that are not shown come from: no file lists them as such."""
_RISK_BANDS = ((75.0, 100.0, "low"), (50.0, 75.0, "moderate"), (25.0, 50.0, "high"), (0.0, 25.0, "critical"))


def executive(content: ReportContent, clock: Clock) -> dict[str, Any]:
    """The page of the executive report."""
    page = head(content, clock, "Executive report") | {
        "trend": trend_chart(content.trend, clock), "trend_note": trend_note(content, clock),
        "actions": actions(content, _ACTIONS), "actions_more": more(len(content.actions), _ACTIONS, "action", OTHER_ACTIONS),
        "happened": [event(one, clock) for one in content.happened[:_EVENTS]],
        "alarms": [alarm(one, clock) for one in content.alarms[:_ALARMS]],
        "alarms_more": more(len(content.alarms), _ALARMS, "open alarm"), "judge": judge(content, clock),
    }  # fmt: skip
    return signed(page)


def head(content: ReportContent, clock: Clock, kind: str) -> dict[str, Any]:
    """What stands at the head of every page about an asset."""
    status = content.status
    return {
        "kind": kind, "title": f"{kind}: {content.asset_id}", "author": f"Smart Sentry {__version__}",
        "keywords": ["predictive maintenance", content.asset_type, *([status.risk] if status.risk else [])],
        "asset": content.asset_id, "type": content.asset_type, "description": content.description,
        "as_of": clock.stated(content.as_of), "newest": clock.text(content.newest_reading), "zone": clock.zone,
        "tone": tone(status.risk), "grade": status.grade or "–", "verdict": verdict(content), "kpis": kpis(content),
        "uncertain": "A sensor or the clock is at fault now: health is what the other signals say."
        if status.health_uncertain else "",
    }  # fmt: skip


def signed(page: dict[str, Any]) -> dict[str, Any]:
    """The page with its own fingerprint: equal figures have equal ones."""
    told = json.dumps(page, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return page | {"id": hashlib.sha256(told.encode()).hexdigest()[:16]}


def tone(risk: str | None) -> str:
    """Name of the colour of a risk."""
    return risk.lower() if risk in RISKS else "unknown"


def verdict(content: ReportContent) -> str:
    """How the asset stands, in a sentence or two."""
    status = content.status
    if status.health is None:
        return f"Health is {NOT_AVAILABLE}: {content.why_missing}."
    told = f"Risk is {status.risk} at health {fixed(status.health, 1)} of 100 (grade {status.grade})."
    if status.flagged:
        return f"{told} The newest reading is flagged: {sentence(status.reason or 'no reason is stored')}"
    return f"{told} The newest reading is not flagged." if status.score is not None else f"{told} {_unjudged(content)}"


def _unjudged(content: ReportContent) -> str:
    return f"The newest reading was not judged: {sentence(content.status.reason or 'no reason is stored')}"


def kpis(content: ReportContent) -> list[dict[str, str]]:
    """The row of figures: label, value, and what it means or why it is missing."""
    status = content.status
    why = content.why_missing
    score = f"score {fixed(status.score, 2)}; the limit is 1" if status.score is not None else "no score"
    return [
        _kpi("Health", fixed(status.health, 1), "of 100", why),
        _kpi("Risk", status.risk or NOT_AVAILABLE, score, why),
        _kpi("Remaining life", remaining_life(content), life_note(content), why),
        _kpi("Maintenance", maintenance(content), "window from the newest reading", why),
        _kpi("Degradation", fixed(status.degradation, 3), "0 is new, 1 is used up", why),
        {"label": "Open alarms", "value": str(status.open_alarms), "note": _alarm_note(content.alarms)},
    ]


def _kpi(label: str, value: str, note: str, why: str) -> dict[str, str]:
    missing = value == NOT_AVAILABLE
    return {"label": label, "value": value, "note": (why or "not stored") if missing else note}


def remaining_life(content: ReportContent) -> str:
    """Remaining life in hours or cycles."""
    status = content.status
    if status.prediction is not None:
        return cycles_text(status.prediction.rul_cycles, content.cap_cycles)
    if status.health is None or not status.baseline_established:
        return NOT_AVAILABLE
    return life_text(status)


def life_text(status: AssetStatus, *, short: bool = False) -> str:
    """Remaining life of a machine whose damage adds up."""
    if status.degradation is not None and status.degradation >= 1.0:
        return "used up"
    if status.remaining_life_hours is None:
        return "not limited"
    if status.remaining_life_hours > LONGEST_TOLD_HOURS:
        return LONGEST_TOLD
    return hours_text(status.remaining_life_hours, short=short)


def cycles_text(cycles: float, cap_cycles: int) -> str:
    """A predicted remaining life: from the longest that a failure model tells apart on, it may be any more.

    >>> cycles_text(12.4, 125), cycles_text(125.0, 125)
    ('12 cycles', '125 cycles or more')
    """
    return f"{fixed(cycles, 0)} cycles{_or_more(cycles, cap_cycles)}"


def interval_text(found: Prediction, cap_cycles: int) -> str:
    """The interval of a predicted remaining life, in cycles."""
    upper = found.rul_upper_cycles
    return f"{fixed(found.rul_lower_cycles, 0)} to {fixed(upper, 0)}{_or_more(upper, cap_cycles)}"


def _or_more(cycles: float, cap_cycles: int) -> str:
    """What is added at the cap."""
    return " or more" if cycles >= cap_cycles else ""


def life_note(content: ReportContent) -> str:
    """What the remaining life rests on."""
    found = content.status.prediction
    if found is not None:
        warming = "; few readings yet" if found.warming else ""
        return f"{interval_text(found, content.cap_cycles)}; a cycle is {content.cycle_meaning}{warming}"
    if content.status.degradation is not None and content.status.degradation >= 1.0:
        return "degradation has reached 1"
    if content.status.remaining_life_hours is None:
        return "no damage was done in the last hour"
    return "at the damage rate of the last hour"


def maintenance(content: ReportContent) -> str:
    """The maintenance window."""
    window = content.maintenance
    if window is None:
        return NOT_AVAILABLE
    if window.state == "due":
        return "due now"
    if window.state == "none":
        return "none due"
    return f"in {hours_text(window.hours)}" if window.hours is not None else f"in {fixed(window.cycles, 0)} cycles"


def _alarm_note(alarms: Sequence[AlarmState]) -> str:
    if not alarms:
        return "none stands"
    waiting = sum(one.state in ("UNACKNOWLEDGED", "RETURNED_UNACKNOWLEDGED") for one in alarms)
    return f"highest {alarms[0].priority}; {waiting} not acknowledged"


def trend_chart(trend: Trend | None, clock: Clock) -> dict[str, Any] | None:
    """Health over time, with the limits of the risks and when alarms stood."""
    if trend is None or not np.isfinite(trend.health).any():
        return None
    axes = Axes(trend.start, max(trend.end, trend.start + 1.0), 0.0, 100.0)
    known = trend.health[np.isfinite(trend.health)]
    alt = (
        f"Health from {clock.text(trend.start)} to {clock.text(trend.end)}: first {fixed(known[0], 1)}, lowest"
        f" {fixed(known.min(), 1)}, last {fixed(known[-1], 1)}; alarms stood {len(trend.spans)} times."
    )
    return chart(
        axes, clock, alt,
        bands=[{"from": axes.y(low), "to": axes.y(high), "tone": name} for low, high, name in _RISK_BANDS],
        spans=spans_of(axes, trend.spans),
        lines=[{"points": part, "tone": "ink"} for part in axes.lines(trend.seconds, trend.health)],
    )  # fmt: skip


def trend_note(content: ReportContent, clock: Clock) -> str:
    """What the trend covers, and what was flagged in it."""
    trend = content.trend
    if trend is None or content.status.health is None:
        return f"The trend is {NOT_AVAILABLE}: {content.why_missing or 'nothing was assessed'}."
    since = (
        ""
        if trend.counted_from <= trend.start
        else f" since {clock.text(trend.counted_from)} (the newest that are counted)"
    )
    share = f" ({trend.flagged / trend.judged:.1%})" if trend.judged and trend.flagged else ""
    return (
        f"{clock.text(trend.start)} to {clock.text(trend.end)} {clock.zone}, {span_text(trend.end - trend.start)}."
        f" {trend.flagged:,} of {trend.judged:,} readings{since} were flagged{share}."
    )


def actions(content: ReportContent, most: int) -> list[dict[str, str]]:
    """What to do."""
    return [{"when": one.when, "what": cut(one.what), "why": sentence(one.why)} for one in content.actions[:most]]


def event(one: Event, clock: Clock, longest: int = _LONGEST_LINE) -> dict[str, str]:
    """An entry of a log."""
    return {
        "time": clock.text(one.time), "kind": one.kind, "author": cut(one.author, 40), "text": cut(one.text, longest),
    }  # fmt: skip


def alarm(one: AlarmState, clock: Clock) -> dict[str, str]:
    """An alarm that stands."""
    return {
        "priority": one.priority, "tone": _PRIORITY_TONES.get(one.priority, "unknown"), "key": cut(one.kind, 60),
        "state": one.state.replace("_", " ").lower(), "since": clock.text(one.stands_since), "text": cut(one.message, 120),
    }  # fmt: skip


_PRIORITY_TONES = {"LOW": "low", "MEDIUM": "moderate", "HIGH": "high", "CRITICAL": "critical"}


def judge(content: ReportContent, clock: Clock) -> str:
    """What judges the asset, in a sentence."""
    if content.baseline is not None:
        its = content.baseline
        since = "" if its.active_since is None else f", active since {clock.text(its.active_since)}"
        return f"Judged by baseline {its.version} (grade {its.grade}, {its.readings:,} readings{since})."
    if content.model is not None:
        return f"Judged by the failure model {content.model.version}."
    return f"Judged by nothing: {content.why_missing}."


def more(count: int, shown: int, what: str, where: str = "see the workbook") -> str:
    """How many are not shown, and where they are.

    >>> more(7, 4, "alarm"), more(2, 4, "alarm")
    ('and 3 more alarms: see the workbook', '')
    """
    rest = count - shown
    return f"and {rest:,} more {what}{'s' if rest > 1 else ''}: {where}" if rest > 0 else ""


def cut(text: str, longest: int = _LONGEST_LINE) -> str:
    """A text on one line, cut where it is too long; a character of Chinese, Japanese or Korean is as wide as two.

    >>> cut("a   b", 10), cut("abcdefgh", 5), cut("軸受から異音", 7)
    ('a b', 'abcd…', '軸受か…')
    """
    line = " ".join(text[: 8 * longest].split())
    room, widths = longest, [2 if east_asian_width(letter) in "WF" else 1 for letter in line]
    if sum(widths) <= room and len(text) <= 8 * longest:
        return line
    for place, width in enumerate(widths):
        room -= width
        if room < 1:
            return line[:place].rstrip() + "…"
    return line + "…"


def sentence(text: str) -> str:
    """The same as the end of a sentence.

    >>> sentence("too hot"), sentence("x" * 171)[-1]
    ('too hot.', '…')
    """
    line = cut(text)
    return line if line.endswith((".", "…")) else f"{line}."
