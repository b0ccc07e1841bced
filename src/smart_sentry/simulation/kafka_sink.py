"""Simulated readings into a topic of Apache Kafka."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, AssetType
from smart_sentry.datasets.simulated_motors import TIME_COLUMN
from smart_sentry.errors import ConfigurationError
from smart_sentry.simulation.events import Events
from smart_sentry.stream.broker import ensure_topics
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import READINGS_TOPIC, Form, Readings
from smart_sentry.stream.producer import NotDelivered, Producer

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_DELIVERY_PATIENCE_S = 10.0


class KafkaSink:
    """Sends events as JSON messages, numbered from 1; an event's id is the reading's.

    Args:
        address: kafka://HOST:PORT/TOPIC, several HOST:PORT with commas; without a topic it is `readings`. A topic that is
            missing is made.
        asset_type: of the asset.
        epoch: of the asset's life that these readings are.
        partitions: of a topic that is made.

    Raises:
        ConfigurationError: the address is not such a one.
        KafkaUnavailable: Kafka does not answer.
    """

    def __init__(self, address: str, asset_type: AssetType, epoch: int, partitions: int = 1) -> None:
        bootstrap, self._topic = parse_address(address)
        ensure_topics(bootstrap, {self._topic: None}, if_new={self._topic: partitions})
        self.destination = f"kafka://{bootstrap}/{self._topic}"
        self._layout, self._epoch, self._sent = Layout(asset_type), epoch, 0
        self._producer = Producer(bootstrap, delivery_patience_s=_DELIVERY_PATIENCE_S)

    def send(self, events: Events) -> str | None:
        """Sends them and waits for their acknowledgement."""
        messages = encode(self._readings(events), self._layout, Form.JSON, "smart-sentry/simulator")
        self._sent += len(events)
        try:
            self._producer.send(self._topic, messages)
            self._producer.flush()
        except NotDelivered as problem:
            return str(problem)
        return None

    def close(self) -> None:
        """Ends the connection."""
        self._producer.close()

    def _readings(self, events: Events) -> Readings:
        times = pd.to_datetime(events.table[TIME_COLUMN], utc=True, format="ISO8601")
        micros = (times - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)
        rows = np.arange(len(events), dtype=np.int64)
        return Readings(
            self._layout.name, events.table[ASSET_COLUMN].tolist(), events.event_ids, micros.to_numpy(np.float64) / 1e6,
            np.full(len(events), self._epoch, dtype=np.int64), self._sent + 1 + rows,
            events.table[list(self._layout.asset_type.signal_names)].to_numpy(np.float64), rows,
        )  # fmt: skip


def parse_address(address: str) -> tuple[str, str]:
    """`host:port` (several with commas) and topic of kafka://HOST:PORT/TOPIC.

    >>> parse_address("kafka://127.0.0.1:9092/plant-1"), parse_address("kafka://a:1,b:2")
    (('127.0.0.1:9092', 'plant-1'), ('a:1,b:2', 'readings'))

    Raises:
        ConfigurationError: it is not one.
    """
    parts = urlsplit(address)
    topic = parts.path.strip("/") or READINGS_TOPIC
    servers_fit = all(re.fullmatch(r"[^:@\s]+:\d{1,5}", server) for server in parts.netloc.split(","))
    if parts.scheme != "kafka" or not servers_fit or not _TOPIC.fullmatch(topic) or parts.query or parts.fragment:
        raise ConfigurationError(
            "address",
            f"{address!r} is not kafka://HOST:PORT/TOPIC",
            "Give one such as kafka://127.0.0.1:9092/readings.",
        )
    return parts.netloc, topic
