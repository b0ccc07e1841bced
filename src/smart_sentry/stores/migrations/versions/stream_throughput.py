"""How much a stream's workers did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "stream_throughput",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("topic", _NAME, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("readings", _NUMBER, nullable=False),
        sa.Column("readings_per_second", sa.Double, nullable=False),
        sa.Column("flagged", _NUMBER, nullable=False),
        sa.Column("dropped", _NUMBER, nullable=False),
        sa.Column("dead_lettered", _NUMBER, nullable=False),
        sa.Column("lag", _NUMBER, nullable=False),
        sa.Column("latency_seconds", sa.Double, nullable=False),
    )
    op.create_index("ix_stream_throughput_time", "stream_throughput", ["time"])
