"""What operators wrote down. A note is never changed: a later one corrects it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from smart_sentry.errors import NotStored
from smart_sentry.stores.span import EVERYTHING, Span
from smart_sentry.stores.tables import operator_notes


@dataclass(frozen=True)
class Note:
    """A note to be stored.

    Attributes:
        asset_id: what it is about.
        kind: what sort of note, e.g. "maintenance".
        author: who wrote it.
        time: when, seconds since 1970 UTC.
        text: what.
        corrects: number of the note that it replaces, None for a note of its own.
    """

    asset_id: str
    kind: str
    author: str
    time: float
    text: str
    corrects: int | None = None


@dataclass(frozen=True)
class StoredNote:
    """A note with its number, and the number of the newest note that corrects it."""

    note_id: int
    note: Note
    corrected_by: int | None


class NoteTable:
    """The notes, within a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, note: Note) -> int:
        """Stores a note and returns its number.

        Raises:
            NotStored: it corrects a note that its asset does not have.
        """
        if note.corrects is not None:
            asked = select(operator_notes.c.id).where(
                operator_notes.c.id == note.corrects, operator_notes.c.asset_id == note.asset_id
            )
            if self._connection.execute(asked).scalar() is None:
                raise NotStored(
                    f"note {note.corrects} of {note.asset_id}",
                    "Correct a note by the number that the list of notes gives.",
                )
        inserted = operator_notes.insert().values(**vars(note)).returning(operator_notes.c.id)
        return int(self._connection.execute(inserted).scalar_one())

    def history(self, span: Span = EVERYTHING, *, asset_id: str | None = None) -> list[StoredNote]:
        """Notes of a stretch of time, about one asset or all; corrected ones too."""
        later = operator_notes.alias()
        corrected_by = (
            select(later.c.id)
            .where(later.c.corrects == operator_notes.c.id)
            .order_by(later.c.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        columns = [operator_notes.c[name] for name in Note.__dataclass_fields__]
        query = select(operator_notes.c.id, corrected_by, *columns)
        if asset_id is not None:
            query = query.where(operator_notes.c.asset_id == asset_id)
        rows = self._connection.execute(span.of(query, operator_notes)).all()
        return [StoredNote(row[0], Note(*row[2:]), row[1]) for row in rows]
