"""The failure model that serves, and those that it was chosen from, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.normal import number
from dashboard.pieces import Kpi
from smart_sentry.errors import ModelUnavailable
from smart_sentry.results import ResultRow, results_table

CHOICE_FILE = "choice.json"


def model_figures(model: Mapping[str, Any]) -> list[Kpi]:
    """What GET /model says of the champion."""
    signals = f"{len(model['signals'])} signals; a cycle is {model['cycle_meaning']}"
    life = f"life is capped at {model['rul_cap_cycles']} cycles"
    kind = str(model["candidate"]).replace("_", " ")
    return [
        Kpi("model", "Champion", str(model["model_version"]), f"bundle {str(model['bundle_sha256'])[:12]}"),
        Kpi("candidate", "Kind", kind, f"trained on {model['dataset']}, data {str(model['data_version'])[:12]}"),
        Kpi("asset-type", "Judges", str(model["asset_type"]), signals),
        Kpi("threshold", "Threshold", number(model["threshold"], 3), "failure probability from which a reading is flagged"),
        Kpi("rule", "Alarm rule", f"{model['alarm_k']} of {model['alarm_n']}", "readings above the threshold"),
        Kpi("horizon", "Horizon", f"{model['horizon_cycles']} cycles", "within which a failure is foretold"),
        Kpi("interval", "Life interval", f"{100 * model['interval_coverage']:.0f} %", life),
    ]  # fmt: skip


def challengers(processed: Path, champion: str) -> list[tuple[str, str, str]]:
    """Candidates of the last choice: name, average precision in cross-validation, and whether it serves; best first.

    Args:
        processed: the data set's folder of derived figures.
        champion: kind of the champion.
    """
    try:
        choice = json.loads((processed / CHOICE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    scores = dict(choice.get("average_precision_by_candidate", {}))
    own = choice.get("cross_validation", {}).get("row", {}).get("average_precision", {}).get("value")
    if own is not None:
        scores.setdefault(str(choice.get("candidate")), own)
    ranked = sorted(scores.items(), key=lambda one: -one[1])
    return [
        (name.replace("_", " "), f"{score:.4f}", "● champion" if name == champion else "challenger")
        for name, score in ranked
    ]


def results_of_test(processed: Path) -> tuple[list[ResultRow], str | None]:
    """The champion's figures on the test set beside the seed's method; a sentence where there are none."""
    try:
        rows = results_table(processed)
    except ModelUnavailable:
        return [], "The figures of the test set are not on this machine."
    return rows, None if rows else "The test set's truth is not known, so nothing could be scored."
