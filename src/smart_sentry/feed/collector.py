"""What a publisher of the live feed tells Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from smart_sentry.feed.publisher import FeedPublisher


class FeedCollector(Collector):
    """Reads a publisher's counts whenever Prometheus asks.

    Args:
        publisher: None: there is no Redis, and nothing is told.
    """

    def __init__(self, publisher: FeedPublisher | None) -> None:
        self._publisher = publisher

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        if self._publisher is None:
            return
        counts = self._publisher.counts
        yield GaugeMetricFamily("smart_sentry_feed_up", "1 where Redis takes the live feed", value=float(counts.up))
        for name, told, value in (
            ("updates", "Asset updates that the live feed was told", counts.updates),
            ("alarms", "Alarm transitions that the live feed was told", counts.alarms),
            (
                "alarms_left_out",
                "Alarm transitions that it was not: too many while it was away",
                counts.alarms_left_out,
            ),
            ("failures", "How often the live feed went away", counts.failures),
            ("fills", "How often the live feed was filled from the database", counts.filled),
        ):
            yield CounterMetricFamily(f"smart_sentry_feed_{name}", told, value=value)
