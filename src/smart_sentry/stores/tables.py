"""The tables. docs/store.md tells what each is for; migrations/versions/ makes them, and a test proves that both agree.

Times are seconds since 1970-01-01 UTC. Text is ordered by its bytes in both databases.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""A row's number, counted by the database. SQLite counts only what is called INTEGER."""
NAME = Text().with_variant(Text(collation="C"), "postgresql")
"""Identifiers: compared byte by byte, as SQLite does, which is also PostgreSQL's fastest order."""

STATES = ("IDLE", "CALIBRATING", "CALIBRATED", "MONITORING")
"""What an asset can be in."""
RECALIBRATION_ENDS = ("KEPT", "REFUSED", "ROLLED_BACK", "WITHDRAWN")
"""States in which a recalibration is over."""
RECALIBRATION_STATES = ("ASKED", "CHECKED", "SHADOWING", "AWAITING_APPROVAL", "WATCHING", *RECALIBRATION_ENDS)
"""What a recalibration can be in."""
_OPEN = text("state NOT IN ('KEPT', 'REFUSED', 'ROLLED_BACK', 'WITHDRAWN')")

signal_layouts = Table(
    "signal_layouts",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("names", Text, nullable=False, unique=True),  # a JSON list: the columns of the values that refer to it
)

readings = Table(
    "readings",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("asset_id", NAME, nullable=False),
    Column("reading_id", NAME, nullable=False),
    Column("time", Double, nullable=False),
    Column("received", Double, nullable=False),
    # No foreign key: layouts are never deleted, and PostgreSQL would look each one up, a tenth of the cost of a reading.
    Column("layout", NUMBER, nullable=False),
    Column("values", LargeBinary, nullable=False),  # little-endian float64, one a signal; NaN where there is no number
    Column("source", Text, nullable=False),
    # What was said of it stands beside it, not in tables of their own: index entries cost more than all the rest of a row.
    # None of it is there before anything was said.
    Column("phase", Text),
    Column("score", Double),  # None: not judged
    Column("flag", Boolean),
    Column("votes", Integer),
    Column("health", Double),
    Column("risk", Text),
    Column("degradation", Double),
    Column("reason", Text),
    # Of a failure model; None: no model predicted anything of it.
    Column("failure_probability", Double),
    Column("rul_cycles", Double),
    Column("rul_lower_cycles", Double),
    Column("rul_upper_cycles", Double),
    Column("warming", Boolean),
    Column("restored", Boolean),
    Column("model_version", Text),
    Column("regime", Integer),
    UniqueConstraint("asset_id", "reading_id"),
    Index(None, "asset_id", "time"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("alarm_id", NAME, primary_key=True),
    Column("asset_id", NAME, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Double, nullable=False),  # when it came into this state
    Column("message", Text, nullable=False),
    Column("details", Text, nullable=False),  # a JSON object
)

alarm_transitions = Table(
    "alarm_transitions",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("alarm_id", NAME, ForeignKey("alarms.alarm_id"), nullable=False),
    Column("asset_id", NAME, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("time", Double, nullable=False, index=True),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("score", Double),  # None: none was observed
    Index(None, "alarm_id", "time"),
    Index(None, "asset_id", "time"),
)

operator_notes = Table(
    "operator_notes",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("asset_id", NAME, nullable=False),
    Column("kind", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("time", Double, nullable=False),
    Column("text", Text, nullable=False),
    Column("corrects", NUMBER, ForeignKey("operator_notes.id"), index=True),
    Index(None, "asset_id", "time"),
)

baselines = Table(
    "baselines",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("asset_id", NAME, nullable=False, index=True),
    Column("version", Text, nullable=False),
    Column("time", Double, nullable=False),  # active from
    Column("author", Text, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("time", Double, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("asset_id", NAME, index=True),  # None: about no single asset
    Column("details", Text, nullable=False),  # a JSON object
)

asset_states = Table(
    "asset_states",
    metadata,
    Column("asset_id", NAME, primary_key=True),
    Column("state", Text, nullable=False),
    Column("asset_type", Text, nullable=False),
    Column("time", Double, nullable=False),  # of the change
    CheckConstraint("state IN ('IDLE', 'CALIBRATING', 'CALIBRATED', 'MONITORING')", name="state"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("name", NAME, primary_key=True),
    Column("bytes", LargeBinary, nullable=False),
    Column("checksum", Text, nullable=False),
    Column("time", Double, nullable=False),
)

stream_partitions = Table(
    "stream_partitions",
    metadata,
    Column("topic", NAME, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("epoch", NUMBER, nullable=False),
    Column("next_offset", NUMBER, nullable=False),
    Column("snapshot_offset", NUMBER, nullable=False),
)

stream_throughput = Table(
    "stream_throughput",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("time", Double, nullable=False, index=True),  # the end of the stretch
    Column("worker", Text, nullable=False),
    Column("topic", NAME, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("readings", NUMBER, nullable=False),
    Column("readings_per_second", Double, nullable=False),
    Column("flagged", NUMBER, nullable=False),
    Column("dropped", NUMBER, nullable=False),
    Column("dead_lettered", NUMBER, nullable=False),
    Column("lag", NUMBER, nullable=False),
    Column("latency_seconds", Double, nullable=False),
)

plant_commands = Table(
    "plant_commands",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("asset_id", NAME, nullable=False),
    Column("action", Text, nullable=False),
    Column("arguments", Text, nullable=False),  # a JSON object
    Column("asked", Double, nullable=False),
    Column("settled", Double, index=True),  # None: it waits for the worker that watches the asset
    Column("refusal", Text),  # a JSON object; None: it was done, or waits
)

drift_findings = Table(
    "drift_findings",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("asset_id", NAME, nullable=False),
    Column("time", Double, nullable=False),  # when it was found
    Column("baseline_version", Text, nullable=False),
    Column("recent_start", Double, nullable=False),
    Column("recent_end", Double, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("may_recalibrate", Boolean, nullable=False),
    Column("drift_share", Double),  # None: it was not asked for
    Column("evidence", Text, nullable=False),  # a JSON list
    Column("report", Text),  # address of the HTML report
    Index(None, "asset_id", "time"),
)

recalibrations = Table(
    "recalibrations",
    metadata,
    Column("id", NUMBER, primary_key=True),
    Column("asset_id", NAME, nullable=False, index=True),
    Column("asked", Double, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("finding_id", NUMBER, ForeignKey("drift_findings.id"), index=True),  # None: nobody looked for a drift
    Column("state", Text, nullable=False),
    Column("active_version", Text, nullable=False),  # when it was asked
    Column("candidate_version", Text),  # None: not built yet
    Column("checks", Text),  # a JSON object: what the checks and the shadow said, and what was decided
    Column("decided_by", Text),
    Column("changed", Double, nullable=False),
    Column("watch_until", Double),  # on the clock of the readings
    CheckConstraint(
        "state IN ('ASKED', 'CHECKED', 'SHADOWING', 'AWAITING_APPROVAL', 'WATCHING', 'KEPT', 'REFUSED', 'ROLLED_BACK', "
        "'WITHDRAWN')",
        name="state",
    ),
    Index("uq_recalibrations_open", "asset_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
)

APPEND_ONLY = (alarm_transitions, operator_notes, audit_log, baselines)
"""Tables whose rows a trigger keeps from being changed."""
