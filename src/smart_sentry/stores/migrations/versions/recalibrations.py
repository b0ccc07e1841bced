"""Why readings moved, and what became of the recalibrations that were asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_STATES = (
    "state IN ('ASKED', 'CHECKED', 'SHADOWING', 'AWAITING_APPROVAL', 'WATCHING', 'KEPT', 'REFUSED', 'ROLLED_BACK', "
    "'WITHDRAWN')"
)
_OPEN = sa.text("state NOT IN ('KEPT', 'REFUSED', 'ROLLED_BACK', 'WITHDRAWN')")


def upgrade() -> None:
    """Makes both tables."""
    _make_findings()
    op.create_table(
        "recalibrations",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("asked", sa.Double, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("finding_id", _NUMBER),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("active_version", sa.Text, nullable=False),
        sa.Column("candidate_version", sa.Text),
        sa.Column("checks", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("changed", sa.Double, nullable=False),
        sa.Column("watch_until", sa.Double),
        sa.ForeignKeyConstraint(["finding_id"], ["drift_findings.id"], name="fk_recalibrations_finding_id"),
        sa.CheckConstraint(_STATES, name=op.f("ck_recalibrations_state")),
    )
    op.create_index("ix_recalibrations_asset_id", "recalibrations", ["asset_id"])
    op.create_index("ix_recalibrations_finding_id", "recalibrations", ["finding_id"])
    op.create_index(
        "uq_recalibrations_open",
        "recalibrations",
        ["asset_id"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _make_findings() -> None:
    op.create_table(
        "drift_findings",
        sa.Column("id", _NUMBER, primary_key=True),
        sa.Column("asset_id", _NAME, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("baseline_version", sa.Text, nullable=False),
        sa.Column("recent_start", sa.Double, nullable=False),
        sa.Column("recent_end", sa.Double, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("may_recalibrate", sa.Boolean, nullable=False),
        sa.Column("drift_share", sa.Double),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("report", sa.Text),
    )
    op.create_index("ix_drift_findings_asset_id_time", "drift_findings", ["asset_id", "time"])
