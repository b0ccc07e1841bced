"""An asset's two windows, its log and its health, out of the database and the baselines' files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.detection.calibration import LEAST_READINGS, Readings
from smart_sentry.drift.case import MAINTENANCE, HealthHistory, LogEntry
from smart_sentry.drift.shifts import SEGMENTS
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

FloatArray = NDArray[np.float64]

THINNED_SECONDS = 1.0
"""Machines that are read more often are looked at as means of a second."""
_PIECE_SECONDS = 3600.0
_HEALTH_POINTS = 2 * SEGMENTS + 1
_LOG_SEGMENTS = 3.0
"""How long before the recent window a note may stand and still belong to a change in it."""


@dataclass(frozen=True)
class Source:
    """Where assets' readings and baselines are; it can be sent to another process.

    Attributes:
        database_url: an SQL URL.
        models_folder: baselines are below it.
    """

    database_url: str
    models_folder: Path

    def baselines(self, asset_type: AssetType) -> BaselineStore:
        """The baselines of a type's assets."""
        return BaselineStore(self.models_folder / asset_type.name / "baselines")

    def __repr__(self) -> str:
        return f"Source({self.models_folder})"  # the URL may hold a password


@dataclass(frozen=True)
class AssetWindows:
    """What one asset is judged by.

    Attributes:
        asset_id: whose.
        asset_type: its type; of a machine that is read faster than once a second, as if it were read once a second.
        baseline_version: of the active baseline.
        active_from: when it became active, seconds since 1970 UTC; None where nobody wrote that down.
        reference: readings that it was learnt from. recent: readings since.
        log: operator notes, and maintenances that were recorded.
        health: the degradation index over the recent window; None where no monitor watched.
    """

    asset_id: str
    asset_type: AssetType
    baseline_version: str
    active_from: float | None
    reference: Readings
    recent: Readings
    log: tuple[LogEntry, ...]
    health: HealthHistory | None


@dataclass(frozen=True)
class Skipped:
    """An asset of which nothing can be said, and why.

    Attributes:
        asset_id: whose.
        baseline_version: of the active baseline; empty where there is none.
        begins, ends: of the recent window, seconds since 1970 UTC; 0 where it has no readings.
        reason: a sentence.
    """

    asset_id: str
    baseline_version: str
    begins: float
    ends: float
    reason: str


def read_windows(
    batch: Batch, baselines: BaselineStore, asset_type: AssetType, asset_id: str, hours: float
) -> AssetWindows | Skipped:
    """Reads one asset.

    Args:
        batch: of a database.
        baselines: of its type.
        asset_type: its type.
        asset_id: which.
        hours: length of the recent window, which ends with the asset's newest reading and begins no earlier than the reference
            ends.
    """
    ends = batch.readings.newest(asset_id)
    if ends is None:
        return Skipped(asset_id, "", 0.0, 0.0, "It has sent no readings.")
    begins = ends - 3600.0 * hours
    history = baselines.history(asset_id)
    if not history:
        return Skipped(
            asset_id, "", begins, ends, "It has no baseline: nothing says what it showed while it was healthy."
        )
    version = history[-1]
    try:
        reference = _reference(batch, baselines, asset_type, asset_id, version)
    except (ChecksumMismatch, ModelUnavailable) as problem:
        return Skipped(asset_id, version, begins, ends, str(problem))
    if len(reference.seconds) < LEAST_READINGS:
        reason = (
            "The readings that its baseline was learnt from were not kept, and the database has"
            f" {len(reference.seconds)} from that time, {LEAST_READINGS} at least are needed."
        )
        return Skipped(asset_id, version, begins, ends, reason)
    learnt = float(reference.seconds[-1])
    after = np.nextafter(learnt, np.inf) if learnt <= ends else begins  # files have clocks of their own
    recent = _readings(batch, asset_type, asset_id, max(begins, float(after)), ends)
    if len(recent.seconds) < LEAST_READINGS:
        reason = f"It has {len(recent.seconds)} readings since its calibration, {LEAST_READINGS} at least are needed."
        return Skipped(asset_id, version, begins, ends, reason)
    active = batch.baselines.active(asset_id)
    return AssetWindows(
        asset_id, thinned_type(asset_type), version, active.time if active is not None else None,
        _thinned(asset_type, reference), recent, _log(batch, asset_id, recent), _health(batch, asset_id, recent),
    )  # fmt: skip


def thinned_type(asset_type: AssetType) -> AssetType:
    """The type as its assets are looked at: read once a second at most."""
    if asset_type.sampling_seconds >= THINNED_SECONDS:
        return asset_type
    return asset_type.model_copy(update={"sampling_seconds": THINNED_SECONDS})


def _reference(batch: Batch, baselines: BaselineStore, asset_type: AssetType, asset_id: str, version: str) -> Readings:
    """What a baseline was learnt from; as many readings before its creation where it was not kept."""
    baseline = baselines.load(asset_id, version)
    kept = baselines.readings_of(asset_id, version)
    if kept is not None:
        return kept
    before = Span(end=baseline.created_seconds + 1.0, limit=baseline.acceptance.readings, newest_first=True)
    seconds, values = batch.readings.values(asset_id, asset_type.signal_names, before)
    return Readings(seconds[::-1], values[::-1])


def _readings(batch: Batch, asset_type: AssetType, asset_id: str, begins: float, ends: float) -> Readings:
    """Readings of begins <= time <= ends, those of a fast machine hour by hour and thinned at once."""
    names, last = asset_type.signal_names, np.nextafter(ends, np.inf)
    if asset_type.sampling_seconds >= THINNED_SECONDS:
        return Readings(*batch.readings.values(asset_id, names, Span(begins, float(last))))
    edges = [*np.arange(np.floor(begins), last, _PIECE_SECONDS).tolist(), float(last)]
    pieces = [
        _thinned(asset_type, Readings(*batch.readings.values(asset_id, names, Span(max(edge, begins), until))))
        for edge, until in pairwise(edges)
    ]
    return Readings(np.concatenate([one.seconds for one in pieces]), np.concatenate([one.values for one in pieces]))


def _thinned(asset_type: AssetType, readings: Readings) -> Readings:
    if asset_type.sampling_seconds >= THINNED_SECONDS or not len(readings.seconds):
        return readings
    second, place = np.unique(np.floor(readings.seconds / THINNED_SECONDS), return_inverse=True)
    values = np.full((len(second), readings.values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        known = np.isfinite(readings.values[:, column])
        counts = np.bincount(place[known], minlength=len(second))
        sums = np.bincount(place[known], weights=readings.values[known, column], minlength=len(second))
        np.divide(sums, counts, out=values[:, column], where=counts > 0)
    return Readings(second * THINNED_SECONDS, values)


def _log(batch: Batch, asset_id: str, recent: Readings) -> tuple[LogEntry, ...]:
    """Notes that nobody has corrected, and maintenances that were recorded, also shortly before the window."""
    begins, ends = float(recent.seconds[0]), float(recent.seconds[-1])
    span = Span(begins - _LOG_SEGMENTS * (ends - begins) / SEGMENTS)
    notes = [
        LogEntry(one.note.time, one.note.kind, one.note.text)
        for one in batch.notes.history(span, asset_id=asset_id)
        if one.corrected_by is None
    ]
    done = [
        LogEntry(entry.time, MAINTENANCE, str(entry.details.get("reason", "")))
        for entry in batch.audit.history(span, asset_id=asset_id)
        if entry.action == MAINTENANCE
    ]
    return tuple(sorted([*notes, *done], key=lambda one: one.seconds))


def _health(batch: Batch, asset_id: str, recent: Readings) -> HealthHistory | None:
    seconds = np.linspace(recent.seconds[0], recent.seconds[-1], _HEALTH_POINTS)
    degradation = batch.assessments.degradation_at(asset_id, seconds)
    known = np.isfinite(degradation)
    return HealthHistory(seconds[known], degradation[known]) if known.any() else None
