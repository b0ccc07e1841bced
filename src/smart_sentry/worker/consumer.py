"""One member of Kafka's consumer group: brings messages, and tells Kafka how far the worker is."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, KafkaException, TopicPartition

from smart_sentry.errors import SmartSentryError
from smart_sentry.stream.broker import client_settings, sentence_of
from smart_sentry.stream.dead_letters import DEAD_LETTERS_TOPIC
from smart_sentry.stream.messages import READINGS_TOPIC

_log = logging.getLogger(__name__)
GROUP = "smart-sentry-workers"
SENDERS_CLOCK = TIMESTAMP_CREATE_TIME
"""Kind of a message's time: its sender's, not the broker's."""
_WAIT_S, _CYCLE_S, _ANSWER_S, _SHORT_ANSWER_S = 0.1, 0.02, 10.0, 1.0
"""For a first message; from one batch to the next; for an answer of Kafka, and for one that is not needed."""
_HEARTBEAT_MS = 500
"""A partition that goes to another worker is read by nobody until both have heard of it, which they do at a heartbeat: with the
client's 3 s, scaling out stopped half of the readings for as long."""
_QUEUED_KB = 65_536
_STATISTICS_MS = 5000
"""How often the client says which brokers answer."""
Changed = Callable[[Any, list[TopicPartition]], None]


@dataclass(frozen=True)
class WorkerOptions:
    """Where a worker reads.

    Attributes:
        bootstrap: `host:port` of Kafka.
        topic, dead_letters: of the readings, and of what is none.
        group: workers of one group share the partitions.
        session_seconds: after so long a silence a worker counts as dead, and its partitions go to others.
    """

    bootstrap: str
    topic: str = READINGS_TOPIC
    dead_letters: str = DEAD_LETTERS_TOPIC
    group: str = GROUP
    session_seconds: float = 10.0


class TopicMadeAnew(SmartSentryError):
    """A topic ends before what the database has of it: it is another one of the same name."""

    def __init__(self, topic: str, partition: int, offset: int, end: int) -> None:
        super().__init__(
            f"{topic}[{partition}]: the database has read it up to offset {offset}, but it ends at {end}: the topic was deleted"
            " and made anew, or this is another Kafka. Set SMART_SENTRY_KAFKA_TOPIC to a new name, or use the database that"
            " belongs to this Kafka."
        )


@dataclass(frozen=True)
class Brought:
    """Messages that came together.

    Attributes:
        messages: errors among them.
        seconds: that it took to gather them, once the first was there.
    """

    messages: list[Any]
    seconds: float


class GroupConsumer:
    """The member.

    Args:
        options: where it reads.
        answers: told every few seconds whether a broker answers.
    """

    def __init__(self, options: WorkerOptions, answers: Callable[[bool], object]) -> None:
        self._topic, self._answers, self._up, self._held = options.topic, answers, True, False
        self._next_s = 0.0
        self._consumer = Consumer({
            **client_settings(options.bootstrap),
            "group.id": options.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": round(options.session_seconds * 1000),
            "heartbeat.interval.ms": _HEARTBEAT_MS,
            "queued.max.messages.kbytes": _QUEUED_KB,
            "fetch.wait.max.ms": 20,
            "statistics.interval.ms": _STATISTICS_MS,
            "stats_cb": self._heard_of_brokers,
        })  # fmt: skip

    def subscribe(self, assigned: Changed, revoked: Changed, lost: Changed) -> None:
        """Joins the group; the callbacks are called within `messages` and `show_life`."""
        self._consumer.subscribe([self._topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)

    def messages(self, owner_of: Callable[[int], object], most: int) -> Brought:
        """Comes back at once when a message has come, with what comes right after it; empty after a while.

        Args:
            owner_of: partition -> whoever reads it now. A message of a partition that changed hands while more were
                gathered is left out: the new owner reads it again from where it stands.
            most: messages that may come together.
        """
        first = self._consumer.poll(_WAIT_S)
        if first is None:
            return Brought([], 0.0)
        began, partition = time.perf_counter(), int(first.partition() or 0)
        owner = owner_of(partition)
        patience = min(max(self._next_s - began, 0.0), _CYCLE_S)
        found = list(self._consumer.consume(most - 1, patience))
        self._next_s = time.perf_counter() + _CYCLE_S
        if owner_of(partition) is owner:
            found.insert(0, first)
        return Brought(found, time.perf_counter() - began)

    def begin(self, partitions: list[Any]) -> None:
        """Takes partitions that have come, each from its offset on; while everything is held, they are held, too.

        Kafka's client remembers what was paused: a partition that was taken away meanwhile comes back paused.
        """
        self._consumer.incremental_assign(partitions)
        (self._consumer.pause if self._held else self._consumer.resume)(partitions)

    def hold(self) -> None:
        """Brings nothing more until `go_on`."""
        self._held = True
        self._consumer.pause(self._consumer.assignment())

    def go_on(self) -> None:
        """Ends a `hold`."""
        self._held = False
        self._consumer.resume(self._consumer.assignment())

    def show_life(self) -> None:
        """Keeps its place in the group while nothing is brought."""
        self._consumer.poll(0)

    def go_back(self, partition: int, offset: int) -> None:
        """Brings the messages from an offset on again."""
        self._consumer.seek(TopicPartition(self._topic, partition, offset))

    def tell(self, partition: int, offset: int) -> int | None:
        """Tells Kafka how far a partition is read, for lag only, and returns the messages that wait; None: not known."""
        try:
            self._consumer.commit(offsets=[TopicPartition(self._topic, partition, offset)], asynchronous=True)
        except KafkaException as error:
            _log.warning("kafka took no offset, so its lag is wrong for a while: %s", sentence_of(error))
        return self.waiting(partition, offset)

    def waiting(self, partition: int, offset: int, *, ask: bool = False) -> int | None:
        """Messages that wait in a partition from an offset on; None: not known.

        Args:
            partition, offset: which.
            ask: Kafka itself, for a second at most: the client hears nothing of a partition that is held.
        """
        with suppress(KafkaException):
            place = TopicPartition(self._topic, partition)
            _, end = self._consumer.get_watermark_offsets(place, timeout=_SHORT_ANSWER_S, cached=not ask)
            return None if end < 0 else max(int(end) - offset, 0)
        return None

    def demand_reachable(self, partition: int, position: int, offset: int) -> None:
        """The topic must still be the one that the database knows.

        Args:
            partition: which.
            position: of the first message that the stored state has not seen.
            offset: of the first message that the database does not have.

        Raises:
            TopicMadeAnew: it ends before the offset.
        """
        try:
            place = TopicPartition(self._topic, partition)
            first, end = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
        except KafkaException as error:
            _log.warning(
                "%s[%d]: not asked whether it is still the same: %s", self._topic, partition, sentence_of(error)
            )
            return
        if offset > end:
            raise TopicMadeAnew(self._topic, partition, offset, end)
        if offset < first:
            _log.error(
                "%s[%d]: Kafka has deleted messages %d to %d before they were read; going on at %d",
                self._topic, partition, offset, first - 1, first,
            )  # fmt: skip
        elif position < first:
            _log.warning(
                "%s[%d]: Kafka has deleted messages %d to %d, which the stored state has not seen: windows and damage lack them",
                self._topic, partition, position, first - 1,
            )  # fmt: skip

    def close(self) -> None:
        """Leaves the group."""
        self._consumer.close()

    def _heard_of_brokers(self, statistics: str) -> None:
        brokers = json.loads(statistics)["brokers"].values()
        up = any(broker["state"] == "UP" for broker in brokers)
        self._answers(up)
        if up is not self._up:
            _log.log(logging.INFO if up else logging.ERROR, "kafka: %s", "answers again" if up else "no broker answers")
        self._up = up
