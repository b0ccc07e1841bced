"""Who did what, when. Entries are only ever added, and outlive what they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import audit_log


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

    def history(self, span: Span = EVERYTHING, *, asset_id: str | None = None) -> list[AuditEntry]:
        """Entries of a stretch of time, about one asset or everything."""
        query = select(*(audit_log.c[name] for name in AuditEntry.__dataclass_fields__))
        if asset_id is not None:
            query = query.where(audit_log.c.asset_id == asset_id)
        rows = self._connection.execute(span.of(query, audit_log))
        return [AuditEntry(**dict(row._mapping) | {"details": json.loads(row.details)}) for row in rows]
