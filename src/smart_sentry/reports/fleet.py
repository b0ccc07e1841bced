"""Every asset as it stood at a time, the worst first."""

from __future__ import annotations

from dataclasses import dataclass

from smart_sentry.contracts.monitoring import AssetStatus
from smart_sentry.health.maintenance import MaintenanceWindow
from smart_sentry.reports.actions import by_urgency
from smart_sentry.reports.gather import DAY_SECONDS, standing_of
from smart_sentry.reports.source import ReportSource
from smart_sentry.stores.alarm_log import AlarmState
from smart_sentry.stores.store import Batch


@dataclass(frozen=True)
class FleetRow:
    """One asset.

    Attributes:
        status, maintenance, why_missing: as in `ReportContent`.
        worst: the most urgent alarm that is not normal.
        health_day_before: 24 hours before its newest assessment; None where there was none then.
        cap_cycles: as in `ReportContent`.
    """

    status: AssetStatus
    maintenance: MaintenanceWindow | None
    why_missing: str
    worst: AlarmState | None
    health_day_before: float | None
    cap_cycles: int


@dataclass(frozen=True)
class FleetContent:
    """The fleet at `as_of` (seconds since 1970 UTC; None without an asset), the worst first."""

    as_of: float | None
    rows: tuple[FleetRow, ...]


def gather_fleet(source: ReportSource, *, as_of: float | None = None) -> FleetContent:
    """Every asset whose type is configured.

    Args:
        source: where from.
        as_of: seconds since 1970 UTC; None: the time of the newest row of any asset.
    """
    with source.store.view() as batch:
        names = [name for name, its in batch.states.all().items() if its.asset_type in source.asset_types]
        until = batch.reports.newest_of(names) if as_of is None else as_of
        if until is None:
            return FleetContent(None, ())
        rows = [_row(source, batch, name, until) for name in names]
    return FleetContent(until, tuple(sorted(rows, key=_badness)))


def _row(source: ReportSource, batch: Batch, asset_id: str, until: float) -> FleetRow:
    its = standing_of(source, batch, asset_id, until)
    before = None
    if its.status.health is not None and its.stored.newest is not None:
        (found,) = batch.reports.health_at(asset_id, [its.stored.newest.time - DAY_SECONDS]).tolist()
        before = found if found == found else None
    alarms = by_urgency(its.stored.alarms)
    worst, cap = alarms[0] if alarms else None, its.kind.failure.rul_cap_cycles
    return FleetRow(its.status, its.maintenance, its.why_missing, worst, before, cap)


def _badness(row: FleetRow) -> tuple[float, bool, int, str]:
    """Lowest health first, of one health the flagged and those with more alarms; what nobody judges stands last."""
    health = 1000.0 if row.status.health is None else row.status.health
    return health, not row.status.flagged, -row.status.open_alarms, row.status.asset_id
