"""The operating regime that a failure model found of a reading stands beside its prediction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds the column; of older readings nobody knows it. PostgreSQL keeps no statistics of it, as of the others."""
    op.add_column("readings", sa.Column("regime", sa.Integer))
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE readings ALTER COLUMN regime SET STATISTICS 0")
