"""What the service asks of the workers that watch a plant's assets, and their answers, in plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smart_sentry.contracts.alarms import AlarmAction
from smart_sentry.errors import ActionRefused, SmartSentryError, UnknownAsset
from smart_sentry.plant import active_baseline
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import forget_purged
from smart_sentry.stores.commands import Command

MAINTAIN, ACT, SWITCH, FORGET, CONDITION = "maintain", "act", "switch", "forget", "condition"
BEGIN_WORK, END_WORK = "begin work", "end work"
"""A maintenance; an operator's action on an alarm; another baseline is active; the asset was purged; an alarm that no reading
speaks for; people begin and end to work on a machine."""


def do(plant: Plant, command: Command) -> None:
    """Does what was asked.

    Raises:
        ActionRefused, UnknownAsset: it is not allowed now. ModelUnavailable: there is no baseline to switch to.
        StoreUnavailable: the database cannot be reached.
    """
    asset, told = command.asset_id, command.arguments
    match command.action:
        case "maintain":
            plant.maintenance.record(asset, told["author"], told["reason"])
        case "act":
            action = AlarmAction(told["action"])
            plant.alarms.act(asset, told["key"], action, told["author"], told["reason"], told["until"])
        case "begin work":
            plant.maintenance.begin(asset, told["author"], told["reason"], told["until"])
        case "end work":
            plant.maintenance.end(asset, told["author"], told["reason"])
        case "switch":
            active_baseline.take_over(plant, asset)
        case "forget":
            forget_purged(plant, asset)
        case "condition":
            if not plant.alarms.state_condition(asset, told["key"], told["holds"], told["author"], told["text"]):
                with plant.changing():
                    pass  # the command is settled with the state
        case other:
            raise ActionRefused(other, asset, "watched by an older worker", (), "this worker does not know the action")


def refusal_of(error: SmartSentryError) -> dict[str, Any]:
    """Why something was not done, for another process to raise again."""
    if isinstance(error, ActionRefused):
        return {
            "action": error.action, "subject": error.subject, "state": error.state, "allowed": [*error.allowed],
            "why": error.why,
        }  # fmt: skip
    return {"unknown": error.asset_id} if isinstance(error, UnknownAsset) else {"problem": str(error)}


def raise_again(refusal: Mapping[str, Any], asset_id: str, action: str) -> None:
    """Raises what a worker refused.

    Raises:
        ActionRefused, UnknownAsset.
    """
    if "unknown" in refusal:
        raise UnknownAsset(refusal["unknown"])
    if "problem" in refusal:
        raise ActionRefused(action, asset_id, "as it was", (), refusal["problem"])
    raise ActionRefused(refusal["action"], refusal["subject"], refusal["state"], refusal["allowed"], refusal["why"])
