"""`smart-sentry report`: a report of what is stored, into a file. What it needs is imported when it runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

_TIMES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%d %H:%M:%S%z"]


def report(
    kind: Annotated[str, typer.Argument(help="executive, industrial, excel or fleet")],
    asset: Annotated[str | None, typer.Argument(help="which asset; fleet: all")] = None,
    out: Annotated[Path | None, typer.Option(help="file; default: named after the report, in this folder")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=_TIMES, help="what was stored up to then, e.g. 2026-06-01T12:00:00Z; default: everything"),
    ] = None,
) -> None:
    """Write a report of an asset, or of the fleet, from the database."""
    from contextlib import closing

    from smart_sentry.config import load_settings
    from smart_sentry.errors import ConfigurationError
    from smart_sentry.files import file_name_of, write_whole
    from smart_sentry.reports.reports import REPORTS, write_report
    from smart_sentry.reports.source import ReportSource

    if kind not in REPORTS:
        raise ConfigurationError("report", f"{kind!r} is not a report", f"Name one of {', '.join(REPORTS)}.")
    source = ReportSource.open(load_settings())
    names: list[str] = []
    until = None if as_of is None else as_of.timestamp()
    with closing(source.store):
        path = out or Path(file_name_of(kind if asset is None else f"{kind}-{asset}") + REPORTS[kind].ending)
        write_whole(path, lambda part: names.append(write_report(source, kind, asset, part, as_of=until)))
    typer.echo(f"{path}: {path.stat().st_size / 1000:.0f} kB ({names[0]})")
