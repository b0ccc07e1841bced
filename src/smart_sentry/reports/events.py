"""The logs of an asset as one: alarm transitions, notes, and the audit log."""

from __future__ import annotations

import json
import math
from heapq import merge
from itertools import islice

from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.reports.content import Event
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.notes import StoredNote
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch


def events_of(batch: Batch, asset_id: str, until: float, most: int) -> tuple[Event, ...]:
    """The newest entries up to a time (seconds since 1970 UTC), newest first; of one time the newest written first."""
    span = Span(end=math.nextafter(until, math.inf), limit=most, newest_first=True)
    logs = (
        [_of_step(step) for step in batch.alarms.transitions(span, asset_id=asset_id)],
        [_of_note(note) for note in batch.notes.history(span, asset_id=asset_id)],
        [_of_entry(entry) for entry in batch.audit.history(span, asset_id=asset_id)],
    )
    return tuple(islice(merge(*logs, key=lambda event: -event.time), most))


def _of_step(step: AlarmTransition) -> Event:
    before, after, name = (
        word.value.replace("_", " ").lower() for word in (step.from_state, step.to_state, step.event)
    )
    moved = "" if before == after else f"{before} to {after}"
    told = "; ".join(part for part in (moved, step.reason) if part)
    return Event(step.time, "alarm", step.author, f"{step.key} ({step.priority}) {name}: {told}")


def _word(name: str) -> str:
    return name.lower().replace("re_alarmed", "re-alarmed").replace("_", " ")


def _of_note(stored: StoredNote) -> Event:
    note = stored.note
    corrects = "" if note.corrects is None else f" (corrects note {note.corrects})"
    return Event(note.time, "note", note.author, f"{note.kind} {stored.note_id}{corrects}: {note.text}")


def _of_entry(entry: AuditEntry) -> Event:
    details = "; ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in entry.details.items()
        if value not in (None, "", [], {})
    )
    return Event(entry.time, "audit", entry.actor, f"{entry.action}: {details}" if details else entry.action)
