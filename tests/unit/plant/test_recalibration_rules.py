"""How often a recalibration may be asked for, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plant_fixture import sqlite_in

from smart_sentry.errors import ActionRefused
from smart_sentry.plant.recalibration_rules import debounce
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.notes import Note
from smart_sentry.stores.recalibrations import Asked, RecalibrationState
from smart_sentry.stores.store import Store

ASSET, ENDED, NOW = "pump 1", 1000.0, 1000.0 + 48 * 3600.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(sqlite_in(tmp_path)) as found:
        yield found


def ended(store: Store, state: RecalibrationState, at: float = ENDED) -> None:
    with store.transaction() as batch:
        number = batch.recalibrations.ask(Asked(ASSET, at - 100.0, "schedule", "drift", "v1"))
        batch.recalibrations.move(number, ("ASKED",), state, at)


def ask(store: Store, *, by_person: bool = False) -> None:
    with store.transaction() as batch:
        debounce(batch, ASSET, None, NOW, pause_hours=24.0, waits=True, by_person=by_person)


@pytest.mark.parametrize("state", ["REFUSED", "ROLLED_BACK"])
def test_schedule_asks_again_after_one_that_came_to_nothing_only_once_something_is_noted(
    store: Store, state: RecalibrationState
) -> None:
    ended(store, state)
    with pytest.raises(ActionRefused, match=f"was {state}, and nobody has noted"):
        ask(store)
    ask(store, by_person=True)
    with store.transaction() as batch:
        batch.notes.add(Note(ASSET, "maintenance", "Ada", ENDED - 1.0, "before it"))
        batch.notes.add(Note(ASSET, "observation", "Ada", ENDED + 1.0, "it hums"))
        batch.notes.add(Note("pump 2", "maintenance", "Ada", ENDED + 1.0, "another one"))
    with pytest.raises(ActionRefused, match="nobody has noted"):
        ask(store)
    with store.transaction() as batch:
        batch.notes.add(Note(ASSET, "operating change", "Ada", ENDED + 1.0, "night shift"))
    ask(store)


def test_recorded_maintenance_is_news(store: Store) -> None:
    ended(store, "ROLLED_BACK")
    with store.transaction() as batch:
        batch.audit.add(AuditEntry(ENDED + 1.0, "Ada", "maintenance", ASSET, {"reason": "bearing"}))
    ask(store)


def test_schedule_asks_again_after_one_that_was_kept_or_that_another_calibration_overtook(store: Store) -> None:
    ended(store, "REFUSED", ENDED - 5000.0)
    ended(store, "KEPT")
    ended(store, "WITHDRAWN", ENDED + 1.0)
    ask(store)
