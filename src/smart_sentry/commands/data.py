"""`smart-sentry data`: bring data sets and look at them. What a command needs is imported when it runs."""

from __future__ import annotations

import typer

from smart_sentry.commands.project import Dataset, stage_context

data_app = typer.Typer(help="Bring and look at data sets.", no_args_is_help=True)


@data_app.command("get")
def data_get(dataset: Dataset = "FD001") -> None:
    """Bring a data set's raw files, checked, from a local copy or from NASA."""
    from smart_sentry.datasets.catalog import source_for

    context = stage_context(dataset)
    settings = context.settings
    report = source_for(dataset, settings, settings.configs_folder / "assets", context.params.seed).fetch(
        settings.raw_folder
    )
    typer.echo(f"{dataset}: {len(report.files)} files, {report.size_bytes / 1e6:.1f} MB, from {report.origin}")
    for name in report.missing:
        typer.echo(f"  missing: {name} (predicting works without it, scoring does not)")


@data_app.command("list")
def data_list() -> None:
    """Name all data sets."""
    from smart_sentry.config import load_settings
    from smart_sentry.datasets.catalog import known_names

    settings = load_settings()
    for name in known_names(settings, settings.configs_folder / "assets"):
        typer.echo(name)


@data_app.command("show")
def data_show(dataset: Dataset) -> None:
    """Show rows, assets and signals of a data set that was brought."""
    from smart_sentry.datasets.catalog import source_for

    context = stage_context(dataset)
    settings = context.settings
    source = source_for(dataset, settings, settings.configs_folder / "assets", context.params.seed)
    fleet = source.load(settings.raw_folder)
    for split, readings in (("train", fleet.train), ("test", fleet.test)):
        typer.echo(f"{split}: {len(readings)} rows, {readings['asset_id'].nunique()} assets")
    signals = ", ".join(f"{signal.name} [{signal.unit}]" for signal in fleet.asset_type.signals)
    typer.echo(f"signals: {signals}")
    typer.echo(
        f"truth of the test set: {'known' if fleet.test_final_rul_cycles is not None else 'missing: ' + fleet.truth_source}"
    )
