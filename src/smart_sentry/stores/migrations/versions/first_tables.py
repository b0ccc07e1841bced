"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_APPEND_ONLY = ("alarm_transitions", "operator_notes", "audit_log", "baselines")


def upgrade() -> None:
    """Makes the tables, and the triggers that keep logs from being rewritten."""
    _make_measurements()
    _make_alarms()
    _make_records()
    for table in _APPEND_ONLY:
        _forbid_updates(table)


def _number() -> sa.Column[int]:
    return sa.Column("id", _NUMBER, primary_key=True)


def _make_measurements() -> None:
    op.create_table(
        "signal_layouts",
        _number(),
        sa.Column("names", sa.Text, nullable=False),
        sa.UniqueConstraint("names", name="uq_signal_layouts_names"),
    )
    op.create_table(
        "readings",
        _number(),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("reading_id", _NAME, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("received", sa.Double, nullable=False),
        sa.Column("layout", _NUMBER, nullable=False),
        sa.Column("values", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.UniqueConstraint("asset_id", "reading_id", name="uq_readings_asset_id_reading_id"),
    )
    op.create_table(
        "windows",
        _number(),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("received", sa.Double, nullable=False),
        sa.Column("interval_seconds", sa.Double, nullable=False),
        sa.Column("layout", _NUMBER, nullable=False),
        sa.Column("values", sa.LargeBinary, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.UniqueConstraint("asset_id", "time", name="uq_windows_asset_id_time"),
    )
    op.create_table(
        "assessments",
        _number(),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("reading_id", _NAME),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("flag", sa.Boolean, nullable=False),
        sa.Column("votes", sa.Integer, nullable=False),
        sa.Column("health", sa.Double, nullable=False),
        sa.Column("risk", sa.Text, nullable=False),
        sa.Column("degradation", sa.Double, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    _index("readings", "asset_id", "time")
    _index("assessments", "asset_id", "time")


def _make_alarms() -> None:
    op.create_table(
        "alarms",
        sa.Column("alarm_id", _NAME, primary_key=True),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("priority", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
    )
    op.create_table(
        "alarm_transitions",
        _number(),
        sa.Column("alarm_id", _NAME, nullable=False),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("from_state", sa.Text, nullable=False),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarms.alarm_id"], name="fk_alarm_transitions_alarm_id"),
    )
    _index("alarms", "asset_id")
    _index("alarm_transitions", "time")
    _index("alarm_transitions", "alarm_id", "time")
    _index("alarm_transitions", "asset_id", "time")


def _make_records() -> None:
    op.create_table(
        "operator_notes",
        _number(),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("corrects", _NUMBER),
        sa.ForeignKeyConstraint(["corrects"], ["operator_notes.id"], name="fk_operator_notes_corrects"),
    )
    op.create_table(
        "baselines",
        _number(),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
    )
    op.create_table(
        "audit_log",
        _number(),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("asset_id", _NAME),
        sa.Column("details", sa.Text, nullable=False),
    )
    op.create_table(
        "asset_states",
        sa.Column("asset_id", _NAME, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asset_type", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.CheckConstraint(
            "state IN ('IDLE', 'CALIBRATING', 'CALIBRATED', 'MONITORING')", name=op.f("ck_asset_states_state")
        ),
    )
    op.create_table(
        "snapshots",
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("bytes", sa.LargeBinary, nullable=False),
        sa.Column("checksum", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
    )
    _index("operator_notes", "asset_id", "time")
    _index("operator_notes", "corrects")
    _index("baselines", "asset_id")
    _index("audit_log", "time")
    _index("audit_log", "asset_id")


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def _forbid_updates(table: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_is_append_only()"
    )
