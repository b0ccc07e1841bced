"""The flow `retention`: measurements that are older than SMART_SENTRY_RETENTION_DAYS leave the database.

The service does the same once an hour; where only workers run, nobody else does.

python -m pipelines.retention        prefect deployment run retention/retention
"""

from __future__ import annotations

import time

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402

from smart_sentry.plant.open import load_asset_types  # noqa: E402
from smart_sentry.plant.retention import retire_stored  # noqa: E402
from smart_sentry.stores.store import Store  # noqa: E402

ONE_HOUR_S = 3600


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[10.0, 60.0, 300.0])
def delete_old_measurements(days: float) -> int:
    """How many readings were deleted. A round that was cut off is taken up by the next one."""
    settings = Settings()
    watched = None if settings.ingest == "kafka" else load_asset_types(settings)
    with Store(settings.database_url) as store:
        return retire_stored(store, days, time.time(), watched)


@flow(name="retention", timeout_seconds=ONE_HOUR_S, validate_parameters=True)
def retention(days: float | None = None) -> int:
    """Deletes measurements that are too old, a little in each transaction.

    Args:
        days: how long they are kept; None: SMART_SENTRY_RETENTION_DAYS; where that is not set either, for ever.

    Returns:
        How many readings were deleted, with what was said of them.
    """
    kept_days = Settings().retention_days if days is None else days
    if kept_days is None:
        get_run_logger().info("SMART_SENTRY_RETENTION_DAYS is not set: measurements are kept for ever.")
        return 0
    deleted = delete_old_measurements(kept_days)
    rows = [{"table": "readings", "deleted rows": deleted}]
    create_table_artifact(rows, key="retention", description=f"deleted as older than {kept_days:g} days")
    return deleted


if __name__ == "__main__":
    retention()
