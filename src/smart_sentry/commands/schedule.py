"""`smart-sentry schedule`: the flows of prefect.yaml, served from one process. What it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer


def schedule(
    limit: Annotated[int, typer.Option(min=1, help="most flow runs at a time")] = 2,
) -> None:
    """Serve every flow of prefect.yaml on its schedule, and those that events start, until Ctrl-C."""
    import os
    from contextlib import suppress

    from smart_sentry.commands.project import project_on_path
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment, work_in_place
    from smart_sentry.ui import open_prefect

    settings = load_settings()
    prepare_environment(settings)
    home = settings.home.resolve()
    alone = "PREFECT_API_URL" not in os.environ
    with suppress(KeyboardInterrupt), open_prefect(settings, typer.echo) as api:
        os.environ |= {"PREFECT_API_URL": api, "SMART_SENTRY_HOME": str(home)}
        work_in_place()
        with project_on_path(home):
            from pipelines.schedule import serve

            serve(home, limit, typer.echo, alone)
    typer.echo("Stopped.")
