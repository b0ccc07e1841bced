"""A plant of calibrated pumps with a live feed, out of its database or through Redis, for the tests of the feed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from condition_sample import baseline, running
from plant_fixture import PUMP, SIGNALS, sqlite_in

from smart_sentry.contracts.live import AlarmUpdate, AssetUpdate, LiveState
from smart_sentry.feed.database_feed import DatabaseFeed
from smart_sentry.feed.feed import LiveFeed, Told
from smart_sentry.feed.keys import Keys
from smart_sentry.feed.open import StoredPlant
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.feed.redis_feed import RedisFeed
from smart_sentry.feed.redis_link import RedisLink
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Store

START = 1_767_225_600.0
ASSETS = ("pump_0", "pump_1")


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Fails where it does not become true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


@dataclass
class Stage:
    """One plant in a folder; `redis_url` None: its feed comes out of the database."""

    folder: Path
    redis_url: str | None
    keys: Keys
    store: Store = field(init=False)
    publisher: FeedPublisher | None = None
    plant: Plant = field(init=False)
    _sent: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store(sqlite_in(self.folder))
        if self.redis_url is not None:
            self.publisher = FeedPublisher(RedisLink(self.redis_url, self.keys), StoredPlant(self.store))
            self.publisher.start()
        models = self.folder / "models"
        if not models.exists():
            watch = Plant({PUMP.name: PUMP}, models, self.store).watch(PUMP.name)
            assert isinstance(watch, ConditionWatch)
            for number, asset in enumerate(ASSETS):
                watch.baselines.add(baseline(rows=300, seed=number, asset_id=asset))
        self.plant = Plant({PUMP.name: PUMP}, models, self.store, publisher=self.publisher)

    def send(self, asset: str, values: np.ndarray) -> None:
        """(rows, signals) readings of an asset, one a second after those before."""
        first = self._sent.get(asset, 0)
        self._sent[asset] = first + len(values)
        self.plant.take([
            Incoming(asset, f"r{first + row}", START + first + row, dict(zip(SIGNALS, numbers, strict=True)), PUMP.name)
            for row, numbers in enumerate(values.tolist())
        ], "test")  # fmt: skip

    def settle(self) -> None:
        """Waits until everything has been told."""
        if self.publisher is not None:
            with self.feed() as feed:
                wait_until(lambda: feed.latest() == self.stored())

    def feed(self) -> LiveFeed:
        if self.redis_url is None:
            return DatabaseFeed(self.store)
        return RedisFeed(self.redis_url, self.keys)

    def stored(self) -> LiveState:
        """What the tables say, by the queries of the other surfaces."""
        with self.store.view() as view:
            assets = {asset: self._update(view, asset) for asset in view.assessments.latest()}
            steps = view.alarms.transitions()
            standing = {alarm.alarm_id for alarm in view.alarms.current() if alarm.state != "NORMAL"}
        last = {step.alarm_id: step for step in steps if step.alarm_id in standing}
        found = sorted(last.values(), key=lambda step: (step.time, step.alarm_id))
        return LiveState(assets=assets, alarms=tuple(AlarmUpdate.of(step) for step in found))

    def _update(self, view, asset: str) -> AssetUpdate:
        newest = Span(limit=1, newest_first=True)
        said, read = view.assessments.history(asset, newest)[0], view.readings.history(asset, newest)
        numbers = [None if np.isnan(value) else float(value) for value in read.values[0]]
        return AssetUpdate(
            **vars(said), asset_type=PUMP.name, received=read.received[0],
            values=dict(zip(read.signals, numbers, strict=True)),
        )  # fmt: skip

    def alarm_steps(self) -> list[AlarmUpdate]:
        with self.store.view() as view:
            return [AlarmUpdate.of(step) for step in view.alarms.transitions()]

    def close(self) -> None:
        if self.publisher is not None:
            self.publisher.close()
        self.store.close()


def healthy(rows: int, seed: int = 7) -> np.ndarray:
    return running(rows, seed)


def broken(rows: int, seed: int = 8) -> np.ndarray:
    """A pump that vibrates; its alarm rises."""
    values = running(rows, seed)
    values[:, 2] += 0.5
    return values


def followed(feed: LiveFeed, seconds: float) -> list[Told]:
    return list(feed.follow(seconds))


def collect(feed: LiveFeed, enough: Callable[[list[Told]], bool], seconds: float = 15.0) -> list[Told]:
    """What comes until it is enough."""
    found: list[Told] = []
    deadline = time.monotonic() + seconds
    while not enough(found):
        assert time.monotonic() < deadline, f"only {len(found)} updates came within {seconds} s"
        found += feed.follow(0.2)
    return found


def after(state: LiveState, told: list[Told]) -> LiveState:
    """What a reader knows who has seen a state and what came after it."""
    assets, alarms = dict(state.assets), {alarm.alarm_id: alarm for alarm in state.alarms}
    for one in told:
        if isinstance(one, AssetUpdate):
            assets[one.asset_id] = one
        elif isinstance(one, AlarmUpdate):
            alarms[one.alarm_id] = one
        elif one.asset_id is None:
            assets, alarms = {}, {}
        else:
            assets.pop(one.asset_id, None)
            alarms = {name: alarm for name, alarm in alarms.items() if alarm.asset_id != one.asset_id}
    standing = sorted((alarm for alarm in alarms.values() if alarm.is_open), key=lambda one: (one.time, one.alarm_id))
    return LiveState(assets=dict(sorted(assets.items())), alarms=tuple(standing))
