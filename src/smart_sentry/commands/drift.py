"""`smart-sentry drift`: what moved and why, on a terminal. What it needs is imported when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smart_sentry.assets import AssetType
    from smart_sentry.config import Settings
    from smart_sentry.drift_monitoring.round import AssetDrift
    from smart_sentry.stores.drift_findings import Finding


def drift(
    asset: Annotated[str | None, typer.Argument(help="one asset; default: all")] = None,
    asset_type: Annotated[str | None, typer.Option("--type", help="assets of this type")] = None,
    hours: Annotated[float, typer.Option(min=0.1, help="length of the recent window, before each asset's newest reading")] = 24.0,
    report: Annotated[Path | None, typer.Option(help="HTML page to write: of the asset, or of the assets together")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="findings as JSON")] = False,
) -> None:  # fmt: skip
    """Say of every asset whether what it sends is still what its baseline was learnt from, and if not, why. Nothing is stored."""
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment

    settings = load_settings()
    prepare_environment(settings)
    types, found = _look(settings, asset, asset_type, hours)
    if as_json:
        typer.echo(json.dumps([_plain(one.finding) for one in found], indent=1, allow_nan=False))
    elif found:
        _print(found)
    else:
        typer.echo("smart-sentry: no asset has sent readings", err=True)
    if report is not None and found:
        page = _write(settings, types, found, asset, hours, report)
        typer.echo(f"smart-sentry: {f'see {page}' if page else 'too little to compare: no page was written'}", err=True)


def _look(
    settings: Settings, asset: str | None, asset_type: str | None, hours: float
) -> tuple[dict[str, AssetType], list[AssetDrift]]:
    import time

    from rich.console import Console
    from rich.progress import Progress

    from smart_sentry.drift_monitoring.fleet import assets_by_type, watch_fleet
    from smart_sentry.drift_monitoring.processes import executor
    from smart_sentry.drift_monitoring.round import ROUND_ASSETS
    from smart_sentry.drift_monitoring.windows import Source
    from smart_sentry.plant.open import load_asset_types
    from smart_sentry.stores.store import Store

    types, now = load_asset_types(settings), time.time()
    with Store(settings.database_url) as store, store.view() as batch:
        fleet = assets_by_type(batch, types, asset_type, asset)
    source, found = Source(settings.database_url, settings.models_folder), []
    wanted = None if asset is None else [asset]
    many = sum(map(len, fleet.values()))
    workers = settings.workers if asset is None and many > ROUND_ASSETS else 1
    with (
        executor(workers, settings.dask_scheduler) as pool,
        Progress(console=Console(stderr=True), transient=True) as bar,
    ):
        task = bar.add_task("assets", total=many)
        for name, assets in fleet.items():
            found += watch_fleet(
                pool, source, types[name], assets, hours, now, wanted, lambda count: bar.advance(task, count)
            )
    return types, found


def _print(found: list[AssetDrift]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("asset", "verdict", "confidence", "since", "may recalibrate", "why")
    for one in found:
        its = one.finding
        sentences = [str(piece["sentence"]) for piece in its.evidence]
        told = sentences if len(sentences) < 3 else [sentences[0], sentences[-1]]
        confidence = "" if its.verdict == "skipped" else f"{its.confidence:.2f}"
        table.add_row(
            its.asset_id, its.verdict.replace("_", " "), confidence, _since(its), "yes" if its.may_recalibrate else "no",
            " ".join(told),
        )  # fmt: skip
    Console(width=160).print(table)


def _since(finding: Finding) -> str:
    from smart_sentry.drift_monitoring.round import shown_time

    names = ("onset_seconds", "since_seconds")
    times = [piece["figures"].get(name) for piece in finding.evidence for name in names]
    return (
        shown_time(min(time for time in times if time is not None)) if any(time is not None for time in times) else ""
    )


def _write(
    settings: Settings,
    types: dict[str, AssetType],
    found: list[AssetDrift],
    asset: str | None,
    hours: float,
    page: Path,
) -> Path | None:
    """The steady phase of the asset, or the signals of the first type's assets together."""
    from tempfile import TemporaryDirectory

    from smart_sentry.drift_monitoring.reports import write_asset_reports, write_fleet_reports
    from smart_sentry.drift_monitoring.windows import Source
    from smart_sentry.files import write_whole

    kind = types[found[0].asset_type]
    with TemporaryDirectory() as folder:
        if asset is not None:
            source = Source(settings.database_url, settings.models_folder)
            written = write_asset_reports(source, kind, asset, hours, Path(folder))
        else:
            written = write_fleet_reports(kind, [one for one in found if one.asset_type == kind.name], Path(folder))
        return write_whole(page, written[0].page.read_bytes()) if written else None


def _plain(finding: Finding) -> dict[str, object]:
    return vars(finding) | {"evidence": [dict(piece) for piece in finding.evidence]}
