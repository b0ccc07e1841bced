"""Adds up what a worker does, for the table of throughput."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smart_sentry.stores.throughput import Throughput

EVERY_SECONDS = 10.0


@dataclass
class _Stretch:
    readings: int = 0
    flagged: int = 0
    dropped: int = 0
    dead_lettered: int = 0
    lag: int = 0
    latency_seconds: float = 0.0


class ThroughputBook:
    """Batches of one worker, partition by partition.

    Args:
        worker: its name. topic: of the partitions.
        now: seconds since 1970 UTC.
    """

    def __init__(self, worker: str, topic: str, now: float) -> None:
        self._worker, self._topic, self._since = worker, topic, now
        self._stretches: dict[int, _Stretch] = {}

    def took(self, partition: int, outcomes: Mapping[str, int], refused: int, latency_seconds: float) -> None:
        """Adds a batch: outcome -> readings, messages for the dead letters, and age of the newest message at the commit."""
        stretch = self._stretches.setdefault(partition, _Stretch())
        stretch.readings += outcomes.get("stored", 0)
        stretch.flagged += outcomes.get("flagged", 0)
        stretch.dropped += outcomes.get("duplicate", 0) + outcomes.get("stale", 0)
        stretch.dead_lettered += refused
        stretch.latency_seconds = max(stretch.latency_seconds, latency_seconds)

    def lag(self, partition: int, messages: int) -> None:
        """Notes how many messages wait."""
        if partition in self._stretches:
            self._stretches[partition].lag = messages

    def is_due(self, now: float) -> bool:
        """Whether a stretch is over."""
        return now - self._since >= EVERY_SECONDS

    def close(self, now: float) -> list[Throughput]:
        """Ends the stretch: a row of each partition of which messages came. The next stretch begins."""
        seconds = max(now - self._since, 1e-3)
        rows = [
            Throughput(
                now, self._worker, self._topic, partition, seconds, its.readings, its.readings / seconds, its.flagged,
                its.dropped, its.dead_lettered, its.lag, its.latency_seconds,
            )
            for partition, its in sorted(self._stretches.items())
        ]  # fmt: skip
        self._since, self._stretches = now, {}
        return rows
