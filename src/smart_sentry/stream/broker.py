"""Apache Kafka as this project's clients meet it: whether it answers, its topics, and what is said when it is away."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from smart_sentry.config import Settings
from smart_sentry.errors import ConfigurationError, SmartSentryError

CLIENT_LOG = logging.getLogger("smart_sentry.kafka")
CLIENT_LOG.addHandler(
    logging.NullHandler()
)  # whoever sets logging up hears the clients; a command says it in its own words
ANSWER_PATIENCE_S = 10.0
_NEW_TOPIC = {"message.timestamp.type": "LogAppendTime"}
"""A reading's clock is held against that of its message: it must be the broker's, not its sender's own."""


class KafkaUnavailable(SmartSentryError):
    """Apache Kafka does not answer, or not with what was asked of it."""

    def __init__(self, bootstrap: str, expected: str, found: str) -> None:
        self.bootstrap, self.expected, self.found = bootstrap, expected, found
        super().__init__(
            f"Apache Kafka at {bootstrap}: expected {expected}, found {found}. See that it runs (on this machine:"
            " smart-sentry services start kafka) and that SMART_SENTRY_KAFKA_BOOTSTRAP names it."
        )


def bootstrap_of(settings: Settings, given: str | None = None) -> str:
    """`host:port` of Kafka: what was given, else what is set.

    Raises:
        ConfigurationError: neither is.
    """
    if found := given or settings.kafka_bootstrap:
        return found
    raise ConfigurationError(
        "SMART_SENTRY_KAFKA_BOOTSTRAP", "it is not set, so there is no Apache Kafka to stream through",
        "Set it to host:port, or on this machine: smart-sentry services start kafka; source data/services/environment.",
    )  # fmt: skip


def client_settings(bootstrap: str) -> dict[str, Any]:
    """What every client is told; what it has to say goes to the log `smart_sentry.kafka`."""
    return {"bootstrap.servers": bootstrap, "client.id": "smart-sentry", "logger": CLIENT_LOG}


def partitions_of(bootstrap: str, topic: str, patience_s: float = ANSWER_PATIENCE_S) -> int:
    """How many partitions a topic has; 0 where there is no such topic.

    Raises:
        KafkaUnavailable: Kafka does not answer in time.
    """
    return _partitions(AdminClient(client_settings(bootstrap)), bootstrap, patience_s).get(topic, 0)


def ensure_topics(
    bootstrap: str, wanted: Mapping[str, int | None], patience_s: float = ANSWER_PATIENCE_S, *,
    if_new: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, int]:  # fmt: skip
    """Makes the topics that are missing; their messages bear the broker's time.

    Args:
        bootstrap: `host:port` of Kafka.
        wanted: topic -> partitions; None: as many as it has.
        patience_s: for each answer.
        if_new: topic -> partitions where it is made and `wanted` names no number; else it gets one.

    Returns:
        topic -> partitions that it has.

    Raises:
        KafkaUnavailable: Kafka does not answer in time, or refuses.
        ConfigurationError: a topic is there with another number of partitions.
    """
    admin = AdminClient(client_settings(bootstrap))
    there = _partitions(admin, bootstrap, patience_s)
    for topic, partitions in wanted.items():
        if topic in there and partitions not in (None, there[topic]):
            raise ConfigurationError(
                f"topic {topic}", f"it has {there[topic]} partitions, {partitions} are asked for",
                "Leave the number away, or name another topic: other partitions would tear an asset's readings apart.",
            )  # fmt: skip
    missing = {topic: partitions or if_new.get(topic, 1) for topic, partitions in wanted.items() if topic not in there}
    new = [NewTopic(topic, number, config=_NEW_TOPIC) for topic, number in missing.items()]
    made = admin.create_topics(new) if new else {}
    for topic, done in made.items():
        try:
            done.result(timeout=patience_s)
        except (KafkaException, TimeoutError) as error:
            if code_of(error) != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was faster
                raise KafkaUnavailable(bootstrap, f"the new topic {topic}", sentence_of(error)) from error
    return {topic: there.get(topic) or missing[topic] for topic in wanted}


def _partitions(admin: AdminClient, bootstrap: str, patience_s: float) -> dict[str, int]:
    try:
        topics = admin.list_topics(timeout=patience_s).topics
    except KafkaException as error:
        raise KafkaUnavailable(bootstrap, f"an answer within {patience_s:g} s", sentence_of(error)) from error
    return {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}


def code_of(error: BaseException) -> int | None:
    """Kafka's code of an error; None of another one."""
    inner = error.args[0] if error.args else None
    return inner.code() if isinstance(inner, KafkaError) else None


def sentence_of(error: BaseException) -> str:
    """What Kafka's client says of an error."""
    inner = error.args[0] if error.args else None
    return inner.str() if isinstance(inner, KafkaError) else str(error) or type(error).__name__
