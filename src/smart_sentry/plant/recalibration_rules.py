"""How recalibrations are decided, who counts as a person, and how often one may be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from smart_sentry.drift.case import MAINTENANCE, Verdict
from smart_sentry.errors import ActionRefused
from smart_sentry.recalibration.policy import Approval
from smart_sentry.recalibration_triggers import notes_to_look_at
from smart_sentry.stores.drift_findings import StoredFinding
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

POLICY = "policy"
"""Who decided where no person did."""
NOT_PERSONS = frozenset(
    {
        POLICY,
        "schedule",
        "automation",
        "system",
        "service",
        "drift monitoring",
        "monitor-drift",
        "recalibrate",
        "calibrate-fleet",
    }
)
"""Authors that are no named person."""
_LOST = ("REFUSED", "ROLLED_BACK")
_VERDICTS = frozenset(Verdict)
_HOUR = 3600.0


@dataclass(frozen=True)
class RecalibrationRules:
    """How recalibrations are decided.

    Attributes:
        approval: whether a candidate against which nothing speaks is promoted without a person.
        pause_hours: least time between two recalibrations of an asset, for whoever is no person.
        watch_minutes: of readings after a promotion, during which it is taken back by itself.
    """

    approval: Approval = "automatic"
    pause_hours: float = 24.0
    watch_minutes: float = 60.0


USUAL = RecalibrationRules()
"""Where nobody sets others."""


def debounce(
    batch: Batch, asset_id: str, finding_id: int | None, now: float, *, pause_hours: float, waits: bool, by_person: bool
) -> None:
    """Refuses a recalibration that is asked for too soon, or once more without anything new.

    Args:
        batch: a transaction.
        asset_id: of which asset.
        finding_id: that it follows from; None: from none.
        now: seconds since 1970 UTC.
        pause_hours: least time between two.
        waits: whether who asks has to wait for them.
        by_person: whether a named person asks; anybody else waits for news after one that came to nothing.

    Raises:
        ActionRefused.
    """
    earlier = batch.recalibrations.history(Span(newest_first=True), asset_id=asset_id)
    ended = [one for one in earlier if not one.is_open and one.state != "WITHDRAWN"]
    if finding_id is not None:
        lost = next((one for one in ended if one.asked.finding_id == finding_id and one.state in _LOST), None)
        if lost is not None:
            why = f"finding {finding_id} had its turn in recalibration {lost.number}, which was {lost.state}"
            raise ActionRefused("recalibration", asset_id, "as it was", ["wait for a new finding"], why)
    if ended and waits and (left := ended[0].changed + _HOUR * pause_hours - now) > 0:
        why = f"the last one ended less than {pause_hours:g} h ago; it may be asked for in {left / _HOUR:.1f} h"
        raise ActionRefused("recalibration", asset_id, "just recalibrated", ["a person's override"], why)
    if ended and not by_person and ended[0].state in _LOST and not _news_since(batch, asset_id, ended[0].changed):
        why = f"recalibration {ended[0].number} was {ended[0].state}, and nobody has noted anything since"
        raise ActionRefused("recalibration", asset_id, "as it was", ["a person's request", "a note"], why)


def _news_since(batch: Batch, asset_id: str, since: float) -> bool:
    """Whether a maintenance or a change of operation was noted, or a maintenance recorded."""
    noted = any(note.note.asset_id == asset_id for note in notes_to_look_at(batch, since))
    return noted or any(
        entry.action == MAINTENANCE for entry in batch.audit.history(Span(start=since), asset_id=asset_id)
    )


def newest_verdict(batch: Batch, asset_id: str) -> StoredFinding | None:
    """The newest finding about an asset that came to a verdict; None where there is none."""
    found = batch.drift_findings.history(Span(newest_first=True), asset_id=asset_id)
    return next((one for one in found if one.finding.verdict in _VERDICTS), None)


def is_person(author: str) -> bool:
    """Whether an author is a named person, as far as a name tells."""
    return bool(author.strip()) and author.strip().lower() not in NOT_PERSONS
