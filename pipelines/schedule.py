"""Serves every deployment of prefect.yaml from one process: its schedules, limits and automations, as they stand there.

smart-sentry schedule               with a Prefect server of its own, or the one that PREFECT_API_URL names
prefect deploy --all                hands the same file to workers instead
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType  # noqa: E402
from prefect.client.schemas.objects import ConcurrencyLimitConfig, StateType  # noqa: E402
from prefect.deployments.runner import RunnerDeployment  # noqa: E402
from prefect.events import DeploymentTriggerTypes, TriggerTypes  # noqa: E402
from prefect.runner import Runner  # noqa: E402
from prefect.schedules import Cron  # noqa: E402
from prefect.states import AwaitingRetry  # noqa: E402
from pydantic import TypeAdapter  # noqa: E402

from smart_sentry.errors import ConfigurationError  # noqa: E402

FILE = "prefect.yaml"
_TRIGGERS: TypeAdapter[list[DeploymentTriggerTypes]] = TypeAdapter(list[DeploymentTriggerTypes])


class _Runner(Runner):
    """Prefect's runner; told to end, it does what it does on Ctrl-C: it stops what runs and pauses what it served."""

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)


def deployments_of(folder: Path) -> list[RunnerDeployment]:
    """The deployments that a checkout's prefect.yaml describes. Their flows are found from the working directory.

    Raises:
        ConfigurationError: there is no such file, or it describes no deployment.
    """
    path = folder / FILE
    told = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    if not (told and told.get("deployments")):
        remedy = "Run it in a checkout of the project, or set SMART_SENTRY_HOME to one."
        raise ConfigurationError(path, "it describes no deployment", remedy)
    return [_deployment(one) for one in told["deployments"]]


def _deployment(told: dict[str, Any]) -> RunnerDeployment:
    limit = told.get("concurrency_limit")
    triggers: list[DeploymentTriggerTypes | TriggerTypes] = [*_TRIGGERS.validate_python(told.get("triggers", []))]
    return RunnerDeployment.from_entrypoint(
        told["entrypoint"],
        name=told["name"],
        description=told["description"],
        tags=told["tags"],
        parameters=told.get("parameters"),
        schedules=[
            Cron(one["cron"], timezone=one["timezone"], active=one["active"]) for one in told.get("schedules", [])
        ],
        triggers=triggers,
        concurrency_limit=ConcurrencyLimitConfig(**limit) if isinstance(limit, dict) else limit,
        paused=told["paused"],  # stopping pauses what is served, so that no run waits for the next start
        enforce_parameter_schema=told["enforce_parameter_schema"],
    )


def serve(folder: Path, limit: int, announce: Callable[[str], object], alone: bool) -> None:
    """Registers all deployments and their automations anew, and runs what is due, until it is told to end.

    Args:
        folder: the checkout; the working directory already.
        limit: most flow runs at a time.
        announce: shows one line to the person.
        alone: whether nobody else runs deployments of this server: then what an earlier stop cut off runs again.
    """
    if alone:
        again = run_again_what_was_cut_off()
        if again:
            announce(f"{again} flow runs that a stop had cut off run again.")
    runner = _Runner("smart-sentry schedule", limit=limit, pause_on_shutdown=True)
    for deployment in deployments_of(folder):
        runner.add_deployment(deployment)
        announce(f"  {deployment.full_name}: {_when(deployment)}")
    announce("Ctrl-C stops everything.")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script has started it in the background: what SIGTERM is turned into would be ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(runner.start())


def run_again_what_was_cut_off() -> int:
    """Puts flow runs of deployments that nothing runs any more back on the schedule, and frees their slots; how many."""
    active = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
    wanted = FlowRunFilter(state=FlowRunFilterState(type=active))
    with get_client(sync_client=True) as client:
        cut = [run for run in client.read_flow_runs(flow_run_filter=wanted) if run.deployment_id is not None]
        for run in cut:
            client.set_flow_run_state(run.id, AwaitingRetry(message="cut off by a stop"))
    return len(cut)


def _when(deployment: RunnerDeployment) -> str:
    crons = [one.schedule.cron for one in deployment.schedules or []]  # type: ignore[union-attr]
    names = [str(getattr(trigger, "name", "")) for trigger in deployment.triggers]
    told = [*(f"cron {cron} UTC" for cron in crons), *(f"automation {name!r}" for name in names)]
    return "; ".join(told) or "when a person runs it"
