"""A PostgreSQL server of the tests' own, on a free port, gone with the tests; or the one of SMART_SENTRY_TEST_POSTGRES."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from smart_sentry.servers import free_port
from smart_sentry.services.control import start, stop
from smart_sentry.services.postgres import Postgres
from smart_sentry.services.service import ProgramMissing


@dataclass(frozen=True)
class PostgresServer:
    """A server, by the URL of a database whose user may make others."""

    url: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database, dropped afterwards."""
        name = f"test_{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name}")
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def run(self, statement: str) -> None:
        """Executes a statement, in a transaction of its own."""
        url = make_url(self.url).set(drivername="postgresql+psycopg")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
        finally:
            engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    if given := os.environ.get("SMART_SENTRY_TEST_POSTGRES"):
        yield PostgresServer(given)
        return
    with folder_for_all() as folder:
        server = Postgres(folder / "postgres", free_port(), options=("fsync=off",))
        try:
            start([server], folder, print)
        except ProgramMissing as missing:
            pytest.fail(f"PostgreSQL cannot be started: {missing}")
        try:
            yield PostgresServer(server.url)
        finally:
            stop([server], folder, print)


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A new folder that every user may enter: PostgreSQL refuses to be run by root, so root runs it as another."""
    folder = Path(tempfile.mkdtemp(prefix="services-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
