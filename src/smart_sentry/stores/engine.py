"""Connections to the database: SQLite or PostgreSQL by URL, with what each needs to be safe and fast."""

from __future__ import annotations

import math
import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from smart_sentry.errors import ConfigurationError

_REMEDY = "Set SMART_SENTRY_DATABASE to sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
_DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_SECRETS = ("password", "sslpassword")
_CACHE_KIB = 65_536
"""Pages that SQLite keeps in memory; with its default of 2 MB it spends its time on reading index pages again."""
_PAGE_BYTES = 8192
"""Fewer pages change in a batch than with 4096: a sixth less time."""
_CHECKPOINT_PAGES = 4000
"""The write-ahead log is folded into the file after this many pages: 32 MB."""
_DEAD_PEER: dict[str, str | int] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3 -c tcp_user_timeout=15000",
}
"""How soon PostgreSQL and its clients notice that the other machine is gone, by libpq's names. With the defaults of Linux a
worker that loses power holds its rows for two hours, and the partition's next owner waits for them."""

_WRITES, _RESTS_SINCE = "writes", "rests_since"
_LONG_REST_S = 1.0
"""After which a connection is asked whether its server still answers, before it is used again."""
BEGIN_WRITING = "BEGIN IMMEDIATE"
"""Waits for whoever writes now, instead of failing at the first row."""


def parse_url(url: str) -> URL:
    """Reads a database URL.

    Raises:
        ConfigurationError: it is none, or of a database that is not supported.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError("database", "not a database URL", _REMEDY) from None  # the cause shows the password
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ConfigurationError("database", f"{parsed.drivername} is not supported", _REMEDY)
    if driver == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigurationError("database", "SQLite needs a file: several threads share it", _REMEDY)
    return parsed.set(drivername=driver)


def without_secrets(url: URL) -> str:
    """The URL as it may be shown."""
    return url.difference_update_query(_SECRETS).render_as_string(hide_password=True)


def make_engine(url: URL, busy_seconds: float) -> Engine:
    """An engine whose connections begin as their execution option `writes` says.

    Args:
        url: from `parse_url`.
        busy_seconds: patience with others that write.
    """
    if url.drivername == "sqlite":
        return _sqlite(url, busy_seconds)
    unsaid = {name: value for name, value in _DEAD_PEER.items() if name not in url.query}
    engine = create_engine(url, max_overflow=20, connect_args=unsaid)
    event.listen(engine, "connect", _dump_bytes_as_they_are)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", partial(_look_after_rest, engine))
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, max_overflow=20, connect_args={"timeout": busy_seconds})

    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver's guess
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file
        _use_write_ahead_log(connection, busy_seconds)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _use_write_ahead_log(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """SQLite does not wait by itself when two processes open a new file at once."""
    give_up = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    """By the driver itself: SQLAlchemy's way to it costs more than to begin. The store's writer has begun already."""
    driver: Any = connection.connection.driver_connection
    if driver.in_transaction:
        return
    writes = bool(connection.get_execution_options().get("writes"))
    let_write(connection, writes)
    driver.execute(BEGIN_WRITING if writes else "BEGIN")


def let_write(connection: Connection, writes: bool) -> None:
    """Lets an SQLite connection write, or only read, outside of a transaction."""
    if connection.info.get(_WRITES) != writes:
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA query_only = {int(not writes)}")
        connection.info[_WRITES] = writes


def _dump_bytes_as_they_are(connection: Any, _record: ConnectionPoolEntry) -> None:
    from smart_sentry.stores.copying import dump_bytes_as_they_are

    dump_bytes_as_they_are(connection)


def _note_rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_RESTS_SINCE] = time.monotonic()


def _look_after_rest(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """A connection that has rested may be one of a server that is gone: it and all others are made anew then.

    One that was used a moment ago is not asked: that is one round trip more for every small batch of a stream worker, and the
    server may end right after it just as well.
    """
    if time.monotonic() - record.info.get(_RESTS_SINCE, math.inf) < _LONG_REST_S:
        return
    driver: Any = engine.dialect.loaded_dbapi
    try:
        engine.dialect.do_ping(connection)
    except driver.Error as error:
        raise InvalidatePoolError(str(error)) from error


def _begin_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
