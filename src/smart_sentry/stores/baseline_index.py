"""Which baseline of an asset was made active when, and by whom. The baselines themselves are files (baseline_store.py)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from smart_sentry.stores.tables import baselines


@dataclass(frozen=True)
class ActiveBaseline:
    """A version that became active at a time (seconds since 1970 UTC); going back to an earlier one is an entry of its own."""

    asset_id: str
    version: str
    time: float
    author: str


class BaselineIndex:
    """The index, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def activate(self, baseline: ActiveBaseline) -> None:
        """Notes that a version is active from now on."""
        self._connection.execute(baselines.insert().values(**vars(baseline)))

    def history(self, asset_id: str) -> list[ActiveBaseline]:
        """An asset's versions in the order in which they were made active; the last one is active."""
        columns = (baselines.c[name] for name in ActiveBaseline.__dataclass_fields__)
        query = select(*columns).where(baselines.c.asset_id == asset_id).order_by(baselines.c.id)
        return [ActiveBaseline(*row) for row in self._connection.execute(query)]

    def active(self, asset_id: str) -> ActiveBaseline | None:
        """The active version of an asset; None before the first."""
        history = self.history(asset_id)
        return history[-1] if history else None
