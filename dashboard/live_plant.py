"""The plant as the live feed tells it, kept in memory for every page: threads of its own listen, pages take copies."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dashboard.link import SILENT_AFTER_S, Heard, Link, LinkState, judge
from dashboard.rings import SPAN_S, History, Ring
from smart_sentry.contracts.live import AlarmUpdate, AssetGone, AssetUpdate, LiveState
from smart_sentry.errors import ServiceRefused, SmartSentryError
from smart_sentry.feed.feed import LiveFeed, Told

_log = logging.getLogger(__name__)
_TURN_S = 0.25
_ASK_EVERY_S, _LEARN_JUDGED_EVERY_S = 1.0, 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 4.0
STALE_AFTER_S = 15.0
"""An asset is stale when it was not heard for this long or for five of its sampling intervals, whichever is more."""
_INTERVALS = 5.0


@dataclass(frozen=True)
class LiveAsset:
    """An asset as it stands.

    Attributes:
        update: its newest reading and what was said of it.
        alarms: its open alarms, the longest-standing first.
        age: seconds since its newest reading came in.
        stale: whether that is longer than its type allows, or than 5 s while feed or service is away.
        judged: whether anything judges its condition: a score was heard of it, or the service says so.
    """

    update: AssetUpdate
    alarms: tuple[AlarmUpdate, ...]
    age: float
    stale: bool
    judged: bool = True


@dataclass(frozen=True)
class PlantView:
    """The plant at one moment.

    Attributes:
        now: seconds since 1970 UTC.
        assets: by name.
        link: whether this is live.
    """

    now: float
    assets: Mapping[str, LiveAsset]
    link: Link

    @property
    def alarms(self) -> list[AlarmUpdate]:
        """Open alarms of all assets, the longest-standing first."""
        found = (alarm for asset in self.assets.values() for alarm in asset.alarms)
        return sorted(found, key=lambda alarm: (alarm.time, alarm.alarm_id))


class LivePlant:
    """Listens to the live feed and asks the service whether it lives, until it is closed. It connects anew by itself.

    One thread owns the feed; others ask the service, so that one that hangs holds up no reading. All methods may be called
    by any thread.

    Args:
        open_feed: opens a reader of the feed.
        ask_service: raises `ServiceRefused` where the service does not answer.
        service: its address, for people.
        sampling_seconds: of an asset type; None where the type is not known.
        fresh_within_s: how old the newest reading of a plant may be that is LIVE, where machines are read more often than every
            5 s and that is less than what makes them stale. A feed that falls silent where nobody judges needs no such limit.
        ask_judged: names of the assets that something judges, as the service says: one that rests has no score to be heard. It is
            asked while there is an asset of which none was heard; raises as `ask_service` does.
        now, clock: seconds since 1970 UTC, and seconds that only go forward.
    """

    def __init__(
        self, open_feed: Callable[[], LiveFeed], ask_service: Callable[[], object], service: str,
        sampling_seconds: Callable[[str], float | None] = lambda _: None, *,
        fresh_within_s: float = math.inf, ask_judged: Callable[[], Iterable[str]] = tuple,
        now: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._open_feed, self._ask_service, self._service = open_feed, ask_service, service
        self._sampling_seconds, self._fresh_within_s = sampling_seconds, fresh_within_s
        self._ask_judged, self._now, self._clock = ask_judged, now, clock
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._updates: dict[str, AssetUpdate] = {}
        self._arrived: dict[str, float] = {}
        self._alarms: dict[str, AlarmUpdate] = {}
        self._rings: dict[str, Ring] = {}
        self._judged: set[str] = set()
        self._started = clock()
        self._feed_heard: float | None = None
        self._answered: float | None = None
        self._refusals = 0
        self._feed_problem: str | None = None
        self._service_problem: str | None = None
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (
                ("live-feed", self._listen),
                ("service-health", self._ask),
                ("judged", self._learn_judged),
            )
        ]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begins to listen."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends its threads; returns when the feed has been let go of, or after 10 s."""
        self._closing.set()
        for thread in self._threads:
            thread.join(10.0)

    def view(self) -> PlantView:
        """The plant as it stands now."""
        with self._lock:
            updates, arrived, alarms = dict(self._updates), dict(self._arrived), list(self._alarms.values())
            judged, heard, clock = set(self._judged), self._heard, self._clock()
        of: dict[str, list[AlarmUpdate]] = {}
        for alarm in sorted(alarms, key=lambda one: (one.time, one.alarm_id)):
            of.setdefault(alarm.asset_id, []).append(alarm)
        assets = {}
        for name, update in sorted(updates.items()):
            age = max(clock - arrived[name], 0.0)
            stale = age > self._patience(update.asset_type)
            assets[name] = LiveAsset(update, tuple(of.get(name, ())), age, stale, name in judged)
        link = judge(heard(clock, assets.values()), self._service)
        if link.state in (LinkState.DOWN, LinkState.SILENT):  # a source is away: nobody is waited for
            assets = {name: replace(one, stale=one.age > SILENT_AFTER_S) for name, one in assets.items()}
        return PlantView(self._now(), assets, link)

    def history(self, asset_id: str, span_s: float = SPAN_S) -> History | None:
        """The last readings of an asset; None where it is not known."""
        with self._lock:
            ring = self._rings.get(asset_id)
            return None if ring is None else ring.read(span_s)

    def health(self, asset_id: str) -> NDArray[np.float32] | None:
        """(rows,) health over the last readings of an asset, oldest first; None where it is not known."""
        with self._lock:
            ring = self._rings.get(asset_id)
            return None if ring is None else ring.health()

    def fill(self, asset_id: str, past: History) -> None:
        """Puts readings before those that the feed has told; nothing where the asset or its signals are others by now."""
        with self._lock:
            ring = self._rings.get(asset_id)
            if ring is not None and ring.signals == past.signals:
                ring.fill(past)

    def _heard(self, clock: float, assets: Iterable[LiveAsset]) -> Heard:
        known = list(assets)
        often = [one for one in known if self._is_read_often(one.update.asset_type)]
        telling, within_s = (often, self._fresh_within_s) if often else (known, math.inf)
        return Heard(
            started=clock - self._started,
            feed=None if self._feed_heard is None else max(clock - self._feed_heard, 0.0),
            service=None if self._answered is None else max(clock - self._answered, 0.0),
            reading=min((one.age for one in telling), default=None),
            refusals=self._refusals, fresh=any(not one.stale and one.age <= within_s for one in telling),
            assets=len(known),
            feed_problem=self._feed_problem, service_problem=self._service_problem,
        )  # fmt: skip

    def _is_read_often(self, asset_type: str) -> bool:
        """Whether silence of such machines says something: one that is read every hour is silent for hours anyway."""
        step = self._sampling_seconds(asset_type)
        return step is not None and step < SILENT_AFTER_S

    def _patience(self, asset_type: str) -> float:
        return max(STALE_AFTER_S, _INTERVALS * (self._sampling_seconds(asset_type) or 0.0))

    def _listen(self) -> None:
        pause = _FIRST_PAUSE_S
        while not self._closing.is_set():
            heard_before = self._feed_heard
            try:
                self._follow()
            except SmartSentryError as problem:
                self._feed_problem = str(problem)
            except Exception as problem:  # noqa: BLE001 - the outermost loop: the page tells it, and it is tried again
                _log.exception("the live feed is opened anew")
                self._feed_problem = f"The live feed ended ({type(problem).__name__}: {problem}); it is opened anew."
            pause = _FIRST_PAUSE_S if self._feed_heard != heard_before else min(2.0 * pause, _LONGEST_PAUSE_S)
            self._closing.wait(pause)

    def _follow(self) -> None:
        with self._open_feed() as feed:
            self._begin(feed.latest())
            self._hear(feed)
            while not self._closing.is_set():
                self._take(feed.follow(_TURN_S))
                self._hear(feed)

    def _hear(self, feed: LiveFeed) -> None:
        silent = feed.silent_for()
        with self._lock:
            if silent != float("inf"):
                self._feed_heard = self._clock() - silent
                self._feed_problem = None

    def _begin(self, state: LiveState) -> None:
        with self._lock:
            known = set(state.assets)
            for name in set(self._updates) - known:
                self._forget(name)
            self._alarms = {alarm.alarm_id: alarm for alarm in state.alarms}
            for update in state.assets.values():
                self._put(update, told_now=False)

    def _take(self, told: Iterable[Told]) -> None:
        for one in told:
            with self._lock:
                if isinstance(one, AssetUpdate):
                    self._put(one, told_now=True)
                elif isinstance(one, AssetGone):
                    self._forget(one.asset_id)
                elif one.is_open:
                    self._alarms[one.alarm_id] = one
                else:
                    self._alarms.pop(one.alarm_id, None)

    def _put(self, update: AssetUpdate, told_now: bool) -> None:
        name, before = update.asset_id, self._updates.get(update.asset_id)
        if before is None or update.time > before.time:
            ago = 0.0
            if not (told_now and before is not None) and update.received is not None:
                ago = max(self._now() - update.received, 0.0)
            self._arrived[name] = self._clock() - ago
        self._updates[name] = update
        if update.score is not None or update.degradation > 0:
            self._judged.add(name)
        signals, ring = tuple(update.values), self._rings.get(name)
        if ring is None or ring.signals != signals or (before is None and update.time < ring.newest):
            self._rings[name] = ring = Ring(signals)
        ring.add(update)

    def _forget(self, asset_id: str | None) -> None:
        """Of everybody (None) the rings stay: all comes anew, and whoever does not is not shown."""
        if asset_id is None:
            self._updates.clear()
            self._alarms.clear()
            return
        for kept in (self._updates, self._arrived, self._rings):
            kept.pop(asset_id, None)
        self._judged.discard(asset_id)
        self._alarms = {name: alarm for name, alarm in self._alarms.items() if alarm.asset_id != asset_id}

    def _ask(self) -> None:
        while not self._closing.is_set():
            began = self._clock()
            try:
                self._ask_service()
            except ServiceRefused as refusal:
                with self._lock:
                    self._refusals += not refusal.answered
                    self._service_problem = f"{refusal.address}: {refusal.problem}."
            except Exception as problem:  # noqa: BLE001 - as above
                _log.exception("the service could not be asked")
                self._service_problem = f"The service could not be asked ({type(problem).__name__}: {problem})."
            else:
                with self._lock:
                    self._answered, self._refusals, self._service_problem = self._clock(), 0, None
            self._closing.wait(max(_ASK_EVERY_S - (self._clock() - began), 0.1))

    def _learn_judged(self) -> None:
        while not self._closing.is_set():
            with self._lock:
                unheard = self._updates.keys() - self._judged
            if unheard:
                try:
                    told = set(self._ask_judged())
                    with self._lock:
                        self._judged |= told & self._updates.keys()
                except ServiceRefused:
                    pass  # the banner tells that it is away
                except Exception:  # noqa: BLE001 - as above
                    _log.exception("the service could not be asked what it judges")
            self._closing.wait(_LEARN_JUDGED_EVERY_S if unheard else _ASK_EVERY_S)
