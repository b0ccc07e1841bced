"""Many rows at once: the one place where SQLite and PostgreSQL are spoken to differently, for speed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Double,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects import postgresql, sqlite

_POSTGRESQL_TYPES: dict[type, str] = {
    BigInteger: "int8",
    Integer: "int4",
    Double: "float8",
    Boolean: "bool",
    LargeBinary: "bytea",
    Text: "text",
}
_ASSET_LOCKS = 256
"""Assets share this many locks, so that a transaction of many thousands of assets fits the server's table of locks."""
_LOCK_SPACE = 3_141_592
_LOCK_ASSETS = (
    "SELECT pg_advisory_xact_lock(%s, lock) FROM (SELECT DISTINCT (hashtext(asset) & %s)"
    " AS lock FROM unnest(%s::text[]) AS asset ORDER BY 1) AS ordered"
)
_LOCK_ALL = "SELECT pg_advisory_xact_lock(%s, lock) FROM generate_series(0, %s) AS lock"


def hold_assets(connection: Connection, asset_ids: Iterable[str] | None) -> None:
    """Keeps other transactions from these assets (None: from all) until this one ends. SQLite has one writer anyway."""
    if connection.dialect.name == "sqlite":
        return
    if asset_ids is None:
        connection.exec_driver_sql(_LOCK_ALL, (_LOCK_SPACE, _ASSET_LOCKS - 1))
    else:
        connection.exec_driver_sql(_LOCK_ASSETS, (_LOCK_SPACE, _ASSET_LOCKS - 1, sorted(set(asset_ids))))


def known_keys(
    connection: Connection, table: Table, key: tuple[str, str], asked: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Those of some keys that the table has; each goes by the index of a unique constraint.

    Args:
        key: the columns of the constraint, both of text.
        asked: values of both.
    """
    driver = _driver(connection)
    if connection.dialect.name == "sqlite":
        query = f"SELECT 1 FROM {table.name} WHERE {key[0]} = ? AND {key[1]} = ?"  # noqa: S608
        return [one for one in asked if driver.execute(query, one).fetchone()]
    first, second = (list(column) for column in zip(*asked, strict=True))
    told = driver.execute(_known(table, key), (first, second))
    return [(one, other) for one, other in told.fetchall()]


@lru_cache(maxsize=16)
def _known(table: Table, key: tuple[str, str]) -> str:
    """Its LIMIT keeps the planner from reading the whole table, which it takes for small until it is analysed."""
    same = " AND ".join(f'{table.name}.{name} = asked.{name} COLLATE "C"' for name in key)
    return (
        f"SELECT asked.{key[0]}, asked.{key[1]} FROM unnest(%b::text[], %b::text[]) AS asked ({key[0]}, {key[1]}),"  # noqa: S608
        f" LATERAL (SELECT 1 FROM {table.name} WHERE {same} LIMIT 1) AS found"
    )


def append(connection: Connection, table: Table, pieces: Iterable[Mapping[str, Sequence[Any]]]) -> None:
    """Inserts rows that stand in nobody's way: by one COPY into PostgreSQL.

    Args:
        pieces: column name -> one value a row; the same columns in all pieces. Each is asked for once the one before is on its
            way: few rows at a time, so that their values are still in the processor's cache.
    """
    left = iter(pieces)
    first = next(left, None)
    if first is None:
        return
    driver, names = _driver(connection), tuple(first)
    every = (zip(*piece.values(), strict=True) for piece in chain([first], left))
    if connection.dialect.name == "sqlite":
        for rows in every:
            driver.executemany(_insert(table, names), rows)
        return
    from smart_sentry.stores.copying import GatheringWriter

    quoted = ", ".join(f'"{name}"' for name in names)
    statement = f"COPY {table.name} ({quoted}) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(statement, writer=GatheringWriter(cursor)) as copy:
        copy.set_types([_postgresql_type(table.c[name]) for name in names])
        for rows in every:
            for row in rows:
                copy.write_row(row)


def _driver(connection: Connection) -> Any:
    """The driver's own connection: for one reading, SQLAlchemy's way to it costs more than the database's work."""
    return connection.connection.driver_connection


@lru_cache(maxsize=256)
def _insert(table: Table, columns: tuple[str, ...]) -> str:
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({names}) VALUES ({places})"  # noqa: S608  names are this module's tables'


def _postgresql_type(column: Column[Any]) -> str:
    return _POSTGRESQL_TYPES[type(column.type)]


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: str) -> None:
    """Inserts rows (column name -> value); one whose key is there replaces what is there."""
    if not rows:
        return
    statement, names = _put(insert_of(connection), connection.dialect, table, tuple(rows[0]), key)
    asked = [tuple(row[name] for name in names) for row in rows] if names else [dict(row) for row in rows]
    connection.exec_driver_sql(statement, asked)


@lru_cache(maxsize=64)
def _put(
    insert_into: Any, dialect: Dialect, table: Table, columns: tuple[str, ...], key: str
) -> tuple[str, tuple[str, ...]]:
    """The statement as the driver takes it, and the order of its values; none where they go by their names.

    SQLAlchemy 2.0 would compile it anew each time, which takes longer than to run it.
    """
    insert = insert_into(table)
    replaced = {name: insert.excluded[name] for name in columns if name != key}
    statement = insert.on_conflict_do_update(index_elements=[key], set_=replaced)
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), tuple(compiled.positiontup or ())


def insert_of(connection: Connection) -> Any:
    """The database's own INSERT, which knows ON CONFLICT."""
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
