"""Every report by its name: gathered, rendered, and named as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from smart_sentry.errors import UnknownAsset
from smart_sentry.reports import pages, pages_fleet, pages_industrial
from smart_sentry.reports.fleet import gather_fleet
from smart_sentry.reports.gather import gather
from smart_sentry.reports.source import ReportSource
from smart_sentry.reports.typesetting import typeset
from smart_sentry.reports.wording import Clock
from smart_sentry.reports.workbook import write_workbook

PDF = "application/pdf"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Kind:
    """One kind of report.

    Attributes:
        render: writes it to a file: (source, asset, as_of, path) -> the time that it is of, seconds since 1970 UTC.
        media_type, ending: of the file.
        of_asset: whether it is about one asset.
        summary: what it is, in a line.
    """

    render: Callable[[ReportSource, str, float | None, Path], float]
    media_type: str
    ending: str
    of_asset: bool
    summary: str


def write_report(
    source: ReportSource, name: str, asset_id: str | None, path: Path, *, as_of: float | None = None
) -> str:
    """Writes a report to a file, as it is; whoever wants it whole or not at all gives a temporary name.

    Args:
        source: where from.
        name: of `REPORTS`.
        asset_id: of which asset; None for a report about all.
        path: the file.
        as_of: seconds since 1970 UTC; None: the time of the newest stored row.

    Returns:
        A good name for the file.

    Raises:
        UnknownAsset: nobody knows the asset, or none is named where one is needed.
        ReportsUnavailable: what reports are made with is not installed.
    """
    kind = REPORTS[name]
    if kind.of_asset and asset_id is None:
        raise UnknownAsset("an asset (name one)")
    told = kind.render(source, asset_id or "", as_of, path)
    day = datetime.fromtimestamp(told, UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = [name, asset_id, day] if kind.of_asset and asset_id else [name, day]
    return "-".join(part for part in parts if part) + kind.ending


def _executive(source: ReportSource, asset_id: str, as_of: float | None, path: Path) -> float:
    content = gather(source, asset_id, as_of=as_of)
    page = pages.executive(content, Clock(source.settings.report_time_zone))
    path.write_bytes(typeset("executive", page, content.as_of))
    return content.as_of


def _industrial(source: ReportSource, asset_id: str, as_of: float | None, path: Path) -> float:
    content = gather(source, asset_id, as_of=as_of, details=True)
    page = pages_industrial.industrial(content, Clock(source.settings.report_time_zone))
    path.write_bytes(typeset("industrial", page, content.as_of))
    return content.as_of


def _excel(source: ReportSource, asset_id: str, as_of: float | None, path: Path) -> float:
    return write_workbook(source, asset_id, path, as_of=as_of)


def _fleet(source: ReportSource, _: str, as_of: float | None, path: Path) -> float:
    content = gather_fleet(source, as_of=as_of)
    page = pages_fleet.fleet(content, Clock(source.settings.report_time_zone))
    path.write_bytes(typeset("fleet", page, content.as_of or 0.0))
    return content.as_of or 0.0


REPORTS: dict[str, Kind] = {
    "executive": Kind(_executive, PDF, ".pdf", True, "how an asset stands and what to do, on one page"),
    "industrial": Kind(_industrial, PDF, ".pdf", True, "five pages: summary, sensors, explanation, costs, audit trail"),
    "excel": Kind(_excel, XLSX, ".xlsx", True, "a workbook: summary, alarms, notes, readings, baseline, model"),
    "fleet": Kind(_fleet, PDF, ".pdf", False, "every asset, the worst first"),
}
"""By the name that the API, the command line and the flow give it."""
