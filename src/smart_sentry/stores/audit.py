"""Who did what, when. Entries are only ever added, and outlive what they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import audit_log

PURGE = "purge"
"""Action of a purge. What came before it on an asset is about one that is not known any more."""


@dataclass(frozen=True)
class AuditEntry:
    """One action: when (seconds since 1970 UTC), by whom, on which asset (None: on no single one), with details."""

    time: float
    actor: str
    action: str
    asset_id: str | None
    details: Mapping[str, Any]


class AuditLog:
    """The log, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: AuditEntry) -> None:
        """Adds an entry; its details must be JSON."""
        details = json.dumps(dict(entry.details), sort_keys=True, allow_nan=False)
        self._connection.execute(audit_log.insert().values(**vars(entry) | {"details": details}))

    def newest(self, asset_id: str, actions: Sequence[str], until: float | None = None) -> AuditEntry | None:
        """The last of some actions on an asset or on everything, up to a time (seconds since 1970 UTC, included; None: now)."""
        about = or_(audit_log.c.asset_id == asset_id, audit_log.c.asset_id.is_(None))
        query = select(*_COLUMNS).where(about, audit_log.c.action.in_(actions))
        if until is not None:
            query = query.where(audit_log.c.time <= until)
        row = self._connection.execute(query.order_by(audit_log.c.id.desc()).limit(1)).first()
        return None if row is None else _entry(row)

    def history(self, span: Span = EVERYTHING, *, asset_id: str | None = None) -> list[AuditEntry]:
        """Entries of a stretch of time, about one asset or everything."""
        query = select(*_COLUMNS)
        if asset_id is not None:
            query = query.where(audit_log.c.asset_id == asset_id)
        rows = self._connection.execute(span.of(query, audit_log))
        return [_entry(row) for row in rows]


_COLUMNS = [audit_log.c[name] for name in AuditEntry.__dataclass_fields__]


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**dict(row._mapping) | {"details": json.loads(row.details)})
