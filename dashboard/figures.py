"""The key figures of one asset in words: out of the live feed, and of what the service says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboard.live_plant import LiveAsset
from dashboard.marks import DEEP_GREEN, GREEN, GREY, NEEDS_ACKNOWLEDGEMENT, PHASES, RISKS, Mark, mark
from dashboard.normal import number
from dashboard.pieces import Kpi, health_ring
from dashboard.times import ago, hours_in_words
from smart_sentry.assets import AssetType
from smart_sentry.contracts.alarms import AlarmState
from smart_sentry.contracts.live import AssetUpdate
from smart_sentry.contracts.monitoring import Prediction
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
    asset = replace(asset, judged=is_judged(asset, status))
    update = asset.update
    state = "" if status is None else str(status["system_state"])
    doubt = "; uncertain: a sensor or clock is at fault" if status and status["health_uncertain"] else ""
    worn = f"degradation {100.0 * update.degradation:.1f} %"
    score = "not judged" if update.score is None else f"{number(update.score, 3)} × limit"
    return [
        Kpi("status", "Status", "", f"{state} · {ago(asset.age)}".strip(" ·"), status_mark(asset)),
        _phase(update, kind),
        Kpi("score", "Anomaly score", score, _votes(asset)),
        _alarms(asset),
        _health(asset, doubt),
        Kpi("risk", "Risk", "", worn if asset.judged else "needs a calibration", risk_mark(asset)),
        remaining_life(update, status, kind),
        _maintenance(maintenance_window(update, status, kind), kind),
        Kpi("grade", "Grade", grade(update.health) if asset.judged else "–", "A best, F worst"),
    ]  # fmt: skip


def _phase(update: AssetUpdate, kind: AssetType | None) -> Kpi:
    if update.regime is not None:
        return Kpi("phase", "Operating regime", str(update.regime), "as the failure model tells them apart")
    doubt = "" if kind and kind.phase else "this type has no phase rule"
    return Kpi("phase", "Phase", "", doubt, mark(PHASES, update.phase))


def is_judged(asset: LiveAsset, status: Mapping[str, Any] | None) -> bool:
    """Whether anything judges an asset: as the service says, or where it does not answer, as far as was heard."""
    return asset.judged if status is None else status["health"] is not None


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

    By the worse of its risk and of the priority of an alarm that stands and that nobody has acknowledged; then by those whose
    condition is gone, by health, open alarms and anomaly: by nothing that moves with every reading: rows keep their places.
    """
    waiting = [alarm for alarm in asset.alarms if alarm.to_state in NEEDS_ACKNOWLEDGEMENT]
    standing = [alarm for alarm in waiting if alarm.to_state == AlarmState.UNACKNOWLEDGED]
    worst = max([mark(RISKS, asset.update.risk).rank, *(priority_rank(alarm.priority) for alarm in standing)])
    gone = max([0, *(priority_rank(alarm.priority) for alarm in waiting)])
    update = asset.update
    return (-worst, -len(standing), -gone, -len(waiting), round(update.health), -len(asset.alarms), -update.flag)


def priority_rank(priority: str) -> int:
    """0 LOW to 3 CRITICAL."""
    return ("LOW", "MEDIUM", "HIGH", "CRITICAL").index(priority)


def remaining_life(update: AssetUpdate, status: Mapping[str, Any] | None, kind: AssetType | None) -> Kpi:
    """Remaining life, with its interval where a model tells one."""
    label = "Remaining life"
    if (found := _prediction(update, status)) is not None:
        cap = kind.failure.rul_cap_cycles if kind else None
        most = " or more" if cap is not None and found.rul_upper_cycles >= cap else ""
        note = f"{found.rul_lower_cycles:.0f} to {found.rul_upper_cycles:.0f}{most}"
        warming = "; few readings yet" if found.warming else ""
        return Kpi("rul", label, f"{found.rul_cycles:.0f} cycles", note + warming)
    if status is None:
        return Kpi("rul", label, "–", "the service did not say")
    if status["health"] is None:
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
    if (found := _prediction(update, status)) is not None:
        return window_of_life(found.rul_lower_cycles, float(kind.failure.rul_cap_cycles), update.flag)
    if status is None or status["health"] is None:
        return None
    return window_of_damage(update.degradation, status["remaining_life_hours"], kind.health.maintenance_after)


def _prediction(update: AssetUpdate, status: Mapping[str, Any] | None) -> Prediction | None:
    """The newest that a failure model told: of the newest reading, or of one before it where that could not be judged."""
    if update.prediction is not None or status is None or status["prediction"] is None:
        return update.prediction
    return Prediction.model_validate(status["prediction"])


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


def _votes(asset: LiveAsset) -> str:
    update = asset.update
    if update.score is None:
        return update.reason[:80] or ("the newest reading has no score" if asset.judged else "needs a calibration")
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
