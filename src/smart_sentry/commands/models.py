"""`smart-sentry models`: versions of the failure model, and which of them serves. What it needs is imported when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smart_sentry.model_versions import ModelVersions
    from smart_sentry.tracking.model_registry import RegisteredVersion

models_app = typer.Typer(help="Versions of the failure model, and which of them serves.", no_args_is_help=True)

Dataset = Annotated[str, typer.Argument(help="data set, such as FD001", metavar="DATASET")]
Author = Annotated[str, typer.Option(help="who decides, for the record")]
Reason = Annotated[str, typer.Option(help="why, for the record")]
_COLUMNS = ("version", "bundle", "serves", "F1", "average precision", "decision", "by", "why")


@models_app.command("list")
def list_models(
    dataset: Annotated[str | None, typer.Option(help="data set; else every one of params.yaml")] = None,
) -> None:
    """Show the registered versions, the newest first, with their validation figures."""
    from smart_sentry.config import load_settings
    from smart_sentry.params import load_params

    names = [dataset] if dataset else load_params(load_settings().home / "params.yaml").datasets
    for name in names:
        _show(name, _versions(name))


@models_app.command("promote")
def promote(
    dataset: Dataset,
    version: Annotated[str, typer.Argument(help="number that `models list` shows", metavar="VERSION")],
    author: Author,
    reason: Reason,
) -> None:
    """Have a version serve from now on: running services and workers take it within seconds."""
    champion = _versions(dataset).promote(version, author, reason)
    typer.echo(f"{dataset}: version {champion.version} ({champion.model.sha256[:12]}) is the champion and serves")


@models_app.command("rollback")
def rollback(dataset: Dataset, author: Author, reason: Reason) -> None:
    """Have the champion before the present one serve again: running services and workers take it within seconds."""
    champion = _versions(dataset).rollback(author, reason)
    typer.echo(f"{dataset}: version {champion.version} ({champion.model.sha256[:12]}) is the champion again and serves")


def _versions(dataset: str) -> ModelVersions:
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    from smart_sentry.model_versions import ModelVersions

    return ModelVersions(settings, dataset)


def _show(dataset: str, versions: ModelVersions) -> None:
    from rich.console import Console
    from rich.table import Table

    known, champion, served = versions.registry.versions(), versions.registry.champion(), versions.served()
    if not known:
        typer.echo(f"{dataset}: no version is registered: smart-sentry train {dataset}")
        return
    table = Table(*_COLUMNS, title=dataset)
    for one in known:
        role = "champion" if champion is not None and champion.version == one.version else ""
        here = "here" if one.model.sha256 == served else ""
        table.add_row(*_cells(one, ", ".join(part for part in (role, here) if part)))
    Console(width=140).print(table)


def _cells(one: RegisteredVersion, serves: str) -> tuple[str, ...]:
    figures = one.figures
    return (
        one.version, one.model.sha256[:12], serves, f"{figures.f1:.4f}", f"{figures.average_precision:.4f}", one.decision,
        one.author or "policy", one.reason,
    )  # fmt: skip
