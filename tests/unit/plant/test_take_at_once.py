"""Readings that are taken at once, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from condition_sample import running
from plant_fixture import PUMP, SIGNALS, START, open_pumps

from smart_sentry.errors import InvalidReadings
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.snapshots import SNAPSHOT_PAUSE_SECONDS, SNAPSHOT_READINGS
from smart_sentry.stores.store import Store


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    plant = open_pumps(tmp_path)
    yield plant
    plant.store.close()


def _readings(begin: int, rows: int, asset: str = "motor_01") -> list[Incoming]:
    values = running(rows, seed=1)
    at = START.timestamp() + begin
    return [
        Incoming(asset, f"at {begin + row}", at + row, dict(zip(SIGNALS, values[row].tolist(), strict=True)), PUMP.name)
        for row in range(rows)
    ]


def _stored(plant: Plant) -> int:
    with plant.store.view() as view:
        return view.readings.count("motor_01")


def test_readings_are_taken_as_by_the_long_way(plant: Plant) -> None:
    assert plant.take_at_once(_readings(0, 2), "test").new.tolist() == [True, True]  # type: ignore[union-attr]
    assert plant.take_at_once(_readings(1, 2), "test").new.tolist() == [False, True]  # type: ignore[union-attr]
    assert _stored(plant) == 3


def test_nothing_is_taken_while_somebody_else_is_at_work(plant: Plant) -> None:
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with plant.lock:
            held.set()
            free.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    assert plant.take_at_once(_readings(0, 1), "test") is None
    free.set()
    holder.join()
    assert _stored(plant) == 0


def test_nothing_is_taken_while_another_program_writes(plant: Plant, tmp_path: Path) -> None:
    plant.take(_readings(0, 1), "test")
    with Store(f"sqlite:///{tmp_path}/plant.db") as other, other.transaction():
        assert plant.take_at_once(_readings(1, 1), "test") is None
    assert _stored(plant) == 1
    assert plant.take_at_once(_readings(1, 1), "test") is not None


def test_nothing_is_taken_when_the_state_must_be_stored(plant: Plant) -> None:
    plant._pace.unsaved = SNAPSHOT_READINGS - 1
    plant._pace.saved_at = plant.clock() - SNAPSHOT_PAUSE_SECONDS - 1.0
    assert plant.take_at_once(_readings(0, 1), "test") is None
    plant.take(_readings(0, 1), "test")
    assert plant.take_at_once(_readings(1, 1), "test") is not None


def test_wrong_reading_is_refused_and_nothing_taken(plant: Plant) -> None:
    good, wrong = _readings(0, 1)[0], Incoming("motor_02", "x", -5.0, {}, PUMP.name)
    with pytest.raises(InvalidReadings):
        plant.take_at_once([good, wrong], "test")
    assert _stored(plant) == 0
    assert plant.take_at_once([good], "test") is not None
