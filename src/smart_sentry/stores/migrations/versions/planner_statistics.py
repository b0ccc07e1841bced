"""PostgreSQL keeps statistics of those columns of readings alone that queries choose by: the indexed ones.

Autovacuum may look through a growing table every minute. While it sorted 30,000 values of each of two dozen columns, it took a
third of PostgreSQL's processor time, beside a worker that stored 15,500 readings a second.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_NEVER_CHOSEN_BY = (
    "received", "layout", "values", "source", "phase", "score", "flag", "votes", "health", "risk", "degradation", "reason",
    "failure_probability", "rul_cycles", "rul_lower_cycles", "rul_upper_cycles", "warming", "restored", "model_version",
)  # fmt: skip


def upgrade() -> None:
    """Tells PostgreSQL so; SQLite keeps none by itself."""
    if op.get_bind().dialect.name == "postgresql":
        told = ", ".join(f'ALTER COLUMN "{name}" SET STATISTICS 0' for name in _NEVER_CHOSEN_BY)
        op.execute(f"ALTER TABLE readings {told}")
