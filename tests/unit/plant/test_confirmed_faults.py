"""Which anomaly alarms count as faults that the machine had, and from when to when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plant_fixture import sqlite_in

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.plant.recalibration_material import ConfirmedFault, confirmed_faults
from smart_sentry.stores import alarm_log
from smart_sentry.stores.notes import Note
from smart_sentry.stores.store import Store

ASSET = "pump 1"
N, U, A, S = AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.SHELVED
OUT = AlarmState.OUT_OF_SERVICE


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(sqlite_in(tmp_path)) as found:
        yield found


def happened(store: Store, *steps: tuple[float, int, AlarmState, AlarmEvent, AlarmState]) -> None:
    """Each at a time, of which occurrence, from which state, by which event, to which state."""
    with store.transaction() as batch:
        batch.alarms.record(
            [
                alarm_log.AlarmState(f"{ASSET}:anomaly:{number}", ASSET, "anomaly", "HIGH", after.value, at, "")
                for at, number, _, _, after in steps
            ],
            [
                AlarmTransition(
                    f"{ASSET}:anomaly:{number}", ASSET, "anomaly", before, after, event, at, "Ada", "", AlarmPriority.HIGH,
                    3.0,
                )
                for at, number, before, event, after in steps
            ],
        )  # fmt: skip


def faults(store: Store) -> list[ConfirmedFault]:
    with store.view() as batch:
        return confirmed_faults(batch, ASSET)


def test_fault_that_stands_when_its_shelf_expires_goes_on_as_confirmed_as_it_was(store: Store) -> None:
    happened(
        store, (10.0, 1, N, AlarmEvent.RAISED, U), (20.0, 1, U, AlarmEvent.ACKNOWLEDGED, A),
        (30.0, 1, A, AlarmEvent.SHELVED, S), (90.0, 2, S, AlarmEvent.SHELF_EXPIRED, U),
    )  # fmt: skip
    assert faults(store) == [ConfirmedFault(10.0, 90.0), ConfirmedFault(90.0, None)]
    happened(store, (95.0, 2, U, AlarmEvent.ACKNOWLEDGED, A), (99.0, 2, A, AlarmEvent.CLEARED, N))
    assert faults(store) == [ConfirmedFault(10.0, 90.0), ConfirmedFault(90.0, 99.0)]


@pytest.mark.parametrize(
    ("away", "event"), [(S, AlarmEvent.UNSHELVED), (S, AlarmEvent.SHELF_EXPIRED), (OUT, AlarmEvent.RETURNED_TO_SERVICE)]
)
def test_fault_that_was_never_raised_counts_once_it_is_acknowledged(
    store: Store, away: AlarmState, event: AlarmEvent
) -> None:
    """It rose while its alarm was on the shelf or out of service."""
    happened(store, (10.0, 1, away, event, U), (20.0, 1, U, AlarmEvent.ACKNOWLEDGED, A))
    assert faults(store) == [ConfirmedFault(10.0, None)]


def test_fault_that_rose_on_the_shelf_after_another_had_ended_is_not_confirmed_by_it(store: Store) -> None:
    happened(
        store, (10.0, 1, N, AlarmEvent.RAISED, U), (20.0, 1, U, AlarmEvent.ACKNOWLEDGED, A),
        (30.0, 1, A, AlarmEvent.CLEARED, N), (40.0, 1, N, AlarmEvent.SHELVED, S),
        (90.0, 2, S, AlarmEvent.SHELF_EXPIRED, U),
    )  # fmt: skip
    assert faults(store) == [ConfirmedFault(10.0, 30.0)]


def test_fault_that_was_called_wrong_confirms_none_that_goes_on(store: Store) -> None:
    happened(
        store, (10.0, 1, N, AlarmEvent.RAISED, U), (20.0, 1, U, AlarmEvent.ACKNOWLEDGED, A),
        (30.0, 1, A, AlarmEvent.SHELVED, S), (90.0, 2, S, AlarmEvent.SHELF_EXPIRED, U),
    )  # fmt: skip
    with store.transaction() as batch:
        batch.notes.add(Note(ASSET, "false alarm", "Ada", 50.0, "a hammer"))
    assert faults(store) == []
