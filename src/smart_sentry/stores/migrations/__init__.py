"""Brings a database to the newest tables, step by step (alembic). A change of tables.py comes with a new file in versions/."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection

_ONE_AT_A_TIME = threading.Lock()  # alembic's context is one for the process


def upgrade(connection: Connection) -> None:
    """Runs every step that the database has not seen, within the connection's transaction.

    Raises:
        alembic.util.CommandError: the database was made by a newer version, with steps that are not known here.
    """
    from alembic import command

    with _ONE_AT_A_TIME:
        command.upgrade(configuration(connection), "head")


def configuration(connection: Connection):  # type: ignore[no-untyped-def]  # alembic's, which is imported lazily
    """Alembic's configuration for an open connection, without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
