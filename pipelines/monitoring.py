"""The flow `monitor-drift`: whether what assets send is still what their baselines were learnt from, and if not, why.

python -m pipelines.monitoring                             in this process, or on the server that PREFECT_API_URL names
prefect deployment run monitor-drift/monitor-drift         on a worker (prefect.yaml)

It reads the database and the baselines' files. What it finds goes to the service, which stores it and lets its alarms stand;
where none answers, the flow opens the plant itself. docs/drift.md tells what a round does.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import (  # noqa: E402
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.events import emit_event  # noqa: E402
from prefect.futures import PrefectFuture, as_completed  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

from pipelines.proposals import ASSET, PROPOSED  # noqa: E402
from smart_sentry.assets import AssetType  # noqa: E402
from smart_sentry.drift_monitoring.fleet import assets_by_type  # noqa: E402
from smart_sentry.drift_monitoring.predictions import (  # noqa: E402
    FailureCalibration,
    failure_calibration,
    prediction_drift,
    read_outcomes,
)
from smart_sentry.drift_monitoring.processes import executor  # noqa: E402
from smart_sentry.drift_monitoring.reports import (  # noqa: E402
    WrittenReport,
    fleet_table,
    worth_a_report,
    write_asset_reports,
    write_fleet_reports,
)
from smart_sentry.drift_monitoring.round import SKIPPED, AssetDrift, rounds_of, watch_round  # noqa: E402
from smart_sentry.drift_monitoring.windows import Source  # noqa: E402
from smart_sentry.errors import TrackingFailed  # noqa: E402
from smart_sentry.plant.hand_in import hand_in  # noqa: E402
from smart_sentry.plant.open import failure_model_of, load_asset_types  # noqa: E402
from smart_sentry.stores.drift_findings import Finding  # noqa: E402
from smart_sentry.stores.store import Store  # noqa: E402
from smart_sentry.tracking.drift_runs import log_drift_round  # noqa: E402
from smart_sentry.tracking.links import mlflow_address, run_page  # noqa: E402

ONE_HOUR_S = 3600
FOUND = "smart-sentry.drift.finding"
MOST_REPORTS, KEPT_ROUNDS = 6, 20
"""Assets of a type that get pages of their own, and rounds whose pages stay under reports/drift."""


@task(name="watch", task_run_name="watch {label}", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[5.0, 30.0])
def watch(
    label: str, pool: Executor, source: Source, kind: AssetType, assets: list[str], hours: float, now: float,
    wanted: list[str] | None,
) -> list[AssetDrift]:  # fmt: skip
    """Judges the assets of a round; where the process died that did it, in this one."""
    asked = (source, kind, assets, hours, now, wanted)
    try:
        return pool.submit(watch_round, *asked).result()
    except BrokenExecutor:
        get_run_logger().warning("%s: its process died, and this one does it", label)
        return watch_round(*asked)


@task(name="report", task_run_name="report {asset}", cache_policy=NO_CACHE, retries=1)
def report_asset(
    asset: str, pool: Executor, source: Source, kind: AssetType, hours: float, folder: Path
) -> list[WrittenReport]:
    """Writes an asset's pages."""
    return pool.submit(write_asset_reports, source, kind, asset, hours, folder).result()


@task(name="report fleet", task_run_name="report {kind.name}", cache_policy=NO_CACHE)
def report_fleet(kind: AssetType, found: list[AssetDrift], hours: float, folder: Path) -> list[WrittenReport]:
    """Writes the pages of a type's assets together; of those of the failure model, of its predictions too."""
    settings, predictions = Settings(), None
    model = failure_model_of(settings)
    if model is not None and model.manifest.asset_type.name == kind.name:
        with Store(settings.database_url) as store, store.view() as batch:
            processed = settings.processed_folder / model.manifest.dataset
            predictions = prediction_drift(batch, [one.finding.asset_id for one in found], processed, hours)
    return write_fleet_reports(kind, found, folder, predictions)


@task(name="store findings", cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[5.0, 30.0, 120.0])
def store_findings(found: list[Finding]) -> list[tuple[str, int]]:
    """Hands the findings to the service, or to the plant where none answers; what was handed in before changes nothing."""
    taken = hand_in(Settings(), found)
    for asset in taken.unknown:
        get_run_logger().warning("%s is not known any more: its finding was not stored", asset)
    return list(taken.stored)


@task(name="judge predictions", cache_policy=NO_CACHE)
def judge_predictions(outcomes: str) -> FailureCalibration | None:
    """Holds stored predictions against failures that have happened."""
    settings, failed = Settings(), read_outcomes(Path(outcomes))
    model = failure_model_of(settings)
    if model is None:
        return None
    with Store(settings.database_url) as store, store.view() as batch:
        return failure_calibration(batch, failed, model.manifest.asset_type.failure.horizon_cycles)


@flow(
    name="monitor-drift", timeout_seconds=ONE_HOUR_S, validate_parameters=True,
    task_runner=ThreadPoolTaskRunner(max_workers=8),  # type: ignore[arg-type]  # Prefect's own types do not fit
)  # fmt: skip
def monitor_drift(
    asset_type: str | None = None, asset_id: str | None = None, hours: float = 24.0, report: bool = True,
    outcomes: str | None = None,
) -> dict[str, int]:  # fmt: skip
    """Says of every asset whether what it sends is still what its baseline was learnt from, and if not, why.

    Args:
        asset_type: only assets of this type.
        asset_id: only this asset.
        hours: length of the recent window, which ends with each asset's newest reading.
        report: whether pages are written and kept in MLflow.
        outcomes: CSV file of failures (asset_id, failed_at), by which stored predictions are judged; None:
            SMART_SENTRY_FAILURE_OUTCOMES; where that is not set either, they are not.

    Returns:
        verdict -> how many assets.
    """
    settings, now = Settings(), time.time()
    types = load_asset_types(settings)
    with Store(settings.database_url) as store, store.view() as batch:
        fleet = assets_by_type(batch, types, asset_type, asset_id)
    source = Source(settings.database_url, settings.models_folder.resolve())
    folder = settings.reports_folder / "drift" / datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    findings: list[Finding] = []
    with executor(settings.workers, settings.dask_scheduler) as pool:
        found = _watch_all(pool, source, types, fleet, hours, now, [asset_id] if asset_id is not None else None)
        for name, its in found.items():
            pages = _report(pool, source, types[name], its, hours, folder / name) if report else {}
            findings += [_with_report(one.finding, pages, settings.home) for one in its]
            _show(name, its)
    stored = dict(store_findings(findings)) if findings else {}
    _emit(findings, stored)
    happened = outcomes or settings.failure_outcomes_file
    if happened is not None:
        _show_calibration(judge_predictions(str(happened)))
    _forget_old(settings.reports_folder / "drift")
    return dict(Counter(one.verdict for one in findings))


def _watch_all(
    pool: Executor, source: Source, types: dict[str, AssetType], fleet: dict[str, list[str]], hours: float, now: float,
    wanted: list[str] | None,
) -> dict[str, list[AssetDrift]]:  # fmt: skip
    """Type -> what was found of its assets, in the order of their names."""
    futures: dict[PrefectFuture[list[AssetDrift]], tuple[str, int]] = {}
    for name, assets in fleet.items():
        for number, part in enumerate(rounds_of(assets, wanted)):
            label = f"{name} {part[0]} .. {part[-1]}"
            futures[watch.submit(label, pool, source, types[name], part, hours, now, wanted)] = name, number
    bar = cast(UUID, create_progress_artifact(0.0, description="monitor-drift: assets that were looked at"))
    done: dict[tuple[str, int], list[AssetDrift]] = {}
    for future in as_completed(list(futures)):
        done[futures[future]] = future.result()
        update_progress_artifact(bar, 100.0 * len(done) / len(futures))
    return {name: [one for key in sorted(done) if key[0] == name for one in done[key]] for name in fleet}


def _report(
    pool: Executor, source: Source, kind: AssetType, found: list[AssetDrift], hours: float, folder: Path
) -> dict[str, Path]:
    """Asset -> its first page. A page that cannot be written costs no finding."""
    futures = [
        report_asset.submit(asset, pool, source, kind, hours, folder) for asset in worth_a_report(found, MOST_REPORTS)
    ]
    together = report_fleet.submit(kind, found, hours, folder)
    written: list[WrittenReport] = []
    for future in [*futures, together]:
        told: object = future.result(raise_on_failure=False)
        if isinstance(told, list):
            written += told
        else:
            get_run_logger().error("a report of %s was not written: %s", kind.name, told)
    _track(kind, found, written, hours, folder)
    pages: dict[str, Path] = {}
    for one in written:
        pages.setdefault(one.subject, one.page)
    return pages


def _track(
    kind: AssetType, found: list[AssetDrift], written: Sequence[WrittenReport], hours: float, folder: Path
) -> None:
    """The round in MLflow, and the link to it in Prefect."""
    settings = Settings()
    shares = [one.finding.drift_share for one in found if one.finding.drift_share is not None]
    verdicts = Counter(one.finding.verdict for one in found)
    metrics: dict[str, float | None] = {f"assets_{verdict}": float(count) for verdict, count in verdicts.items()}
    metrics["drift_share_mean"] = sum(shares) / len(shares) if shares else None
    metrics |= {
        f"drift_share_{one.page.stem}": one.drift_share for one in written if one.subject.startswith(f"{kind.name}: ")
    }
    try:
        experiment, run = log_drift_round(
            kind.name, folder, {"type": kind.name, "assets": len(found), "hours": hours}, metrics, settings.mlruns_folder,
            settings.mlflow_tracking_uri,
        )  # fmt: skip
    except TrackingFailed as problem:
        get_run_logger().warning("%s", problem)
        return
    page = run_page(mlflow_address(settings), experiment, run)
    create_link_artifact(page, link_text=f"{kind.name}: reports in MLflow", key=f"drift-reports-{_slug(kind.name)}")


def _show(name: str, found: list[AssetDrift]) -> None:
    """A table of all assets and a summary in Prefect's web interface."""
    create_table_artifact(fleet_table(found), key=f"drift-{_slug(name)}", description=f"{name}: what moved, and why")
    counts = Counter(one.finding.verdict for one in found)
    told = [f"| {verdict} | {count} |" for verdict, count in counts.most_common()]
    moved = [one.finding for one in found if one.finding.verdict not in ("none", SKIPPED)]
    lines = [f"- **{one.asset_id}**: {one.verdict}. {' '.join(_sentences(one))}" for one in moved]
    summary = "\n".join([f"# {name}", "", "| verdict | assets |", "|---|---|", *told, "", *lines])
    create_markdown_artifact(summary, key=f"drift-summary-{_slug(name)}", description=f"{name}: drift")


def _show_calibration(found: FailureCalibration | None) -> None:
    if found is None:
        get_run_logger().warning("no prediction of an asset with a known outcome is stored: nothing was judged")
        return
    rows = [f"| {one.mean_probability:.3f} | {one.observed_rate:.3f} | {one.rows} |" for one in found.reliability]
    facts = (
        f"{found.rows} predictions of {found.assets} assets, {found.positive} of them within the horizon: Brier score"
        f" {found.brier:.4f}, expected calibration error {found.calibration_error:.4f}."
    )
    table = "\n".join(["| predicted | observed | predictions |", "|---|---|---|", *rows])
    create_markdown_artifact(
        f"{facts}\n\n{table}", key="failure-calibration", description="failure model against outcomes"
    )


def _emit(findings: Sequence[Finding], stored: dict[str, int]) -> None:
    """An event for every finding that says something, and one more where a recalibration may be proposed."""
    for one in findings:
        if one.asset_id not in stored or one.verdict in ("none", SKIPPED):
            continue
        resource = {"prefect.resource.id": f"{ASSET}{one.asset_id}"}
        payload: dict[str, Any] = {
            "asset_id": one.asset_id, "finding_id": stored[one.asset_id], "verdict": one.verdict,
            "reason": " ".join(_sentences(one)),
        }  # fmt: skip
        emit_event(FOUND, resource, payload=payload)
        if one.may_recalibrate:
            emit_event(PROPOSED, resource, payload=payload)


def _sentences(finding: Finding, most: int = 3) -> list[str]:
    """The weightiest sentences; the last one, which gives the verdict's own reason, is always among them."""
    told = [str(piece["sentence"]) for piece in finding.evidence]
    return told if len(told) <= most else [*told[: most - 1], told[-1]]


def _with_report(finding: Finding, pages: dict[str, Path], home: Path) -> Finding:
    """Its page, by its path within the project's folder."""
    page = pages.get(finding.asset_id)
    return finding if page is None else replace(finding, report=page.relative_to(home).as_posix())


def _forget_old(folder: Path) -> None:
    """Rounds before the last ones: MLflow keeps what they wrote."""
    rounds = sorted(path for path in folder.glob("*T*Z") if path.is_dir())
    for path in rounds[:-KEPT_ROUNDS]:
        shutil.rmtree(path, ignore_errors=True)


def _slug(name: str) -> str:
    return name.lower().replace("_", "-")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=monitor_drift.description)
    arguments.add_argument("--asset-type")
    arguments.add_argument("--asset-id")
    arguments.add_argument("--hours", type=float, default=24.0)
    arguments.add_argument("--no-report", dest="report", action="store_false")
    arguments.add_argument("--outcomes")
    monitor_drift(**vars(arguments.parse_args()))
