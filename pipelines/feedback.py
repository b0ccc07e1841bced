"""The flow `review-feedback`: what people wrote leads to a look at those assets at once.

A note about maintenance or operation runs `monitor-drift` for its asset. Where too many of an asset's anomaly alarms were called
wrong since its baseline became active, a recalibration is proposed.

python -m pipelines.feedback        prefect deployment run review-feedback/review-feedback
"""

from __future__ import annotations

import time

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import flow, get_run_logger, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.deployments import run_deployment  # noqa: E402

from pipelines.proposals import propose, show  # noqa: E402
from smart_sentry.recalibration_triggers import Proposal, called_wrong, notes_to_look_at  # noqa: E402
from smart_sentry.stores.notes import StoredNote  # noqa: E402
from smart_sentry.stores.store import Store  # noqa: E402

TEN_MINUTES_S = 600
MONITORING = "monitor-drift/monitor-drift"


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[10.0, 60.0, 300.0])
def read_feedback(hours: float) -> tuple[list[StoredNote], list[Proposal]]:
    """Notes of the last hours to look at, and assets whose alarms are called wrong too often."""
    settings, now = Settings(), time.time()
    with Store(settings.database_url) as store, store.view() as batch:
        notes = notes_to_look_at(batch, now - 3600.0 * hours)
        return notes, called_wrong(batch, now, settings.false_alarm_share, settings.false_alarm_count)


@task(cache_policy=NO_CACHE, task_run_name="monitor {note.note.asset_id}", retries=2, retry_delay_seconds=10)
def monitor_after(note: StoredNote) -> None:
    """A run of `monitor-drift` for the note's asset; one for a note, however often it is asked for."""
    run_deployment(
        MONITORING, parameters={"asset_id": note.note.asset_id}, timeout=0, as_subflow=False,
        idempotency_key=f"note {note.note_id}",
    )  # fmt: skip


@flow(name="review-feedback", timeout_seconds=TEN_MINUTES_S, validate_parameters=True)
def review_feedback(hours: float = 24.0) -> dict[str, list[str]]:
    """Reads notes and false alarms, asks for monitoring and proposes recalibrations.

    Args:
        hours: how far back notes are read; one that was looked at is not looked at again.

    Returns:
        names of the assets that are monitored, and of those for which a recalibration is proposed.
    """
    notes, wrong = read_feedback(hours)
    for note in notes:
        monitor_after(note)
    proposed = propose(wrong, "false alarms")
    if wrong:
        show(wrong, "false-alarms", "assets whose anomaly alarms were called wrong")
    get_run_logger().info("%d notes looked at, %d recalibrations proposed", len(notes), len(proposed))
    return {"monitored": sorted({note.note.asset_id for note in notes}), "proposed": proposed}


if __name__ == "__main__":
    review_feedback()
