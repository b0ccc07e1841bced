"""The one connection by which a process writes to SQLite. To take one from the pool and prepare it costs more than a reading."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from smart_sentry.stores.engine import BEGIN_WRITING, let_write


class Busy(Exception):
    """Another transaction is writing."""


class SqliteWriter:
    """Writes one transaction at a time; others of this process wait for their turn, which SQLite would make them poll for.

    Args:
        engine: of the database.
        busy_seconds: patience with others that write.
    """

    def __init__(self, engine: Engine, busy_seconds: float) -> None:
        self._engine, self._busy_seconds = engine, busy_seconds
        self._turn = threading.Lock()
        self._kept: Connection | None = None
        self._patient = True
        """Whether the kept connection waits for other processes."""

    @contextmanager
    def transaction(self, *, wait: bool = True) -> Iterator[Connection]:
        """A transaction: whole when the block ends, nothing when it raises.

        Args:
            wait: whether to wait for others that write, in this process or another.

        Raises:
            Busy: others kept writing for as long as it may wait.
        """
        with self.turn(wait=wait):
            connection = self._connection()
            driver: Any = connection.connection.driver_connection
            self._begin(connection, driver, wait)
            try:
                yield connection
                connection.commit()  # of what was begun through it
                driver.commit()
            except BaseException:
                self._undo(connection, driver)
                raise

    @contextmanager
    def turn(self, *, wait: bool = True) -> Iterator[None]:
        """Keeps the others of this process from writing.

        Raises:
            Busy: as of `transaction`.
        """
        if not self._turn.acquire(timeout=self._busy_seconds if wait else 0):
            raise Busy(f"another transaction has been writing for {self._busy_seconds:g} s")
        try:
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Gives the connection back, after the transaction at hand."""
        with self._turn:
            if self._kept is not None:
                self._kept.close()
            self._kept = None

    def _connection(self) -> Connection:
        if self._kept is None:
            self._kept = self._engine.connect().execution_options(writes=True)
            let_write(self._kept, True)
            self._patient = True
        return self._kept

    def _begin(self, connection: Connection, driver: Any, wait: bool) -> None:
        if wait != self._patient:
            driver.execute(f"PRAGMA busy_timeout = {round(1000 * self._busy_seconds) if wait else 0}")
            self._patient = wait
        try:
            driver.execute(BEGIN_WRITING)
        except driver.OperationalError as error:
            if not wait:
                raise Busy(str(error)) from error
            self._undo(connection, driver)
            raise

    def _undo(self, connection: Connection, driver: Any) -> None:
        """After an error the connection is not trusted any more."""
        self._kept = None
        try:
            driver.rollback()
        finally:
            connection.invalidate()
            connection.close()
