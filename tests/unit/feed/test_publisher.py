"""The publisher of the live feed: it keeps nobody waiting, keeps order, and what it sends is of the contract."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from bundle_fixture import ASSET_TYPE
from condition_sample import running
from live_stage import wait_until
from plant_fixture import PUMP, SIGNALS, sqlite_in
from tiny_project import tiny_histories

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.contracts.live import UPDATES, AlarmUpdate, AssetUpdate, LiveState
from smart_sentry.feed.judged_rows import JudgedRows
from smart_sentry.feed.publisher import MOST_ALARMS, FeedPublisher, LinkDown, Message, Source
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.store import Store

EMPTY = LiveState(assets={}, alarms=())


class NothingStored:
    """A plant without assets."""

    def state(self) -> LiveState:
        return EMPTY

    def last_steps(self, alarm_ids: Sequence[str]) -> Sequence[AlarmUpdate]:
        return []


class MemoryLink:
    """Takes what it is sent, unless it is down or held up."""

    address = "memory"

    def __init__(self) -> None:
        self.told: list[list[Message]] = []
        self.fills = 0
        self.up, self.whole, self.passes = True, True, threading.Event()
        self.passes.set()

    def connect(self) -> None:
        self._pass()

    def fill(self, source: Source) -> None:
        self._pass()
        source.state()
        self.fills += 1

    def send(self, messages: Sequence[Message]) -> bool:
        self._pass()
        if messages:
            self.told.append(list(messages))
        return self.whole

    def close(self) -> None: ...

    def _pass(self) -> None:
        self.passes.wait(10)
        if not self.up:
            raise LinkDown("no")

    @property
    def every(self) -> list[Message]:
        return [message for messages in self.told for message in messages]


@contextmanager
def publishing(link: MemoryLink) -> Iterator[FeedPublisher]:
    publisher = FeedPublisher(link, NothingStored())
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close()


def step(number: int, asset_id: str = "a") -> AlarmTransition:
    return AlarmTransition(
        f"{asset_id}:anomaly:{number}", asset_id, "anomaly", AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED,
        AlarmEvent.RAISED, float(number), "system", "", AlarmPriority.HIGH, 2.0,
    )  # fmt: skip


def test_publish_returns_at_once_while_the_feed_hangs_and_memory_stays_bounded() -> None:
    link = MemoryLink()
    link.passes.clear()
    with publishing(link) as publisher:
        longest, count = 0.0, MOST_ALARMS + 500
        for number in range(count):
            began = time.perf_counter()
            publisher.publish((), [step(number)])
            longest = max(longest, time.perf_counter() - began)
        assert longest < 0.2
        link.passes.set()
        wait_until(lambda: publisher.counts.alarms + publisher.counts.alarms_left_out == count)
    numbers = [message["time"] for message in link.every]
    assert publisher.counts.alarms_left_out > 0
    assert len(numbers) == publisher.counts.alarms
    assert numbers == sorted(numbers)
    assert numbers[-1] == count - 1


def batch_of(assets: dict[str, float], note: str) -> JudgedRows:
    """A reading of each asset at its time; its id bears the note."""
    count, nothing = len(assets), np.zeros(len(assets))
    assessments = AssessmentRows(
        list(assets), [f"{asset} {note}" for asset in assets], np.array(list(assets.values())), ["UNKNOWN"] * count, nothing,
        nothing > 0, nothing.astype(np.int64), nothing, ["LOW"] * count, nothing, [""] * count,
    )  # fmt: skip
    return JudgedRows("pump", ("flow",), np.zeros((count, 1)), 3.0, assessments)


def test_batches_that_come_while_the_feed_is_busy_are_told_as_the_newest_reading_of_each_asset() -> None:
    """The newest by its time; of equal times the one that came last."""
    link = MemoryLink()
    link.passes.clear()
    with publishing(link) as publisher:
        publisher.publish([batch_of({"a": 0.0}, "before")], ())
        time.sleep(0.3)  # the thread hangs in it
        for note, assets in (
            ("first", {"a": 1.0, "b": 5.0, "c": 2.0}), ("second", {"a": 2.0, "b": 4.0, "d": 1.0}), ("third", {"a": 2.0}),
        ):  # fmt: skip
            publisher.publish([batch_of(assets, note)], ())
        link.passes.set()
        wait_until(lambda: publisher.counts.updates >= 4)
    last = {message["asset_id"]: message["reading_id"] for message in link.every}
    assert last == {"a": "a third", "b": "b first", "c": "c first", "d": "d second"}
    assert publisher.counts.updates <= 5


def test_alarms_that_a_feed_did_not_take_come_later_in_order_and_once() -> None:
    link = MemoryLink()
    with publishing(link) as publisher:
        publisher.publish((), [step(0)])
        wait_until(lambda: len(link.every) == 1)
        link.up = False
        for number in range(1, 30):
            publisher.publish((), [step(number)])
            time.sleep(0.01)
        wait_until(lambda: not publisher.counts.up)
        link.up = True
        wait_until(lambda: len(link.every) == 30)
    assert [message["time"] for message in link.every] == list(map(float, range(30)))
    assert (publisher.counts.failures, publisher.counts.filled, link.fills) == (1, 2, 2)


def test_feed_that_lost_what_it_had_is_filled_anew() -> None:
    link = MemoryLink()
    with publishing(link) as publisher:
        wait_until(lambda: link.fills == 1)
        link.whole = False
        publisher.publish((), [step(1)])
        wait_until(lambda: link.fills >= 2)


def test_feed_is_filled_when_somebody_else_may_have_died_before_telling() -> None:
    link = MemoryLink()
    with publishing(link) as publisher:
        wait_until(lambda: link.fills == 1)
        publisher.refresh()
        wait_until(lambda: link.fills == 2)


def test_feed_is_filled_where_it_is_asked_for_while_the_publisher_looks_whether_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link, asked, asks = MemoryLink(), {"behind": False}, threading.Event()

    def seen(publisher: FeedPublisher) -> bool:
        behind = asked["behind"]
        if asks.is_set():
            asks.clear()
            asker = threading.Thread(target=publisher.refresh)
            asker.start()
            asker.join(10)
        return behind

    def put(_: FeedPublisher, behind: bool) -> None:
        asked["behind"] = behind

    monkeypatch.setattr(FeedPublisher, "_behind", property(seen, put), raising=False)
    with publishing(link) as publisher:
        wait_until(lambda: link.fills == 1)
        asks.set()
        publisher.publish((), [step(1)])
        wait_until(lambda: link.fills == 2)


def test_purge_takes_back_what_waits_and_is_told_before_what_comes_after_it() -> None:
    link = MemoryLink()
    link.up = False
    with publishing(link) as publisher:
        publisher.publish((), [step(1, "a"), step(2, "b")])
        publisher.forget("a")
        publisher.publish((), [step(3, "a")])
        link.up = True
        wait_until(lambda: len(link.every) == 3)
    assert [(message["kind"], message["asset_id"]) for message in link.every] == [
        ("gone", "a"), ("alarm", "b"), ("alarm", "a"),
    ]  # fmt: skip


def test_publisher_whose_state_cannot_be_read_tries_again() -> None:
    link, asked = MemoryLink(), []

    class Slow(NothingStored):
        def state(self) -> LiveState:
            asked.append(1)
            if len(asked) < 3:
                raise RuntimeError("no")
            return EMPTY

    publisher = FeedPublisher(link, Slow())
    publisher.start()
    wait_until(lambda: publisher.counts.up)
    publisher.close()
    assert len(asked) == 3


def pumps(rows: int) -> list[Incoming]:
    return [
        Incoming(f"pump_{number}", f"r{row}", 1000.0 + row, dict(zip(SIGNALS, values, strict=True)), PUMP.name)
        for row in range(rows)
        for number, values in enumerate(running(3, row).tolist())
    ]


def test_batch_is_told_as_one_message_an_asset_that_reads_as_the_contract_and_equals_the_database(
    tmp_path: Path,
) -> None:
    link = MemoryLink()
    with publishing(link) as publisher, Store(sqlite_in(tmp_path)) as store:
        plant = Plant({PUMP.name: PUMP}, tmp_path / "models", store, publisher=publisher)
        readings = pumps(20)
        readings[-1].values["vibration_g"] = None  # type: ignore[index]
        plant.take(readings, "test")
        wait_until(lambda: len(link.every) == 3)
        with store.view() as view:
            state = view.live.state()
    told = [UPDATES.validate_json(msgspec.json.encode(message)) for message in link.every]
    assert {one.asset_id: one for one in told} == state.assets
    assert state.assets["pump_2"].values["vibration_g"] is None


def test_failure_models_predictions_are_told_as_they_are_stored(tmp_path: Path, packaged_bundle: Bundle) -> None:
    table = tiny_histories()
    table = table[table[ASSET_COLUMN] <= 3].sort_values([CYCLE_COLUMN, ASSET_COLUMN], kind="stable")
    readings = [
        Incoming(f"engine_{row[ASSET_COLUMN]:g}", f"{row[CYCLE_COLUMN]:g}", 3600.0 * row[CYCLE_COLUMN],
                 {name: None if pd.isna(row[name]) else float(row[name]) for name in ASSET_TYPE.signal_names})
        for row in table.to_dict("records")
    ]  # fmt: skip
    link = MemoryLink()
    with publishing(link) as publisher, Store(sqlite_in(tmp_path)) as store:
        kinds = {ASSET_TYPE.name: ASSET_TYPE}
        plant = Plant(kinds, tmp_path / "models", store, failure_model=packaged_bundle, publisher=publisher)
        for first in range(0, len(readings), 50):
            plant.take(readings[first : first + 50], "test")
        with store.view() as view:
            state = view.live.state()
        newest = {}

        def told() -> dict[str, AssetUpdate]:
            for message in link.every:
                if message["kind"] == "asset":
                    newest[message["asset_id"]] = UPDATES.validate_json(msgspec.json.encode(message))
            return newest

        wait_until(lambda: told() == state.assets)
    assert all(update.prediction is not None for update in state.assets.values())
    lives = {update.prediction.rul_cycles for update in state.assets.values()}
    assert len(lives) == 3 or np.ptp(list(lives)) == 0


def test_transaction_that_fails_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = MemoryLink()
    with publishing(link) as publisher, Store(sqlite_in(tmp_path)) as store:
        plant = Plant({PUMP.name: PUMP}, tmp_path / "models", store, publisher=publisher)
        plant.take(pumps(1), "test")
        wait_until(lambda: len(link.every) == 3)

        def full(*_: object) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(plant, "_close_transaction", full)
        with pytest.raises(OSError):
            plant.take(pumps(2), "test")
        monkeypatch.undo()
        time.sleep(0.2)
        assert len(link.every) == 3
        plant.take(pumps(2), "test")
        wait_until(lambda: len(link.every) == 6)
        assert {message["reading_id"] for message in link.every[3:]} == {"r1"}
