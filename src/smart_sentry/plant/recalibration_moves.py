"""Where a recalibration stands, and how it moves on: each move is in the database together with its line in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smart_sentry.errors import ActionRefused
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.recalibration_rules import POLICY
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.recalibrations import Recalibration, RecalibrationState
from smart_sentry.stores.store import Batch

BEFORE_DECISION: tuple[RecalibrationState, ...] = ("ASKED", "CHECKED", "SHADOWING")
NOT_ACTIVE: tuple[RecalibrationState, ...] = (*BEFORE_DECISION, "AWAITING_APPROVAL")
"""Its candidate is not the active baseline yet."""
OPEN: tuple[RecalibrationState, ...] = (*NOT_ACTIVE, "WATCHING")


class RecalibrationMoves:
    """Moves the recalibrations of a plant's assets.

    Args:
        plant: has the baselines, the database and the clock.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def find(self, number: int) -> Recalibration:
        """A recalibration; one that another calibration has overtaken is withdrawn first.

        Raises:
            NotStored: there is none of this number.
        """
        with self._plant.store.view() as batch:
            found = batch.recalibrations.find(number)
        if found.state not in NOT_ACTIVE:
            return found
        asset = found.asked.asset_id
        active = self._plant.calibrated_watch_of(asset).baselines.history(asset)[-1:]
        if active == [found.asked.active_version]:
            return found
        why = f"baseline {''.join(active) or 'none'} became active instead of {found.asked.active_version}"
        return self.move(found, OPEN, "WITHDRAWN", "withdrawn", POLICY, {"why": [why]})

    def refuse(self, found: Recalibration, kept: dict[str, Any], why: Sequence[str], author: str) -> Recalibration:
        """Ends a recalibration that comes to nothing.

        Args:
            found: as it stands.
            kept: what was found out of it; the reasons are added.
            why: in sentences.
            author: who decided.

        Raises:
            ActionRefused: as of `write`.
        """
        kept["refused"] = list(why)
        told = {"why": list(why)}
        return self.move(found, OPEN, "REFUSED", "refused", author, told, checks=kept, decided_by=author)

    def move(
        self, found: Recalibration, only_from: Sequence[RecalibrationState], state: RecalibrationState, action: str,
        author: str, told: Mapping[str, Any], **facts: Any,
    ) -> Recalibration:  # fmt: skip
        """As `write`, in a transaction of its own; returns how it stands then."""
        with self._plant.store.transaction(assets=[found.asked.asset_id]) as batch:
            self.write(batch, found, only_from, state, action, author, told, **facts)
            return batch.recalibrations.find(found.number)

    def write(
        self, batch: Batch, found: Recalibration, only_from: Sequence[RecalibrationState], state: RecalibrationState,
        action: str, author: str, told: Mapping[str, Any], **facts: Any,
    ) -> None:  # fmt: skip
        """Moves a recalibration and notes it in the audit log, within a transaction.

        Args:
            batch: the transaction.
            found: as it stood.
            only_from: states out of which it may move.
            state: that it moves to.
            action, author, told: for the audit log.
            facts: columns of the recalibration that change with it.

        Raises:
            ActionRefused: somebody else has moved it in the meantime.
        """
        if not batch.recalibrations.move(found.number, only_from, state, self._plant.clock(), **facts):
            raise not_now(batch.recalibrations.find(found.number), action)
        version = facts.get("candidate_version", found.candidate_version)
        self.note(batch, found.number, found.asked.asset_id, action, author, {"candidate": version, **told})

    def note(self, batch: Batch, number: int, asset_id: str, action: str, author: str, told: Mapping[str, Any]) -> None:
        """Writes a line about a recalibration into the audit log, within a transaction."""
        details = {"recalibration": number, **told}
        batch.audit.add(AuditEntry(self._plant.clock(), author, f"recalibration: {action}", asset_id, details))


def require_candidate(found: Recalibration, version: str, what: str) -> None:
    """Lets checks or a shadow pass that are of the candidate which a recalibration has.

    Raises:
        ActionRefused: they are of another one, or there is none.
    """
    if found.candidate_version is None:
        raise not_now(found, what, "its candidate is not built")
    if found.candidate_version != version:
        raise not_now(found, what, f"they are of baseline {version}, and its candidate is {found.candidate_version}")


def not_now(found: Recalibration, action: str, why: str = "") -> ActionRefused:
    """The error that says that a recalibration does not allow something as it stands, and what it does allow."""
    allowed = {
        "AWAITING_APPROVAL": ["approve", "reject"], "WATCHING": ["calibration/rollback"], "ASKED": ["advance", "reject"],
        "CHECKED": ["advance", "reject"], "SHADOWING": ["advance", "reject"],
    }  # fmt: skip
    return ActionRefused(action, f"recalibration {found.number}", found.state, allowed.get(found.state, []), why)
