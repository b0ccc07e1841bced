"""The flow `calibrate-fleet`: recalibrates every asset whose baseline is too old, where nothing speaks against it.

python -m pipelines.fleet_calibration        prefect deployment run calibrate-fleet/calibrate-fleet
"""

from __future__ import annotations

import time
from concurrent.futures import BrokenExecutor, Executor

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

from smart_sentry.drift_monitoring.processes import executor  # noqa: E402
from smart_sentry.plant.recalibration_fleet import FleetOutcome, recalibrate_asset  # noqa: E402
from smart_sentry.recalibration_triggers import Proposal, old_baselines  # noqa: E402
from smart_sentry.stores.store import Store  # noqa: E402

SIX_HOURS_S = 6 * 3600
AUTHOR = "schedule"


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[10.0, 60.0, 300.0])
def find_old_baselines(older_than_days: float, asset_type: str | None) -> list[Proposal]:
    """Every asset with an old baseline, and what speaks against a recalibration of it."""
    with Store(Settings().database_url) as store, store.view() as batch:
        return old_baselines(batch, time.time(), older_than_days, asset_type)


@task(
    name="recalibrate", task_run_name="recalibrate {asset}", cache_policy=NO_CACHE, retries=2,
    retry_delay_seconds=[10.0, 60.0],
)  # fmt: skip
def recalibrate_one(asset: str, reason: str, pool: Executor) -> FleetOutcome:
    """Recalibrates one asset; where the process died that did it, in this one."""
    asked = (Settings(), asset, reason, AUTHOR)
    try:
        return pool.submit(recalibrate_asset, *asked).result()
    except BrokenExecutor:
        get_run_logger().warning("%s: its process died, and this one does it", asset)
        return recalibrate_asset(*asked)


@flow(
    name="calibrate-fleet", timeout_seconds=SIX_HOURS_S, validate_parameters=True,
    task_runner=ThreadPoolTaskRunner(max_workers=16),  # type: ignore[arg-type]  # Prefect's own types do not fit
)  # fmt: skip
def calibrate_fleet(asset_type: str | None = None, only_older_than_days: float | None = None) -> dict[str, str]:
    """Recalibrates by age. Each goes the way of any other: checks, shadow, promotion by policy, watch.

    An asset whose newest finding is a degradation, a sensor fault or unknown is never recalibrated, nor one that no triage has
    looked at lately, nor one with an open recalibration. So many are worked on at a time as there are SMART_SENTRY_WORKERS, or
    workers of the Dask cluster that SMART_SENTRY_DASK_SCHEDULER names; the results are the same.

    Args:
        asset_type: None: every type.
        only_older_than_days: None: SMART_SENTRY_RECALIBRATE_AFTER_DAYS.

    Returns:
        asset -> state of its recalibration, or why there is none.
    """
    settings = Settings()
    days = settings.recalibrate_after_days if only_older_than_days is None else only_older_than_days
    found = find_old_baselines(days, asset_type)
    allowed = [one for one in found if one.objection is None]
    with executor(settings.workers, settings.dask_scheduler) as pool:
        futures = [recalibrate_one.submit(one.asset_id, one.reason, pool) for one in allowed]
        done = [future.result() for future in futures]
    told = {one.asset_id: one.objection for one in found if one.objection is not None}
    told |= {one.asset_id: one.state or one.why for one in done}
    why = {one.asset_id: one.reason for one in found}
    rows = [{"asset": asset, "why": why[asset], "what came of it": told[asset]} for asset in sorted(told)]
    create_table_artifact(rows, key="calibrate-fleet", description=f"baselines older than {days:g} days")
    get_run_logger().info("%d of %d assets with an old baseline were recalibrated", len(done), len(found))
    return told


if __name__ == "__main__":
    calibrate_fleet()
