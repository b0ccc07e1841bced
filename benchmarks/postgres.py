"""A PostgreSQL server of the benchmark's own, with the settings that it is installed with; gone with the benchmark."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smart_sentry.servers import free_port

_DEBIAN, _OWNER = Path("/usr/lib/postgresql"), "postgres"


@contextmanager
def postgres() -> Iterator[str | None]:
    """URL of an empty database; None where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _OWNER)
        port = free_port()
        _run(programs / "initdb", "-D", folder / "data", "-A", "trust", "-U", _OWNER, "-E", "UTF8", "--locale=C")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        _run(programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://{_OWNER}@127.0.0.1:{port}/postgres"
        finally:
            _run(programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    on_path = [Path(found).resolve().parent for found in [shutil.which("pg_ctl")] if found]
    folders = [*on_path, *sorted(_DEBIAN.glob("*/bin"), reverse=True)]
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def _run(*command: Path | str) -> None:
    """PostgreSQL refuses to be run by root, so root runs it as its owner."""
    as_owner = ["runuser", "-u", _OWNER, "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryFile() as said:  # no pipe: the server would inherit it and keep it open
        subprocess.run([*as_owner, *map(str, command)], cwd="/", stdout=said, stderr=said, check=True)
