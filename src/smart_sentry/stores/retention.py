"""What leaves the store: an asset or everything by purge, old measurements by age."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, select

from smart_sentry.stores.archive import new_folder, write_table
from smart_sentry.stores.audit import PURGE, AuditEntry, AuditLog
from smart_sentry.stores.bulk import hold_assets
from smart_sentry.stores.tables import (
    alarm_transitions,
    alarms,
    asset_states,
    baselines,
    drift_findings,
    operator_notes,
    readings,
    recalibrations,
    snapshots,
)

PURGED = (
    readings, alarm_transitions, alarms, operator_notes, recalibrations, drift_findings, baselines, asset_states,
)  # fmt: skip
"""Tables that a purge empties, those that refer to others before them. The audit log stays."""


@dataclass(frozen=True)
class Purge:
    """What a purge is asked to do.

    Attributes:
        asset_id: whose data; None: everybody's, and the snapshots.
        archive: folder that gets a folder with a Parquet file for each table first; None: nothing is archived.
        actor: who asks.
        time: when, seconds since 1970 UTC.
    """

    asset_id: str | None
    archive: Path | None
    actor: str
    time: float


@dataclass(frozen=True)
class Purged:
    """What a purge did: deleted rows by table, and where they are archived."""

    rows: dict[str, int]
    archive: Path | None


def purge(connection: Connection, asked: Purge) -> Purged:
    """Archives, deletes and notes it in the audit log, within the connection's transaction.

    Should the transaction fail later, the archive stays and the database is as it was. A snapshot that holds an asset among
    others is the caller's to renew, in the same transaction.
    """
    hold_assets(connection, None if asked.asset_id is None else [asked.asset_id])
    folder = None if asked.archive is None else new_folder(asked.archive, asked.asset_id, asked.time)
    rows: dict[str, int] = {}
    for table in PURGED:
        mine = [] if asked.asset_id is None else [table.c.asset_id == asked.asset_id]
        if folder is not None:
            order = table.primary_key.columns
            write_table(
                connection, select(table).where(*mine).order_by(*order), table, folder / f"{table.name}.parquet"
            )
        rows[table.name] = connection.execute(delete(table).where(*mine)).rowcount
    if asked.asset_id is None:
        rows[snapshots.name] = connection.execute(delete(snapshots)).rowcount
    details = {"rows": rows, "archive": None if folder is None else str(folder)}
    AuditLog(connection).add(AuditEntry(asked.time, asked.actor, PURGE, asked.asset_id, details))
    return Purged(rows, folder)


def delete_older(connection: Connection, asset_id: str, before: float, most: int, through: int | None = None) -> int:
    """Deletes at most so many readings of an asset that are older than a time (seconds since 1970 UTC) and returns how many.

    What people and alarms did is kept until a purge.

    Args:
        through: number of a reading; it and those that came after it stay. None: nothing stays.
    """
    old = select(readings.c.id).where(readings.c.asset_id == asset_id, readings.c.time < before).limit(most)
    if through is not None:
        old = old.where(readings.c.id < through)
    return connection.execute(delete(readings).where(readings.c.id.in_(old))).rowcount
