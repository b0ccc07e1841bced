"""Many rows at once: the one place where SQLite and PostgreSQL are spoken to differently, for speed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Integer, LargeBinary, Table, Text, select
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


def insert_new(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], key: tuple[str, str]
) -> set[tuple[Any, ...]]:
    """Inserts the rows whose key is not there yet and returns their keys.

    Args:
        columns: column name -> one value a row; no key twice.
        key: the columns of a unique constraint.
    """
    if connection.dialect.name == "sqlite":
        return _insert_new_sqlite(connection, table, columns, key)
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"%b::{_postgresql_type(table.c[name])}[]" for name in columns)
    told = connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608  names are this module's tables'
        f" ON CONFLICT ({', '.join(key)}) DO NOTHING RETURNING {', '.join(key)}",
        tuple(list(values) for values in columns.values()),
    )
    return {tuple(row) for row in told}


def _insert_new_sqlite(
    connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]], key: tuple[str, str]
) -> set[tuple[Any, ...]]:
    """SQLite counts rows upwards, and nobody else writes: what is new is above the number that was the highest."""
    highest = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table.name}").scalar_one()  # noqa: S608
    rows = list(zip(*columns.values(), strict=True))
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    inserted = connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names}) VALUES ({places}) ON CONFLICT ({', '.join(key)}) DO NOTHING",  # noqa: S608
        rows,
    )
    if inserted.rowcount == len(rows):
        return set(zip(*(columns[name] for name in key), strict=True))
    told = connection.execute(select(*(table.c[name] for name in key)).where(table.c.id > highest))
    return {tuple(row) for row in told}


def append(connection: Connection, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Inserts rows that stand in nobody's way: by COPY into PostgreSQL.

    Args:
        columns: column name -> one value a row.
    """
    rows = list(zip(*columns.values(), strict=True))
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({places})", rows)  # noqa: S608
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types([_postgresql_type(table.c[name]) for name in columns])
        for row in rows:
            copy.write_row(row)


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
