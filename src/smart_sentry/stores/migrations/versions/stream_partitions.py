"""How far each partition of a stream has been taken, and by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "stream_partitions",
        sa.Column("topic", _NAME, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", _NUMBER, nullable=False),
        sa.Column("next_offset", _NUMBER, nullable=False),
        sa.Column("snapshot_offset", _NUMBER, nullable=False),
    )
