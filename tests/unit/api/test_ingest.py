"""What goes to Kafka of readings that come over HTTP, and of which type."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from plant_fixture import PUMP, SIGNALS, no_model, open_pumps, sqlite_in

from smart_sentry.api.ingest import KafkaIngest
from smart_sentry.api.prediction import create_app
from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError, InvalidReadings, NotPublished
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.store import Store
from smart_sentry.stream.messages import Readings

SLOW = PUMP.model_copy(update={"name": "a_slow_pump"})
VALUES = dict.fromkeys(SIGNALS, 1.0)
NOW = 1_767_225_600.0


class Recorder:
    """Takes what would go to Kafka, and answers at once, or when the test does."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.readings: list[Readings] = []
        self.answers: list[Future[None]] = []

    def publish(self, readings: list[Readings]) -> Future[None]:
        self.readings += readings
        self.answers.append(Future())
        if self.at_once:
            self.answers[-1].set_result(None)
        return self.answers[-1]

    @property
    def ids(self) -> list[str]:
        return [name for one in self.readings for name in one.reading_ids]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Two types with the same signals."""
    return Plant({PUMP.name: PUMP, SLOW.name: SLOW}, tmp_path / "models", Store(sqlite_in(tmp_path)), lambda: NOW)


def of(asset: str, event: str = "e", asset_type: str | None = None) -> Incoming:
    return Incoming(asset, event, NOW, VALUES, asset_type)


def test_asset_keeps_the_type_that_the_database_has_of_it(plant: Plant) -> None:
    with plant.store.transaction() as stored:  # as a worker does it, after the service has started
        stored.states.begin([AssetState("known", "IDLE", PUMP.name, NOW)])
    recorder = Recorder()
    ingest = KafkaIngest(plant, recorder)  # type: ignore[arg-type]
    asyncio.run(ingest.take_one(of("known")))
    ingest.take([of("new", "1", PUMP.name), of("unnamed", "2"), of("known", "3", SLOW.name)])
    ingest.take([of("new", "4")])
    types = {name: one.asset_type for one in recorder.readings for name in one.reading_ids}
    assert types == {"e": PUMP.name, "1": PUMP.name, "2": SLOW.name, "3": PUMP.name, "4": PUMP.name}


def test_asset_that_was_purged_may_come_back_as_another_type(plant: Plant) -> None:
    recorder = Recorder()
    ingest = KafkaIngest(plant, recorder)  # type: ignore[arg-type]
    ingest.take([of("pump", "1", PUMP.name)])
    ingest.forget("pump")
    ingest.take([of("pump", "2", SLOW.name)])
    ingest.forget(None)
    ingest.take([of("pump", "3", PUMP.name)])
    assert [one.asset_type for one in recorder.readings] == [PUMP.name, SLOW.name, PUMP.name]


def test_places_in_the_request_rise_within_an_asset_and_a_missing_signal_is_no_number(plant: Plant) -> None:
    recorder = Recorder()
    readings = [of("b", "0"), of("a", "1"), Incoming("b", "2", NOW - 5, {SIGNALS[0]: None}), of("a", "3")]
    told = KafkaIngest(plant, recorder).take(readings)  # type: ignore[arg-type]
    assert (told.accepted, told.event_ids) == (4, ["0", "1", "2", "3"])
    (found,) = recorder.readings
    places = list(zip(found.asset_ids, found.sequences.tolist(), found.reading_ids, strict=True))
    assert places == [("a", 1, "1"), ("a", 3, "3"), ("b", 0, "0"), ("b", 2, "2")]
    assert np.isnan(found.values[3]).all()


def test_reading_that_kafka_has_already_is_accepted_and_not_sent_again(plant: Plant) -> None:
    recorder = Recorder()
    ingest = KafkaIngest(plant, recorder, most_remembered=3)  # type: ignore[arg-type]
    told = ingest.take([of("a", "1"), of("a", "2"), of("a", "1"), of("b", "1")])
    assert (told.accepted, told.event_ids) == (4, ["1", "2", "1", "1"])
    ingest.take([of("a", "2")])
    assert recorder.ids == ["1", "2", "1"]
    ingest.take([of("a", "3"), of("a", "4")])  # the oldest are forgotten; the worker then finds them in the database
    ingest.take([of("a", "1"), of("a", "4")])
    assert recorder.ids == ["1", "2", "1", "3", "4", "1"]
    ingest.forget("a")
    ingest.take([of("a", "4"), of("b", "1")])
    assert recorder.ids[6:] == ["4", "1"]


def test_reading_that_comes_again_before_kafka_has_it_waits_for_the_first_and_goes_anew_where_that_failed(
    plant: Plant,
) -> None:
    recorder = Recorder(at_once=False)
    ingest = KafkaIngest(plant, recorder)  # type: ignore[arg-type]

    async def both() -> list[object]:
        first, second = (asyncio.create_task(ingest.take_one(of("a", "1"))) for _ in range(2))
        await asyncio.wait([first, second], timeout=0.2)
        assert not first.done()
        assert not second.done()
        recorder.answers[0].set_exception(NotPublished("Apache Kafka does not answer.", 5))
        return await asyncio.gather(first, second, return_exceptions=True)

    assert [type(one) for one in asyncio.run(both())] == [NotPublished, NotPublished]
    assert recorder.ids == ["1"]
    recorder.at_once = True
    ingest.take([of("a", "1")])
    assert recorder.ids == ["1", "1"]


def test_one_wrong_reading_keeps_the_whole_request_back(plant: Plant) -> None:
    recorder = Recorder()
    ingest = KafkaIngest(plant, recorder)  # type: ignore[arg-type]
    with pytest.raises(InvalidReadings):
        ingest.take([of("a"), Incoming("a", "2", NOW, {"unheard_of": 1.0})])
    assert recorder.readings == []


def test_kafka_without_an_address_is_refused_when_the_service_is_made(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, ingest="kafka", kafka_bootstrap=None)
    with pytest.raises(ConfigurationError, match="SMART_SENTRY_KAFKA_BOOTSTRAP"):
        create_app(no_model, settings, open_plant=lambda: open_pumps(tmp_path))
