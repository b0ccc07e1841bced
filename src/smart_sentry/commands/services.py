"""`smart-sentry services`: Kafka, PostgreSQL and Redis on this machine. What a command needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

services_app = typer.Typer(help="Kafka, PostgreSQL and Redis on this machine.", no_args_is_help=True)
ServiceNames = Annotated[
    list[str] | None, typer.Argument(help="kafka, postgres, redis; none: all", metavar="[NAME]...")
]


@services_app.command("start")
def services_start(names: ServiceNames = None) -> None:
    """Start services that do not run yet, and wait until each answers."""
    from smart_sentry.config import load_settings
    from smart_sentry.services.catalog import services_of
    from smart_sentry.services.control import ENVIRONMENT, start

    settings = load_settings()
    start(services_of(settings, names or ()), settings.services_folder, typer.echo)
    typer.echo(f"Settings that lead to them: source {settings.services_folder / ENVIRONMENT}")


@services_app.command("stop")
def services_stop(names: ServiceNames = None) -> None:
    """End services that were started here, and no others."""
    from smart_sentry.config import load_settings
    from smart_sentry.services.catalog import services_of
    from smart_sentry.services.control import stop

    settings = load_settings()
    stop(services_of(settings, names or ()), settings.services_folder, typer.echo)


@services_app.command("status")
def services_status(names: ServiceNames = None) -> None:
    """Say how each service stands; exit code 1 unless all answer."""
    from smart_sentry.config import load_settings
    from smart_sentry.services.catalog import services_of
    from smart_sentry.services.control import status

    found = [status(service) for service in services_of(load_settings(), names or ())]
    for one in found:
        typer.echo(one.sentence())
    if not all(one.answers for one in found):
        raise typer.Exit(1)
