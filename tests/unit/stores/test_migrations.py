"""Migrations: from nothing to what tables.py says, and never from the future."""

from __future__ import annotations

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from postgres_server import PostgresServer
from sqlalchemy import MetaData, create_engine, inspect, text

from smart_sentry.errors import StoreUnavailable
from smart_sentry.stores.assessments import StoredAssessment
from smart_sentry.stores.engine import parse_url
from smart_sentry.stores.migrations import configuration
from smart_sentry.stores.predictions import StoredPrediction
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


def test_what_was_said_of_readings_moves_into_their_rows(store_url: str) -> None:
    engine = create_engine(parse_url(store_url))
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "0008")
        connection.execute(text("INSERT INTO signal_layouts (names) VALUES ('[\"speed\"]')"))
        read = 'INSERT INTO readings (asset_id, reading_id, time, received, layout, "values", source) VALUES'
        said = (
            "INSERT INTO assessments (asset_id, time, reading_id, phase, score, flag, votes, health, risk, degradation,"
            " reason)"
        )
        for number in range(3):  # of the last one nothing was said; the first two are of one time
            row = {
                "id": f"r{number}",
                "time": 10.0 + number // 2,
                "score": 0.5 + number,
                "values": np.float64(number).tobytes(),
            }
            connection.execute(text(f"{read} ('pump', :id, :time, 1, 1, :values, 'http')"), row)
            if number < 2:
                values = " VALUES ('pump', :time, :id, 'STEADY', :score, :score > 1, 2, 90, 'LOW', 0.1, 'hot')"
                connection.execute(text(said + values), row)
        predicted = (
            "INSERT INTO failure_predictions (asset_id, time, reading_id, failure_probability, rul_cycles, rul_lower_cycles,"
            " rul_upper_cycles, warming, restored, model_version) VALUES"
        )
        connection.execute(
            text(f"{predicted} ('pump', 10, 'r1', 0.25, 50, 40, 60, :yes, :no, 'v1')"), {"yes": True, "no": False}
        )
    engine.dispose()
    with Store(store_url) as store, store.view() as view:
        assessed = view.assessments.history("pump")
        assert view.predictions.history("pump") == [
            StoredPrediction("pump", "r1", 10.0, 0.25, 50.0, 40.0, 60.0, True, False, "v1", None)
        ]
        assert view.readings.history("pump").values[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert assessed == [
        StoredAssessment("pump", "r0", 10.0, "STEADY", 0.5, False, 2, 90.0, "LOW", 0.1, "hot"),
        StoredAssessment("pump", "r1", 10.0, "STEADY", 1.5, True, 2, 90.0, "LOW", 0.1, "hot"),
    ]


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


def test_postgresql_analyses_those_columns_of_readings_alone_that_are_indexed(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        Store(url).close()
        engine = create_engine(parse_url(url))
        with engine.connect() as connection:
            said = connection.execute(
                text(
                    "SELECT attname, attstattarget FROM pg_attribute"
                    " WHERE attrelid = 'readings'::regclass AND attnum > 0 AND NOT attisdropped"
                )
            ).all()
        engine.dispose()
    indexed = {"id", "asset_id", "reading_id", "time"}
    assert {row.attname for row in said if row.attstattarget != 0} == indexed
    assert {row.attname for row in said} == set(metadata.tables["readings"].columns.keys())
