"""A partition's plant without Kafka: messages that repeat readings under other numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from condition_sample import baseline, running
from plant_fixture import PUMP, sqlite_in

from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.stores.readings import AlreadyStored
from smart_sentry.stores.store import Store
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import Form, Headers, Outgoing, Readings
from smart_sentry.worker.partition import PartitionPlant

START, ASSET, ROWS = 1_767_225_600.0, "pump_1", 400


@dataclass(frozen=True)
class Lying:
    """A message in its partition, as Kafka's client gives it."""

    sent: Outgoing
    place: int

    def key(self) -> bytes | None:
        return self.sent.key

    def value(self) -> bytes | None:
        return self.sent.value

    def headers(self) -> Headers:
        return self.sent.headers

    def topic(self) -> str:
        return "readings"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.place

    def timestamp(self) -> tuple[int, int]:
        return 1, round(START * 1000) + 10_000_000


class Partition:
    """A partition, and a plant that reads it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(sqlite_in(folder))
        self.messages: list[Lying] = []
        self._epoch = 0
        plant = PartitionPlant({PUMP.name: PUMP}, folder / "models", self.store, "readings", 0)
        watch = plant.watch(PUMP.name)
        assert isinstance(watch, ConditionWatch)
        watch.baselines.add(baseline(rows=300, seed=0, asset_id=ASSET))
        self.plant = PartitionPlant({PUMP.name: PUMP}, folder / "models", self.store, "readings", 0)
        self.refused = 0
        """How often a batch could not be stored the fast way."""

    def send(self, rows: Sequence[int]) -> None:
        """Readings by these numbers, as a new life of their asset: their ids stay, their numbers are new."""
        self._epoch += 1
        values = running(ROWS, 9)
        values[200:215, 2] += 0.1
        chosen, count = np.array(rows), np.arange(len(rows))
        readings = Readings(
            PUMP.name, [ASSET] * len(rows), [f"e{row}" for row in rows], START + chosen, np.full(len(rows), self._epoch), count,
            values[chosen], count,
        )  # fmt: skip
        first = len(self.messages)
        sent = encode(readings, Layout(PUMP), Form.JSON, "test")
        self.messages += [Lying(one, first + number) for number, one in enumerate(sent)]

    def spoil(self, place: int) -> None:
        """Makes a message one that nobody can read."""
        sent = self.messages[place].sent
        self.messages[place] = Lying(Outgoing(sent.key, b"{broken", sent.headers), place)

    def work(self) -> None:
        """Reads to the end, as a worker does."""
        while self.plant.position < len(self.messages):
            read = self.plant.read(self.messages[self.plant.position :])
            try:
                if self.plant.position < self.plant.careful_until:
                    self.plant.write(read)
                else:
                    self.plant.store_judged(self.plant.judge(read))
            except AlreadyStored:
                self.refused += 1
                self.plant.restore()

    def told(self) -> dict[str | None, tuple[float | None, float, bool]]:
        """Reading -> what was said of it."""
        with self.store.view() as view:
            return {one.reading_id: (one.score, one.degradation, one.flag) for one in view.assessments.history(ASSET)}


def outcome(folder: Path, repeated: Sequence[Sequence[int]]) -> tuple[dict[str | None, object], int]:
    """What is said of all readings where some come again, and how often that was noticed."""
    folder.mkdir()
    partition = Partition(folder)
    partition.send(range(300))
    partition.work()
    for rows in repeated:
        partition.send(rows)
        partition.work()
    partition.send(range(300, ROWS))
    partition.work()
    told = dict(partition.told())
    partition.store.close()
    return told, partition.refused


@pytest.mark.parametrize("times", [1, 2, 3])
def test_readings_that_come_again_under_other_numbers_change_nothing(tmp_path: Path, times: int) -> None:
    expected, refused = outcome(tmp_path / "once", [])
    assert (len(expected), refused) == (ROWS, 0)
    found, refused = outcome(tmp_path / "again", [range(200, 230)] * times)
    assert refused == times
    assert found == expected


def test_batch_in_which_some_readings_are_new_stores_these(tmp_path: Path) -> None:
    expected, _ = outcome(tmp_path / "once", [])
    found, refused = outcome(tmp_path / "mixed", [range(290, 310)])
    assert refused == 2  # the mixed batch, and the last one, whose first readings it had brought
    assert found == expected


def test_state_that_is_stored_while_it_is_read_again_does_not_take_the_offset_back(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    partition.send(range(ROWS))
    partition.plant.store_judged(partition.plant.judge(partition.plant.read(partition.messages[:300])))
    again = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    assert again.position == 0
    assert not again.caught_up
    again.store_judged(again.judge(again.read(partition.messages[:100])))
    with again.store.transaction() as batch:
        again.save(batch)
    with again.store.transaction() as batch:
        place = batch.stream.claim("readings", 0)
    assert (place.next_offset, place.snapshot_offset) == (300, 100)
    partition.store.close()


def test_message_that_is_no_reading_is_refused_once_however_often_it_is_read(tmp_path: Path) -> None:
    partition = Partition(tmp_path)
    partition.send(range(50))
    partition.spoil(20)
    read = partition.plant.read(partition.messages)
    assert [one.position for one in read.refusals] == [20]
    partition.plant.store_judged(partition.plant.judge(read))
    again = PartitionPlant({PUMP.name: PUMP}, tmp_path / "models", partition.store, "readings", 0)
    assert again.read(partition.messages).refusals == ()
    partition.store.close()
