"""Which signals the columns of stored values are: written once for each list of signals, not with each reading."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, select

from smart_sentry.stores.bulk import insert_of
from smart_sentry.stores.tables import signal_layouts

Layouts = dict[int, tuple[str, ...]]
_KNOWN = "layouts"
_NUMBER = select(signal_layouts.c.id).where(signal_layouts.c.names == bindparam("names"))


def layout_of(connection: Connection, signals: Sequence[str]) -> int:
    """The number of a list of signals, which is made where it is new. A connection asks for each only once."""
    known: dict[tuple[str, ...], int] = connection.info.setdefault(_KNOWN, {})
    listed = tuple(signals)
    if listed not in known:
        known[listed] = _asked(connection, json.dumps(listed))
    return known[listed]


def forget_layouts(connection: Connection) -> None:
    """A transaction that is rolled back may have made layouts, which are then not there. One that broke remembers none."""
    if not connection.invalidated:
        connection.info.pop(_KNOWN, None)


def _asked(connection: Connection, names: str) -> int:
    number = connection.execute(_NUMBER, {"names": names}).scalar()
    if number is None:
        connection.execute(insert_of(connection)(signal_layouts).values(names=names).on_conflict_do_nothing())
        number = connection.execute(_NUMBER, {"names": names}).scalar_one()
    return int(number)


def read_layouts(connection: Connection, numbers: Iterable[int]) -> Layouts:
    """Number -> names of the signals."""
    query = select(signal_layouts).where(signal_layouts.c.id.in_(set(numbers)))
    return {row.id: tuple(json.loads(row.names)) for row in connection.execute(query)}


def union(layouts: Layouts) -> tuple[str, ...]:
    """Every signal of some layouts, in the order of the newest layout, then of the earlier ones."""
    return tuple(dict.fromkeys(name for number in sorted(layouts, reverse=True) for name in layouts[number]))
