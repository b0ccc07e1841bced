"""The listener on a real feed: what it keeps, what it says when a source goes away, and that it comes back by itself."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from live_stage import ASSETS, Stage, broken, healthy, wait_until

from dashboard.link import LinkState
from dashboard.live_plant import LivePlant
from dashboard.past import past_of
from smart_sentry.contracts.live import AssetGone, AssetUpdate, LiveState
from smart_sentry.errors import ServiceRefused
from smart_sentry.feed.feed import FeedUnavailable, LiveFeed, Told
from smart_sentry.feed.keys import Keys

SERVICE = "http://127.0.0.1:3000"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    its = Stage(tmp_path, None, Keys())
    try:
        yield its
    finally:
        its.close()


def alive() -> None:
    """A service that answers."""


@contextmanager
def listening(open_feed: Callable[[], LiveFeed], ask: Callable[[], object] = alive) -> Iterator[LivePlant]:
    with LivePlant(open_feed, ask, SERVICE, lambda _: 1.0) as plant:
        yield plant


def test_assets_alarms_and_histories_are_those_of_the_feed(stage: Stage) -> None:
    stage.send(ASSETS[0], healthy(5))
    with listening(stage.feed) as plant:
        wait_until(lambda: ASSETS[0] in plant.view().assets)
        values = broken(20)
        for row in values:
            stage.send(ASSETS[0], row[None])
            time.sleep(0.02)
        stage.send(ASSETS[1], healthy(3))
        wait_until(lambda: len(plant.view().assets) == 2 and bool(plant.view().alarms))
        wait_until(lambda: plant.view().assets[ASSETS[0]].update == stage.stored().assets[ASSETS[0]])
        view = plant.view()
        assert [alarm.alarm_id for alarm in view.alarms] == [alarm.alarm_id for alarm in stage.stored().alarms]
        assert view.assets[ASSETS[0]].alarms == tuple(view.alarms)
        history = plant.history(ASSETS[0])
        assert history is not None
        assert history.seconds[-1] == view.assets[ASSETS[0]].update.time
        newest = [view.assets[ASSETS[0]].update.values[name] for name in history.signals]
        np.testing.assert_allclose(history.values[-1], newest, rtol=1e-6)
        assert history.flag[-1] == view.assets[ASSETS[0]].update.flag
        assert view.link.state == LinkState.LIVE


def test_a_purged_asset_is_gone_with_its_alarms_and_history() -> None:
    feed = ScriptedFeed([update("pump_0", 1.0), update("pump_1", 1.0)])
    with listening(lambda: feed) as plant:
        wait_until(lambda: len(plant.view().assets) == 2)
        feed.tell(AssetGone(asset_id="pump_0"))
        wait_until(lambda: set(plant.view().assets) == {"pump_1"})
        assert plant.history("pump_0") is None
        feed.tell(AssetGone(asset_id=None), update("pump_1", 0.5))  # everything comes anew, from an earlier time
        wait_until(lambda: plant.view().assets["pump_1"].update.time == 0.5 if plant.view().assets else False)
        history = plant.history("pump_1")
        assert history is not None
        assert history.seconds.tolist() == [0.5]


def test_a_service_that_is_gone_is_told_within_5_seconds_and_so_is_its_return() -> None:
    there = threading.Event()
    there.set()

    def ask() -> None:
        if not there.is_set():
            raise ServiceRefused(f"{SERVICE}/health", "Connection refused", "Start it: smart-sentry monitor.")

    feed = ScriptedFeed([update("pump_0", time.time(), received=time.time())])
    with listening(lambda: feed, ask) as plant:
        wait_until(lambda: plant.view().link.state == LinkState.LIVE)
        there.clear()
        began = time.monotonic()
        wait_until(lambda: plant.view().link.state == LinkState.DOWN)
        assert time.monotonic() - began < 5.0
        assert "Connection refused" in plant.view().link.told
        there.set()
        wait_until(lambda: plant.view().link.state == LinkState.LIVE)


def test_a_service_that_hangs_holds_up_no_reading_and_is_told_as_down() -> None:
    released = threading.Event()
    feed = ScriptedFeed([update("pump_0", 1.0)])
    with listening(lambda: feed, lambda: released.wait(20)) as plant:
        wait_until(lambda: "pump_0" in plant.view().assets)
        feed.tell(update("pump_0", 2.0))
        wait_until(lambda: plant.view().assets["pump_0"].update.time == 2.0, 2.0)
        wait_until(lambda: plant.view().link.state == LinkState.DOWN, 6.0)
        released.set()


def test_a_feed_that_falls_silent_is_told_within_6_seconds() -> None:
    feed = ScriptedFeed([update("pump_0", time.time(), received=time.time())])
    with listening(lambda: feed) as plant:
        wait_until(lambda: plant.view().link.state == LinkState.LIVE)
        feed.silent_since = time.monotonic()
        wait_until(lambda: plant.view().link.state == LinkState.SILENT, 6.0)
        wait_until(lambda: plant.view().assets["pump_0"].stale, 2.0)  # the last that was heard is still shown, as old


def test_a_feed_that_hangs_is_told_as_silent_all_the_same() -> None:
    feed = ScriptedFeed([update("pump_0", time.time(), received=time.time())])
    with listening(lambda: feed) as plant:
        wait_until(lambda: plant.view().link.state == LinkState.LIVE)
        feed.hangs.set()
        wait_until(lambda: plant.view().link.state == LinkState.SILENT, 7.0)
        feed.hangs.clear()


def test_a_feed_that_cannot_be_opened_is_told_and_opened_anew() -> None:
    feed = ScriptedFeed([update("pump_0", 1.0)])
    tries = iter([FeedUnavailable("Redis", "nobody answers", "Start it."), RuntimeError("out of order")])

    def open_feed() -> LiveFeed:
        for problem in tries:
            raise problem
        return feed

    with listening(open_feed) as plant:
        wait_until(lambda: plant.view().link.state == LinkState.SILENT and "nobody answers" in plant.view().link.told)
        wait_until(lambda: "out of order" in plant.view().link.told)
        wait_until(lambda: "pump_0" in plant.view().assets)


def test_an_old_reading_that_is_told_anew_does_not_look_fresh() -> None:
    old = update("pump_0", 1.0, received=time.time() - 3600)
    feed = ScriptedFeed([old])
    with listening(lambda: feed) as plant:
        wait_until(lambda: "pump_0" in plant.view().assets)
        feed.tell(AssetGone(asset_id=None), old)
        time.sleep(0.6)
        asset = plant.view().assets["pump_0"]
        assert asset.stale
        assert 3590 < asset.age < 3610
        assert plant.view().link.state == LinkState.QUIET


@pytest.mark.parametrize(
    ("silent_s", "fresh_within_s", "state"),
    [(6.0, 5.0, LinkState.QUIET), (6.0, math.inf, LinkState.LIVE), (20.0, math.inf, LinkState.QUIET)],
)
def test_machines_that_are_read_often_tell_whether_a_plant_is_live_whatever_an_hourly_one_does(
    silent_s: float, fresh_within_s: float, state: LinkState
) -> None:
    now, step_s = time.time(), {"pump": 1.0, "tank": 3600.0}
    pump, tank = update("pump_0", now, now - silent_s), update("tank_0", now, now, "tank")
    feed = ScriptedFeed([pump, tank])
    with LivePlant(lambda: feed, alive, SERVICE, step_s.get, fresh_within_s=fresh_within_s) as plant:
        wait_until(lambda: len(plant.view().assets) == 2 and plant.view().link.state == state, 3.0)
        if state == LinkState.QUIET:
            assert silent_s <= plant.view().link.since < silent_s + 5.0


def test_hourly_machines_alone_are_live_for_five_hours() -> None:
    now = time.time()
    feed = ScriptedFeed([update("tank_0", now, now - 4 * 3600.0)])
    with LivePlant(lambda: feed, alive, SERVICE, lambda _: 3600.0, fresh_within_s=5.0) as plant:
        wait_until(lambda: plant.view().link.state == LinkState.LIVE, 3.0)


def test_the_past_is_put_before_what_was_heard() -> None:
    feed = ScriptedFeed([update("pump_0", 100.0)])
    answer = {
        "readings": [
            {"timestamp": "1970-01-01T00:01:39+00:00", "flow": 4.0}, {"timestamp": "1970-01-01T00:01:38+00:00", "flow": None}
        ],
        "assessments": [
            {"time": f"1970-01-01T00:01:{second}+00:00", "score": score, "health": 90.0, "flag": False, "phase": "STEADY"}
            for second, score in ((39, 0.5), (38, None))
        ],
    }  # fmt: skip
    with listening(lambda: feed) as plant:
        wait_until(lambda: "pump_0" in plant.view().assets)
        plant.fill("pump_0", past_of(answer, ("flow",)))
        plant.fill("pump_9", past_of(answer, ("flow",)))
        history = plant.history("pump_0")
        assert history is not None
        assert history.seconds.tolist() == [98.0, 99.0, 100.0]
        np.testing.assert_equal(history.values[:, 0], np.array([np.nan, 4.0, 1.0], np.float32))
        assert plant.history("pump_9") is None


def test_an_asset_without_a_score_is_judged_where_the_service_says_so() -> None:
    silent = {"score": None, "degradation": 0.0}
    feed = ScriptedFeed([update(name, 1.0).model_copy(update=silent) for name in ("pump_0", "pump_1")])
    with LivePlant(lambda: feed, alive, SERVICE, ask_judged=lambda: ["pump_0", "purged"]) as plant:
        wait_until(lambda: bool(plant.view().assets) and plant.view().assets["pump_0"].judged)
        assert not plant.view().assets["pump_1"].judged


def test_closing_lets_go_of_the_feed() -> None:
    feed = ScriptedFeed([])
    with listening(lambda: feed):
        wait_until(lambda: feed.began)
    assert feed.closed


def update(asset_id: str, at: float, received: float | None = None, asset_type: str = "pump") -> AssetUpdate:
    return AssetUpdate(
        asset_id=asset_id, asset_type=asset_type, reading_id=None, time=at, received=received, phase="STEADY", score=0.5,
        flag=False, votes=0, health=99.0, risk="LOW", degradation=0.01, reason="", values={"flow": 1.0},
    )  # fmt: skip


@dataclass
class ScriptedFeed:
    """A feed that says what it is told to, and can hang and fall silent."""

    first: list[AssetUpdate]
    silent_since: float | None = None
    began: bool = False
    closed: bool = False
    hangs: threading.Event = field(default_factory=threading.Event)
    _waiting: list[Told] = field(default_factory=list)

    def tell(self, *told: Told) -> None:
        self._waiting += told

    def latest(self) -> LiveState:
        self.began = True
        return LiveState(assets={one.asset_id: one for one in self.first}, alarms=())

    def follow(self, timeout: float) -> Iterator[Told]:
        time.sleep(0.05)
        while self.hangs.is_set():
            time.sleep(0.05)
        while self._waiting:
            yield self._waiting.pop(0)

    def silent_for(self) -> float:
        return 0.0 if self.silent_since is None else time.monotonic() - self.silent_since

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> ScriptedFeed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
