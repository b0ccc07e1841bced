"""The five pages of the industrial report, as plain values for the template."""

from __future__ import annotations

from typing import Any

import numpy as np

from smart_sentry import __version__
from smart_sentry.reports.charts import Axes, chart, nice_range, spans_of
from smart_sentry.reports.content import Costs, Explanation, ReportContent, Sensors, SignalFigures
from smart_sentry.reports.pages import (
    OTHER_ACTIONS,
    actions,
    alarm,
    cut,
    event,
    head,
    interval_text,
    judge,
    maintenance,
    more,
    remaining_life,
    signed,
    trend_chart,
    trend_note,
)
from smart_sentry.reports.wording import NOT_AVAILABLE, Clock, decimals_for, fixed, money, number, span_text

_ALARMS, _CHARTS, _SIGNALS, _CAUSES, _TOLD, _ACTIONS, _AUDITED = 8, 6, 24, 8, 9, 10, 26
_SIGMAS = 3.0


def industrial(content: ReportContent, clock: Clock) -> dict[str, Any]:
    """The pages of the industrial report.

    Args:
        content: with its details.
        clock: of the times.
    """
    return signed(head(content, clock, "Industrial report") | {
        "gauge": None if content.status.health is None else content.status.health / 100.0,
        "summary": _summary(content, clock), "sensors": _sensors(content, clock),
        "explanation": _explanation(content, clock), "costs": _costs(content), "outlook": _outlook(content),
        "actions": actions(content, _ACTIONS), "actions_more": more(len(content.actions), _ACTIONS, "action", OTHER_ACTIONS),
        "audit": _audit(content, clock), "provenance": provenance(content, clock),
    })  # fmt: skip


def _summary(content: ReportContent, clock: Clock) -> dict[str, Any]:
    status = content.status
    state = status.system_state if content.state_known else f"{NOT_AVAILABLE}: it has changed since"
    return {
        "trend": trend_chart(content.trend, clock), "trend_note": trend_note(content, clock),
        "score": _score_chart(content, clock), "judge": judge(content, clock),
        "facts": [
            ("State", state), ("Phase", status.phase or NOT_AVAILABLE), ("Newest reading", clock.text(content.newest_reading)),
            ("Remaining life", remaining_life(content)), ("Maintenance", maintenance(content)),
            ("Probability of failure", _probability(content)),
        ],
        "alarms": [alarm(one, clock) for one in content.alarms[:_ALARMS]],
        "alarms_more": more(len(content.alarms), _ALARMS, "open alarm"),
    }  # fmt: skip


def _probability(content: ReportContent) -> str:
    found = content.status.prediction
    return f"{NOT_AVAILABLE}: no failure model judges it" if found is None else f"{found.failure_probability:.1%}"


def _score_chart(content: ReportContent, clock: Clock) -> dict[str, Any] | None:
    """The highest scores over time, with the limit."""
    its = None if content.details is None else content.details.explanation
    if its is None or not np.isfinite(its.score).any():
        return None
    high = float(max(np.nanmax(its.score) * 1.08, 1.5))
    axes = Axes(its.start, max(its.end, its.start + 1.0), 0.0, high)
    highest = fixed(float(np.nanmax(its.score)), 2)
    alt = f"Score from {clock.text(its.start)} to {clock.text(its.end)}: highest {highest}, limit 1."
    spans = () if content.trend is None else content.trend.spans
    return chart(
        axes, clock, alt, spans=spans_of(axes, [span for span in spans if span[2] >= its.start]),
        lines=[{"points": part, "tone": "accent"} for part in axes.lines(its.seconds, its.score)],
        marks=[{"at": axes.y(1.0), "label": "limit 1", "tone": "critical"}],
    )  # fmt: skip


def _sensors(content: ReportContent, clock: Clock) -> dict[str, Any]:
    its = None if content.details is None else content.details.sensors
    if its is None:
        return {"missing": f"Sensor figures are {NOT_AVAILABLE}: no reading is stored."}
    shown = sorted(its.figures, key=_off_by, reverse=True)
    kept = {one.signal.name for one in shown[:_SIGNALS]}
    rows = [_signal_row(one) for one in its.figures if one.signal.name in kept]
    return {
        "missing": "", "note": _sensor_note(its, content, clock), "rows": rows,
        "more": more(len(its.figures), _SIGNALS, "signal"),
        "charts": [_signal_chart(one, its, clock) for one in shown[:_CHARTS] if np.isfinite(one.middle).any()],
        "charts_note": f"The {_CHARTS} signals that are farthest off their baseline." if len(its.figures) > _CHARTS else "",
    }  # fmt: skip


def _off_by(one: SignalFigures) -> float:
    return -1.0 if one.deviation is None else abs(one.deviation)


def _sensor_note(its: Sensors, content: ReportContent, clock: Clock) -> str:
    span = "24 hours before the newest reading" if its.whole else "newest readings of the last 24 hours"
    told = f"{its.readings:,} readings of the {span}: {clock.text(its.start)} to {clock.text(its.end)} {clock.zone}."
    if its.phase is None or content.baseline is None:
        return f"{told} The comparison is {NOT_AVAILABLE}: no baseline judges the asset."
    kind = "means over a second" if its.per_second else "readings"
    phase = "" if its.phase == "UNKNOWN" else f" in the phase {its.phase}"
    return f"{told} Compared with {kind}{phase} of baseline {content.baseline.version}; deviation in its standard deviations."


def _signal_row(one: SignalFigures) -> dict[str, Any]:
    scale = next((scale for scale in (one.base_std, one.std) if scale), None)
    decimals = decimals_for(scale)
    figures = (
        one.newest,
        one.mean,
        one.std,
        one.low,
        one.high,
        one.base_mean,
        one.base_std,
        one.base_low,
        one.base_high,
    )
    return {
        "name": one.signal.name, "unit": "–" if one.signal.unit == "1" else one.signal.unit,
        "figures": ["–" if value is None else fixed(value, decimals) for value in figures],
        "deviation": "–" if one.deviation is None else f"{one.deviation:+.1f}",
        "outside": "–" if one.outside is None else f"{one.outside:.1%}",
        "missing": f"{one.missing:,}", "far": one.deviation is not None and abs(one.deviation) >= _SIGMAS,
    }  # fmt: skip


def _signal_chart(one: SignalFigures, its: Sensors, clock: Clock) -> dict[str, Any]:
    """A signal's mean and range over the span, with the band of its baseline."""
    low, high = float(np.nanmin(one.lowest)), float(np.nanmax(one.highest))
    band: list[dict[str, Any]] = []
    if one.base_mean is not None and one.base_std is not None:
        first, last = one.base_mean - _SIGMAS * one.base_std, one.base_mean + _SIGMAS * one.base_std
        low, high = min(low, first), max(high, last)
    axes = Axes(its.start, max(its.end, its.start + 1.0), *nice_range(low, high))
    if one.base_mean is not None and one.base_std is not None:
        band = [{"from": axes.y(first), "to": axes.y(last), "tone": "baseline"}]
    unit = "" if one.signal.unit == "1" else one.signal.unit
    alt = (
        f"{one.signal.name} from {clock.text(its.start)} to {clock.text(its.end)}: lowest {figure_text(one.low)}, mean"
        f" {figure_text(one.mean)}, highest {figure_text(one.high)} {unit}"
    )
    return chart(
        axes, clock, alt, bands=band, most_x=3, most_y=4,
        areas=[{"points": part, "tone": "accent"} for part in axes.area(one.seconds, one.lowest, one.highest)],
        lines=[{"points": part, "tone": "accent"} for part in axes.lines(one.seconds, one.middle)],
    ) | {"title": one.signal.name, "unit": unit or "no unit"}  # fmt: skip


def figure_text(value: float | None) -> str:
    """A figure within a sentence."""
    return number(value)


def _explanation(content: ReportContent, clock: Clock) -> dict[str, Any]:
    its = None if content.details is None else content.details.explanation
    if its is None:
        why = content.why_missing or "nothing was assessed"
        return {"missing": f"The explanation is {NOT_AVAILABLE}: {why}.", "how": _how(content)}
    most = max((count for _, count in its.causes), default=0)
    return {
        "missing": "", "note": _explanation_note(its, clock), "how": _how(content),
        "causes": [
            {"name": name, "count": f"{count:,}", "share": f"{count / its.flagged:.0%}", "bar": count / most}
            for name, count in its.causes[:_CAUSES]
        ],
        "deviations": _deviations(content),
        "told": [
            {
                "first": clock.text(one.first), "last": clock.text(one.last), "readings": f"{one.readings:,}",
                "score": "–" if one.score is None else f"{one.score:.2f}", "votes": str(one.votes),
                "reason": cut(one.reason or "no reason is stored", 200),
            }
            for one in its.told[:_TOLD]
        ],
        "phases": [(name, f"{count:,}") for name, count in its.phases],
        "votes": [(str(votes), f"{count:,}") for votes, count in its.votes],
    }  # fmt: skip


def _explanation_note(its: Explanation, clock: Clock) -> str:
    share = f" ({its.flagged / its.judged:.1%})" if its.judged and its.flagged else ""
    return (
        f"{clock.text(its.start)} to {clock.text(its.end)} {clock.zone}, {span_text(its.end - its.start)}: {its.judged:,}"
        f" readings have a score, {its.flagged:,} were flagged{share}."
    )


def _how(content: ReportContent) -> list[str]:
    """How the asset is judged, in words."""
    if content.model is not None:
        return [
            "A failure model gives the probability that the machine fails within its horizon, after each reading. The score is"
            " this probability over the model's threshold: 1 is the limit.",
            "Health is the predicted remaining life as a share of the longest that the model tells apart.",
            f"What each signal adds to the probability is {NOT_AVAILABLE}: contributions are not stored.",
        ]
    return [
        "The score says how far a reading is from the asset's own healthy operation; 1 is the limit, which a healthy machine"
        " crosses in a share of its readings that its type sets (the false-alarm budget).",
        "A covariance detector leads; two isolation forests vote. The reason names the signals that moved the score most, with"
        " value, expected value and deviation in standard deviations (sigma) of the calibration.",
        "Health is 100 (1 - degradation). Damage adds up with the square of the severity, and falls only by a recorded"
        " maintenance.",
    ]


def _deviations(content: ReportContent) -> list[dict[str, Any]]:
    """How far each signal's mean is off its baseline, the farthest first; bars are cut at 10 standard deviations."""
    its = None if content.details is None else content.details.sensors
    if its is None:
        return []
    known = [one for one in its.figures if one.deviation is not None]
    most = min(max([abs(one.deviation or 0.0) for one in known] + [_SIGMAS]), 10.0)
    return [
        {
            "name": one.signal.name, "label": f"{one.deviation:+.2f}", "far": abs(one.deviation or 0.0) >= _SIGMAS,
            "bar": max(min((one.deviation or 0.0) / most, 1.0), -1.0),
        }
        for one in sorted(known, key=_off_by, reverse=True)[:_CAUSES]
    ]  # fmt: skip


def _costs(content: ReportContent) -> dict[str, Any]:
    its = content.costs
    if its is None:
        return {
            "missing": "Costs are not configured. A report tells them once these settings are set:",
            "settings": list(content.costs_missing),
        }
    most = max(its.planned, its.unplanned) or 1.0
    bars = [
        {"name": name, "repair": repair / most, "standstill": (total - repair) / most, "label": money(total, its.currency)}
        for name, repair, total in (
            ("Planned repair", its.planned_repair, its.planned), ("Failure", its.unplanned_repair, its.unplanned),
        )
    ]  # fmt: skip
    return {"missing": "", "rows": _cost_rows(its), "notes": _cost_notes(its), "currency": its.currency, "bars": bars}


def _outlook(content: ReportContent) -> list[tuple[str, str]]:
    """What is to be expected if nothing is done, and what that rests on."""
    status, found = content.status, content.status.prediction
    if status.health is None or status.degradation is None:
        return [("Outlook", f"{NOT_AVAILABLE}: {content.why_missing}")]
    if found is not None:
        return [
            ("Predicted remaining life", remaining_life(content)),
            ("Its interval (cycles)", interval_text(found, content.cap_cycles)),
            ("One cycle", content.cycle_meaning), ("Maintenance", maintenance(content)),
        ]  # fmt: skip
    rows = [("Degradation now", f"{fixed(status.degradation, 3)} (0 is new, 1 is used up)")]
    life = status.remaining_life_hours
    if life:
        rows.append(("Damage in the last hour", f"{number((1.0 - status.degradation) / life)} an hour"))
    elif life is None:
        rows.append(("Damage in the last hour", "none"))
    return [*rows, ("Maintenance", maintenance(content)), ("Remaining life", remaining_life(content))]


def _cost_rows(its: Costs) -> list[list[str]]:
    return [
        ["Parts and work", money(its.planned_repair, its.currency), money(its.unplanned_repair, its.currency)],
        ["Standstill", f"{its.planned_hours:g} h", f"{its.unplanned_hours:g} h"],
        [
            f"Standstill at {money(its.downtime_hour, its.currency)} an hour",
            money(its.planned_hours * its.downtime_hour, its.currency),
            money(its.unplanned_hours * its.downtime_hour, its.currency),
        ],
        ["Total", money(its.planned, its.currency), money(its.unplanned, its.currency)],
    ]


def _cost_notes(its: Costs) -> list[str]:
    saved = f"A planned repair costs {money(its.unplanned - its.planned, its.currency)} less than a failure."
    if its.unplanned <= its.planned:
        saved = "By these settings a planned repair costs no less than a failure: see whether they are right."
    if its.expected is None:
        return [
            saved,
            f"The expected cost of running on is {NOT_AVAILABLE}: no failure probability is told of this asset.",
        ]
    return [
        saved,
        f"Running on for {its.horizon_cycles} cycles is expected to cost {money(its.expected, its.currency)}: the cost of a"
        f" failure times its probability of {its.failure_probability:.1%}.",
    ]


def _audit(content: ReportContent, clock: Clock) -> dict[str, Any]:
    details = content.details
    assert details is not None
    total = sum(details.log_counts.values())
    steps, notes, entries = (details.log_counts[name] for name in ("alarm_transitions", "operator_notes", "audit_log"))
    shown = details.audit[:_AUDITED]
    return {
        "note": f"The newest {len(shown)} of {total:,} entries (alarm transitions: {steps:,}; operator notes: {notes:,};"
        f" audit log: {entries:,}). The database refuses to change an entry once it is written.",
        "rows": [event(one, clock, 120) for one in shown],
    }  # fmt: skip


def provenance(content: ReportContent, clock: Clock) -> list[tuple[str, str]]:
    """Where the figures come from: data, baseline or model, software."""
    details = content.details
    rows = [("Stored rows up to", clock.stated(content.as_of))]
    if details is not None:
        rows.append(("Readings stored", f"{details.readings:,}"))
        if details.sensors is not None:
            rows.append((f"SHA-256 of the {details.sensors.readings:,} readings used", details.sensors.sha256))
    if content.baseline is not None:
        its = content.baseline
        who = f", made active {clock.text(its.active_since)} by {cut(its.author or '', 40)}" if its.active_since else ""
        rows += [
            ("Baseline", f"{its.version}, learnt {its.created}{who}"),
            ("Its calibration", f"{its.readings:,} readings over {span_text(its.seconds)}, grade {its.grade},"
             f" held-out false alarms {its.false_alarms:.2%}"),
        ]  # fmt: skip
    elif content.model is not None:
        rows.append(("Failure model", content.model.version))
        rows += list(content.model.facts) or [("Its facts", f"{NOT_AVAILABLE}: it is not packaged any more")]
    else:
        rows.append(("Baseline or model", f"{NOT_AVAILABLE}: {content.why_missing}"))
    return [*rows, ("Software", f"Smart Sentry {__version__}")]
