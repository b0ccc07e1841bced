"""Tells the live feed what was stored, from a thread of its own: whoever stores never waits for it, and never fails by it.

    publish(rows, transitions) -> buffer: the newest of each asset, alarms in order -> one round trip

While the feed is away, the buffer keeps each asset's newest reading and the last alarms; once it is back, whatever the database
has is told anew where the feed does not have it, so that one that restarted empty is whole again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.contracts.live import VERSION, AlarmUpdate, LiveState
from smart_sentry.errors import StoreUnavailable
from smart_sentry.feed.judged_rows import JudgedRows, messages_of

_log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 2.0
MOST_ALARMS = 10_000
"""Alarm transitions that wait for a feed that is away; the oldest are left out first."""
_MOST_BATCHES = 64
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_CLOSING_SECONDS = 2.0
_LEAST_SECONDS, _MOST_SECONDS, _REST = 0.05, 0.4, 9.0
"""From one sending to the next: nine times as long as the last one took, so that judging has nine tenths of the time to itself,
but no longer than the blink of an eye; and no less, so that many small batches become one."""

Message = dict[str, Any]


class LinkDown(Exception):
    """The feed did not take something."""


class Source(Protocol):
    """The plant in the database, asked from the publisher's thread."""

    def state(self) -> LiveState:
        """As it stands.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """

    def last_steps(self, alarm_ids: Sequence[str]) -> Sequence[AlarmUpdate]:
        """The last transitions of alarms.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """


class Link(Protocol):
    """The way to the feed. Every call may raise LinkDown."""

    address: str

    def connect(self) -> None:
        """Makes ready for `send`."""

    def fill(self, source: Source) -> None:
        """Adds what the feed does not have, or only in an older form, and removes what the source does not have."""

    def send(self, messages: Sequence[Message]) -> bool:
        """Tells messages in order, and that whoever judges lives; false where the feed has lost what it had."""

    def close(self) -> None:
        """Lets go of the connection."""


@dataclass
class FeedCounts:
    """What a publisher did since it began.

    Attributes:
        up: whether the feed took the last that was sent.
        updates, alarms: that were told.
        alarms_left_out: that were not: too many while the feed was away.
        failures: how often the feed went away.
        filled: how often it was filled from the database.
    """

    up: bool = False
    updates: int = 0
    alarms: int = 0
    alarms_left_out: int = 0
    failures: int = 0
    filled: int = 0


class FeedPublisher:
    """Publishes from the moment it is started; any number of threads may call it.

    Args:
        link: to the feed.
        source: the plant in the database.
        sent: told of the seconds that each sending took.
    """

    def __init__(self, link: Link, source: Source, sent: Callable[[float], None] = lambda seconds: None) -> None:
        self.counts = FeedCounts()
        self.sent = sent
        self._link, self._source = link, source
        self._behind = False
        self._pending: deque[tuple[Sequence[JudgedRows], Sequence[AlarmTransition]] | Message] = deque()
        self._gone: list[Message] = []
        self._updates: dict[str, Message] = {}
        self._alarms: deque[Message] = deque()
        self._lock, self._news, self._closing = threading.Lock(), threading.Event(), threading.Event()
        self._connected, self._pause, self._retry_at, self._told_at = False, _FIRST_PAUSE_S, 0.0, 0.0
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)

    def start(self) -> None:
        """Begins to tell; what was published before comes first."""
        self._thread.start()

    def publish(self, rows: Sequence[JudgedRows], transitions: Sequence[AlarmTransition]) -> None:
        """Notes what a transaction has committed. Returns at once."""
        if rows or transitions:
            self._note((rows, transitions))

    def forget(self, asset_id: str | None) -> None:
        """Notes that an asset was purged, or everything (None). Returns at once."""
        self._note({"version": VERSION, "kind": "gone", "asset_id": asset_id})

    def refresh(self) -> None:
        """Has the feed filled from the database, where others may have stored what they did not tell. Returns at once."""
        self._behind = True
        self._news.set()

    def close(self) -> None:
        """Tells what is left, as far as the feed takes it within 2 s, and ends."""
        self._closing.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSING_SECONDS)

    def _note(self, news: tuple[Sequence[JudgedRows], Sequence[AlarmTransition]] | Message) -> None:
        self._pending.append(news)
        if not self._news.is_set():
            self._news.set()
        if len(self._pending) > _MOST_BATCHES:  # the thread is late: memory stays bounded all the same
            self._gather()

    def _gather(self) -> None:
        """Brings what was noted into the form in which it is told: one message an asset."""
        with self._lock:
            found: list[JudgedRows] = []
            while self._pending:
                news = self._pending.popleft()
                if isinstance(news, dict):
                    self._keep(found)
                    self._drop(news)
                    found = []
                    continue
                found.extend(news[0])
                self._alarms.extend(_alarm(transition) for transition in news[1])
            self._keep(found)
            while len(self._alarms) > MOST_ALARMS:
                self._alarms.popleft()
                self.counts.alarms_left_out += 1

    def _keep(self, found: Sequence[JudgedRows]) -> None:
        """From the last batch back: what a later one tells anew is not made a message, which takes its time."""
        newest: dict[str, Message] = {}
        times: dict[str, float] = {}
        for rows in reversed(found):
            for message in messages_of(rows, times):
                newest[message["asset_id"]], times[message["asset_id"]] = message, message["time"]
        for asset, message in newest.items():
            known = self._updates.get(asset)
            if known is None or message["time"] >= known["time"]:
                self._updates[asset] = message

    def _drop(self, gone: Message) -> None:
        asset = gone["asset_id"]
        if asset is None:
            self._updates, self._alarms, self._gone = {}, deque(), []
        else:
            self._updates.pop(asset, None)
            self._alarms = deque(alarm for alarm in self._alarms if alarm["asset_id"] != asset)
        self._gone.append(gone)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._news.wait(self._seconds_to_wait())
            self._news.clear()
            began = time.monotonic()
            self._round()
            self._closing.wait(min(max(_LEAST_SECONDS, _REST * (time.monotonic() - began)), _MOST_SECONDS))
        self._round()
        self._link.close()

    def _seconds_to_wait(self) -> float:
        then = self._told_at + HEARTBEAT_SECONDS if self._connected else self._retry_at
        return max(then - time.monotonic(), 0.0)

    def _round(self) -> None:
        try:
            self._gather()
            if not self._connected and time.monotonic() < self._retry_at:
                return  # new batches wake the thread all the time
            if not self._connected:
                self._link.connect()
            # What waits is told first: the database is never behind it, and what it adds is never older.
            behind = self._behind
            if behind:  # cleared only where it was seen: `refresh` may set it from another thread just now
                self._behind = False
            if not self._tell() or not self._connected or behind:
                self._fill()
        except (LinkDown, StoreUnavailable) as problem:
            self._went_away(problem)
        except Exception:  # noqa: BLE001 - the outermost loop of a background thread: the next round may do better
            _log.exception("the live feed's publisher failed")
            self._went_away(None)

    def _fill(self) -> None:
        self._link.fill(self._source)
        self.counts.filled += 1
        if not self.counts.up:
            _log.info("the live feed goes to Redis at %s", self._link.address)
        self._connected, self.counts.up, self._pause = True, True, _FIRST_PAUSE_S

    def _tell(self) -> bool:
        """Sends what waits, or only that it lives; whether the feed has what it had."""
        with self._lock:
            gone, updates, alarms = self._gone, self._updates, self._alarms
            self._gone, self._updates, self._alarms = [], {}, deque()
        began = time.perf_counter()
        try:
            whole = self._link.send([*gone, *updates.values(), *alarms])
        except BaseException:
            self._take_back(gone, updates, alarms)
            raise
        self._told_at = time.monotonic()
        if updates or alarms:
            self.sent(time.perf_counter() - began)
        self.counts.updates += len(updates)
        self.counts.alarms += len(alarms)
        return whole

    def _take_back(self, gone: list[Message], updates: dict[str, Message], alarms: deque[Message]) -> None:
        with self._lock:
            purged = {one["asset_id"] for one in self._gone}
            if None not in purged:
                for message in updates.values():
                    if message["asset_id"] not in purged:
                        known = self._updates.get(message["asset_id"])
                        if known is None or message["time"] > known["time"]:
                            self._updates[message["asset_id"]] = message
                self._alarms.extendleft(alarm for alarm in reversed(alarms) if alarm["asset_id"] not in purged)
            self._gone = [*gone, *self._gone]

    def _went_away(self, problem: Exception | None) -> None:
        if self.counts.up or not self.counts.failures:
            self.counts.failures += 1
            _log.warning(
                "the live feed waits, and readings are judged and stored as ever: Redis at %s: %s",
                self._link.address,
                problem,
            )
        self._connected, self.counts.up = False, False
        self._retry_at = time.monotonic() + self._pause * random.uniform(0.5, 1.0)  # noqa: S311  jitter
        self._pause = min(2.0 * self._pause, _LONGEST_PAUSE_S)


def _alarm(transition: AlarmTransition) -> Message:
    return {"version": VERSION, "kind": "alarm", **vars(transition)}
