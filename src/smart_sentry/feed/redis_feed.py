"""The live feed out of Redis: the last state from its hashes, what comes by pub/sub, and what was missed from its stream."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Iterator
from typing import Any, Self

import redis

from smart_sentry.contracts.live import UPDATES, AlarmUpdate, AssetGone, AssetUpdate, LiveState
from smart_sentry.feed.feed import FeedUnavailable, Told
from smart_sentry.feed.keys import BEAT, Keys, address_of, client_of

_log = logging.getLogger(__name__)
_PATIENCE_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_REMEDY = (
    "See that Redis runs (on this machine: smart-sentry services start redis) and that SMART_SENTRY_REDIS_URL names it."
)

Place = tuple[int, int]
"""The id of a message in the stream: milliseconds, and a number within these."""
_NOWHERE: Place = (0, 0)


class RedisFeed:
    """A reader; as `LiveFeed`.

    It is on the channel before it reads the state, and knows up to which message the state goes: what it then hears is either in
    the state or new. After a cut it reads on in the stream from the last message that it had, and only where that one is not
    there any more, everything anew.

    Args:
        url: of Redis; a password may stand in it.
        keys: where.

    Raises:
        ConfigurationError: the URL is none.
    """

    def __init__(self, url: str, keys: Keys | None = None) -> None:
        self.address = address_of(url)
        self._keys, self._client = keys or Keys(), client_of(url, _PATIENCE_S)
        self._channel: Any = None
        self._through = _NOWHERE
        self._heard_at = -math.inf
        self._pause, self._told_away = _FIRST_PAUSE_S, False

    def latest(self) -> LiveState:
        """As `LiveFeed.latest`."""
        try:
            return self._latest()
        except (redis.RedisError, OSError) as problem:
            self._leave()
            raise FeedUnavailable(f"Redis at {self.address}", _said(problem), _REMEDY) from None

    def follow(self, timeout: float) -> Iterator[Told]:
        """As `LiveFeed.follow`."""
        end = time.monotonic() + timeout
        while True:
            try:
                if self._channel is None:
                    yield from self._resume()
                while (left := end - time.monotonic()) > 0:
                    yield from self._heard(self._channel.get_message(timeout=left))
                yield from self._rest()
                return
            except (redis.RedisError, OSError) as problem:
                self._away(problem)
                left = end - time.monotonic()
                if left <= 0:
                    return
                time.sleep(min(left, self._pause * random.uniform(0.5, 1.0)))  # noqa: S311  jitter
                self._pause = min(2.0 * self._pause, _LONGEST_PAUSE_S)

    def silent_for(self) -> float:
        """As `LiveFeed.silent_for`."""
        return max(time.monotonic() - self._heard_at, 0.0)

    def close(self) -> None:
        """Lets go of the connection."""
        self._leave()
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _latest(self) -> LiveState:
        if self._channel is None:
            self._join()
        keys = self._keys
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hvals(keys.assets)
            pipeline.hvals(keys.alarms)
            pipeline.xrevrange(keys.log, count=1)
            pipeline.get(keys.heartbeat)
            pipeline.time()
            assets, alarms, newest, beat, now = pipeline.execute()
        self._through = _place(newest[0][0]) if newest else _NOWHERE
        if beat is not None:
            self._heard_at = time.monotonic() - max(now[0] + now[1] / 1e6 - float(beat), 0.0)
        return _state(assets, alarms)

    def _join(self) -> None:
        """Is on the channel when it returns."""
        channel = self._client.pubsub()  # type: ignore[no-untyped-call]
        channel.subscribe(self._keys.name)
        joined = channel.get_message(timeout=_PATIENCE_S)
        if joined is None or joined["type"] != "subscribe":
            raise redis.TimeoutError("it did not confirm the subscription in time")
        self._channel = channel

    def _resume(self) -> Iterator[Told]:
        """What was missed: from the stream, or everything anew."""
        self._join()
        keys, through = self._keys, self._through
        missed: Any = self._client.xrange(keys.log, min=_text(through))
        if self._told_away:
            _log.info("Redis at %s answers again: the live feed goes on", self.address)
        self._told_away, self._pause = False, _FIRST_PAUSE_S
        if missed and _place(missed[0][0]) == through:
            for name, fields in missed[1:]:
                self._through = _place(name)
                yield UPDATES.validate_json(fields["message"])
            return
        state = self._latest()
        yield AssetGone(asset_id=None)
        yield from state.assets.values()
        yield from state.alarms

    def _rest(self) -> Iterator[Told]:
        """What has come already."""
        while (message := self._channel.get_message(timeout=0)) is not None:
            yield from self._heard(message)

    def _heard(self, message: dict[str, Any] | None) -> Iterator[Told]:
        if message is None or message["type"] != "message":
            return
        if message["data"] == BEAT:  # it follows whatever is told by one that judges
            self._heard_at = time.monotonic()
            return
        name, text = message["data"].split(" ", 1)
        if (place := _place(name)) > self._through:
            self._through = place
            yield UPDATES.validate_json(text)

    def _away(self, problem: Exception) -> None:
        self._leave()
        if not self._told_away:
            self._told_away = True
            _log.warning("the live feed waits: Redis at %s: %s", self.address, _said(problem))

    def _leave(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _state(assets: list[str], alarms: list[str]) -> LiveState:
    updates = [UPDATES.validate_json(text) for text in assets]
    found = [UPDATES.validate_json(text) for text in alarms]
    standing = [alarm for alarm in found if isinstance(alarm, AlarmUpdate) and alarm.is_open]
    return LiveState(
        assets={one.asset_id: one for one in sorted(updates, key=_asset) if isinstance(one, AssetUpdate)},
        alarms=tuple(sorted(standing, key=lambda alarm: (alarm.time, alarm.alarm_id))),
    )


def _asset(update: Told) -> str:
    return update.asset_id or ""


def _place(name: str) -> Place:
    milliseconds, number = name.split("-")
    return int(milliseconds), int(number)


def _text(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


def _said(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
