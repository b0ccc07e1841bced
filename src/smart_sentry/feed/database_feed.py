"""The live feed out of the database, for plants without Redis: it is asked five times a second for what came."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from typing import Self

from smart_sentry.contracts.live import AssetGone, LiveState
from smart_sentry.errors import StoreUnavailable
from smart_sentry.feed.feed import FeedUnavailable, Told
from smart_sentry.feed.number_tail import NumberTail
from smart_sentry.stores.store import Batch, Store

_log = logging.getLogger(__name__)
EVERY_SECONDS = 0.2
_PATIENCE_S = 5.0
_LOOKED_BACK = 20_000
"""Rows before the newest among which a transaction may still be open, on PostgreSQL."""
_REMEDY = "See that the database runs and that SMART_SENTRY_DATABASE names it."


class DatabaseFeed:
    """A reader; as `LiveFeed`. It hears of the database, not of who writes it: a worker that died is a quiet plant to it.

    Args:
        store: the plant's.
        owned: whether it is closed with the feed.
    """

    def __init__(self, store: Store, *, owned: bool = False) -> None:
        self._store, self._owned = store, owned
        self._patience_s = 0.0 if store.one_writer else _PATIENCE_S
        self._assessed, self._moved = NumberTail(0, 0.0), NumberTail(0, 0.0)
        self._purged = 0
        self._began, self._away = False, False
        self._heard_at = -math.inf

    def latest(self) -> LiveState:
        """As `LiveFeed.latest`."""
        try:
            with self._store.view() as batch:
                state = self._begin(batch)
        except StoreUnavailable as problem:
            raise FeedUnavailable(self._store.shown_url, problem.problem, _REMEDY) from problem
        self._heard_at = time.monotonic()
        return state

    def follow(self, timeout: float) -> Iterator[Told]:
        """As `LiveFeed.follow`."""
        end = time.monotonic() + timeout
        while True:
            yield from self._look()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, EVERY_SECONDS))

    def silent_for(self) -> float:
        """Seconds since the database answered."""
        return max(time.monotonic() - self._heard_at, 0.0)

    def close(self) -> None:
        """Lets go of the database, where it is the feed's own."""
        if self._owned:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _look(self) -> list[Told]:
        try:
            with self._store.view() as batch:
                found = self._news(batch)
        except StoreUnavailable as problem:
            if not self._away:
                _log.warning("the live feed waits: %s", problem)
            self._away = True
            return []
        if self._away:
            _log.info("%s answers again: the live feed goes on", self._store.shown_url)
        self._away, self._heard_at = False, time.monotonic()
        return found

    def _begin(self, batch: Batch) -> LiveState:
        """From now on; on PostgreSQL, numbers that were given before and are not shown yet are waited for."""
        assessed, moved, self._purged = batch.live.last_numbers()
        self._assessed, self._moved = self._tail(assessed), self._tail(moved)
        now = time.monotonic()
        self._assessed.new((number for number, _, _ in batch.live.assessed_after(self._assessed.settled)), now)
        self._moved.new((number for number, _ in batch.live.transitions_after(self._moved.settled)), now)
        self._began = True
        return batch.live.state()

    def _tail(self, last: int) -> NumberTail:
        back = _LOOKED_BACK if self._patience_s else 0
        return NumberTail(max(last - back, 0), self._patience_s)

    def _news(self, batch: Batch) -> list[Told]:
        assessed, moved, audited = batch.live.last_numbers()
        if not self._began or assessed < self._assessed.top or moved < self._moved.top:
            return self._anew(batch)  # a purge has taken the last rows, and their numbers are given again
        purged = batch.live.purged_after(self._purged) if audited > self._purged else []
        if purged and self._store.gives_numbers_again:
            return self._anew(batch)  # rows that came since the purge may bear numbers that are known
        found: list[Told] = [AssetGone(asset_id=asset) for _, asset in purged]
        self._purged = audited
        if assessed > self._assessed.top or self._assessed.has_gaps:
            found += self._updates(batch)
        if moved > self._moved.top or self._moved.has_gaps:
            steps = dict(batch.live.transitions_after(self._moved.settled))
            found += [steps[number] for number in self._moved.new(steps, time.monotonic())]
        return found

    def _updates(self, batch: Batch) -> Iterator[Told]:
        """The newest of each asset among the rows that are new."""
        rows = batch.live.assessed_after(self._assessed.settled)
        new = set(self._assessed.new((number for number, _, _ in rows), time.monotonic()))
        newest: dict[str, tuple[float, int]] = {}
        for number, asset, seconds in rows:
            if number in new and (seconds, number) >= newest.get(asset, (-math.inf, 0)):
                newest[asset] = (seconds, number)
        return batch.live.updates([number for _, number in newest.values()])

    def _anew(self, batch: Batch) -> list[Told]:
        gone = [AssetGone(asset_id=None)] if self._began else []
        state = self._begin(batch)
        return [*gone, *state.assets.values(), *state.alarms]
