"""What a worker tells Prometheus. Base units, and every label has few values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from smart_sentry.feed.collector import FeedCollector
from smart_sentry.feed.publisher import FeedPublisher

_BATCH_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LATENCY_SECONDS = (
    0.005,
    0.01,
    0.02,
    0.03,
    0.04,
    0.05,
    0.06,
    0.08,
    0.1,
    0.15,
    0.2,
    0.25,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    60.0,
)
POLL, DECODE, JUDGE, STORE, PUBLISH = "poll", "decode", "judge", "store", "publish"
"""Steps of a batch. The last has a thread of its own."""
KAFKA, DATABASE, REDIS = "kafka", "database", "redis"
"""What a worker depends on."""


class WorkerMetrics:
    """The counters of one worker, in a registry of their own.

    Args:
        publisher: of the live feed; None: there is no Redis.
    """

    def __init__(self, publisher: FeedPublisher | None = None) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(FeedCollector(publisher))
        self._readings = Counter(
            "smart_sentry_stream_readings_total",
            "Readings, by what became of them: stored (flagged: those of them), dropped as duplicate or stale, quarantined",
            ["outcome"], registry=self.registry,
        )  # fmt: skip
        self._dead_letters = Counter(
            "smart_sentry_stream_dead_letters_total", "Messages that are no readings, by reason", ["reason"],
            registry=self.registry,
        )  # fmt: skip
        self._alarms = Counter(
            "smart_sentry_stream_alarm_transitions_total", "Transitions of alarms", registry=self.registry
        )
        self._batch = Histogram(
            "smart_sentry_stream_batch_seconds", "Time of a batch, by step", ["step"], buckets=_BATCH_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._latency = Histogram(
            "smart_sentry_stream_latency_seconds", "From the time of a batch's newest message to its commit",
            buckets=_LATENCY_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._alarm_latency = Histogram(
            "smart_sentry_stream_alarm_latency_seconds",
            "From the time of a reading's message to the commit of the alarm transition that it caused",
            buckets=_LATENCY_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._lag = Gauge(
            "smart_sentry_stream_lag_messages",
            "Messages that wait in a partition",
            ["partition"],
            registry=self.registry,
        )
        self._waiting = Gauge(
            "smart_sentry_stream_waiting_partitions", "Partitions that wait for the database", registry=self.registry
        )
        self._held = Counter(
            "smart_sentry_stream_held_seconds_total", "Seconds in which a worker read nothing since the database kept it waiting",
            registry=self.registry,
        )  # fmt: skip
        self._up = Gauge(
            "smart_sentry_stream_up", "1 where a server that the worker needs answered last", ["system"],
            registry=self.registry,
        )  # fmt: skip
        self._unlogged = Counter(
            "smart_sentry_stream_throughput_rows_lost_total", "Rows of throughput that the database did not take",
            registry=self.registry,
        )  # fmt: skip
        self._steps = {step: self._batch.labels(step) for step in (POLL, DECODE, JUDGE, STORE, PUBLISH)}
        if publisher is not None:
            self._up.labels(REDIS).set_function(lambda: float(publisher.counts.up))

    def serve(self, port: int, host: str) -> Any:
        """Answers Prometheus at http://host:port/metrics from a thread of its own; returns the server."""
        return start_http_server(port, addr=host, registry=self.registry)

    def batch(self, outcomes: Mapping[str, int], refused: Mapping[str, int], transitions: int) -> None:
        """Counts a batch: outcome -> readings, reason -> messages, and transitions of alarms."""
        for outcome, count in outcomes.items():
            self._readings.labels(outcome).inc(count)
        for reason, count in refused.items():
            self._dead_letters.labels(reason).inc(count)
        self._alarms.inc(transitions)

    def took(self, step: str, seconds: float) -> None:
        """Notes how long a step of a batch took."""
        self._steps[step].observe(max(seconds, 0.0))

    def committed(self, latency_seconds: float) -> None:
        """Notes how old a batch's newest message was in the end."""
        self._latency.observe(max(latency_seconds, 0.0))

    def alarmed(self, latency_seconds: float) -> None:
        """Notes how old the message was that moved an alarm."""
        self._alarm_latency.observe(max(latency_seconds, 0.0))

    def lag(self, partition: int, messages: int) -> None:
        """Notes how many messages wait."""
        self._lag.labels(str(partition)).set(messages)

    def left(self, partition: int) -> None:
        """Forgets a partition that went to another worker."""
        if (str(partition),) in self._lag._metrics:
            self._lag.remove(str(partition))

    def waiting(self, partitions: int) -> None:
        """Notes how many partitions wait for the database."""
        self._waiting.set(partitions)

    def held(self, seconds: float) -> None:
        """Adds a time in which nothing was read."""
        self._held.inc(max(seconds, 0.0))

    def answers(self, system: str, up: bool) -> None:
        """Notes whether Kafka or the database answered."""
        self._up.labels(system).set(float(up))

    def lost_throughput(self, rows: int) -> None:
        """Counts rows of throughput that nobody will read."""
        self._unlogged.inc(rows)
