"""What operators ask of assets that a stream's workers watch: written by the service, done by the worker that owns the asset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update

from smart_sentry.stores.tables import plant_commands


@dataclass(frozen=True)
class Command:
    """Something that was asked and waits.

    Attributes:
        number: of the command.
        asset_id: of which asset.
        action: what.
        arguments: plain JSON values.
    """

    number: int
    asset_id: str
    action: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a command: `refusal` is why it was not done, in plain JSON values; None where it was."""

    refusal: Mapping[str, Any] | None


class CommandTable:
    """The commands, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ask(self, asset_id: str, action: str, arguments: Mapping[str, Any], now: float) -> int:
        """Writes a command down and returns its number. `now` is in seconds since 1970 UTC."""
        row = {"asset_id": asset_id, "action": action, "arguments": json.dumps(dict(arguments)), "asked": now}
        number = self._connection.execute(plant_commands.insert().values(**row)).inserted_primary_key
        assert number is not None
        return int(number[0])

    def waiting(self) -> list[Command]:
        """Commands that nobody has settled, in the order in which they were asked."""
        columns = (plant_commands.c[name] for name in ("id", "asset_id", "action", "arguments"))
        query = select(*columns).where(plant_commands.c.settled.is_(None)).order_by(plant_commands.c.id)
        return [
            Command(row.id, row.asset_id, row.action, json.loads(row.arguments))
            for row in self._connection.execute(query)
        ]

    def settle(self, number: int, refusal: Mapping[str, Any] | None, now: float) -> bool:
        """Notes that a command was done, or why not, and tells whether it was still waiting."""
        told = None if refusal is None else json.dumps(dict(refusal))
        waits = plant_commands.c.settled.is_(None)
        change = update(plant_commands).where(plant_commands.c.id == number, waits).values(settled=now, refusal=told)
        return bool(self._connection.execute(change).rowcount)

    def outcome(self, number: int) -> Outcome | None:
        """What became of a command; None while it waits."""
        query = select(plant_commands.c.settled, plant_commands.c.refusal).where(plant_commands.c.id == number)
        row = self._connection.execute(query).one()
        return None if row.settled is None else Outcome(None if row.refusal is None else json.loads(row.refusal))

    def delete_older(self, before: float) -> int:
        """Deletes commands that were settled before a time (seconds since 1970 UTC) and returns how many."""
        return self._connection.execute(delete(plant_commands).where(plant_commands.c.settled < before)).rowcount
