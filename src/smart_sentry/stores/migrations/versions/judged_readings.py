"""What was said of a reading moves into its row: a third of the index entries, and one row instead of three.

Windows of raw points leave: nothing ever stored one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_SAID = {
    "phase": sa.Text, "score": sa.Double, "flag": sa.Boolean, "votes": sa.Integer, "health": sa.Double, "risk": sa.Text,
    "degradation": sa.Double, "reason": sa.Text,
}  # fmt: skip
_PREDICTED = {
    "failure_probability": sa.Double, "rul_cycles": sa.Double, "rul_lower_cycles": sa.Double, "rul_upper_cycles": sa.Double,
    "warming": sa.Boolean, "restored": sa.Boolean, "model_version": sa.Text,
}  # fmt: skip


def upgrade() -> None:
    """Makes the columns, fills them and drops the tables that they come from."""
    for name, kind in (_SAID | _PREDICTED).items():
        op.add_column("readings", sa.Column(name, kind))
    for table, columns in (("assessments", _SAID), ("failure_predictions", _PREDICTED)):
        taken = ", ".join(f"{name} = said.{name}" for name in columns)
        op.execute(
            f"UPDATE readings SET {taken} FROM {table} AS said WHERE said.asset_id = readings.asset_id"  # noqa: S608
            " AND said.time = readings.time AND said.reading_id = readings.reading_id"
        )
        op.drop_table(table)
    op.drop_table("windows")
