"""`smart-sentry demo-plant`: a simulated plant, its service and its dashboard. What it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer


def demo_plant(
    minutes: Annotated[float | None, typer.Option(min=0.0, help="end by itself after so many; else at Ctrl-C")] = None,
    services: Annotated[
        bool,
        typer.Option("--services/--embedded", help="readings through Kafka, a worker, PostgreSQL and Redis; or SQLite"),
    ] = False,
    faults: Annotated[
        bool, typer.Option("--faults/--no-faults", help="machines break by themselves, or only when you break them")
    ] = True,
) -> None:
    """A simulated plant with everything that operators have: service, machines that start, break and are repaired, dashboard."""
    from smart_sentry.config import load_settings
    from smart_sentry.demo_plant import run_plant_demo
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    run_plant_demo(settings, typer.echo, minutes, services, faults)
