"""Pumps whose readings come through Kafka: a topic and a database of a test's own, and workers on them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from condition_sample import baseline
from confluent_kafka import Consumer, Message, TopicPartition
from plant_fixture import PUMP
from services_fixture import Services

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.stores.store import Store
from smart_sentry.stream.broker import client_settings, ensure_topics, partitions_of
from smart_sentry.stream.messages import Outgoing, dead_letters_of
from smart_sentry.stream.producer import Producer

PARTITIONS = 2
WORKER = Path(__file__).with_name("quick_worker.py")


def calibrate(models: Path, pumps: Sequence[str]) -> Path:
    """Makes a models folder in which these pumps are calibrated, and returns it."""
    store = BaselineStore(models / PUMP.name / "baselines")
    for number, asset in enumerate(pumps):
        store.add(baseline(rows=300, seed=number, asset_id=asset))
    return models


@dataclass
class Stage:
    """Where a test plays.

    Attributes:
        services: Kafka and PostgreSQL, running.
        models: folder of its workers' baselines.
        topic: of the readings.
        url: of the database.
    """

    services: Services
    models: Path
    topic: str
    url: str
    _workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def dead(self) -> str:
        """Topic of the dead letters."""
        return dead_letters_of(self.topic)

    def send(self, messages: Sequence[Outgoing]) -> None:
        producer = Producer(self.services.kafka_bootstrap)
        producer.send(self.topic, messages)
        producer.flush()
        producer.close()

    def worker(self, metrics_port: int | None = None) -> subprocess.Popen[bytes]:
        """Starts one; the stage kills it in the end where it still runs."""
        ours = {
            "HOME": self._home(), "DATABASE": self.url, "KAFKA_BOOTSTRAP": self.services.kafka_bootstrap,
            "KAFKA_TOPIC": self.topic, **({} if metrics_port is None else {"METRICS_PORT": metrics_port}),
        }  # fmt: skip
        others = {name: value for name, value in os.environ.items() if not name.startswith("SMART_SENTRY_")}
        environment = others | {f"SMART_SENTRY_{name}": str(value) for name, value in ours.items()}
        process = subprocess.Popen([sys.executable, str(WORKER)], env=environment)
        self._workers.append(process)
        return process

    def _home(self) -> Path:
        """A project's folder that knows pumps and has the stage's models."""
        home = self.models.with_name(f"{self.models.name}-{self.topic}")
        if not home.exists():
            types = home / "configs" / "assets"
            types.mkdir(parents=True)
            (types / f"{PUMP.name}.yaml").write_text(yaml.safe_dump(PUMP.model_dump(mode="json")))
            (home / "models").symlink_to(self.models, target_is_directory=True)
        return home

    def stored(self) -> int:
        """How many readings the database has."""
        with Store(self.url) as store, store.view() as view:
            return sum(view.readings.count(asset) for asset in view.readings.assets())

    def wait_for(self, rows: int, seconds: float = 90) -> None:
        """Until the database has so many readings."""
        deadline = time.monotonic() + seconds
        while (found := self.stored()) < rows:
            assert time.monotonic() < deadline, f"{found} of {rows} readings after {seconds} s"
            time.sleep(0.2)

    def close(self) -> None:
        for process in self._workers:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def new_stage(services: Services, models: Path, name: str, partitions: int | None = PARTITIONS) -> Stage:
    """A stage, to be closed; `partitions` None: whoever sends makes the topics."""
    found = Stage(services, models, f"readings-{name}", services.new_database(name))
    if partitions is not None:
        ensure_topics(services.kafka_bootstrap, {found.topic: partitions, found.dead: 1})
    return found


@contextmanager
def stage(services: Services, models: Path, name: str) -> Iterator[Stage]:
    """A stage for the length of the block."""
    found = new_stage(services, models, name)
    try:
        yield found
    finally:
        found.close()


def assessments(store: Store, assets: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Asset -> (reading id, phase, score, flag, health, reason) in the order of time."""
    with store.view() as view:
        return {
            asset: [
                (one.reading_id, one.phase, None if one.score is None else round(one.score, 9), one.flag,
                 round(one.health, 9), one.reason)
                for one in view.assessments.history(asset)
            ]
            for asset in assets
        }  # fmt: skip


def everything_in(bootstrap: str, topic: str) -> list[Message]:
    """All messages of a topic, partition by partition."""
    consumer = Consumer({**client_settings(bootstrap), "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
    found: list[Message] = []
    try:
        for number in range(partitions_of(bootstrap, topic)):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), 10)
            consumer.assign([TopicPartition(topic, number, low)])
            deadline, until = time.monotonic() + 30, len(found) + high - low
            while len(found) < until:
                assert time.monotonic() < deadline
                found += consumer.consume(until - len(found), 1.0)
    finally:
        consumer.close()
    assert all(message.error() is None for message in found)
    return found
