"""A PostgreSQL server of the tests' own, on a free port, gone with the tests; or the one of SMART_SENTRY_TEST_POSTGRES."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from smart_sentry.servers import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_OWNER = "postgres"


@dataclass(frozen=True)
class PostgresServer:
    """A server, by the URL of a database whose user may make others."""

    url: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database, dropped afterwards."""
        name = f"test_{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name}")
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
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
    programs = _programs()
    if programs is None:
        _cannot_start("neither pg_ctl nor initdb is on the path or in Debian's folders")
        return
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if _is_root():
            shutil.chown(folder, _OWNER)
        port = free_port()
        try:
            _start(programs, folder, port)
        except subprocess.CalledProcessError as error:
            _cannot_start(f"{error}: {error.stdout}{error.stderr}")
        try:
            yield PostgresServer(f"postgresql://{_OWNER}@127.0.0.1:{port}/postgres")
        finally:
            _run(programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    folders = [Path(found).resolve().parent for found in [shutil.which("pg_ctl")] if found]
    folders += sorted(_DEBIAN.glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def _start(programs: Path, folder: Path, port: int) -> None:
    _run(
        programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", _OWNER, "-E", "UTF8", "--locale=C", "--no-sync"
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    _run(programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-o", options, "-w", "start")


def _run(*command: Path | str) -> None:
    """PostgreSQL refuses to be run by root, so root runs it as its owner."""
    as_owner = ["runuser", "-u", _OWNER, "--"] if _is_root() else []
    # To a file, not a pipe: the server would inherit the pipe and keep it open.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run([*as_owner, *map(str, command)], cwd="/", stdout=said, stderr=said, check=False)
        if done.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(done.returncode, list(map(str, command)), said.read(), "")


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _cannot_start(why: str) -> None:
    message = f"PostgreSQL cannot be started: {why}"
    if os.environ.get("CI") or (sys.platform == "linux" and _is_root()):
        pytest.fail(message)
    pytest.skip(message)
