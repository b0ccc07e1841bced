"""Reports for people: of one asset phase by phase, and of a type's assets together. HTML by Evidently, metrics as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.drift_monitoring.distributions import write_report
from smart_sentry.drift_monitoring.round import SKIPPED, AssetDrift
from smart_sentry.drift_monitoring.samples import LEAST_ROWS, phase_samples
from smart_sentry.drift_monitoring.windows import Skipped, Source, read_windows
from smart_sentry.files import file_name_of, write_json
from smart_sentry.stores.store import Store

FloatArray = NDArray[np.float64]

METRICS = "metrics.json"


@dataclass(frozen=True)
class WrittenReport:
    """One page and its figures.

    Attributes:
        subject: an asset, or a type's fleet.
        page: the HTML file.
        drift_share: share of its columns that drifted, 0..1.
    """

    subject: str
    page: Path
    drift_share: float


def write_asset_reports(
    source: Source, asset_type: AssetType, asset_id: str, hours: float, folder: Path
) -> list[WrittenReport]:
    """Writes folder/<asset>/<phase>.html and metrics.json: signals and derived features, each phase alone, regimes matched.

    Args:
        source: of readings and baselines.
        asset_type: of the asset.
        asset_id: which.
        hours: length of the recent window.
        folder: of the round's reports.

    Returns:
        A page for every phase that has enough rows, the steady one first; none where nothing can be compared.
    """
    with Store(source.database_url) as store, store.view() as batch:
        found = read_windows(batch, source.baselines(asset_type), asset_type, asset_id, hours)
    if isinstance(found, Skipped):
        return []
    home, written, metrics = folder / file_name_of(asset_id), [], {}
    for sample in phase_samples(found.asset_type, found.reference, found.recent, with_features=True):
        name = sample.phase.value.lower()
        told = write_report(home / f"{name}.html", sample.names, sample.reference, sample.recent)
        metrics[name] = told | {
            "rows": len(sample.recent), "regimes": sample.regimes, "share_in_unknown_regimes": sample.unmatched,
        }  # fmt: skip
        written.append(WrittenReport(asset_id, home / f"{name}.html", float(told["drift_share"])))
    if written:
        write_json(home / METRICS, {"asset_id": asset_id, "baseline": found.baseline_version, "phases": metrics})
    return written


def write_fleet_reports(
    asset_type: AssetType, found: Sequence[AssetDrift], folder: Path, predictions: tuple[FloatArray, FloatArray] | None = None
) -> list[WrittenReport]:  # fmt: skip
    """Writes what a type's assets have together: folder/<type>-signals.html, -scores.html and -predictions.html, and <type>.json.

    Args:
        asset_type: of all of them.
        found: of every asset.
        folder: of the round's reports.
        predictions: (rows,) failure probabilities that the champion was judged by, and recent ones.

    Returns:
        A page for each comparison that has enough rows.
    """
    pooled = [one.pooled for one in found if len(one.pooled[0])]
    comparisons: dict[str, tuple[tuple[str, ...], FloatArray, FloatArray]] = {}
    if pooled:
        before, now = (np.concatenate(parts) for parts in zip(*pooled, strict=True))
        comparisons["signals"] = asset_type.signal_names, before, now
    scores = [np.concatenate(parts) for parts in zip(*(one.scores for one in found), strict=True)] if found else []
    if scores:
        comparisons["scores"] = ("anomaly_score",), scores[0][:, None], scores[1][:, None]
    if predictions is not None:
        comparisons["predictions"] = ("failure_probability",), predictions[0][:, None], predictions[1][:, None]
    written, metrics = [], {}
    for what, (names, before, now) in comparisons.items():
        if min(len(before), len(now)) < LEAST_ROWS:
            continue
        page = folder / f"{asset_type.name}-{what}.html"
        metrics[what] = write_report(page, names, before, now)
        written.append(WrittenReport(f"{asset_type.name}: {what}", page, float(metrics[what]["drift_share"])))
    write_json(folder / f"{asset_type.name}.json", {"assets": [_facts(one) for one in found], "together": metrics})
    return written


def worth_a_report(found: Sequence[AssetDrift], most: int) -> list[str]:
    """Assets whose verdict is other than none, those with the clearest evidence first, at most so many."""
    moved = [one.finding for one in found if one.finding.verdict not in ("none", SKIPPED)]
    return [one.asset_id for one in sorted(moved, key=lambda one: (-one.confidence, one.asset_id))[:most]]


def fleet_table(found: Sequence[AssetDrift]) -> list[dict[str, Any]]:
    """One row an asset: verdict, share of drifted signals, data quality, the weightiest sentence."""
    rows = []
    for one in found:
        its, quality = one.finding, one.quality.values()
        rows.append({
            "asset": its.asset_id, "type": one.asset_type, "verdict": its.verdict, "confidence": round(its.confidence, 2),
            "may recalibrate": its.may_recalibrate,
            "drifted signals": None if its.drift_share is None else round(its.drift_share, 3),
            "missing": _worst(part.missing for part in quality), "out of range": _worst(part.out_of_range for part in quality),
            "why": str(its.evidence[0]["sentence"]) if its.evidence else "",
        })  # fmt: skip
    return rows


def _worst(shares: Any) -> float | None:
    found = [round(float(share), 4) for share in shares]
    return max(found) if found else None


def _facts(one: AssetDrift) -> Mapping[str, Any]:
    return {
        "finding": vars(one.finding) | {"evidence": [dict(piece) for piece in one.finding.evidence]},
        "quality": {name: asdict(its) for name, its in one.quality.items()},
        "columns": {name: asdict(its) for name, its in one.columns.items()},
    }
