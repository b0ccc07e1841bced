"""Whether a stream came through: what stands in the databases and in the dead-letter topic, against what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from chaos_input import MARK, Plan
from chaos_stage import PARTITIONS
from confluent_kafka import Consumer, TopicPartition

from smart_sentry.stream.broker import client_settings
from smart_sentry.stream.dead_letters import DeadLetters
from smart_sentry.stream.messages import Outgoing, dead_letters_of

_SAID = {
    "readings": "asset_id, reading_id, time, phase, score, flag, votes, health, risk, degradation, reason,"
    " failure_probability, rul_cycles, rul_lower_cycles, rul_upper_cycles, warming, restored, model_version",
    "alarms": "alarm_id, asset_id, kind, priority, state, since, message, details::jsonb::text",
    "alarm_transitions": "alarm_id, asset_id, from_state, to_state, time, author, reason, event, key, priority, score",
    "asset_states": "asset_id, state, asset_type",
}
Place = tuple[int, int]


@dataclass(frozen=True)
class Verdict:
    """What went wrong, and how much there was of what.

    Attributes:
        readings: valid ones that were sent.
        lost, twice, invented, changed: of them, how many are not stored, stored twice, stored without having been sent, or
            stored with another time or other values.
        rows: table -> rows of what was said of them.
        unequal: table -> rows that are not as in the undisturbed run.
        poison: messages that were no readings.
        dead_letters: that lie in the dead-letter topic.
        wrong: dead letters that should not be, are missing, or do not say where the message was and why it was refused.
        examples: a few rows of each unequal table: of the disturbed run, and of the undisturbed one.
    """

    readings: int
    lost: int
    twice: int
    invented: int
    changed: int
    rows: dict[str, int]
    unequal: dict[str, int]
    poison: int
    dead_letters: int
    wrong: list[str]
    examples: dict[str, list[Any]]

    @property
    def clean(self) -> bool:
        return not (
            self.lost or self.twice or self.invented or self.changed or any(self.unequal.values()) or self.wrong
        )

    def table(self, disturbances: Counter[str], seconds: float) -> str:
        """The summary, for people."""
        lines = [(f"disturbance {name}", str(count)) for name, count in sorted(disturbances.items())]
        lines += [
            ("valid readings", f"{self.readings:,}"), ("lost", str(self.lost)), ("stored twice", str(self.twice)),
            ("stored but never sent", str(self.invented)), ("stored with other values", str(self.changed)),
        ]  # fmt: skip
        lines += [(f"{name}: unequal rows of {self.rows[name]:,}", str(count)) for name, count in self.unequal.items()]
        lines += [
            ("messages that are no readings", str(self.poison)), ("dead letters", str(self.dead_letters)),
            ("wrong or missing dead letters", str(len(self.wrong))), ("seconds", f"{seconds:.0f}"),
        ]  # fmt: skip
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"  {name:<{width}}  {value:>9}" for name, value in lines)


def judge(plan: Plan, disturbed: str, whole: str, letters: list[str], dead_letters: int) -> Verdict:
    """Compares the databases (URLs) of a disturbed and an undisturbed run with what was sent."""
    stored = _readings(disturbed)
    count = Counter(key for key, _ in stored)
    changed = sum(found != plan.valid.get(key, found) for key, found in stored)
    said, expected = _said(disturbed), _said(whole)
    more = {name: said[name] - rows for name, rows in expected.items()}
    fewer = {name: rows - said[name] for name, rows in expected.items()}
    return Verdict(
        len(plan.valid), len(plan.valid.keys() - count.keys()), sum(times - 1 for times in count.values()),
        len(count.keys() - plan.valid.keys()), changed, {name: rows.total() for name, rows in expected.items()},
        {name: more[name].total() + fewer[name].total() for name in expected}, plan.poison, dead_letters, letters,
        {name: [*sorted(more[name], key=str)[:3], *sorted(fewer[name], key=str)[:3]] for name in expected},
    )  # fmt: skip


def _readings(database: str) -> list[tuple[tuple[str, str], tuple[float, bytes]]]:
    with psycopg.connect(database) as connection:
        rows = connection.execute('SELECT asset_id, reading_id, time, "values" FROM readings')
        return [((asset, name), (time, bytes(values))) for asset, name, time, values in rows]


def _said(database: str) -> dict[str, Counter[Any]]:
    with psycopg.connect(database) as connection:
        return {
            name: Counter(connection.execute(f"SELECT {columns} FROM {name}").fetchall())
            for name, columns in _SAID.items()
        }


def letters_of(bootstrap: str, topic: str) -> tuple[list[str], int]:
    """What is wrong with the dead letters, and how many there are."""
    expected = {place: message for place, message in _sent(bootstrap, topic) if _mark(message) is not None}
    wrong, told = [], set()
    with DeadLetters(bootstrap, dead_letters_of(topic)) as found:
        every = list(found.read(everything=True))
    for letter in every:
        place = letter.source_partition, letter.source_offset
        told.add(place)
        original = expected.get(place)
        if letter.topic != topic or original is None:
            wrong.append(f"{letter.topic}{place} was no poison: {letter.reason}: {letter.detail}")
        elif _mark(original) != letter.reason or original != letter.original:
            wrong.append(f"{place}: expected {_mark(original)} and {original}, found {letter}")
    wrong += [f"{place} is missing: {expected[place]}" for place in sorted(expected.keys() - told)]
    return wrong, len(every)


def _mark(message: Outgoing) -> str | None:
    found = dict(message.headers).get(MARK)
    return None if found is None else found.decode()


def _sent(bootstrap: str, topic: str) -> Iterator[tuple[Place, Outgoing]]:
    """Every message of the topic, with partition and offset."""
    consumer = Consumer({**client_settings(bootstrap), "group.id": "chaos-verdict", "enable.auto.commit": False})
    for partition in range(PARTITIONS):
        place = TopicPartition(topic, partition, 0)
        _, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([place])
        offset = -1
        while offset + 1 < end:
            message = consumer.poll(10)
            assert message is not None
            assert message.error() is None
            offset = message.offset()
            headers: Any = message.headers() or []
            yield (partition, offset), Outgoing(message.key(), message.value(), headers)
    consumer.close()
