"""A PostgreSQL server of the benchmark's own, with the settings that it is installed with; gone with the benchmark."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smart_sentry.servers import free_port
from smart_sentry.services.control import start, stop
from smart_sentry.services.postgres import Postgres
from smart_sentry.services.service import ProgramMissing


@contextmanager
def postgres() -> Iterator[str | None]:
    """URL of an empty database; None where PostgreSQL is not installed."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)  # root runs it as another user, who must enter
    server = Postgres(folder / "postgres", free_port())
    try:
        try:
            start([server], folder, lambda _: None)
        except ProgramMissing:
            yield None
            return
        try:
            yield server.url
        finally:
            stop([server], folder, lambda _: None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
