"""Proposed recalibrations, as events that Prefect's automation turns into runs of the flow `recalibrate` (prefect.yaml)."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import create_table_artifact
from prefect.events import emit_event

from smart_sentry.recalibration_triggers import Proposal

PROPOSED = "smart-sentry.drift.recalibration-proposed"
ASSET = "smart-sentry.asset."
"""What the resource of an event about an asset begins with; the asset's name follows."""


def propose(proposals: Sequence[Proposal], trigger: str) -> list[str]:
    """Emits an event for each proposal without objection, and returns the assets' names.

    Args:
        proposals: any.
        trigger: what led to them; stands in the event where a drift finding has its verdict.
    """
    allowed = [one for one in proposals if one.objection is None]
    for one in allowed:
        # No finding is named: it may have led to a recalibration already, and is not what leads to this one.
        payload = {"asset_id": one.asset_id, "finding_id": None, "verdict": trigger, "reason": one.reason}
        emit_event(PROPOSED, {"prefect.resource.id": f"{ASSET}{one.asset_id}"}, payload=payload)
    return [one.asset_id for one in allowed]


def show(proposals: Sequence[Proposal], key: str, description: str) -> None:
    """The proposals and what speaks against them, as a table in Prefect's web interface."""
    rows = [
        {"asset": one.asset_id, "why": one.reason, "proposed": one.objection is None, "objection": one.objection or ""}
        for one in proposals
    ]
    create_table_artifact(rows, key=key, description=description)
