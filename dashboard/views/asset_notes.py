"""What operators wrote about an asset."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from dashboard import session
from dashboard.marks import GREY, ORANGE, SKY, Mark, mark
from dashboard.pieces import chip_cell, table
from dashboard.times import seconds_of
from smart_sentry.contracts.monitoring import NoteRequest

_LOGS = "/api/v1/logs"
KINDS: tuple[str, ...] = get_args(NoteRequest.model_fields["kind"].annotation)
_MARKS = {
    "observation": Mark("●", "observation", SKY, "#000000"),
    "maintenance": Mark("◆", "maintenance", "#007a5a", "#ffffff"),
    "operating change": Mark("▷", "operating change", ORANGE, "#000000"),
    "fault": Mark("▲", "fault", "#b84f00", "#ffffff"),
    "other": Mark("▫", "other", GREY, "#000000"),
}


def section(name: str) -> None:
    """Draws it."""
    with st.form(f"note_{name}", clear_on_submit=True):
        kind = st.selectbox("Kind of note", KINDS, key="note_kind", format_func=str.capitalize)
        text = st.text_area("Note", max_chars=10_000, key="note_text", height=90)
        if st.form_submit_button("Add the note", type="primary", key="note_add"):
            _add(name, kind, text.strip())
    answer = session.read(_LOGS, 3.0, asset_id=name, limit="200")
    if session.shown(answer):
        _show(answer.value)


def _add(name: str, kind: str, text: str) -> None:
    author = session.demand_author()
    if author is None:
        return
    if not text:
        st.error("Write something first.", icon=":material/edit:")
        return
    session.send(_LOGS, {"asset_id": name, "kind": kind, "author": author, "text": text}, "The note is recorded.")


def _show(notes: list[dict[str, Any]]) -> None:
    if not notes:
        st.caption("Nobody wrote anything about this asset yet.")
        return
    zone = session.zone()
    rows = [
        (
            zone.full(seconds_of(note["time"]) or 0.0), chip_cell(mark(_MARKS, note["kind"])), note["author"],
            note["text"] + (f" (corrected by note {note['corrected_by']})" if note["corrected_by"] else ""),
        )
        for note in notes
    ]  # fmt: skip
    with st.container(key="notes"):
        st.html(table(("Time", "Kind", "By", "Note"), rows, "notes"))
