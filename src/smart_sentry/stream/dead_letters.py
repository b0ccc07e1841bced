"""Messages that are no readings: kept as they came, with why, in a topic of their own, until somebody sends them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from smart_sentry.stream.broker import ANSWER_PATIENCE_S, KafkaUnavailable, client_settings, partitions_of, sentence_of
from smart_sentry.stream.messages import (
    READINGS_TOPIC,
    SENT_BACK,
    UNREADABLE_HEADERS,
    Headers,
    Incoming,
    Outgoing,
    Refusal,
    dead_letters_of,
    headers_of,
)
from smart_sentry.stream.producer import MOST_MESSAGE_BYTES, Producer

DEAD_LETTERS_TOPIC = dead_letters_of(READINGS_TOPIC)
GROUP = "smart-sentry-dead-letters"
"""Consumer group whose committed offsets tell which dead letters have been sent back."""
PREFIX = "dead-letter-"
REASON, DETAIL, TOPIC, PARTITION, OFFSET, TIME = (
    PREFIX + name for name in ("reason", "detail", "topic", "partition", "offset", "time")
)
TRUNCATED = PREFIX + "truncated"
"""Bytes that are missing of a message that was too large: what is left is no original, and is not sent back."""
_FRAME_BYTES, _FRAME_OF_HEADER_BYTES = 100, 10
"""At most, of a message and of each of its headers."""


@dataclass(frozen=True)
class SentBack:
    """What became of dead letters that were to be sent back.

    Attributes:
        count: that were.
        refused: places of those that were not, since a part of them is missing.
    """

    count: int
    refused: tuple[str, ...]


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
        missing_bytes: of the original, which was too large to be kept whole.
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
    missing_bytes: int = 0


def dead_letter(message: Placed, refusal: Refusal, now: datetime) -> Outgoing:
    """A refused message for the dead-letter topic: its bytes and headers, and headers that say why, whence and when.

    What Kafka would not take for its size is cut, and a header says by how many bytes.

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
    headers = [] if refusal.headers_unreadable else _original_headers(message.headers())
    original = Outgoing(message.key(), message.value(), headers)
    room = MOST_MESSAGE_BYTES - _FRAME_BYTES - _bytes_of(_encoded(told | {TRUNCATED: str(2**63)}))
    kept = _cut(original, room)
    if missing := _size_of(original) - _size_of(kept):
        told[TRUNCATED] = str(missing)
    return Outgoing(kept.key, kept.value, [*kept.headers, *_encoded(told)])


def _encoded(told: Mapping[str, str]) -> Headers:
    return [(name, text.encode(errors="backslashreplace")) for name, text in told.items()]


def _bytes_of(headers: Headers) -> int:
    return sum(len(name.encode()) + len(value or b"") + _FRAME_OF_HEADER_BYTES for name, value in headers)


def _size_of(message: Outgoing) -> int:
    return len(message.key or b"") + len(message.value or b"") + _bytes_of(message.headers)


def _cut(message: Outgoing, room: int) -> Outgoing:
    """As much of a message as there is room for, in bytes: of the value last, since key and headers say what it was."""
    key = message.key and message.key[:room]
    room -= len(key or b"")
    headers = message.headers if _bytes_of(message.headers) <= room else []
    room -= _bytes_of(headers)
    return Outgoing(key, message.value and message.value[:room], headers)


def _original_headers(headers: Any) -> Headers:
    """Without those of an earlier refusal."""
    return [(name, value) for name, value in headers or () if not name.startswith(PREFIX)]


def _parsed(message: Message) -> DeadLetter:
    try:
        headers: Any = headers_of(message) or ()
    except UNREADABLE_HEADERS:  # somebody else put it there
        headers = ()
    told = {name: (value or b"").decode(errors="replace") for name, value in headers if name.startswith(PREFIX)}
    return DeadLetter(
        message.partition() or 0, message.offset() or 0, told.get(REASON, "unknown"), told.get(DETAIL, ""),
        told.get(TOPIC, ""), _number(told.get(PARTITION)), _number(told.get(OFFSET)), told.get(TIME, ""),
        Outgoing(message.key(), message.value(), _original_headers(headers)), max(_number(told.get(TRUNCATED, "0")), 0),
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

    def send_back(self, producer: Producer, letters: Iterable[DeadLetter], fallback_topic: str) -> SentBack:
        """Sends originals back to the topics that they came from; once they arrived, they count as sent back.

        A header says so: by then their numbers may be so far behind those of their asset that they would be dropped as stale.
        One of which a part is missing is passed over: what is left of it would be taken for another message.

        A process that is killed in between leaves them: they are sent again, and readings that arrived twice are dropped by id.

        Args:
            producer: a new one.
            letters: as `read` gave them, from the first on.
            fallback_topic: for those that do not say where they came from, or came from this topic.

        Returns:
            how many, and which were not.

        Raises:
            NotDelivered: not all arrived; all remain.
            KafkaUnavailable: it could not be noted that they arrived.
        """
        done: dict[int, int] = {}
        refused: list[str] = []
        for letter in letters:
            topic = letter.topic if letter.topic not in ("", self._topic) else fallback_topic
            if letter.missing_bytes:
                refused.append(f"{self._topic}[{letter.partition}]@{letter.offset}")
            else:
                original = letter.original
                producer.send(topic, [replace(original, headers=[*original.headers, (SENT_BACK, b"1")])])
            done[letter.partition] = letter.offset + 1
        producer.flush()
        if done:
            offsets = [TopicPartition(self._topic, partition, offset) for partition, offset in done.items()]
            self._asked(self._consumer.commit, offsets=offsets, asynchronous=False)
        return SentBack(producer.delivered, tuple(refused))

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
