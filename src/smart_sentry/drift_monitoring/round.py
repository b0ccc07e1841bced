"""A round over some assets of a type: each read once, cut, and judged beside its neighbours.

Only one asset's readings are held at a time; of the others there are blocks of a minute. Neighbours come from the same round, so
that a round needs no other, and gives the same wherever it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.drift.case import DriftCase, Evidence, Moves, Triage
from smart_sentry.drift.fleet import moves_of
from smart_sentry.drift.preparation import Prepared, prepare
from smart_sentry.drift.shifts import SEGMENTS
from smart_sentry.drift.triage import judge
from smart_sentry.drift_monitoring.distributions import ColumnDrift, column_drifts, drift_share
from smart_sentry.drift_monitoring.quality import SignalQuality, data_quality
from smart_sentry.drift_monitoring.samples import steady_sample
from smart_sentry.drift_monitoring.windows import AssetWindows, Skipped, Source, read_windows
from smart_sentry.stores.drift_findings import Finding
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch, Store

FloatArray = NDArray[np.float64]

SKIPPED = "skipped"
"""Verdict on an asset of which nothing can be said."""
ROUND_ASSETS = 25
"""Assets of one round."""
MOST_NEIGHBOURS = 6
"""Neighbours that an asset is held against."""
_POOLED_ROWS = 100
"""Rows of each asset in a fleet's comparison."""
_SCORES_ONE_IN = 101
_MOST_SCORES = 200


@dataclass(frozen=True)
class AssetDrift:
    """What a round says of one asset.

    Attributes:
        asset_type: its name.
        finding: verdict and evidence, as it is stored.
        quality: signal -> data quality of the recent window; empty where it was skipped.
        columns: signal -> how its distribution in steady operation moved; empty where there was too little of it.
        pooled: (rows, signals) of the reference and of the recent window, a few rows for the fleet's report.
        scores: anomaly scores of the first hours under the active baseline, and recent ones.
    """

    asset_type: str
    finding: Finding
    quality: Mapping[str, SignalQuality]
    columns: Mapping[str, ColumnDrift]
    pooled: tuple[FloatArray, FloatArray]
    scores: tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class _Cut:
    """An asset between reading and judging."""

    windows: Skipped | tuple[float, float]
    prepared: Prepared | None
    version: str
    quality: Mapping[str, SignalQuality]
    columns: Mapping[str, ColumnDrift]
    pooled: tuple[FloatArray, FloatArray]
    scores: tuple[FloatArray, FloatArray]


def rounds_of(assets: Sequence[str], wanted: Sequence[str] | None = None) -> list[list[str]]:
    """Cuts a type's assets into rounds, always the same for the same assets; those without a wanted one are left out.

    >>> rounds_of(["a", "b", "c"], ["b"])
    [['a', 'b', 'c']]
    """
    count = max(1, -(-len(assets) // ROUND_ASSETS))
    parts = [part.tolist() for part in np.array_split(np.array(sorted(assets), dtype=object), count)]
    return [part for part in parts if part and (wanted is None or set(part) & set(wanted))]


def watch_round(
    source: Source, asset_type: AssetType, assets: Sequence[str], hours: float, now: float,
    wanted: Sequence[str] | None = None, progress: Callable[[], object] = lambda: None,
) -> list[AssetDrift]:  # fmt: skip
    """Judges the assets of a round.

    Args:
        source: of their readings and baselines.
        asset_type: their type.
        assets: of the round.
        hours: length of the recent window.
        now: when it is done, seconds since 1970 UTC.
        wanted: assets that are to be judged; the others are neighbours only. None: all.
        progress: called after each asset that was read.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    baselines, cut = source.baselines(asset_type), {}
    with Store(source.database_url) as store:
        for asset in assets:
            with store.view() as batch:
                cut[asset] = _cut(batch, read_windows(batch, baselines, asset_type, asset, hours), hours)
            progress()
    moves = {
        asset: moves_of(one.prepared.windows)
        for asset, one in cut.items()
        if one.prepared is not None and one.prepared.windows is not None
    }
    chosen = [asset for asset in assets if wanted is None or asset in wanted]
    return [_judged(asset, asset_type, cut, moves, now) for asset in chosen]


def _cut(batch: Batch, found: AssetWindows | Skipped, hours: float) -> _Cut:
    nothing = (np.empty((0, 0)), np.empty((0, 0)))
    if isinstance(found, Skipped):
        return _Cut(found, None, found.baseline_version, {}, {}, nothing, (np.empty(0), np.empty(0)))
    case = DriftCase(found.asset_type, found.reference, found.recent, found.log, found.health, shown=shown_time)
    sample = steady_sample(found.asset_type, found.reference, found.recent)
    columns = {} if sample is None else column_drifts(sample.names, sample.reference, sample.recent)
    pooled = nothing if sample is None else (_thin(sample.reference), _thin(sample.recent))
    ends = float(found.recent.seconds[0]), float(found.recent.seconds[-1])
    return _Cut(
        ends, prepare(case), found.baseline_version, data_quality(found.asset_type, found.recent), columns, pooled,
        _scores(batch, found, hours),
    )  # fmt: skip


def _thin(rows: FloatArray) -> FloatArray:
    return rows[np.linspace(0, len(rows) - 1, min(_POOLED_ROWS, len(rows))).round().astype(np.int64)]


def _scores(batch: Batch, found: AssetWindows, hours: float) -> tuple[FloatArray, FloatArray]:
    """Scores of the first hours under the active baseline, and of the recent window where it came later."""
    begins, ends = float(found.recent.seconds[0]), float(found.recent.seconds[-1])
    first = found.active_from if found.active_from is not None else begins
    until = min(first + 3600.0 * hours, begins)
    if until <= first:
        return np.empty(0), np.empty(0)
    spans = Span(first, until), Span(begins, float(np.nextafter(ends, np.inf)))
    before, now = (_spread_scores(batch, found.asset_id, span) for span in spans)
    return before, now


def _spread_scores(batch: Batch, asset_id: str, span: Span) -> FloatArray:
    found = batch.assessments.scores(asset_id, span, _SCORES_ONE_IN)
    return found[np.linspace(0, len(found) - 1, min(_MOST_SCORES, len(found))).round().astype(np.int64)]


def _judged(
    asset: str, asset_type: AssetType, cut: Mapping[str, _Cut], moves: Mapping[str, Moves], now: float
) -> AssetDrift:
    own = cut[asset]
    if isinstance(own.windows, Skipped) or own.prepared is None:
        assert isinstance(own.windows, Skipped)
        finding = _skipped(own.windows, now)
    else:
        found = judge(own.prepared, [moves[name] for name in _neighbours(asset, cut, moves)])
        finding = _finding(asset, own.version, own.windows, found, drift_share(own.columns), now)
    return AssetDrift(asset_type.name, finding, own.quality, own.columns, own.pooled, own.scores)


def _neighbours(asset: str, cut: Mapping[str, _Cut], moves: Mapping[str, Moves]) -> list[str]:
    """Assets whose recent window is the same within a segment, those nearest by name first."""
    own = cut[asset].windows
    assert isinstance(own, tuple)
    near = (own[1] - own[0]) / SEGMENTS
    names = list(cut)
    place = names.index(asset)
    alike = []
    for name in sorted(moves, key=lambda other: (abs(names.index(other) - place), other)):
        window = cut[name].windows
        assert isinstance(window, tuple)
        if name != asset and max(abs(window[0] - own[0]), abs(window[1] - own[1])) <= near:
            alike.append(name)
    return alike[:MOST_NEIGHBOURS]


def _skipped(found: Skipped, now: float) -> Finding:
    evidence = {"kind": SKIPPED, "signals": [], "figures": {}, "sentence": found.reason}
    return Finding(
        found.asset_id, now, found.baseline_version, found.begins, found.ends, SKIPPED, 0.0, False, (evidence,)
    )  # fmt: skip


def _finding(
    asset: str, version: str, window: tuple[float, float], found: Triage, share: float | None, now: float
) -> Finding:
    return Finding(
        asset, now, version, *window, str(found.verdict), float(found.confidence), found.may_recalibrate,
        tuple(_plain(one) for one in found.evidence), share,
    )  # fmt: skip


def _plain(evidence: Evidence) -> dict[str, Any]:
    """Evidence in plain JSON values: a figure that is no number is null."""
    figures = {name: _plain_value(value) for name, value in evidence.figures.items()}
    return {
        "kind": evidence.kind, "signals": list(evidence.signals), "figures": figures, "sentence": evidence.sentence,
    }  # fmt: skip


def _plain_value(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    return float(value) if np.isfinite(value) else None


def shown_time(seconds: float) -> str:
    """A time (seconds since 1970 UTC) for people.

    >>> shown_time(1767225600.0)
    '2026-01-01 00:00 UTC'
    """
    if not 0 <= seconds < 253_402_300_800:
        return f"{seconds:.0f} s"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
