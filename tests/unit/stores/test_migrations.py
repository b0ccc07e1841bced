"""Migrations: from nothing to what tables.py says, and never from the future."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, inspect, text

from smart_sentry.errors import StoreUnavailable
from smart_sentry.stores.engine import parse_url
from smart_sentry.stores.migrations import configuration
from smart_sentry.stores.store import Store
from smart_sentry.stores.tables import APPEND_ONLY, metadata


def _shape(connection: object) -> dict[str, object]:
    found = inspect(connection)
    assert found is not None
    return {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((key["name"], key["column_names"]) for key in found.get_unique_constraints(name)),
            sorted((index["name"], index["column_names"]) for index in found.get_indexes(name)),
            sorted(
                (key["name"], key["constrained_columns"], key["referred_table"]) for key in found.get_foreign_keys(name)
            ),
            sorted((check["name"], check["sqltext"]) for check in found.get_check_constraints(name)),
        )
        for name in sorted(metadata.tables)
    }


def test_migrations_from_an_empty_database_make_what_tables_says(store_url: str) -> None:
    Store(store_url).close()
    engine = create_engine(parse_url(store_url))
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        migrated = _shape(connection)
        made = MetaData()
        made.reflect(connection)
        made.drop_all(connection)
        metadata.create_all(connection)
        assert _shape(connection) == migrated
    engine.dispose()


def test_every_append_only_table_has_its_trigger(store_url: str) -> None:
    Store(store_url).close()
    engine = create_engine(parse_url(store_url))
    catalogue = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
    }
    with engine.connect() as connection:
        found = connection.execute(text(catalogue[engine.dialect.name])).scalars().all()
    engine.dispose()
    assert sorted(found) == sorted(f"{table.name}_is_append_only" for table in APPEND_ONLY)


def test_transitions_of_the_first_tables_get_their_event_key_and_priority(store_url: str) -> None:
    engine = create_engine(parse_url(store_url))
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0001")
        for number in (1, 2):
            connection.execute(
                text("INSERT INTO alarms VALUES (:alarm, 'pump', 'anomaly', 'HIGH', 'NORMAL', 2, '', '{}')"),
                {"alarm": f"pump:{number}"},
            )
        add = "INSERT INTO alarm_transitions (alarm_id, asset_id, from_state, to_state, time, author, reason) VALUES"
        steps = [("RAISED: score 3: too high", 1), ("no event", 2), ("RE_ALARMED: nobody came", 2)]
        for second, (reason, number) in enumerate(steps):
            connection.execute(
                text(f"{add} (:alarm, 'pump', 'NORMAL', 'UNACKNOWLEDGED', :time, 'system', :reason)"),
                {"alarm": f"pump:{number}", "time": second, "reason": reason},
            )
    engine.dispose()
    with Store(store_url) as store, store.view() as view:
        found = view.alarms.transitions()
    assert [(one.event, one.reason, one.alarm_id) for one in found] == [
        ("RAISED", "score 3: too high", "pump:1"), ("COMMENTED", "no event", "pump:2"), ("RE_ALARMED", "nobody came", "pump:2"),
    ]  # fmt: skip
    assert {(one.key, one.priority, one.score) for one in found} == {("anomaly", "HIGH", None)}


def test_database_of_a_newer_version_is_refused_and_left_alone(store_url: str) -> None:
    Store(store_url).close()
    engine = create_engine(parse_url(store_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match=r"9999.*newer version"):
        Store(store_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    engine.dispose()
