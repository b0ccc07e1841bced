"""The feed that the settings describe: Redis where it is set, else the database."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from smart_sentry.config import Settings
from smart_sentry.contracts.live import AlarmUpdate, LiveState
from smart_sentry.errors import ConfigurationError
from smart_sentry.feed.database_feed import DatabaseFeed
from smart_sentry.feed.feed import LiveFeed
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.stores.store import Store

_REDIS = "SMART_SENTRY_REDIS_URL"


def open_feed(settings: Settings) -> LiveFeed:
    """A reader of the live feed.

    Raises:
        ConfigurationError: an address is wrong, or Redis is set and its library is not installed.
        StoreUnavailable: there is no Redis, and the database cannot be reached.
    """
    if settings.redis_url is None:
        return DatabaseFeed(Store(settings.database_url), owned=True)
    _demand_library()
    from smart_sentry.feed.redis_feed import RedisFeed

    return RedisFeed(settings.redis_url)


def open_publisher(settings: Settings, store: Store, *, judges: bool = True) -> FeedPublisher | None:
    """What tells the live feed of this store, not started yet; None where no Redis is set: readers then ask the database.

    Args:
        settings: where Redis is.
        store: of the plant.
        judges: whether this process judges readings. One that does not tells changes, but is not heard as alive: a feed whose
            workers are dead must fall silent.

    Raises:
        ConfigurationError: the address is wrong, or Redis' library is not installed.
    """
    if settings.redis_url is None:
        return None
    _demand_library()
    from smart_sentry.feed.redis_link import RedisLink

    return FeedPublisher(RedisLink(settings.redis_url, judges=judges), StoredPlant(store))


class StoredPlant:
    """What a publisher asks of a store; as `Source`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def state(self) -> LiveState:
        """As `Source.state`."""
        with self._store.view() as batch:
            return batch.live.state()

    def last_steps(self, alarm_ids: Sequence[str]) -> Sequence[AlarmUpdate]:
        """As `Source.last_steps`."""
        with self._store.view() as batch:
            return batch.live.last_steps(alarm_ids)


def _demand_library() -> None:
    if importlib.util.find_spec("redis") is None:
        remedy = "Install it in the checkout: pip install -e '.[stream]', or unset it: the feed then comes from the database."
        raise ConfigurationError(_REDIS, "it is set, but Python's library for Redis is not installed", remedy)
