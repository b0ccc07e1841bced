"""`smart-sentry baselines`: versions, what moved between two, and the way back. What they need is imported when they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smart_sentry.baseline_store import BaselineStore

baselines_app = typer.Typer(help="Baselines of an asset: versions, what moved, and the way back.", no_args_is_help=True)

Asset = Annotated[str, typer.Argument(help="asset", metavar="ASSET")]
Type = Annotated[str | None, typer.Option("--type", help="asset type; needed where several know the asset")]


@baselines_app.command("list")
def list_baselines(asset: Asset, asset_type: Type = None) -> None:
    """Show the kept versions of an asset's baseline; the active one is marked."""
    from rich.console import Console
    from rich.table import Table

    from smart_sentry.errors import ChecksumMismatch, ModelUnavailable

    store = _store_of(asset, asset_type)
    history = store.history(asset)
    table = Table("version", "active", "learnt", "grade", "readings", "held-out false alarms")
    for version in store.versions(asset):
        active = "active" if history[-1:] == [version] else ("earlier" if version in history else "")
        try:
            found = store.load(asset, version)
        except (ModelUnavailable, ChecksumMismatch) as problem:
            table.add_row(version, active, f"broken: {problem}", "", "", "")
            continue
        report = found.acceptance
        table.add_row(version, active, found.created, report.grade, str(report.readings), f"{report.false_alarms:.2%}")
    Console(width=160).print(table)


@baselines_app.command("diff")
def diff(
    asset: Asset,
    old: Annotated[str | None, typer.Argument(help="version; else the one before the active one", metavar="A")] = None,
    new: Annotated[str | None, typer.Argument(help="version; else the active one", metavar="B")] = None,
    asset_type: Type = None,
) -> None:
    """Show how far each normal value moved from one version to another, in the old one's standard deviations."""
    from rich.console import Console
    from rich.table import Table

    from smart_sentry.errors import ModelUnavailable
    from smart_sentry.recalibration.moves import moves

    store = _store_of(asset, asset_type)
    history = store.history(asset)
    if old is None and len(history) < 2:
        raise ModelUnavailable(store.folder_of(asset), "There is one version only; name two.")
    before, after = store.load(asset, old or history[-2]), store.load(asset, new or history[-1])
    table = Table("phase", "feature", before.version, after.version, "shift (sigma)", title=f"{asset}: normal values")
    for one in moves(before, after, every_phase=True):
        table.add_row(one.phase, one.channel, f"{one.old:.5g}", f"{one.new:.5g}", f"{one.sigma:+.2f}")
    Console(width=160).print(table)


@baselines_app.command("rollback")
def rollback(
    asset: Asset,
    author: Annotated[str, typer.Option(help="who decides, for the record")],
    reason: Annotated[str, typer.Option(help="why, for the record")],
    service: Annotated[str | None, typer.Option(help="address of the service; else this machine's")] = None,
) -> None:
    """Have the baseline before the active one judge again: the running service and its workers take it within seconds."""
    from smart_sentry.config import load_settings
    from smart_sentry.service_client import ServiceClient

    settings = load_settings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with ServiceClient(service or settings.service_address, key) as client:
        body = {"asset_id": asset, "author": author, "reason": reason}
        told = client.post("/api/v1/calibration/rollback", body)
    typer.echo(f"{asset}: baseline {told['baseline_version']} is active again")


def _store_of(asset: str, asset_type: str | None) -> BaselineStore:
    """The files of the type that knows the asset.

    Raises:
        ModelUnavailable: none does. ConfigurationError: several do.
    """
    from smart_sentry.baseline_store import BaselineStore
    from smart_sentry.config import load_settings
    from smart_sentry.errors import ConfigurationError, ModelUnavailable

    folder = load_settings().models_folder
    names = [asset_type] if asset_type else sorted(path.parent.name for path in folder.glob("*/baselines"))
    stores = {name: BaselineStore(folder / name / "baselines") for name in names}
    knowing = {name: store for name, store in stores.items() if store.history(asset)}
    if not knowing:
        raise ModelUnavailable(folder / "TYPE" / "baselines", f"No baseline of {asset} is there: calibrate it first.")
    if len(knowing) > 1:
        raise ConfigurationError(asset, f"{', '.join(knowing)} know it", "Name one of them with --type.")
    return next(iter(knowing.values()))
