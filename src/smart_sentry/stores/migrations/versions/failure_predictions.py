"""What failure models predict, beside the assessments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TABLE = "failure_predictions"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        _TABLE,
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("reading_id", _NAME, nullable=False),
        sa.Column("failure_probability", sa.Double, nullable=False),
        sa.Column("rul_cycles", sa.Double, nullable=False),
        sa.Column("rul_lower_cycles", sa.Double, nullable=False),
        sa.Column("rul_upper_cycles", sa.Double, nullable=False),
        sa.Column("warming", sa.Boolean, nullable=False),
        sa.Column("restored", sa.Boolean, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
    )
    op.create_index(f"ix_{_TABLE}_asset_id_time", _TABLE, ["asset_id", "time"])
