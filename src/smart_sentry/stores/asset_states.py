"""What each asset is in: IDLE, CALIBRATING, CALIBRATED or MONITORING."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from smart_sentry.stores.bulk import hold_assets, put
from smart_sentry.stores.tables import asset_states

State = Literal["IDLE", "CALIBRATING", "CALIBRATED", "MONITORING"]
IDLE: State = "IDLE"


@dataclass(frozen=True)
class AssetState:
    """What an asset is in, and since when (seconds since 1970 UTC)."""

    asset_id: str
    state: State
    asset_type: str
    time: float


class AssetStateTable:
    """The states, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def change(self, to: AssetState, *, only_from: Collection[State] | None = None) -> bool:
        """Puts an asset into a state and tells whether it did.

        Args:
            to: the new state.
            only_from: the states in which that is allowed; None: any. An asset that nobody knows is IDLE.
        """
        hold_assets(self._connection, [to.asset_id])
        now = self.find(to.asset_id)
        if only_from is not None and (IDLE if now is None else now.state) not in only_from:
            return False
        put(self._connection, asset_states, [vars(to)], "asset_id")
        return True

    def begin(self, states: Sequence[AssetState]) -> None:
        """Puts assets that nobody knew into their first state, all at once."""
        if states:
            hold_assets(self._connection, [state.asset_id for state in states])
            put(self._connection, asset_states, [vars(state) for state in states], "asset_id")

    def find(self, asset_id: str) -> AssetState | None:
        """An asset's state; None where nobody knows it."""
        row = self._connection.execute(select(asset_states).where(asset_states.c.asset_id == asset_id)).one_or_none()
        return None if row is None else AssetState(**row._mapping)

    def all(self) -> dict[str, AssetState]:
        """Asset id -> state, sorted by the bytes of the name."""
        rows = self._connection.execute(select(asset_states).order_by(asset_states.c.asset_id))
        return {row.asset_id: AssetState(**row._mapping) for row in rows}
