"""The key figures of one asset in words: out of the live feed, and of what the service says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.live_plant import LiveAsset
from dashboard.marks import DEEP_GREEN, GREEN, GREY, NEEDS_ACKNOWLEDGEMENT, PHASES, RISKS, Mark, mark
from dashboard.normal import number
from dashboard.pieces import Kpi, health_ring
from dashboard.times import ago, hours_in_words
from smart_sentry.assets import AssetType
from smart_sentry.contracts.live import AssetUpdate
from smart_sentry.health.degradation import grade
from smart_sentry.health.maintenance import (
    LONGEST_TOLD,
    LONGEST_TOLD_HOURS,
    MaintenanceWindow,
    window_of_damage,
    window_of_life,
)

_NORMAL, _ANOMALY = Mark("●", "NORMAL", DEEP_GREEN, "#ffffff"), Mark("▲", "ANOMALY", "#b84f00", "#ffffff")
NOT_JUDGED, _NO_DATA = Mark("–", "NOT JUDGED", GREY, "#000000"), Mark("◌", "NO DATA", GREY, "#000000")
_DUE = Mark("■", "DUE NOW", "#b84f00", "#ffffff")


def key_figures(asset: LiveAsset, status: Mapping[str, Any] | None, kind: AssetType | None) -> list[Kpi]:
    """Status, phase, score, alarms, health, risk, remaining life, maintenance window and grade.

    Args:
        asset: as the feed tells it.
        status: the asset's part of GET /api/v1/monitoring/status; None where the service did not answer.
        kind: the asset's type; None where it is not known.
    """
    update = asset.update
    state = "" if status is None else str(status["system_state"])
    doubt = "; uncertain: a sensor or clock is at fault" if status and status["health_uncertain"] else ""
    worn = f"degradation {100.0 * update.degradation:.1f} %"
    score = "not judged" if update.score is None else f"{number(update.score, 3)} × limit"
    return [
        Kpi("status", "Status", "", f"{state} · {ago(asset.age)}".strip(" ·"), status_mark(asset)),
        Kpi("phase", "Phase", "", "" if kind and kind.phase else "this type has no phase rule", mark(PHASES, update.phase)),
        Kpi("score", "Anomaly score", score, _votes(update)),
        _alarms(asset),
        _health(asset, doubt),
        Kpi("risk", "Risk", "", worn if asset.judged else "needs a calibration", risk_mark(asset)),
        remaining_life(update, status, kind),
        _maintenance(maintenance_window(update, status, kind), kind),
        Kpi("grade", "Grade", grade(update.health) if asset.judged else "–", "A best, F worst"),
    ]  # fmt: skip


def status_mark(asset: LiveAsset) -> Mark:
    """How an asset stands in one word."""
    if asset.stale:
        return _NO_DATA
    if asset.update.flag:
        return _ANOMALY
    return NOT_JUDGED if asset.update.score is None else _NORMAL


def risk_mark(asset: LiveAsset) -> Mark:
    """The risk of an asset; that of one that was never judged is not known."""
    return mark(RISKS, asset.update.risk) if asset.judged else NOT_JUDGED


def attention(asset: LiveAsset) -> tuple[float, ...]:
    """Sorts assets, the one that needs attention first at the top.

    By the worse of its risk and of the priority of an alarm that nobody has acknowledged; then by health, open alarms and
    anomaly: by nothing that moves with every reading, so that rows keep their places.
    """
    waiting = [alarm for alarm in asset.alarms if alarm.to_state in NEEDS_ACKNOWLEDGEMENT]
    worst = max([mark(RISKS, asset.update.risk).rank, *(priority_rank(alarm.priority) for alarm in waiting)])
    update = asset.update
    return (-worst, -len(waiting), round(update.health), -len(asset.alarms), -update.flag)


def priority_rank(priority: str) -> int:
    """0 LOW to 3 CRITICAL."""
    return ("LOW", "MEDIUM", "HIGH", "CRITICAL").index(priority)


def remaining_life(update: AssetUpdate, status: Mapping[str, Any] | None, kind: AssetType | None) -> Kpi:
    """Remaining life, with its interval where a model tells one."""
    label = "Remaining life"
    if (found := update.prediction) is not None:
        cap = kind.failure.rul_cap_cycles if kind else None
        most = " or more" if cap is not None and found.rul_upper_cycles >= cap else ""
        note = f"{found.rul_lower_cycles:.0f} to {found.rul_upper_cycles:.0f}{most} (90 % interval)"
        warming = "; few readings yet" if found.warming else ""
        return Kpi("rul", label, f"{found.rul_cycles:.0f} cycles", note + warming)
    if status is None:
        return Kpi("rul", label, "–", "the service did not say")
    if update.score is None and status["baseline_version"] is None:
        return Kpi("rul", label, "–", "not calibrated yet")
    hours = status["remaining_life_hours"]
    if hours is None:
        return Kpi("rul", label, "no wear", "no damage in the last hour, so no end in sight")
    if update.degradation >= 1.0:
        return Kpi("rul", label, "used up", "degradation has reached 100 %")
    told = LONGEST_TOLD if hours > LONGEST_TOLD_HOURS else hours_in_words(hours)
    return Kpi("rul", label, told, "at the last hour's damage rate; no interval is told")


def maintenance_window(
    update: AssetUpdate, status: Mapping[str, Any] | None, kind: AssetType | None
) -> MaintenanceWindow | None:
    """Until when maintenance should be done; None where too little is known."""
    if kind is None:
        return None
    if (found := update.prediction) is not None:
        return window_of_life(found.rul_lower_cycles, float(kind.failure.rul_cap_cycles), update.flag)
    if status is None or (update.score is None and status["baseline_version"] is None):
        return None
    return window_of_damage(update.degradation, status["remaining_life_hours"], kind.health.maintenance_after)


def _maintenance(window: MaintenanceWindow | None, kind: AssetType | None) -> Kpi:
    label = "Maintenance window"
    if window is None:
        return Kpi("maintenance", label, "–", "too little is known")
    if window.state == "due":
        return Kpi("maintenance", label, "", "plan the stop at once", _DUE)
    if window.state == "none" or kind is None:
        return Kpi("maintenance", label, "none needed", "nothing wears it at present")
    if window.hours is not None:
        return Kpi("maintenance", label, f"within {hours_in_words(window.hours)}", "at the last hour's damage rate")
    return Kpi("maintenance", label, f"within {window.cycles:.0f} cycles", f"one cycle is {kind.cycle_meaning}")


def _health(asset: LiveAsset, doubt: str) -> Kpi:
    if not asset.judged:
        return Kpi("health", "Health", "–", "not judged yet")
    health, risk = asset.update.health, risk_mark(asset)
    ring = health_ring(health, risk.colour if risk.rank else GREEN)
    return Kpi("health", "Health", "", f"{health:.1f} of 100{doubt}", raw=ring)


def _votes(update: AssetUpdate) -> str:
    if update.score is None:
        return update.reason[:80] if update.reason else "needs a calibration"
    if update.prediction is not None:
        return f"failure probability {update.prediction.failure_probability:.2f}; limit is 1"
    return (
        f"limit is 1; {update.votes} detector{'s' if update.votes != 1 else ''} flag it"
        if update.flag
        else "limit is 1"
    )


def _alarms(asset: LiveAsset) -> Kpi:
    waiting = sum(alarm.to_state in NEEDS_ACKNOWLEDGEMENT for alarm in asset.alarms)
    note = f"{waiting} not acknowledged" if waiting else "none waits for anybody"
    return Kpi("alarms", "Open alarms", str(len(asset.alarms)), note)
