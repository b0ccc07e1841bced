"""Readings over HTTP into Apache Kafka instead of the plant: checked as ever, acknowledged by Kafka, judged by workers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

import numpy as np
from starlette.concurrency import run_in_threadpool

from smart_sentry.config import Settings
from smart_sentry.contracts.monitoring import ReadingsPublished
from smart_sentry.errors import ConfigurationError, StoreUnavailable
from smart_sentry.plant.incoming import Incoming, IncomingWindow
from smart_sentry.plant.parts import Part, Sorter
from smart_sentry.plant.plant import Plant

if TYPE_CHECKING:
    from smart_sentry.stream.group_publisher import GroupPublisher, PublishCounts
    from smart_sentry.stream.messages import Readings

SOURCE = "smart-sentry/http"
MOST_REMEMBERED = 100_000
"""Readings of which the service knows that they are in Kafka, or on the way: one that comes again waits for the first."""
_ASKED_ONE_BY_ONE = 50
_log = logging.getLogger(__name__)


class KafkaIngest:
    """Takes readings for workers.

    An asset keeps the type that the database has of it; where it has none, or cannot be asked, that of its first reading here.

    Args:
        plant: knows types and assets; it judges nothing of what comes here.
        publisher: brings readings to Kafka.
        most_remembered: readings of which it is known that they came, so that a repeated one is not sent again.
    """

    def __init__(self, plant: Plant, publisher: GroupPublisher, most_remembered: int = MOST_REMEMBERED) -> None:
        self._plant, self._publisher, self._most = plant, publisher, most_remembered
        self._types: dict[str, str] = {}
        self._sent: OrderedDict[tuple[str, str], Future[None]] = OrderedDict()
        self._lock = threading.Lock()

    async def take_one(self, reading: Incoming) -> ReadingsPublished:
        """One reading, from the event loop.

        Raises:
            InvalidReadings: a time, signal or asset type is wrong. IngestBusy, NotPublished: it was not taken.
        """
        if reading.asset_id not in self._types:
            await run_in_threadpool(self._learn, [reading.asset_id])
        for done in self._publish(self._sorter().readings([reading])):
            await asyncio.shield(asyncio.wrap_future(done))  # another request may wait for the same
        return _told([reading.reading_id])

    def take(self, readings: Sequence[Incoming]) -> ReadingsPublished:
        """Readings of one request, all or none, from a thread; raises as `take_one`."""
        self._learn({one.asset_id for one in readings} - self._types.keys())
        for done in self._publish(self._sorter().readings(readings)):
            done.result()
        return _told([one.reading_id for one in readings])

    def take_windows(self, windows: Sequence[IncomingWindow]) -> ReadingsPublished:
        """Windows of one request, all or none, from a thread; raises as `take_one`."""
        self._learn({one.asset_id for one in windows} - self._types.keys())
        for done in self._publish(self._sorter().windows(windows)):
            done.result()
        return _told([name for one in windows for name in one.reading_ids])

    def forget(self, asset_id: str | None) -> None:
        """An asset, or everybody, was purged: it may come back as another type."""
        with self._lock:
            for asset in [asset_id] if asset_id is not None else list(self._types):
                self._types.pop(asset, None)
            for key in [key for key in self._sent if asset_id in (None, key[0])]:
                del self._sent[key]

    def counts(self) -> PublishCounts:
        """What became of readings since it began."""
        return self._publisher.counts

    def close(self) -> None:
        """Sends what waits, as far as Kafka takes it, and ends."""
        self._publisher.close()

    def _sorter(self) -> Sorter:
        return Sorter(self._plant.asset_types, self._types, self._plant.clock())

    def _publish(self, parts: Sequence[Part]) -> set[Future[None]]:
        """What has to be waited for: these readings, and the earlier ones that some of them repeat."""
        with self._lock:
            waits: set[Future[None]] = set()
            keys: list[tuple[str, str]] = []
            fresh = [left for part in parts if len((left := self._without_repeated(part, keys, waits)).assets)]
            if fresh:
                done = self._publisher.publish([_readings(part) for part in fresh])
                waits.add(done)
                self._sent.update(dict.fromkeys(keys, done))
                while len(self._sent) > self._most:
                    self._sent.popitem(last=False)
            for part in fresh:
                self._types.update(dict.fromkeys(part.assets, part.asset_type))
            return waits

    def _without_repeated(self, part: Part, keys: list[tuple[str, str]], waits: set[Future[None]]) -> Part:
        """The readings that were not sent yet, or in vain; their names go to `keys`, what the others wait for to `waits`."""
        new = np.ones(len(part.assets), dtype=np.bool_)
        names = list(zip(part.assets, part.reading_ids, strict=True))
        here: set[tuple[str, str]] = set()
        for row, key in enumerate(names):
            before = self._sent.get(key)
            if key in here:
                new[row] = False
            elif before is not None and not (before.done() and before.exception() is not None):
                new[row] = False
                waits.add(before)
            here.add(key)
        keys += [key for key, its in zip(names, new.tolist(), strict=True) if its]
        return part if new.all() else part.only(new)

    def _learn(self, assets: Iterable[str]) -> None:
        """Asks the database which types assets have; without it, readings are still taken."""
        unknown = list(assets)
        if not unknown:
            return
        try:
            with self._plant.store.view() as view:
                states = view.states.all() if len(unknown) > _ASKED_ONE_BY_ONE else {
                    asset: state for asset in unknown if (state := view.states.find(asset)) is not None
                }  # fmt: skip
        except StoreUnavailable as problem:
            _log.warning("types of %d assets are taken from their readings: %s", len(unknown), problem)
            return
        known = self._plant.asset_types
        found = {asset: states[asset].asset_type for asset in unknown if asset in states}
        self._types.update({asset: name for asset, name in found.items() if name in known})


def ingest_of(settings: Settings) -> Callable[[Plant], KafkaIngest] | None:
    """Opens what the settings ask for; None: the plant takes readings itself.

    Raises:
        ConfigurationError: Kafka is asked for, and its address is not set or its library not installed.
    """
    if settings.ingest == "store":
        return None
    try:
        from smart_sentry.stream.broker import bootstrap_of
        from smart_sentry.stream.group_publisher import GroupPublisher
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            "SMART_SENTRY_INGEST", f"it is kafka, but Python's library {missing.name} is not installed",
            "Install it in the checkout: pip install -e '.[stream]', or set it to store.",
        ) from missing  # fmt: skip
    bootstrap, topic = bootstrap_of(settings), settings.kafka_topic

    def open_ingest(plant: Plant) -> KafkaIngest:
        publisher = GroupPublisher(
            bootstrap, topic, plant.asset_types.values(), SOURCE, partitions=settings.kafka_partitions, clock=plant.clock,
            epochs_file=settings.home / "data" / f"{topic}.epoch",
        )  # fmt: skip
        return KafkaIngest(plant, publisher)

    return open_ingest


def _readings(part: Part) -> Readings:
    from smart_sentry.stream.messages import Readings

    return Readings(
        part.asset_type, part.assets, part.reading_ids, part.seconds, np.zeros(len(part.assets), dtype=np.int64),
        part.positions, part.values, part.positions,
    )  # fmt: skip


def _told(names: list[str]) -> ReadingsPublished:
    return ReadingsPublished.model_construct(accepted=len(names), event_ids=names)
