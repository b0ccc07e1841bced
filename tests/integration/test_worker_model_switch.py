"""A promoted champion, and a spoilt one, as a running stream worker sees them."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from services_fixture import running_services
from small_champion import PROJECT, SmallChampion

from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.champion import champion_folder, make_champion
from smart_sentry.environment import library_environment
from smart_sentry.servers import Server, free_port, running
from smart_sentry.stores.store import Store
from smart_sentry.stream.broker import ensure_topics
from smart_sentry.stream.messages import Form
from smart_sentry.stream.producer import Producer
from smart_sentry.stream.replay import send_replay
from smart_sentry.stream.sources import Clock, of_dataset

pytestmark = pytest.mark.long

TOPIC = "switch"
PROMISED_S = 5.0


@dataclass(frozen=True)
class Working:
    """A worker process, what it judges and stores."""

    home: Path
    log: Path
    kafka: str
    store: Store
    champion: SmallChampion

    def judged(self, engine: int) -> set[str]:
        """Sends an engine's life, waits until every row of it is predicted, and tells by which models."""
        data = self.champion.data
        rows = data.test[data.test[ASSET_COLUMN] == engine]
        assert data.test_final_rul_cycles is not None
        alone = replace(data, test=rows, test_final_rul_cycles=data.test_final_rul_cycles.loc[[engine]])
        producer = Producer(self.kafka)
        send_replay(
            of_dataset(alone, "test", Clock(datetime(2026, 1, 1, tzinfo=UTC), 1.0)), producer, TOPIC, Form.JSON, 0
        )
        producer.close()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with self.store.view() as view:
                found = view.predictions.history(f"FD001-test-{engine}")
            if len(found) == len(rows):
                return {one.model_version for one in found}
            time.sleep(0.1)
        pytest.fail(f"{len(found)} of {len(rows)} rows are predicted:\n{self.log.read_text()}")

    def said(self, line: str) -> bool:
        """Whether the worker has logged something, within the time that is promised."""
        deadline = time.monotonic() + PROMISED_S
        while line not in self.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        return line in self.log.read_text()


@pytest.fixture(scope="module")
def working(small_champion: SmallChampion, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(PROJECT / "configs" / "assets", home / "configs" / "assets")
    make_champion(home, small_champion.bundle)
    port, log = free_port(), home / "worker.log"
    with running_services("kafka", "postgres") as services:
        ensure_topics(services.kafka_bootstrap, {TOPIC: 2})
        variables = library_environment(home) | {
            "SMART_SENTRY_HOME": str(home), "SMART_SENTRY_DATABASE": services.postgres_url,
            "SMART_SENTRY_KAFKA_BOOTSTRAP": services.kafka_bootstrap, "SMART_SENTRY_KAFKA_TOPIC": TOPIC,
            "SMART_SENTRY_METRICS_PORT": str(port), "SMART_SENTRY_SERVED": "FD001",
        }  # fmt: skip
        command = [sys.executable, "-m", "serving.worker"]
        server = Server("worker", command, "127.0.0.1", port, "/metrics", variables, PROJECT)
        with running(server, log), Store(services.postgres_url) as store:
            yield Working(home, log, services.kafka_bootstrap, store, small_champion)


@pytest.fixture(scope="module")
def other(small_champion: SmallChampion, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model with another threshold."""
    folder = shutil.copytree(small_champion.bundle.folder, tmp_path_factory.mktemp("other") / "bundle")
    manifest, threshold = folder / "manifest.json", small_champion.bundle.manifest.threshold
    manifest.write_text(manifest.read_text().replace(f'"threshold": {threshold}', '"threshold": 0.25'))
    return load_bundle(folder)


@pytest.mark.timeout(300)
def test_worker_judges_by_a_promoted_model_within_seconds_and_refuses_a_spoilt_one(
    working: Working, other: Bundle
) -> None:
    first = working.champion.bundle
    assert working.judged(1) == {first.version}
    make_champion(working.home, other)
    assert working.said(f"{other.version} judges from now on")
    assert working.judged(2) == {other.version}
    make_champion(working.home, first)
    assert working.said(f"{first.version} judges from now on")
    assert working.judged(3) == {first.version}

    shutil.rmtree(champion_folder(working.home, "FD001", other.checksum))
    spoilt = champion_folder(working.home, "FD001", first.checksum) / "rul.onnx"
    spoilt.write_bytes(b"spoilt")
    assert working.said(f"a new model is refused, {first.version} stays")
    assert working.judged(4) == {first.version}
