"""What the prediction service tells Prometheus. Names follow Prometheus' conventions; every label has few values."""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from smart_sentry.api.drift_metrics import DriftCollector
from smart_sentry.api.ingest import KafkaIngest
from smart_sentry.api.ingest_metrics import IngestCollector
from smart_sentry.bundle import Bundle
from smart_sentry.contracts.failure import FailureAssessment
from smart_sentry.feed.collector import FeedCollector
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.plant.plant import Plant

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class ServiceMetrics:
    """The counters of one service. Each has its own registry, so that two services in a process do not mix."""

    def __init__(self) -> None:
        self._registry, self._feed, self._plant = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
        self._ingest = CollectorRegistry()
        self._requests = Counter(
            "smart_sentry_predict_requests_total", "Answered prediction requests", ["status"], registry=self._registry
        )
        self._duration = Histogram(
            "smart_sentry_predict_duration_seconds", "From the first byte of a request to its answer",
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._batch = Histogram(
            "smart_sentry_model_pass_requests", "Requests that one pass of the model answered",
            buckets=_REQUESTS, registry=self._registry,
        )  # fmt: skip
        self._assessments = Counter(
            "smart_sentry_assessments_total", "Assets assessed", ["alarm"], registry=self._registry
        )
        self._readings = Counter("smart_sentry_readings_total", "Readings taken", registry=self._registry)
        self._ready = Gauge(
            "smart_sentry_model_ready", "1 where a verified model is loaded", ["dataset", "model_version"],
            registry=self._registry, multiprocess_mode="livemin",
        )  # fmt: skip
        self._refused = Gauge(
            "smart_sentry_model_refused", "1 where a newer model was refused and the last good one answers",
            registry=self._registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._served: tuple[str, str] | None = None
        self._status = {status: self._requests.labels(str(status)) for status in (200, 400, 413, 415, 422, 500, 503)}
        self._alarm = {alarm: self._assessments.labels(str(alarm).lower()) for alarm in (True, False)}

    def loaded(self, bundle: Bundle | None) -> None:
        """Tells which model is served from now on; None: none is."""
        if bundle is None:
            self._ready.labels("", "").set(0)
            return
        if self._served is not None:
            self._ready.labels(*self._served).set(0)
        self._served = bundle.manifest.dataset, bundle.version
        self._ready.labels(*self._served).set(1)

    def refused(self, is_refused: bool) -> None:
        """Tells whether the newest model had to be refused."""
        self._refused.set(is_refused)

    def feeds(self, publisher: FeedPublisher | None) -> None:
        """Tells what becomes of the live feed; None: there is no Redis."""
        self._feed = CollectorRegistry()
        self._feed.register(FeedCollector(publisher))

    def watches(self, plant: Plant) -> None:
        """Tells what the plant's assets drift."""
        self._plant = CollectorRegistry()
        self._plant.register(DriftCollector(plant))

    def publishes(self, ingest: KafkaIngest | None) -> None:
        """Tells what becomes of readings that go into Kafka; None: the plant takes them itself."""
        self._ingest = CollectorRegistry()
        if ingest is not None:
            self._ingest.register(IngestCollector(ingest.counts))

    def passed(self, requests: int) -> None:
        """One pass of the model has answered so many requests."""
        self._batch.observe(requests)

    def answered(self, status: int, seconds: float) -> None:
        """One request has its answer."""
        self._status[status].inc()
        self._duration.observe(seconds)

    def assessed(self, readings: int, assessments: list[FailureAssessment]) -> None:
        """Counts what a successful request brought."""
        alarms = sum(one.alarm for one in assessments)
        self._readings.inc(readings)
        self._alarm[True].inc(alarms)
        self._alarm[False].inc(len(assessments) - alarms)

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes: of all worker processes where they share a folder, else of this one."""
        together = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            together = CollectorRegistry()
            MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        own = (self._feed, self._plant, self._ingest)
        return generate_latest(together) + b"".join(map(generate_latest, own))
