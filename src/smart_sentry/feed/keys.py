"""What stands where in Redis. One Redis database holds the feed of one plant."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from smart_sentry.errors import ConfigurationError

LOG_LENGTH = 10_000
"""Messages that the stream of the feed keeps, about."""
BEAT = "beat"
"""What a publisher that judges says on the channel to be heard. Every other message is `<its id in the stream> <JSON>`."""
_SETTING = "SMART_SENTRY_REDIS_URL"
_REMEDY = "Set it to redis://:PASSWORD@HOST:PORT/0, e.g. by: source data/services/environment."


@dataclass(frozen=True)
class Keys:
    """Names in Redis.

    Attributes:
        name: that all begin with, and of the pub/sub channel.
    """

    name: str = "smart-sentry:live"

    @property
    def assets(self) -> str:
        """Hash: asset -> its newest `AssetUpdate`."""
        return f"{self.name}:assets"

    @property
    def asset_times(self) -> str:
        """Hash: asset -> the time of that."""
        return f"{self.name}:asset-times"

    @property
    def alarms(self) -> str:
        """Hash: asset, line feed, key -> the last `AlarmUpdate` of that alarm, also where it is normal again."""
        return f"{self.name}:alarms"

    @property
    def alarm_times(self) -> str:
        """Hash: the same -> the time of that."""
        return f"{self.name}:alarm-times"

    @property
    def log(self) -> str:
        """Stream: everything that was told lately, as field `message`."""
        return f"{self.name}:log"

    @property
    def filled(self) -> str:
        """Set once the feed was filled: it is missing in a Redis that lost what it had."""
        return f"{self.name}:filled"

    @property
    def heartbeat(self) -> str:
        """When a publisher that judges was heard last, seconds since 1970 UTC by Redis' clock."""
        return f"{self.name}:heartbeat"

    @property
    def every(self) -> list[str]:
        """In the order in which the script takes them."""
        return [
            self.assets,
            self.asset_times,
            self.alarms,
            self.alarm_times,
            self.log,
            self.filled,
            self.heartbeat,
        ]


def client_of(url: str, patience_s: float) -> redis.Redis:
    """A client that gives up after so many seconds, and tries nothing twice.

    Raises:
        ConfigurationError: the URL is none. It is never shown: a password may stand in it.
    """
    try:
        client: redis.Redis = redis.Redis.from_url(
            url, retry=Retry(NoBackoff(), 0), socket_timeout=patience_s, socket_connect_timeout=patience_s,
            decode_responses=True,
        )  # fmt: skip
    except ValueError:
        raise ConfigurationError(_SETTING, "it is no address of a Redis", _REMEDY) from None
    return client


def address_of(url: str) -> str:
    """`host:port`, which may be shown.

    Raises:
        ConfigurationError: the URL is none.
    """
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
    except ValueError:
        raise ConfigurationError(_SETTING, "it is no address of a Redis", _REMEDY) from None
