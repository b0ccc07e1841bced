"""Each alarm transition keeps its event, key, priority and score, which until now stood in words or not at all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TABLE = "alarm_transitions"
_EVENTS = (
    "RAISED", "CLEARED", "RE_ALARMED", "SUPPRESSED", "RELEASED", "SHELF_EXPIRED", "ACKNOWLEDGED", "SHELVED", "UNSHELVED",
    "TAKEN_OUT_OF_SERVICE", "RETURNED_TO_SERVICE", "COMMENTED",
)  # fmt: skip


def upgrade() -> None:
    """Adds the columns. Earlier rows: the event from the beginning of the reason, the priority of the alarm as it stands now."""
    _allow_updates()
    op.add_column(_TABLE, sa.Column("event", sa.Text))
    op.add_column(_TABLE, sa.Column("key", sa.Text))
    op.add_column(_TABLE, sa.Column("priority", sa.Text))
    op.add_column(_TABLE, sa.Column("score", sa.Double))
    _fill()
    with op.batch_alter_table(_TABLE) as table:
        for name in ("event", "key", "priority"):
            table.alter_column(name, existing_type=sa.Text, nullable=False)
    _forbid_updates()


def _fill() -> None:
    """A reason was written as `EVENT: reason`; one that was not is left as it is, and counts as a comment."""
    for event in _EVENTS:
        op.execute(
            f"UPDATE {_TABLE} SET event = '{event}', reason = substr(reason, {len(event) + 3})"  # noqa: S608
            f" WHERE event IS NULL AND substr(reason, 1, {len(event) + 2}) = '{event}: '"
        )
    op.execute(f"UPDATE {_TABLE} SET event = 'COMMENTED' WHERE event IS NULL")  # noqa: S608
    for name, source in (("key", "kind"), ("priority", "priority")):
        op.execute(
            f"UPDATE {_TABLE} SET {name} ="  # noqa: S608
            f" (SELECT {source} FROM alarms WHERE alarms.alarm_id = {_TABLE}.alarm_id)"
        )


def _allow_updates() -> None:
    on_table = "" if op.get_context().dialect.name == "sqlite" else f" ON {_TABLE}"
    op.execute(f"DROP TRIGGER {_TABLE}_is_append_only{on_table}")


def _forbid_updates() -> None:
    """As the first step did; on PostgreSQL its function is still there."""
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {_TABLE}_is_append_only BEFORE UPDATE ON {_TABLE} "
            f"BEGIN SELECT RAISE(ABORT, '{_TABLE} is append-only'); END"
        )
        return
    op.execute(
        f"CREATE TRIGGER {_TABLE}_is_append_only BEFORE UPDATE ON {_TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {_TABLE}_is_append_only()"
    )
