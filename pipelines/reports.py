"""The flow `file-reports`: every report of every asset and the fleet report, filed under reports/<date>/.

python -m pipelines.reports                        in this process, or on the server that PREFECT_API_URL names
prefect deployment run file-reports/file-reports   on a worker, where it is deployed
"""

from __future__ import annotations

import hashlib
import re
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from uuid import UUID

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import create_link_artifact, create_progress_artifact, update_progress_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402

from smart_sentry.files import file_name_of, write_whole  # noqa: E402
from smart_sentry.reports.fleet import gather_fleet  # noqa: E402
from smart_sentry.reports.reports import REPORTS, write_report  # noqa: E402
from smart_sentry.reports.source import ReportSource  # noqa: E402


@flow(name="file-reports", timeout_seconds=3600, retries=2, retry_delay_seconds=30)
def file_reports(as_of: datetime | None = None) -> list[str]:
    """Files every report of every asset, and the fleet report.

    Args:
        as_of: what was stored up to then; None: up to the newest row of any asset.

    Returns:
        The files, the fleet report first.
    """
    source = ReportSource.open(Settings())
    with closing(source.store):
        fleet = gather_fleet(source, as_of=None if as_of is None else as_of.timestamp())
        log = get_run_logger()
        if fleet.as_of is None:
            log.warning("No asset is known: nothing is filed.")
            return []
        day = datetime.fromtimestamp(fleet.as_of, UTC).date().isoformat()
        folder = source.settings.reports_folder / day
        assets = sorted(row.status.asset_id for row in fleet.rows)
        progress = cast(UUID, create_progress_artifact(0.0, key="file-reports", description=f"Reports of {day}"))
        of_assets = [name for name, kind in REPORTS.items() if kind.of_asset]
        files = [_file(source, name, None, folder, fleet.as_of) for name in REPORTS if name not in of_assets]
        for done, asset in enumerate(assets, 1):
            files += [_file(source, name, asset, folder, fleet.as_of) for name in of_assets]
            update_progress_artifact(progress, 100.0 * done / len(assets))
        log.info("%d reports in %s", len(files), folder)
        return [str(path) for path in files]


@task(name="file report", task_run_name="{name} {asset_id}", cache_policy=NO_CACHE, persist_result=False)
def _file(source: ReportSource, name: str, asset_id: str | None, folder: Path, as_of: float) -> Path:
    called = name if asset_id is None else f"{name}-{asset_id}"
    path = write_whole(
        folder / f"{file_name_of(called)}{REPORTS[name].ending}",
        lambda part: write_report(source, name, asset_id, part, as_of=as_of),
    )
    create_link_artifact(path.resolve().as_uri(), link_text=called, key=_key(called), description=f"Filed in {folder}")
    return path


def _key(called: str) -> str:
    """Prefect's artifacts are called by small letters, digits and dashes; whatever else a name has, it stays its own."""
    plain = re.sub(r"[^a-z0-9]+", "-", called.lower()).strip("-")[:60]
    return f"report-{plain}-{hashlib.sha256(called.encode()).hexdigest()[:8]}"


if __name__ == "__main__":
    file_reports()
