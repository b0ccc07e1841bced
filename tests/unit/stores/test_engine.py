"""Connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_sentry.stores.engine import make_engine, parse_url, without_secrets


@pytest.mark.parametrize("given", ["postgres://h/x", "postgresql://h/x", "postgresql+psycopg://h/x"])
def test_every_spelling_of_postgresql_gets_the_driver_that_is_installed(given: str) -> None:
    assert parse_url(given).render_as_string() == "postgresql+psycopg://h/x"


def test_secrets_are_not_shown_wherever_they_stand_in_the_url() -> None:
    url = parse_url("postgresql://ann:geheim@h/x?password=geheim&sslpassword=geheim&sslmode=require")
    assert without_secrets(url) == "postgresql+psycopg://ann:***@h/x?sslmode=require"


@pytest.mark.parametrize("writes", [True, False])
def test_sqlite_connections_are_safe_among_others(tmp_path: Path, writes: bool) -> None:
    engine = make_engine(parse_url(f"sqlite:///{tmp_path}/new/store.db"), 1.5)
    wanted = {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 1500,
        "synchronous": 1,
        "query_only": int(not writes),
    }
    with engine.connect().execution_options(writes=writes) as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
    engine.dispose()
    assert found == wanted
