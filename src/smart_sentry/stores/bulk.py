"""Many rows at once: the one place where SQLite and PostgreSQL are spoken to differently, for speed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    select,
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
_TELLING_PAYS_BELOW = 100
"""Rows from which asking which of them are new costs more than trying, and asking only where some are not."""
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


def insert_new(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], key: tuple[str, str],
    same: Mapping[str, Any] | None = None,
) -> set[tuple[Any, ...]]:  # fmt: skip
    """Inserts the rows whose key is not there yet and returns their keys. On PostgreSQL their assets must be held.

    Args:
        columns: column name -> one value a row; no key twice.
        key: the columns of a unique constraint, the asset first.
        same: column name -> value of all rows, which is sent once.
    """
    if connection.dialect.name == "sqlite":
        return _insert_new_sqlite(connection, table, columns, key, same or {})
    count = len(columns[key[0]])
    if count >= _TELLING_PAYS_BELOW and _copied(connection, table, columns, same or {}):
        return set(zip(*(columns[name] for name in key), strict=True))
    insert = _insert_from_arrays(table, columns, same or {}) + f" ON CONFLICT ({', '.join(key)}) DO NOTHING"
    values = (*(same or {}).values(), *(list(values) for values in columns.values()))
    if count < _TELLING_PAYS_BELOW:
        told = connection.exec_driver_sql(f"{insert} RETURNING {', '.join(key)}", values)
        return {tuple(row) for row in told}
    highest = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table.name}").scalar_one()  # noqa: S608
    connection.exec_driver_sql(insert, values)
    told = connection.execute(_above(table, key, highest).where(table.c[key[0]].in_(set(columns[key[0]]))))
    return {tuple(row) for row in told}


def _copied(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], same: Mapping[str, Any]
) -> bool:
    """Whether every row was new, so that COPY, which costs less than an INSERT, took them all; else it took none."""
    count = len(next(iter(columns.values())))
    driver: Any = connection.dialect.loaded_dbapi
    try:
        with connection.begin_nested():
            append(connection, table, {**{name: [value] * count for name, value in same.items()}, **columns})
    except driver.errors.UniqueViolation:
        return False
    return True


def _insert_from_arrays(table: Table, columns: Mapping[str, Sequence[Any]], same: Mapping[str, Any]) -> str:
    names = ", ".join(f'"{name}"' for name in (*same, *columns))
    values = "".join(f"%s::{_postgresql_type(table.c[name])}, " for name in same)
    arrays = ", ".join(f"%b::{_postgresql_type(table.c[name])}[]" for name in columns)
    return f"INSERT INTO {table.name} ({names}) SELECT {values}part.* FROM unnest({arrays}) AS part"  # noqa: S608


def _insert_new_sqlite(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], key: tuple[str, str],
    same: Mapping[str, Any],
) -> set[tuple[Any, ...]]:  # fmt: skip
    driver = _driver(connection)
    count = len(columns[key[0]])
    highest = 0
    if count > 1:
        (highest,) = driver.execute(f"SELECT coalesce(max(id), 0) FROM {table.name}").fetchone()  # noqa: S608
    rows = zip(*(repeat(value, count) for value in same.values()), *columns.values(), strict=True)
    insert = f"{_insert(table, (*same, *columns))} ON CONFLICT ({', '.join(key)}) DO NOTHING"
    added = driver.executemany(insert, rows).rowcount
    if added == count:
        return set(zip(*(columns[name] for name in key), strict=True))
    if added == 0:
        return set()
    return {tuple(row) for row in connection.execute(_above(table, key, highest))}


def _above(table: Table, key: tuple[str, str], highest: int) -> Select[Any]:
    """Rows are counted upwards, and nobody else writes these assets: what is new is above the number that was the highest."""
    return select(*(table.c[name] for name in key)).where(table.c.id > highest)


def append(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Inserts rows that stand in nobody's way: by COPY into PostgreSQL.

    Args:
        columns: column name -> one value a row.
    """
    rows = list(zip(*columns.values(), strict=True))
    if not rows:
        return
    driver = _driver(connection)
    if connection.dialect.name == "sqlite":
        driver.executemany(_insert(table, tuple(columns)), rows)
        return
    names = ", ".join(f'"{name}"' for name in columns)
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([_postgresql_type(table.c[name]) for name in columns])
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
    insert = insert_of(connection)(table)
    replaced = {name: insert.excluded[name] for name in rows[0] if name != key}
    connection.execute(insert.on_conflict_do_update(index_elements=[key], set_=replaced), list(rows))


def insert_of(connection: Connection) -> Any:
    """The database's own INSERT, which knows ON CONFLICT."""
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
