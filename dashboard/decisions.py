"""Drift findings and recalibrations in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.marks import DEEP_GREEN, DEEP_VERMILLION, GREY, ORANGE, SKY, YELLOW, Mark, mark
from dashboard.pieces import Html, chip_cell
from dashboard.times import Zone, seconds_of

VERDICTS = {
    "none": Mark("●", "no drift", DEEP_GREEN, "#ffffff"),
    "benign_operating_change": Mark("▷", "operating change", SKY, "#000000"),
    "step_after_maintenance": Mark("▷", "step after maintenance", SKY, "#000000"),
    "sensor_fault": Mark("◆", "sensor fault", YELLOW, "#000000"),
    "degradation": Mark("■", "degradation", DEEP_VERMILLION, "#ffffff"),
    "unknown": Mark("▲", "unknown", ORANGE, "#000000"),
    "skipped": Mark("–", "skipped", GREY, "#000000"),
}
WAITING = "AWAITING_APPROVAL"
STATES = {
    "ASKED": Mark("◌", "asked", SKY, "#000000"),
    "CHECKED": Mark("◌", "checked", SKY, "#000000"),
    "SHADOWING": Mark("◌", "shadowing", SKY, "#000000"),
    WAITING: Mark("▲", "waits for approval", ORANGE, "#000000"),
    "WATCHING": Mark("◆", "active, watched", YELLOW, "#000000"),
    "KEPT": Mark("●", "kept", DEEP_GREEN, "#ffffff"),
    "REFUSED": Mark("■", "refused", DEEP_VERMILLION, "#ffffff"),
    "ROLLED_BACK": Mark("■", "rolled back", DEEP_VERMILLION, "#ffffff"),
    "WITHDRAWN": Mark("–", "withdrawn", GREY, "#000000"),
}
_PASSED = {True: "● passed", False: "■ failed", None: "▲ a person decides"}

FINDING_HEADS = ("Time", "Asset", "Verdict", "Confidence", "May recalibrate", "Signals that moved", "Evidence")
RECALIBRATION_HEADS = (
    "No.",
    "Asset",
    "State",
    "Asked",
    "By",
    "Reason",
    "Baseline",
    "Candidate",
    "Decided by",
    "Changed",
)
CHECK_HEADS = ("Check", "Result", "What it found")


def finding_rows(findings: Sequence[Mapping[str, Any]], zone: Zone) -> list[Sequence[str | Html]]:
    """Rows of a table of findings, as GET /api/v1/drift answers them."""
    return [
        (
            _time(one["time"], zone), one["asset_id"], chip_cell(mark(VERDICTS, one["verdict"])),
            f"{100 * one['confidence']:.0f} %", "yes" if one["may_recalibrate"] else "no",
            "–" if one["drift_share"] is None else f"{100 * one['drift_share']:.0f} %",
            " ".join(piece["sentence"] for piece in one["evidence"]),
        )
        for one in findings
    ]  # fmt: skip


def recalibration_rows(found: Sequence[Mapping[str, Any]], zone: Zone) -> list[Sequence[str | Html]]:
    """Rows of a table of recalibrations, as GET /api/v1/recalibrations answers them."""
    return [
        (
            str(one["number"]), one["asset_id"], chip_cell(mark(STATES, one["state"])), _time(one["asked"], zone), one["author"],
            one["reason"], one["active_version"], one["candidate_version"] or "–", one["decided_by"] or "–",
            _time(one["changed"], zone),
        )
        for one in found
    ]  # fmt: skip


def check_rows(recalibration: Mapping[str, Any]) -> list[Sequence[str]]:
    """What was checked of a candidate, and what the comparison with the active baseline showed."""
    told = recalibration["checks"] or {}
    rows: list[Sequence[str]] = [
        (one["name"].replace("_", " "), _PASSED.get(one["passed"], str(one["passed"])), one["sentence"])
        for one in told.get("checks", [])
    ]
    if shadow := told.get("shadow"):
        rows.append((
            "side by side", f"{100 * shadow['agreement']:.1f} % agree",
            f"{shadow['steps']} steps: flagged by both {shadow['both']}, by the active baseline alone {shadow['only_active']},"
            f" by the candidate alone {shadow['only_candidate']}; alarms {len(shadow['alarms_active'])} and"
            f" {len(shadow['alarms_candidate'])}",
        ))  # fmt: skip
    return rows


def doubts(recalibration: Mapping[str, Any]) -> list[str]:
    """Why a person has to decide."""
    told = recalibration["checks"] or {}
    found = told.get("decision") or told.get("why") or []
    if isinstance(found, Mapping):
        found = found.get("sentences") or found.get("why") or []
    return [found] if isinstance(found, str) else [str(one) for one in found]


def _time(text: str | None, zone: Zone) -> str:
    seconds = seconds_of(text)
    return "–" if seconds is None else zone.full(seconds)
