"""The flow `recalibrate`: a new baseline for one asset, checked, compared and promoted only where that is safe.

python -m pipelines.recalibration --asset-id motor_01        in this process, or on the server that PREFECT_API_URL names
prefect deployment run recalibrate/recalibrate -p asset_id=motor_01      on a worker (prefect.yaml)

It reads the database and the baselines' files. The running service keeps where each recalibration stands, decides and promotes:
run again after a stop, the flow takes up the open one. docs/recalibration.md tells how.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import Task, flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact, create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402
from prefect.states import Completed  # noqa: E402

from smart_sentry.errors import ServiceRefused, StoreUnavailable, TrackingFailed  # noqa: E402
from smart_sentry.plant.recalibration_run import (  # noqa: E402
    BY_MACHINE,
    Workshop,
    next_step,
    open_or_ask,
    standing,
)
from smart_sentry.plant.recalibration_shop import open_workshop  # noqa: E402
from smart_sentry.plant.recalibration_tracking import track_candidate  # noqa: E402

HALF_AN_HOUR_S = 1800
TASKS = {"ASKED": "build candidate", "BUILT": "checks", "CHECKED": "begin shadow", "SHADOWING": "shadow and decide"}
"""What comes next, by where a recalibration stands."""


def _worth_retrying(_task: Any, _run: Any, state: State[Any]) -> bool:
    """A service or database that does not answer may come back; what they refuse, they refuse again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, StoreUnavailable) or (isinstance(error, ServiceRefused) and not error.answered)


Told = dict[str, Any]
"""A recalibration as the service tells it."""
Work = Callable[[Workshop], Told]


def _task(name: str, work: Callable[[Work], Told]) -> Task[[Work], Told]:
    return task(
        name=name, cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[2.0, 10.0, 60.0],
        retry_condition_fn=_worth_retrying, timeout_seconds=HALF_AN_HOUR_S,
    )(work)  # fmt: skip


@flow(
    name="recalibrate", flow_run_name="recalibrate {asset_id}", timeout_seconds=HALF_AN_HOUR_S, validate_parameters=True
)
def recalibrate(
    asset_id: str, finding_id: int | None = None, reason: str = "", author: str = "schedule",
    lookback_minutes: float | None = None,
) -> Told | State[Any]:  # fmt: skip
    """Recalibrates one asset, as far as that needs no person.

    Args:
        asset_id: of which asset. Its open recalibration is taken up where it stands.
        finding_id: number of the drift finding that it follows from.
        reason: why, for the record.
        author: who asks. One that is no person's name waits for the pause between two recalibrations.
        lookback_minutes: how much of the asset's past counts as recent; None: SMART_SENTRY_RECALIBRATION_LOOKBACK_MINUTES.

    Returns:
        the recalibration as the service tells it. Where the service allows none now, the run is completed as "Held back".
    """

    def within(work: Work) -> Told:
        with open_workshop(Settings(), author, lookback_minutes) as shop:
            return work(shop)

    why = reason or ("no reason given" if finding_id is None else f"drift finding {finding_id}")
    try:
        told = _task("ask", within)(lambda shop: open_or_ask(shop, asset_id, why, finding_id))
    except ServiceRefused as refusal:
        if not refusal.answered:
            raise
        get_run_logger().warning("held back: %s", refusal)
        return Completed(name="Held back", message=str(refusal))
    number = int(told["number"])
    while told["state"] in BY_MACHINE:
        name = TASKS["BUILT" if told["state"] == "ASKED" and told["candidate_version"] else told["state"]]
        told = _task(name, within)(lambda shop: next_step(shop, number))
    told = within(lambda shop: standing(shop, number, asset_id))
    show(told)
    _task("track", within)(_track(told))
    get_run_logger().info("recalibration %d of %s is %s", number, asset_id, told["state"])
    return told


def show(told: Told) -> None:
    """Puts the checks and the decision into Prefect's web interface."""
    said = told["checks"] or {}
    key = f"recalibration-{told['number']}"
    words = {True: "passed", False: "failed", None: "for a person"}
    rows = [
        {"check": one["name"], "outcome": words[one["passed"]], "says": one["sentence"]}
        for one in said.get("checks", ())
    ]
    if rows:
        create_table_artifact(
            rows, key=f"{key}-checks", description=f"recalibration {told['number']} of {told['asset_id']}"
        )
    why = said.get("refused") or said.get("decision", {}).get("sentences", ())
    lines = [
        f"# Recalibration {told['number']} of {told['asset_id']}: {told['state']}", "",
        f"Baseline {told['active_version']} was active, the candidate is {told['candidate_version'] or 'none'}.", "",
        *(f"- {sentence}" for sentence in why),
    ]  # fmt: skip
    if told["state"] == "AWAITING_APPROVAL":
        lines += [
            "", "A named person decides: run the deployment `decide-recalibration` with",
            f"number {told['number']}, your name, why, and approve on or off, or",
            f"`smart-sentry recalibrations approve {told['number']} --author NAME --reason WHY` (`reject` likewise).",
        ]  # fmt: skip
    create_markdown_artifact("\n".join(lines), key=key)


def _track(told: Told) -> Work:
    def track(shop: Workshop) -> Told:
        try:
            track_candidate(shop, told, Settings())
        except TrackingFailed as problem:
            get_run_logger().warning("the recalibration stands: %s", problem)
        return told

    return track


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=recalibrate.description)
    arguments.add_argument("--asset-id", required=True)
    arguments.add_argument("--finding-id", type=int)
    arguments.add_argument("--reason", default="")
    arguments.add_argument("--author", default="schedule")
    arguments.add_argument("--lookback-minutes", type=float)
    recalibrate(**vars(arguments.parse_args()))
