"""The pages of the fleet report, as plain values for the template."""

from __future__ import annotations

from collections import Counter
from typing import Any

from smart_sentry import __version__
from smart_sentry.health.degradation import RISKS
from smart_sentry.reports.fleet import FleetContent, FleetRow
from smart_sentry.reports.pages import cut, cycles_text, life_text, signed, tone
from smart_sentry.reports.wording import NOT_AVAILABLE, Clock, fixed, hours_text


def fleet(content: FleetContent, clock: Clock) -> dict[str, Any]:
    """The pages of the fleet report."""
    counts = Counter(row.status.risk for row in content.rows)
    alarms = sum(row.status.open_alarms for row in content.rows)
    return signed({
        "kind": "Fleet report", "title": f"Fleet report: {len(content.rows):,} assets", "author": f"Smart Sentry {__version__}",
        "keywords": ["predictive maintenance", "fleet"], "as_of": clock.stated(content.as_of), "zone": clock.zone,
        "count": f"{len(content.rows):,}", "alarms": f"{alarms:,}",
        "risks": [
            {"label": name, "count": f"{counts[name]:,}", "share": counts[name] / max(len(content.rows), 1), "tone": tone(name)}
            for name in (*reversed(RISKS), None)
        ],
        "rows": [_row(place, row, clock) for place, row in enumerate(content.rows, 1)],
    })  # fmt: skip


def _row(place: int, row: FleetRow, clock: Clock) -> dict[str, Any]:
    status = row.status
    change = "–"
    if status.health is not None and row.health_day_before is not None:
        change = f"{status.health - row.health_day_before:+.1f}"
    return {
        "place": str(place), "asset": status.asset_id, "type": status.asset_type, "tone": tone(status.risk),
        "health": fixed(status.health, 1) if status.health is not None else "–", "grade": status.grade or "–",
        "risk": status.risk or NOT_AVAILABLE, "change": change, "life": _life(row), "maintenance": _maintenance(row),
        "alarms": str(status.open_alarms), "newest": clock.text(status.time.timestamp() if status.time else None),
        "why": cut(_why(row), 150),
    }  # fmt: skip


def _why(row: FleetRow) -> str:
    """Why it stands where it does: the newest reason, the most urgent alarm, or what is missing."""
    if row.status.reason:
        return row.status.reason
    if row.worst is not None:
        return f"alarm {row.worst.kind} ({row.worst.priority}): {row.worst.message}".rstrip(": ")
    return row.why_missing


def _life(row: FleetRow) -> str:
    found = row.status.prediction
    if found is not None:
        return cycles_text(found.rul_cycles, row.cap_cycles)
    if row.status.health is None:
        return "–"
    return life_text(row.status, short=True)


def _maintenance(row: FleetRow) -> str:
    window = row.maintenance
    if window is None:
        return "–"
    if window.state != "within":
        return "due now" if window.state == "due" else "none due"
    return hours_text(window.hours, short=True) if window.hours is not None else f"{fixed(window.cycles, 0)} cycles"
