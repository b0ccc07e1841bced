"""Connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from postgres_server import PostgresServer
from psycopg.pq import Format

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


def shown(url: str, *names: str) -> list[str]:
    """What the server says of settings."""
    engine = make_engine(parse_url(url), 1.0)
    with engine.connect() as connection:
        found = [str(connection.exec_driver_sql(f"SHOW {name}").scalar()) for name in names]
    engine.dispose()
    return found


def told(url: str) -> dict[str, str]:
    """What the client was told."""
    engine = make_engine(parse_url(url), 1.0)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        found: dict[str, str] = driver.info.get_parameters()
    engine.dispose()
    return found


def test_postgresql_and_its_client_notice_soon_that_the_other_machine_is_gone(postgres_server: PostgresServer) -> None:
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
    assert shown(postgres_server.url, *names) == ["5", "2", "3", "15000"]
    expected = {
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
        "tcp_user_timeout": "15000",
    }
    assert expected.items() <= told(postgres_server.url).items()


def test_what_the_url_says_of_a_gone_machine_stands(postgres_server: PostgresServer) -> None:
    sign = "&" if "?" in postgres_server.url else "?"
    url = f"{postgres_server.url}{sign}keepalives_idle=60&options=-c%20tcp_keepalives_idle%3D61"
    assert shown(url, "tcp_keepalives_idle") == ["61"]
    assert told(url)["keepalives_idle"] == "60"
    assert told(url)["keepalives_interval"] == "2"


def test_copy_finds_the_compiled_dumper_of_bytes(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        engine = make_engine(parse_url(url), 1.0)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            found = driver.adapters.get_dumper_by_oid(driver.adapters.types["bytea"].oid, Format.BINARY)
        engine.dispose()
    assert found.__module__.startswith("psycopg_binary")
