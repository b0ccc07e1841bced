"""Readings of many requests at the desk: what is tried again counts once, and a database that is away is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest
from plant_fixture import healthy, open_pumps

from smart_sentry.api.desk import Desk
from smart_sentry.contracts.monitoring import ReadingsPublished, ReadingsTaken, SensorReading
from smart_sentry.errors import InvalidReadings, StoreUnavailable
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant, Taken

ASSET = "motor_01"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose passes all go through its thread, as on PostgreSQL."""
    monkeypatch.setattr(Plant, "take_at_once", lambda *_: None)
    desk = Desk(lambda: open_pumps(tmp_path), tmp_path / "archive")
    desk.start()
    yield desk
    desk.close()


def readings_without_id(count: int) -> list[SensorReading]:
    return [
        SensorReading.model_validate({name: value for name, value in one.items() if name != "event_id"})
        for one in healthy(count, seed=1)
    ]


def take_together(
    desk: Desk, readings: Sequence[SensorReading]
) -> list[ReadingsTaken | ReadingsPublished | BaseException]:
    async def ask() -> list[ReadingsTaken | ReadingsPublished | BaseException]:
        return await asyncio.gather(*(desk.take_one(reading) for reading in readings), return_exceptions=True)

    return asyncio.run(ask())


def stored(desk: Desk) -> int:
    with desk.plant.store.view() as view:
        return view.readings.count(ASSET)


def lose_first_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[int]:
    """The first transaction takes effect, but fails; returns how many readings each try was of."""
    take, tries = desk.plant.take, list[int]()

    def taken_or_lost(readings: Sequence[Incoming], source: str) -> Taken:
        taken = take(readings, source)
        tries.append(len(readings))
        if len(tries) == 1:
            raise error
        return taken

    monkeypatch.setattr(desk.plant, "take", taken_or_lost)
    return tries


def test_readings_whose_commit_was_not_answered_are_told_as_unavailable_and_stored_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = StoreUnavailable("postgresql", "server closed the connection unexpectedly", "-")
    tries = lose_first_answer(desk, monkeypatch, lost)
    assert take_together(desk, readings_without_id(5)) == [lost] * 5
    assert tries == [5]
    assert stored(desk) == 5


def test_reading_without_id_that_is_tried_again_counts_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = lose_first_answer(desk, monkeypatch, RuntimeError("after the commit"))
    told = take_together(desk, readings_without_id(5))
    assert tries == [5, 1, 1, 1, 1, 1]
    assert [one.duplicates for one in told if isinstance(one, ReadingsTaken)] == [1] * 5
    assert stored(desk) == 5


def test_wrong_reading_beside_good_ones_is_refused_alone(desk: Desk) -> None:
    first, wrong, last = readings_without_id(3)
    wrong = wrong.model_copy(update={"timestamp": datetime(1969, 1, 1, tzinfo=UTC)})
    told = take_together(desk, [first, wrong, last])
    assert [type(one) for one in told] == [ReadingsTaken, InvalidReadings, ReadingsTaken]
    assert stored(desk) == 2


def test_database_that_is_away_is_asked_once_for_all_who_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def away(**_: object) -> NoReturn:
        tries.append("transaction")
        raise StoreUnavailable("postgresql", "the host cannot be reached", "-")

    with monkeypatch.context() as patch:
        patch.setattr(desk.plant.store, "transaction", away)
        told = take_together(desk, readings_without_id(5))
    assert [type(one) for one in told] == [StoreUnavailable] * 5
    assert tries == ["transaction"]
    assert stored(desk) == 0
