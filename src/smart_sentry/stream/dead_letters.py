"""Messages that are no readings: kept as they came, with why, in a topic of their own, until somebody sends them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from smart_sentry.stream.broker import ANSWER_PATIENCE_S, KafkaUnavailable, client_settings, partitions_of, sentence_of
from smart_sentry.stream.messages import READINGS_TOPIC, Headers, Incoming, Outgoing, Refusal, dead_letters_of
from smart_sentry.stream.producer import Producer

DEAD_LETTERS_TOPIC = dead_letters_of(READINGS_TOPIC)
GROUP = "smart-sentry-dead-letters"
"""Consumer group whose committed offsets tell which dead letters have been sent back."""
PREFIX = "dead-letter-"
REASON, DETAIL, TOPIC, PARTITION, OFFSET, TIME = (
    PREFIX + name for name in ("reason", "detail", "topic", "partition", "offset", "time")
)


class Placed(Incoming, Protocol):
    """A message with its place, as the Kafka client gives it."""

    def topic(self) -> str | None:
        """Where it was."""

    def partition(self) -> int | None:
        """Where in the topic."""

    def offset(self) -> int | None:
        """Where in the partition."""


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter as it lies in its topic.

    Attributes:
        partition, offset: its own place.
        reason, detail: why it was refused.
        topic, source_partition, source_offset: where the original was.
        refused_at: when, ISO 8601.
        original: key, value and headers as they came.
    """

    partition: int
    offset: int
    reason: str
    detail: str
    topic: str
    source_partition: int
    source_offset: int
    refused_at: str
    original: Outgoing


def dead_letter(message: Placed, refusal: Refusal, now: datetime) -> Outgoing:
    """A refused message for the dead-letter topic: its bytes and headers, and headers that say why, whence and when.

    Args:
        message: as it came.
        refusal: of it.
        now: time of the refusal; it names its zone.
    """
    told = {
        REASON: refusal.reason.value,
        DETAIL: refusal.detail,
        TOPIC: message.topic() or "",
        PARTITION: str(message.partition()),
        OFFSET: str(message.offset()),
        TIME: now.astimezone(UTC).isoformat(timespec="milliseconds"),
    }
    added: Headers = [(name, text.encode(errors="backslashreplace")) for name, text in told.items()]
    return Outgoing(message.key(), message.value(), [*_original_headers(message.headers()), *added])


def _original_headers(headers: Any) -> Headers:
    """Without those of an earlier refusal."""
    return [(name, value) for name, value in headers or () if not name.startswith(PREFIX)]


def _parsed(message: Message) -> DeadLetter:
    headers: Any = message.headers() or ()
    told = {name: (value or b"").decode(errors="replace") for name, value in headers if name.startswith(PREFIX)}
    return DeadLetter(
        message.partition() or 0, message.offset() or 0, told.get(REASON, "unknown"), told.get(DETAIL, ""),
        told.get(TOPIC, ""), _number(told.get(PARTITION)), _number(told.get(OFFSET)), told.get(TIME, ""),
        Outgoing(message.key(), message.value(), _original_headers(headers)),
    )  # fmt: skip


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else -1


class DeadLetters:
    """The dead letters of a topic; close it after use.

    Args:
        bootstrap: `host:port` of Kafka.
        topic: theirs.
        patience_s: for each answer.

    Raises:
        KafkaUnavailable: Kafka does not answer.
    """

    def __init__(self, bootstrap: str, topic: str = DEAD_LETTERS_TOPIC, patience_s: float = ANSWER_PATIENCE_S) -> None:
        self._bootstrap, self._topic, self._patience_s = bootstrap, topic, patience_s
        count = partitions_of(bootstrap, topic, patience_s)
        self._partitions = [TopicPartition(topic, number) for number in range(count)]
        self._consumer = Consumer({
            **client_settings(bootstrap), "group.id": GROUP, "enable.auto.commit": False, "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        })  # fmt: skip

    def __enter__(self) -> DeadLetters:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leaves Kafka."""
        self._consumer.close()

    def read(self, *, everything: bool = False) -> Iterator[DeadLetter]:
        """Those that have not been sent back, as far as the topic reaches now, partition by partition.

        Args:
            everything: those that have been sent back, too, as long as Kafka keeps them.

        Raises:
            KafkaUnavailable: Kafka does not answer.
        """
        for partition in self._partitions:
            first, end = self._asked(self._consumer.get_watermark_offsets, partition, self._patience_s)
            committed = self._asked(self._consumer.committed, [partition], self._patience_s)[0].offset
            begin = first if everything else max(first, committed)  # nothing committed: a negative number
            if begin < end:
                yield from self._read_partition(partition.partition, begin, end)

    def send_back(self, producer: Producer, letters: Iterable[DeadLetter], fallback_topic: str) -> int:
        """Sends originals back to the topics that they came from; once they arrived, they count as sent back.

        A process that is killed in between leaves them: they are sent again, and readings that arrived twice are dropped by id.

        Args:
            producer: a new one.
            letters: as `read` gave them, from the first on.
            fallback_topic: for those that do not say where they came from, or came from this topic.

        Returns:
            how many.

        Raises:
            NotDelivered: not all arrived; all remain.
            KafkaUnavailable: it could not be noted that they arrived.
        """
        done: dict[int, int] = {}
        for letter in letters:
            topic = letter.topic if letter.topic not in ("", self._topic) else fallback_topic
            producer.send(topic, [letter.original])
            done[letter.partition] = letter.offset + 1
        producer.flush()
        if done:
            offsets = [TopicPartition(self._topic, partition, offset) for partition, offset in done.items()]
            self._asked(self._consumer.commit, offsets=offsets, asynchronous=False)
        return producer.delivered

    def _read_partition(self, partition: int, begin: int, end: int) -> Iterator[DeadLetter]:
        self._consumer.assign([TopicPartition(self._topic, partition, begin)])
        while begin < end:
            message = self._asked(self._consumer.poll, self._patience_s)
            error = message.error() if message is not None else None
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                return  # the last ones are gone by retention
            if message is None or error is not None:
                expected = (
                    f"dead letters {begin} to {end - 1} of {self._topic}[{partition}] within {self._patience_s:g} s"
                )
                raise KafkaUnavailable(self._bootstrap, expected, error.str() if error else "none")
            begin = message.offset() + 1
            if begin <= end:
                yield _parsed(message)

    def _asked(self, ask: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            return ask(*given, **named)
        except KafkaException as error:
            raise KafkaUnavailable(self._bootstrap, f"an answer about {self._topic}", sentence_of(error)) from error
