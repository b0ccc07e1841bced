"""The demos, each in one command. What they need is imported when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from smart_sentry.commands.project import project_on_path


def demo() -> None:
    """The main job from data to a prediction over HTTP."""
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    with project_on_path(settings.home):
        from pipelines.train import train as flow
        from smart_sentry.demos.training import run_demo

        run_demo(settings, lambda dataset: flow(dataset=dataset), typer.echo)


def demo_motor() -> None:
    """Generate, calibrate, verify and inject a fault, on a simulated motor over HTTP."""
    from smart_sentry.config import load_settings
    from smart_sentry.demos.motor import run_motor_demo
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    run_motor_demo(settings, typer.echo)


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
    from smart_sentry.demos.plant import run_plant_demo
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    run_plant_demo(settings, typer.echo, minutes, services, faults)


def demo_stream() -> None:
    """NASA's test engines through Kafka, a worker, PostgreSQL and Redis; exit code 1 unless the figures are the batch's."""
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    with project_on_path(settings.home):
        from smart_sentry.demos.stream import run_stream_demo

        if not run_stream_demo(settings, _train_by_flow, typer.echo):
            raise typer.Exit(1)


def demo_drift() -> None:
    """A motor fleet drifts, and the automation recalibrates what is safe; exit code 1 if a machine that gets worse was."""
    from smart_sentry.config import load_settings
    from smart_sentry.demos.drift import run_drift_demo
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    if not run_drift_demo(settings, typer.echo):
        raise typer.Exit(1)


def _train_by_flow(dataset: str) -> None:
    from pipelines.train import train as flow

    flow(dataset=dataset)
