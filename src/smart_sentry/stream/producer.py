"""Messages into Apache Kafka: in order, none twice by a retry, none lost in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client

from smart_sentry.errors import SmartSentryError
from smart_sentry.stream.broker import client_settings, sentence_of
from smart_sentry.stream.messages import Outgoing

DELIVERY_PATIENCE_S = 30.0
"""A message that is not acknowledged within this is reported as failed."""
_REQUEST_PATIENCE_S = 10.0
MOST_MESSAGE_BYTES = 1_000_000
"""Of key, value, headers and what frames them; more is refused before it is sent, and a broker takes no more by default."""
_LINGER_MS = 5
_QUEUED_MESSAGES, _QUEUED_KB = 100_000, 65_536
_SERVED_EVERY = 500
_FULL_WAIT_S = 0.1


@dataclass(frozen=True)
class Failure:
    """Messages that were not delivered for the same reason.

    Attributes:
        topic, partition: where they should have gone; partition None: it was not decided yet.
        reason: what Kafka's client says.
        count: how many.
    """

    topic: str
    partition: int | None
    reason: str
    count: int

    def sentence(self) -> str:
        """Topic, partition, number and reason in one line."""
        where = self.topic if self.partition is None else f"{self.topic}[{self.partition}]"
        return f"{where}: {self.count} not delivered: {self.reason}"


class NotDelivered(SmartSentryError):
    """Messages that Kafka did not acknowledge."""

    def __init__(self, bootstrap: str, failures: tuple[Failure, ...], pending: int) -> None:
        self.bootstrap, self.failures, self.pending = bootstrap, failures, pending
        told = [failure.sentence() for failure in failures]
        told += [f"{pending} without an answer"] if pending else []
        super().__init__(
            f"Apache Kafka at {bootstrap}: expected every message to be acknowledged, found {'; '.join(told)}. See that it runs"
            " and send again: what arrived already keeps its id and is dropped."
        )


class Producer:
    """An idempotent sender. The key chooses the partition (murmur2, as Java's clients do), so an asset's readings stay in order.

    Memory is bounded: at most `queued_messages` messages or 64 MB wait; while they do, `send` waits, too.

    Args:
        bootstrap: `host:port` of Kafka.
        compression: lz4, zstd, snappy, gzip or none.
        linger_ms: time in which messages gather for a request.
        delivery_patience_s: for a message's acknowledgement, retries included.
        request_patience_s: for the broker's answer to one request; then it is repeated.
        queued_messages: that may be under way at once.

    Attributes:
        sent, sent_bytes: messages taken, and their keys and values.
        delivered: messages acknowledged by all replicas in step.
    """

    def __init__(
        self, bootstrap: str, *, compression: str = "lz4", linger_ms: int = _LINGER_MS,
        delivery_patience_s: float = DELIVERY_PATIENCE_S, request_patience_s: float = _REQUEST_PATIENCE_S,
        queued_messages: int = _QUEUED_MESSAGES,
    ) -> None:  # fmt: skip
        self.bootstrap = bootstrap
        self.sent = self.sent_bytes = self.delivered = 0
        self._failed: Counter[tuple[str, int | None, str]] = Counter()
        self._patience_s = delivery_patience_s
        self._client = Client({
            **client_settings(bootstrap),
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "compression.type": compression,
            "linger.ms": linger_ms,
            "message.max.bytes": MOST_MESSAGE_BYTES,
            "request.timeout.ms": round(request_patience_s * 1000),
            "socket.timeout.ms": round(request_patience_s * 1000),
            "delivery.timeout.ms": max(round(delivery_patience_s * 1000), linger_ms + 1),
            "queue.buffering.max.messages": queued_messages,
            "queue.buffering.max.kbytes": _QUEUED_KB,
        })  # fmt: skip

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What was not delivered since the last `flush`, the most frequent first."""
        return tuple(Failure(*key, count) for key, count in self._failed.most_common())

    @property
    def failed(self) -> int:
        """Messages that were not delivered since the last `flush`."""
        return self._failed.total()

    def send(self, topic: str, messages: Iterable[Outgoing]) -> None:
        """Takes messages; waits while too many are under way. Whether they arrived is known after `flush`.

        Raises:
            NotDelivered: the client cannot go on.
        """
        for message in messages:
            self._produce(topic, message)
            if self.sent % _SERVED_EVERY == 0:
                self._client.poll(0)
        self._client.poll(0)

    def flush(self, patience_s: float | None = None) -> None:
        """Waits until every message has been acknowledged or has failed.

        Args:
            patience_s: longest wait; None: the patience of a delivery and a second.

        Raises:
            NotDelivered: one was not, since the last `flush`.
        """
        pending = self._client.flush(self._patience_s + 1.0 if patience_s is None else patience_s)
        failures = self.failures
        self._failed.clear()
        if pending or failures:
            raise NotDelivered(self.bootstrap, failures, pending)

    def close(self) -> None:
        """Drops what is still under way; `flush` first."""
        self._client.purge()
        self._client.flush(1.0)

    def _produce(self, topic: str, message: Outgoing) -> None:
        headers: Any = message.headers
        while True:
            try:
                self._client.produce(topic, message.value, message.key, headers=headers, on_delivery=self._acknowledged)
            except BufferError:  # full: deliveries make room, or fail in the end
                self._client.poll(_FULL_WAIT_S)
                continue
            except KafkaException as error:
                self._refused(topic, error)
            break
        self.sent += 1
        self.sent_bytes += len(message.key or b"") + len(message.value or b"")

    def _refused(self, topic: str, error: KafkaException) -> None:
        """A message that the client does not even take; only a fatal error ends the sending."""
        self._failed[topic, None, sentence_of(error)] += 1
        inner = error.args[0]
        if isinstance(inner, KafkaError) and inner.fatal():
            raise NotDelivered(self.bootstrap, self.failures, len(self._client)) from error

    def _acknowledged(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._failed[message.topic() or "?", message.partition(), error.str()] += 1
