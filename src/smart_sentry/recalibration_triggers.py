"""What leads to a recalibration beside drift: age of a baseline, and what people wrote. It proposes; checks decide.

Nothing here proposes one of an asset whose newest finding forbids it, or that has one open already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smart_sentry.contracts.alarms import AlarmState
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.notes import StoredNote
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

DAY_SECONDS = 86_400.0
SEEN_WITHIN_DAYS = 7.0
"""A recalibration is proposed only where a triage has looked at the asset within so many days."""
ALLOWING = ("none", "benign_operating_change", "step_after_maintenance")
"""Verdicts of a triage that leave a recalibration open."""
LOOKED_AT = ("maintenance", "operating change")
"""Kinds of notes after which an asset's drift is looked at without waiting for the schedule."""
FALSE_ALARM = "false alarm"
"""Kind of the note that calls an asset's newest anomaly alarm wrong."""
_ANOMALY = "anomaly"


@dataclass(frozen=True)
class Proposal:
    """An asset that something speaks for recalibrating.

    Attributes:
        asset_id: which.
        reason: what speaks for it.
        finding_id: number of the newest drift finding about it; None where there is none.
        objection: what speaks against it; None: nothing, so it is proposed.
    """

    asset_id: str
    reason: str
    finding_id: int | None
    objection: str | None


def old_baselines(batch: Batch, now: float, older_than_days: float, asset_type: str | None = None) -> list[Proposal]:
    """Assets whose active baseline was made active too long ago.

    Args:
        now: seconds since 1970 UTC.
        older_than_days: from which age on.
        asset_type: None: of every type.
    """
    found = []
    for asset, state in batch.states.all().items():
        active = batch.baselines.active(asset) if asset_type in (None, state.asset_type) else None
        if active is None or now - active.time < older_than_days * DAY_SECONDS:
            continue
        age = (now - active.time) / DAY_SECONDS
        found.append(_proposal(batch, active, f"baseline {active.version} is {age:.0f} days old", now))
    return found


def called_wrong(batch: Batch, now: float, share: float, at_least: int) -> list[Proposal]:
    """Assets whose anomaly alarms people call wrong too often, of those that rose since the active baseline became active.

    Args:
        now: seconds since 1970 UTC.
        share: of the alarms, from which on a recalibration is proposed, 0..1.
        at_least: fewer alarms than this say nothing.
    """
    notes: dict[str, list[StoredNote]] = {}
    for note in batch.notes.history(Span(end=now)):
        if note.note.kind == FALSE_ALARM and note.corrected_by is None:
            notes.setdefault(note.note.asset_id, []).append(note)
    found = []
    for asset, its in sorted(notes.items()):
        active = batch.baselines.active(asset)
        if active is None:
            continue
        alarms = _risen(batch, asset)
        counted = {name for name, time in alarms.items() if time >= active.time}
        wrong = wrong_alarms(alarms, its) & counted
        if len(counted) >= at_least and len(wrong) >= share * len(counted):
            reason = f"{len(wrong)} of {len(counted)} anomaly alarms since baseline {active.version} were called wrong"
            found.append(_proposal(batch, active, reason, now))
    return found


def wrong_alarms(risen: Mapping[str, float], notes: Sequence[StoredNote]) -> set[str]:
    """Ids of the alarms that notes of the kind "false alarm" call wrong: each the newest that had risen when it was written.

    Args:
        risen: alarm id -> when it rose, seconds since 1970 UTC, of one asset.
        notes: of that asset.
    """
    found = set()
    for note in notes:
        earlier = [name for name, time in risen.items() if time <= note.note.time]
        if note.note.kind == FALSE_ALARM and note.corrected_by is None and earlier:
            found.add(max(earlier, key=risen.__getitem__))
    return found


def notes_to_look_at(batch: Batch, since: float) -> list[StoredNote]:
    """Notes about maintenance and operation since a time (seconds since 1970 UTC), corrected ones left out."""
    return [
        note for note in batch.notes.history(Span(start=since))
        if note.note.kind in LOOKED_AT and note.corrected_by is None
    ]  # fmt: skip


def _risen(batch: Batch, asset_id: str) -> dict[str, float]:
    """Alarm id -> when it rose, also where it did so without being raised: from a shelf, or from out of service."""
    risen: dict[str, float] = {}
    for step in batch.alarms.transitions(asset_id=asset_id):
        if step.key == _ANOMALY and step.to_state is AlarmState.UNACKNOWLEDGED:
            risen.setdefault(step.alarm_id, step.time)
    return risen


def _proposal(batch: Batch, active: ActiveBaseline, reason: str, now: float) -> Proposal:
    asset_id, seen_since = active.asset_id, max(active.time, now - SEEN_WITHIN_DAYS * DAY_SECONDS)
    newest, standing = batch.drift_findings.newest(asset_id), batch.recalibrations.open_of(asset_id)
    if standing is not None:
        objection = f"recalibration {standing.number} is open: {standing.state}"
    elif newest is None or newest.finding.time < seen_since:
        objection = "its drift has not been looked at since: run monitor-drift first"
    elif newest.finding.verdict not in ALLOWING:
        objection = f"finding {newest.finding_id} says {newest.finding.verdict}"
    else:
        objection = None
    return Proposal(asset_id, reason, None if newest is None else newest.finding_id, objection)
