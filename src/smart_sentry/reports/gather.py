"""Gathers what a report tells, in one transaction, as it stood at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.contracts.monitoring import AssetStatus
from smart_sentry.errors import UnknownAsset
from smart_sentry.health.maintenance import MaintenanceWindow, window_of_damage, window_of_life
from smart_sentry.plant.stored_status import StoredStatus, status_of, stored_status
from smart_sentry.reports.actions import actions_of, by_urgency
from smart_sentry.reports.content import Details, ReportContent, Trend
from smart_sentry.reports.costs import costs_of
from smart_sentry.reports.events import events_of
from smart_sentry.reports.explanation import explanation_of
from smart_sentry.reports.sensors import sensors_of
from smart_sentry.reports.source import Judge, ReportSource, baseline_facts
from smart_sentry.stores.store import Batch

DAY_SECONDS = 86_400.0
TREND_POINTS = 96
LEAST_IN_TREND = 200
"""A trend goes back 24 hours, and further where a slow machine has fewer assessments in them."""
MOST_READ = 100_000
"""Readings that figures of a span are taken of; a span that has more is cut to the newest, and the report says so."""
_HAPPENED, _AUDITED = 6, 40


@dataclass(frozen=True)
class Standing:
    """How an asset stood at a time.

    Attributes:
        kind: its type. stored: what the database says. judge: what judges it. status: as the API tells it.
        maintenance: None where nothing judges it. why_missing: why there is no health; empty where there is.
    """

    kind: AssetType
    stored: StoredStatus
    judge: Judge
    status: AssetStatus
    maintenance: MaintenanceWindow | None
    why_missing: str


def gather(source: ReportSource, asset_id: str, *, as_of: float | None = None, details: bool = False) -> ReportContent:
    """Everything that a report of one asset tells.

    Args:
        source: where from.
        asset_id: of which asset.
        as_of: seconds since 1970 UTC; None: the time of the asset's newest row.
        details: whether the signals, the explanation and the logs are wanted.

    Raises:
        UnknownAsset: nobody knows the asset, or did at that time.
    """
    with source.store.view() as batch:
        until = newest_row(batch, asset_id) if as_of is None else as_of
        return content_of(source, batch, asset_id, until, details=details)


def newest_row(batch: Batch, asset_id: str) -> float:
    """Time of an asset's newest row.

    Raises:
        UnknownAsset: nobody knows it.
    """
    found = batch.reports.newest(asset_id) if batch.states.find(asset_id) is not None else None
    if found is None:
        raise UnknownAsset(asset_id)
    return found


def content_of(
    source: ReportSource, batch: Batch, asset_id: str, until: float, *, details: bool, figures: bool = True
) -> ReportContent:
    """As `gather`, within a transaction; without `figures` the details have neither signals nor explanation."""
    its = standing_of(source, batch, asset_id, until)
    alarms, baseline = by_urgency(its.stored.alarms), baseline_facts(its.judge)
    costs, missing = costs_of(source.settings, its.status.prediction, its.kind.failure.horizon_cycles)
    content = ReportContent(
        asset_id=asset_id, asset_type=its.kind.name, description=its.kind.description, cycle_meaning=its.kind.cycle_meaning,
        cap_cycles=its.kind.failure.rul_cap_cycles, as_of=until, status=its.status,
        newest_reading=batch.reports.newest_reading(asset_id, until),
        state_known=its.stored.state.time <= until, maintenance=its.maintenance, alarms=alarms,
        trend=_trend(batch, its, until), happened=events_of(batch, asset_id, until, _HAPPENED),
        actions=actions_of(
            its.kind, its.status, its.maintenance, alarms, baseline, its.why_missing, _to_calibrate(its, until)
        ),
        costs=costs, costs_missing=missing, baseline=baseline, model=its.judge.model, why_missing=its.why_missing,
    )  # fmt: skip
    return replace(content, details=_details(batch, its, asset_id, until, figures)) if details else content


def standing_of(source: ReportSource, batch: Batch, asset_id: str, until: float) -> Standing:
    """How an asset stood.

    Raises:
        UnknownAsset: nobody knows it, or its type is not configured.
    """
    stored = stored_status(batch, asset_id, until, until)
    kind = source.asset_types.get(stored.state.asset_type)
    if kind is None:
        raise UnknownAsset(asset_id)
    judge = source.judge_of(batch, asset_id, kind, until, stored.predicted)
    status = status_of(stored, judge.baseline, judge.version)
    return Standing(kind, stored, judge, status, _maintenance(kind, status), _why_missing(stored, judge, status))


def _maintenance(kind: AssetType, status: AssetStatus) -> MaintenanceWindow | None:
    if status.prediction is not None:
        cap = float(kind.failure.rul_cap_cycles)
        return window_of_life(status.prediction.rul_lower_cycles, cap, status.flagged)
    if status.degradation is None or not status.baseline_established:
        return None
    return window_of_damage(status.degradation, status.remaining_life_hours, kind.health.maintenance_after)


def _why_missing(stored: StoredStatus, judge: Judge, status: AssetStatus) -> str:
    if status.health is not None:
        return ""
    if stored.newest is None:
        return "no reading is stored"
    if judge.problem:
        return judge.problem
    return "no baseline is active, and no failure model judges this type"


def _to_calibrate(its: Standing, until: float) -> bool:
    """By what judged it at that time, not by the state that it is in at present; a calibration that runs since then is one."""
    state = its.stored.state
    return its.judge.version is None and not (state.state == "CALIBRATING" and state.time <= until)


def _trend(batch: Batch, its: Standing, until: float) -> Trend | None:
    asset_id, newest = its.status.asset_id, its.stored.newest
    if newest is None:
        return None
    rows, end = batch.reports, newest.time
    oldest = rows.oldest(asset_id, until, judged=True) or end
    back = rows.time_of_last(asset_id, LEAST_IN_TREND, until, judged=True) or oldest
    start = max(oldest, min(end - DAY_SECONDS, back))
    counted_from = max(start, rows.time_of_last(asset_id, MOST_READ, until, judged=True) or start)
    seconds = np.linspace(start, end, TREND_POINTS)
    health = np.full(len(seconds), np.nan)
    if its.judge.version is not None:
        health = rows.health_at(asset_id, seconds.tolist())
    judged, flagged = rows.judged_count(asset_id, counted_from, until)
    spans = tuple(rows.alarm_spans(asset_id, start, until))
    return Trend(start, end, seconds, health, spans, judged, flagged, counted_from)


def _details(batch: Batch, its: Standing, asset_id: str, until: float, figures: bool) -> Details:
    rows, sensors, explanation = batch.reports, None, None
    newest = rows.newest_reading(asset_id, until) if figures else None
    if newest is not None:
        first = max(newest - DAY_SECONDS, rows.oldest(asset_id, until) or newest)
        start = max(first, rows.time_of_last(asset_id, MOST_READ, until) or first)
        judged, read = rows.judged(asset_id, start, until), rows.read(asset_id, start, until)
        span, whole = (start, newest), start == first
        sensors = sensors_of(its.kind, its.judge.baseline, read, judged, span, whole)
        explanation = explanation_of(its.kind, judged, span) if its.judge.version is not None else None
    audit = events_of(batch, asset_id, until, _AUDITED)
    return Details(sensors, explanation, audit, rows.log_counts(asset_id, until), rows.count(asset_id, until))
