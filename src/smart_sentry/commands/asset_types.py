"""`smart-sentry asset`: check and draft asset types. What a command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

asset_app = typer.Typer(help="Asset types (configs/assets).", no_args_is_help=True)
AssetTypeName = Annotated[str, typer.Option("--type", help="asset type (configs/assets/<type>.yaml)")]


@asset_app.command("check")
def asset_check(file: Annotated[Path, typer.Argument(help="a YAML file in configs/assets")]) -> None:
    """Explain every mistake in an asset type's file."""
    from smart_sentry.assets import load_asset_type

    asset_type = load_asset_type(file)
    derived = f", {len(asset_type.features)} derived features" if asset_type.features else ""
    typer.echo(
        f"{asset_type.name}: {len(asset_type.signals)} signals, failure horizon {asset_type.failure.horizon_cycles} cycles"
        f"{derived}"
    )


@asset_app.command("new")
def asset_new(
    name: Annotated[str, typer.Argument(help="name of the new asset type")],
    source: Annotated[Path, typer.Option("--from", help="CSV or Parquet: timestamp, asset_id and one column a signal")],
) -> None:
    """Draft an asset type from a table of readings, into configs/assets/<name>.yaml."""
    from smart_sentry.asset_draft import draft_asset_type
    from smart_sentry.config import load_settings

    out = load_settings().configs_folder / "assets" / f"{name}.yaml"
    drafted = draft_asset_type(name, source, out)
    typer.echo(
        f"{out}: {len(drafted.signals)} signals, a reading every {drafted.sampling_seconds:g} s. Units and limits are guesses:"
        f" mend them, or calibrate as it is. It is {drafted.description}."
    )
