"""What a reader of the live feed meets, wherever the feed comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, Self

from smart_sentry.contracts.live import AlarmUpdate, AssetGone, AssetUpdate, LiveState
from smart_sentry.errors import SmartSentryError

Told = AssetUpdate | AlarmUpdate | AssetGone


class FeedUnavailable(SmartSentryError):
    """The live feed cannot be read."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(f"the live feed of {where} cannot be read: {problem}. {remedy}")


class LiveFeed(Protocol):
    """One reader's view of the feed. It belongs to one thread."""

    def latest(self) -> LiveState:
        """The plant as it stands now; `follow` goes on from here, and nothing is missed between the two.

        Raises:
            FeedUnavailable: nobody answers.
        """

    def follow(self, timeout: float) -> Iterator[Told]:
        """What came since `latest` or the last `follow`, and what comes within so many seconds.

        Of an asset, updates that follow each other at once may come as one: the newest. Of alarms every transition comes. When
        the source is away, nothing comes; when it is back, the feed goes on by itself, and what was missed comes first: where
        it is not known any more, an `AssetGone` of everything comes, then every asset's newest reading and all open alarms.
        """

    def silent_for(self) -> float:
        """Seconds since whoever judges was heard. That is every 2 s, so more says that the feed is dead, not the plant.

        Infinite where nobody was ever heard. A feed out of the database hears the database instead.
        """

    def close(self) -> None:
        """Lets go of the connection."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
