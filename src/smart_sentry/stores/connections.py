"""The connections to a PostgreSQL, for a process that has to end while the server says nothing."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event


class Connections:
    """Knows the connections of an engine as they are made.

    Args:
        engine: of psycopg.
    """

    def __init__(self, engine: Engine) -> None:
        self._driver: Any = engine.dialect.loaded_dbapi
        self._lock, self._open, self._over = threading.Lock(), WeakSet[Any](), False
        event.listen(engine, "do_connect", self._demand_that_it_goes_on)
        event.listen(engine, "connect", self._keep)

    def cut(self) -> None:
        """Ends all of them, whatever they wait for, and lets none begin: who uses one hears that the server is gone."""
        with self._lock:
            self._over, found = True, list(self._open)
        for connection in found:
            with suppress(OSError, self._driver.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)

    def _demand_that_it_goes_on(self, *_: object) -> None:
        if self._over:
            raise self._driver.OperationalError("this process is ending and waits for the server no longer")

    def _keep(self, connection: Any, _record: object) -> None:
        with self._lock:
            self._open.add(connection)
