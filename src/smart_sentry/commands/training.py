"""From data to a served champion: stages, the flow `train`, figures, prediction. Imports are within the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smart_sentry.commands.project import Dataset, project_on_path, stage_context

if TYPE_CHECKING:
    from smart_sentry.stages.stage import StageContext


phases_app = typer.Typer(help="Operating phases.", no_args_is_help=True)
SCORED_SETS = ("FD001", "FD002", "FD003", "FD004")


def stage(
    name: Annotated[str, typer.Argument(help="get, validate, features, tune, train, evaluate, export or package")],
    dataset: Annotated[str, typer.Option(help="data set")] = "FD001",
) -> None:
    """Run one stage of the pipeline (what dvc.yaml calls)."""
    from smart_sentry.errors import ConfigurationError
    from smart_sentry.stages import STAGES

    if name not in STAGES:
        raise ConfigurationError("stage", f"{name!r} is not a stage", f"Name one of {', '.join(STAGES)}.")
    result = STAGES[name](stage_context(dataset))
    typer.echo(result.summary)


def train(
    dataset: Dataset = "FD001",
    refresh: Annotated[bool, typer.Option(help="bring the raw data anew")] = False,
) -> None:
    """Run the whole chain as the Prefect flow `train`: data to packaged champion."""
    context = stage_context(dataset)
    with project_on_path(context.settings.home):
        from pipelines.train import train as flow

        flow(dataset=dataset, refresh=refresh)
    _print_results(context)


def evaluate(
    dataset: Annotated[str | None, typer.Argument(help="data set; or --all")] = None,
    everything: Annotated[bool, typer.Option("--all", help="all four C-MAPSS sets as one table")] = False,
) -> None:
    """Print the figures on the test set of the model trained last, with confidence intervals, beside the seed's method."""
    from smart_sentry.errors import ConfigurationError

    if everything:
        _print_all()
    elif dataset is not None:
        _print_results(stage_context(dataset), demand_truth=True)
    else:
        raise ConfigurationError("evaluate", "no data set is named", "Name one, or ask for --all.")


def predict(
    dataset: Dataset,
    data: Annotated[Path, typer.Option(help="CSV or Parquet: asset_id, cycle and one column a signal")],
    out: Annotated[Path, typer.Option(help="CSV to write: one row for each row in")],
) -> None:
    """Score a file of readings with a data set's champion."""
    from smart_sentry.batch_file import predict_file
    from smart_sentry.champion import serving_folder

    context = stage_context(dataset)
    rows = predict_file(serving_folder(context.settings.home, dataset), data, out)
    typer.echo(f"{rows} rows scored: {out}")


def serve(dataset: Dataset = "FD001") -> None:
    """Serve a data set's champion over HTTP (BentoML)."""
    from smart_sentry.champion import serving_folder
    from smart_sentry.serving_package import serve_bento

    context = stage_context(dataset)
    serve_bento(serving_folder(context.settings.home, dataset), context.settings)


def ui() -> None:
    """Open MLflow and Prefect on this machine."""
    from smart_sentry.config import load_settings
    from smart_sentry.ui import run_ui

    run_ui(load_settings(), typer.echo)


@phases_app.command("study")
def phases_study(dataset: Dataset = "FD001") -> None:
    """Show what the phases of a C-MAPSS set are worth: counts, shuffle test, clusters; into reports/ and MLflow."""
    from smart_sentry.phase_study.tracked import tracked_phase_study

    typer.echo(tracked_phase_study(stage_context(dataset)))


def _print_results(context: StageContext, demand_truth: bool = False) -> None:
    from rich.console import Console
    from rich.table import Table

    from smart_sentry.champion import last_trained_serves
    from smart_sentry.datasets.interim import load_interim
    from smart_sentry.results import results_table

    rows = results_table(context.processed)
    if not rows and demand_truth:
        load_interim(context.interim).test_truth()
        again = f"smart-sentry stage evaluate --dataset {context.dataset}"
        typer.echo(f"smart-sentry: the truth of {context.dataset} came after its evaluation: run `{again}`.", err=True)
        raise typer.Exit(1)
    judged = (
        "champion" if last_trained_serves(context.settings.home, context.dataset) else "trained last; another serves"
    )
    table = Table(
        "figure", judged, "the seed's method", title=f"{context.dataset}: test set, 95 % confidence intervals"
    )
    for row in rows:
        table.add_row(row.figure, row.champion, row.seed_method)
    if rows:
        Console(width=110).print(table)


def _print_all() -> None:
    from rich.console import Console
    from rich.table import Table

    from smart_sentry.results import SUMMARY_COLUMNS, summary_rows
    from smart_sentry.stages.chain import run_missing

    table = Table("figure", title="Test sets, 95 % confidence intervals by engine; everything chosen on train alone")
    columns, unscored = [], []
    for context in (stage_context(name) for name in SCORED_SETS):
        run_missing(context, typer.echo)
        row, reason = summary_rows(context.processed, context.dataset)
        table.add_column(row.dataset)
        columns.append(row.cells)
        unscored += [reason] if reason else []
    for figure, *cells in zip(SUMMARY_COLUMNS, *columns, strict=True):
        table.add_row(figure, *cells)
    Console(width=140).print(table)
    for sentence in unscored:
        typer.echo(f"smart-sentry: {sentence}", err=True)
    if unscored:
        raise typer.Exit(1)
