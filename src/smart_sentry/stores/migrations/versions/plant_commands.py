"""What operators ask of assets that a stream's workers watch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "plant_commands",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("asked", sa.Double, nullable=False),
        sa.Column("settled", sa.Double),
        sa.Column("refusal", sa.Text),
    )
    op.create_index("ix_plant_commands_settled", "plant_commands", ["settled"])
