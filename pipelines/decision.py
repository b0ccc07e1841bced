"""The flow `decide-recalibration`: what a named person decides about a recalibration, from Prefect's web interface.

prefect deployment run decide-recalibration/decide-recalibration -p number=7 -p author=Ada -p reason="two shifts" -p approve=true
python -m pipelines.decision --number 7 --author Ada --reason "two shifts" --approve

The running service decides as it does for everybody: it wants a person's name, and an override where the machine gets worse.
"""

from __future__ import annotations

import argparse
from typing import Any

from smart_sentry.config import Settings
from smart_sentry.environment import prepare_environment

prepare_environment(Settings())  # Prefect reads its settings while it is imported

from prefect import flow, get_run_logger, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import State  # noqa: E402

from smart_sentry.errors import ServiceRefused  # noqa: E402
from smart_sentry.service_client import ServiceClient, decide_over_http  # noqa: E402

FIVE_MINUTES_S = 300


def _nobody_listens(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Only then has the decision surely not been taken: said twice, it would be refused the second time."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ServiceRefused) and error.absent


@task(
    name="decide", cache_policy=NO_CACHE, retries=3, retry_delay_seconds=[2.0, 10.0, 60.0],
    retry_condition_fn=_nobody_listens,
)  # fmt: skip
def decide(number: int, author: str, reason: str, approve: bool, override: bool) -> dict[str, Any]:
    """Tells the service; the recalibration as it answers."""
    settings = Settings()
    key = None if settings.api_key is None else settings.api_key.get_secret_value()
    with ServiceClient(settings.service_address, key) as client:
        return decide_over_http(client, number, author, reason, approve=approve, override=override)


@flow(
    name="decide-recalibration", flow_run_name="{author} decides on recalibration {number}",
    timeout_seconds=FIVE_MINUTES_S, validate_parameters=True,
)  # fmt: skip
def decide_recalibration(
    number: int, author: str, reason: str, approve: bool, override: bool = False
) -> dict[str, Any]:
    """Approves or rejects a recalibration that waits for a person. It fails with the service's words where that is refused.

    Args:
        number: of the recalibration, as the run of `recalibrate` shows it.
        author: your name; the audit log keeps it.
        reason: why.
        approve: promotes the candidate; else it is rejected.
        override: approves although the newest finding is degradation; the audit log keeps that, too.

    Returns:
        the recalibration as the service tells it.
    """
    told = decide(number, author, reason, approve, override)
    get_run_logger().info("recalibration %d of %s is %s", number, told["asset_id"], told["state"])
    return told


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=decide_recalibration.description)
    arguments.add_argument("--number", type=int, required=True)
    arguments.add_argument("--author", required=True)
    arguments.add_argument("--reason", required=True)
    decision = arguments.add_mutually_exclusive_group(required=True)
    decision.add_argument("--approve", action="store_true")
    decision.add_argument("--reject", dest="approve", action="store_false")
    arguments.add_argument("--override", action="store_true")
    decide_recalibration(**vars(arguments.parse_args()))
