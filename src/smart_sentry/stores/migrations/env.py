"""What alembic runs to reach the database: the connection that `upgrade` was given."""

from __future__ import annotations

from alembic import context

from smart_sentry.stores.tables import metadata


def run() -> None:
    """Runs the steps on the given connection, whose transaction the caller ends."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    context.run_migrations()


if __name__ == "env_py":  # the name that alembic runs it by; an import does nothing
    run()
