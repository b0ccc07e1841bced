"""The command line. The commands are in smart_sentry.commands, which import what they need when they run."""

from __future__ import annotations

import sys

import typer

from smart_sentry.commands import condition, demos, training
from smart_sentry.commands.asset_types import asset_app
from smart_sentry.commands.baselines import baselines_app
from smart_sentry.commands.dashboard import dashboard
from smart_sentry.commands.data import data_app
from smart_sentry.commands.drift import drift
from smart_sentry.commands.models import models_app
from smart_sentry.commands.recalibration import recalibrate, recalibrations_app
from smart_sentry.commands.report import report
from smart_sentry.commands.schedule import schedule
from smart_sentry.commands.services import services_app
from smart_sentry.commands.simulate import simulate
from smart_sentry.commands.stream import stream_app
from smart_sentry.feed.command import live

app = typer.Typer(
    name="smart-sentry", help="Predictive maintenance that a team can run, retrain and trust.", no_args_is_help=True,
    pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False,
)  # fmt: skip
for command in (
    demos.demo, demos.demo_motor, demos.demo_plant, demos.demo_stream, demos.demo_drift,
    training.stage, training.train, training.evaluate, training.predict, training.serve, training.ui,
    condition.calibrate, condition.score, condition.monitor, simulate, live, dashboard, report, drift, recalibrate, schedule,
):  # fmt: skip
    app.command()(command)
for group, name in (
    (data_app, "data"), (training.phases_app, "phases"), (asset_app, "asset"), (services_app, "services"),
    (stream_app, "stream"), (recalibrations_app, "recalibrations"), (baselines_app, "baselines"), (models_app, "models"),
):  # fmt: skip
    app.add_typer(group, name=name)


def main() -> None:
    """Runs the command line; a known error is one sentence and exit code 1, never a traceback."""
    from smart_sentry.errors import SmartSentryError

    try:
        app()
    except SmartSentryError as error:
        typer.echo(f"smart-sentry: {error}", err=True)
        sys.exit(1)
