"""Operator notes: added, corrected, never changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smart_sentry.errors import NotStored
from smart_sentry.stores.notes import Note, StoredNote
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store

NOTE = Note("pump", "maintenance", "ann", 10.0, "bearing changed")


def test_correction_leaves_the_note_and_points_to_it(store: Store) -> None:
    with store.transaction() as batch:
        first = batch.notes.add(NOTE)
        correction = replace(NOTE, author="bob", time=20.0, text="both bearings changed", corrects=first)
        second = batch.notes.add(correction)
    with store.view() as view:
        assert view.notes.history() == [StoredNote(first, NOTE, second), StoredNote(second, correction, None)]


def test_note_that_is_corrected_twice_names_the_newest_correction(store: Store) -> None:
    with store.transaction() as batch:
        first = batch.notes.add(NOTE)
        batch.notes.add(replace(NOTE, time=11.0, corrects=first))
        last = batch.notes.add(replace(NOTE, time=12.0, corrects=first))
    with store.view() as view:
        assert view.notes.history(Span(limit=1))[0].corrected_by == last


def test_notes_are_found_by_asset_and_time(store: Store) -> None:
    with store.transaction() as batch:
        for asset, time in [("pump", 1.0), ("fan", 2.0), ("pump", 3.0)]:
            batch.notes.add(replace(NOTE, asset_id=asset, time=time))
    with store.view() as view:
        assert [found.note.time for found in view.notes.history(Span(newest_first=True), asset_id="pump")] == [3.0, 1.0]
        assert [found.note.time for found in view.notes.history(Span(start=2.0))] == [2.0, 3.0]


def test_correction_of_what_the_asset_does_not_have_is_refused(store: Store) -> None:
    with store.transaction() as batch:
        number = batch.notes.add(NOTE)
        with pytest.raises(NotStored, match=f"no note {number} of fan"):
            batch.notes.add(replace(NOTE, asset_id="fan", corrects=number))
        with pytest.raises(NotStored, match="no note 999 of pump"):
            batch.notes.add(replace(NOTE, corrects=999))
