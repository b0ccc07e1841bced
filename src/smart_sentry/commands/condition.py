"""Condition monitoring of files and of a running service: calibrate, score, monitor. Imports are within the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smart_sentry.commands.asset_types import AssetTypeName

if TYPE_CHECKING:
    from smart_sentry.assets import AssetType
    from smart_sentry.baseline_store import BaselineStore
    from smart_sentry.condition_files import Calibrated
    from smart_sentry.config import Settings
    from smart_sentry.detection.baseline import Baseline


_SHOWN_ASSETS = 20
_SHOWN_FEATURES = 8


def calibrate(
    asset_type: Annotated[str | None, typer.Option("--type", help="asset type (configs/assets/<type>.yaml)")] = None,
    data: Annotated[
        Path | None, typer.Option(help="CSV or Parquet of healthy operation: timestamp, asset_id, signals")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="every asset of a running service (of --type, if given)")
    ] = False,
    minutes: Annotated[float, typer.Option(help="with --all: how much of each asset's past it is learnt from")] = 60.0,
    service: Annotated[
        str | None, typer.Option(help="with --all: its address; else SMART_SENTRY_SERVICE_URL, else this machine's")
    ] = None,
    seed: Annotated[int, typer.Option(help="of the isolation forests")] = 20,
    track: Annotated[bool, typer.Option("--track/--no-track", help="log the calibration in MLflow")] = True,
) -> None:
    """Learn what healthy operation looks like, for every asset in a file, or for every asset of a running service."""
    if every and data is None:
        _calibrate_running(asset_type, minutes, service)
    elif asset_type is None or data is None or every:
        raise typer.BadParameter("expected --type and --data (a file), or --all (a running service)")
    else:
        _calibrate_file(asset_type, data, seed, track)


def score(
    asset_type: AssetTypeName,
    data: Annotated[Path, typer.Option(help="CSV or Parquet: timestamp, asset_id, signals")],
    out: Annotated[Path, typer.Option(help="CSV to write: timestamp, asset_id, phase, score, flag, reason")],
) -> None:
    """Score a file of readings against the calibrated baselines: one row out for each row in."""
    from smart_sentry.condition_files import score_file

    kind, store, _ = _condition(asset_type)
    table = score_file(kind, data, out, store)
    typer.echo(f"{out}: {len(table)} rows, {int(table['flag'].sum())} flagged")


def monitor() -> None:
    """Serve the plant over HTTP: readings in, calibration, states, alarms; and the champion, where there is one."""
    from smart_sentry.config import load_settings
    from smart_sentry.serving_package import serve_project

    serve_project(load_settings())


def _calibrate_running(asset_type: str | None, minutes: float, service: str | None) -> None:
    import getpass

    from rich.progress import Progress

    from smart_sentry.config import load_settings
    from smart_sentry.service_client import ServiceClient, calibrate_over_http

    settings = load_settings()
    key = settings.api_key.get_secret_value() if settings.api_key else None
    with ServiceClient(service or settings.service_address, key) as client:
        known = client.get("/api/v1/assets")
        assets = [one["asset_id"] for one in known if asset_type in (None, one["asset_type"])]
        with Progress(transient=True) as progress:
            bar = progress.add_task("calibrating", total=len(assets))
            done = calibrate_over_http(
                client, assets, minutes, getpass.getuser(), lambda ended, _: progress.update(bar, completed=ended)
            )
    for one in done:
        if one.problem is None:
            report = one.told["acceptance"]
            typer.echo(
                f"{one.asset_id}: baseline {one.told['version']}, grade {report['grade']}; {report['readings']} readings"
            )
        else:
            typer.echo(f"{one.asset_id}: {one.stage}: {one.problem}", err=True)
    refused = sum(one.problem is not None for one in done)
    typer.echo(f"{len(done) - refused} of {len(done)} assets calibrated")
    if refused or not done:
        raise typer.Exit(1)


def _calibrate_file(asset_type: str, data: Path, seed: int, track: bool) -> None:
    from rich.progress import Progress

    from smart_sentry.condition_files import calibrate_file

    kind, store, settings = _condition(asset_type)
    with Progress(transient=True) as progress:
        bar = progress.add_task("calibrating", total=None)
        done = calibrate_file(
            kind, data, store, created=_now(), seed=seed, workers=settings.workers,
            progress=lambda number, of: progress.update(bar, completed=number, total=of),
        )  # fmt: skip
    for one in done[:_SHOWN_ASSETS]:
        if one.baseline is None:
            typer.echo(f"{one.asset_id}: {one.refusal}", err=True)
            continue
        report = one.baseline.acceptance
        phases = ", ".join(f"{phase} {steps}" for phase, steps in report.phases.items())
        typer.echo(
            f"{one.asset_id}: baseline {one.version}, grade {report.grade}; {report.readings} readings, steps by phase: {phases};"
            f" held-out false alarms {report.false_alarms:.2%}"
            f" (95 %: {report.false_alarm_low:.2%} to {report.false_alarm_high:.2%})"
        )
        for remark in (*report.remarks, *_derived(one.baseline)):
            typer.echo(f"  {remark}")
    if track:
        _log_calibration(kind.name, data, seed, done, settings)
    refused = sum(one.baseline is None for one in done)
    if len(done) > _SHOWN_ASSETS:
        typer.echo(
            f"... and {len(done) - _SHOWN_ASSETS} more: {len(done) - refused} calibrated, {refused} refused in all"
        )
    if refused:
        raise typer.Exit(1)


def _derived(baseline: Baseline) -> Iterator[str]:
    """Means and standard deviations of the first derived features in steady operation, as one line."""
    known = baseline.steady.statistics.as_dict()
    names = [name for name in baseline.acceptance.derived if name in known]
    shown = [f"{name} {known[name]['mean']:.4g} (std {known[name]['std']:.2g})" for name in names[:_SHOWN_FEATURES]]
    if shown:
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        yield f"derived features: {', '.join(shown)}{more}"


def _condition(asset_type: str) -> tuple[AssetType, BaselineStore, Settings]:
    from smart_sentry.assets import load_asset_type
    from smart_sentry.baseline_store import BaselineStore
    from smart_sentry.config import load_settings

    settings = load_settings()
    kind = load_asset_type(settings.configs_folder / "assets" / f"{asset_type}.yaml")
    return kind, BaselineStore(settings.models_folder / asset_type / "baselines"), settings


def _log_calibration(asset_type: str, data: Path, seed: int, done: list[Calibrated], settings: Settings) -> None:
    """What was calibrated stands whether MLflow takes it or not."""
    from smart_sentry.errors import TrackingFailed
    from smart_sentry.files import sha256_of
    from smart_sentry.tracking.calibration_runs import log_calibration
    from smart_sentry.tracking.records import CalibrationOutcome, CalibrationRecord

    outcomes = [
        CalibrationOutcome(one.asset_id, one.version, one.baseline.acceptance if one.baseline else None, one.refusal)
        for one in done
    ]
    record = CalibrationRecord(asset_type, data.name, sha256_of(data), seed, outcomes)
    try:
        log_calibration(record, settings.mlruns_folder, settings.mlflow_tracking_uri)
    except TrackingFailed as problem:
        typer.echo(str(problem), err=True)


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")
