"""PostgreSQL keeps snapshots as they are: to compress tens of megabytes of numbers took longer than all of their readings."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Says so to PostgreSQL; SQLite never compresses."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE snapshots ALTER COLUMN bytes SET STORAGE EXTERNAL")
