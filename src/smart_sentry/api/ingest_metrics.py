"""What becomes of readings that go over HTTP into Apache Kafka, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from smart_sentry.stream.group_publisher import PublishCounts


class IngestCollector(Collector):
    """Reads the counts whenever Prometheus asks.

    Args:
        counts: as they stand.
    """

    def __init__(self, counts: Callable[[], PublishCounts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        counts = self._counts()
        readings = CounterMetricFamily(
            "smart_sentry_ingest_readings",
            "Readings over HTTP by what Kafka did: published, failed (not acknowledged), refused (too many wait)",
            labels=["outcome"],
        )
        for outcome in ("published", "failed", "refused"):
            readings.add_metric([outcome], getattr(counts, outcome))
        yield readings
        yield GaugeMetricFamily(
            "smart_sentry_ingest_waiting_bytes", "Of readings that wait for Kafka", value=counts.waiting_bytes
        )
