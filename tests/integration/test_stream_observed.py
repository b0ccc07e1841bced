"""A worker as it is run: what stands on the live feed, in the metrics, the log and the table of throughput is what it did."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml
from condition_sample import baseline
from live_stage import ASSETS, START, after, broken, collect, healthy, wait_until
from plant_fixture import PUMP, sqlite_in
from services_fixture import Services, running_services

from smart_sentry.contracts.live import AlarmUpdate, AssetUpdate, LiveState
from smart_sentry.feed.database_feed import DatabaseFeed
from smart_sentry.feed.redis_feed import RedisFeed
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.servers import free_port
from smart_sentry.stores.store import Store
from smart_sentry.stream.broker import partitions_of
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import Form, Outgoing, Readings, reading_id
from smart_sentry.stream.producer import Producer

PROGRAM = str(Path(sys.executable).with_name("smart-sentry"))
PARTITIONS = 2


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    with running_services() as found:
        yield found


@dataclass
class Site:
    """A project's folder with calibrated pumps, and its worker."""

    home: Path
    services: Services
    metrics_port: int
    process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "HOME": self.home, "DATABASE": self.services.postgres_url, "REDIS_URL": self.services.redis_url,
            "KAFKA_BOOTSTRAP": self.services.kafka_bootstrap, "KAFKA_PARTITIONS": PARTITIONS,
            "METRICS_PORT": self.metrics_port, "LOG_FORMAT": "json",
        }  # fmt: skip
        others = {name: value for name, value in os.environ.items() if not name.startswith("SMART_SENTRY_")}
        return others | {f"SMART_SENTRY_{name}": str(value) for name, value in ours.items()}

    @property
    def log(self) -> Path:
        return self.home / "worker.log"

    def start(self) -> None:
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                [PROGRAM, "stream", "work"], env=self.environment, stderr=file, stdout=file, text=True
            )

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def command(self, *arguments: str) -> str:
        done = subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def metrics(self) -> dict[str, float]:
        """Sample, with its labels -> value."""
        text = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics").text
        return {name: float(value) for name, value in re.findall(r"^([^# ].*) (\S+)$", text, re.M)}


@contextmanager
def site(home: Path, services: Services) -> Iterator[Site]:
    (home / "configs" / "assets").mkdir(parents=True)
    (home / "configs" / "assets" / "pump.yaml").write_text(yaml.safe_dump(PUMP.model_dump(mode="json")))
    watch = Plant({PUMP.name: PUMP}, home / "models", Store(sqlite_in(home))).watch(PUMP.name)
    assert isinstance(watch, ConditionWatch)
    for number, asset in enumerate(ASSETS):
        watch.baselines.add(baseline(rows=300, seed=number, asset_id=asset))
    found = Site(home, services, free_port())
    try:
        yield found
    finally:
        if found.process is not None and found.process.poll() is None:
            found.process.kill()
            found.process.wait(10)


def messages(asset: str, values: np.ndarray, first: int) -> list[Outgoing]:
    count = first + np.arange(len(values))
    readings = Readings(
        PUMP.name, [asset] * len(values), [reading_id(asset, 0, row) for row in count.tolist()], START + count,
        np.zeros(len(values), dtype=np.int64), count, values, np.empty(0, dtype=np.int64),
    )  # fmt: skip
    return encode(readings, Layout(PUMP), Form.JSON, "test")


def stored(store: Store) -> int:
    with store.view() as view:
        return sum(view.readings.count(asset) for asset in ASSETS)


def database_state(store: Store) -> LiveState:
    with DatabaseFeed(store) as feed:
        return feed.latest()


@pytest.mark.timeout(240)
def test_what_a_worker_tells_is_what_it_stored(services: Services, tmp_path: Path) -> None:
    with site(tmp_path, services) as found, Store(services.postgres_url) as store:
        found.start()
        wait_until(lambda: partitions_of(services.kafka_bootstrap, "readings") == PARTITIONS, 60)  # the worker makes it
        producer = Producer(services.kafka_bootstrap)
        reader, tail = RedisFeed(services.redis_url), DatabaseFeed(store)
        before = reader.latest(), tail.latest()
        for turn in range(10):
            for asset in ASSETS:
                values = broken(20) if turn == 5 and asset == ASSETS[0] else healthy(20)
                producer.send("readings", messages(asset, values, 20 * turn))
            producer.flush()
            wait_until(lambda turn=turn: stored(store) == 40 * (turn + 1), 60)
        poison = Outgoing(b"pump_0", b"{broken", messages(ASSETS[0], healthy(1), 0)[0].headers)
        late = messages(ASSETS[0], healthy(3), 5)
        future = messages(ASSETS[1], healthy(1), 100_000_000)
        producer.send("readings", [poison, *late, *future])
        producer.flush()
        producer.close()
        wait_until(lambda: found.metrics().get('smart_sentry_stream_readings_total{outcome="stale"}') == 3, 20)
        last = database_state(store)
        assert [alarm.asset_id for alarm in last.alarms] == [ASSETS[0]]
        with store.view() as view:
            assert {asset: update.score for asset, update in last.assets.items()} == {
                asset: said.score for asset, said in view.assessments.latest().items()
            }
            steps = [AlarmUpdate.of(step) for step in view.alarms.transitions()]
        updates = {}
        for feed, state in ((reader, before[0]), (tail, before[1])):
            told = collect(feed, lambda found, state=state: after(state, found) == last)
            assert [one for one in told if isinstance(one, AlarmUpdate)] == steps
            updates[feed] = sum(isinstance(one, AssetUpdate) for one in told)
            feed.close()
        with RedisFeed(services.redis_url) as joining:
            assert joining.latest() == last
        wait_until(lambda: found.metrics()["smart_sentry_feed_alarms_total"] == len(steps), 20)
        assert_metrics(found.metrics(), len(steps), updates[reader])
        assert_live_command(found, last)
        wait_until(lambda: bool(throughput(store)), 20)
        assert found.stop() == 0
        assert_throughput(found, store)
        assert_log(found, services)


def assert_metrics(told: dict[str, float], steps: int, updates: int) -> None:
    outcomes = {name: told[f'smart_sentry_stream_readings_total{{outcome="{name}"}}'] for name in OUTCOMES}
    assert outcomes["stored"] == 400
    assert (outcomes["duplicate"], outcomes["stale"], outcomes["quarantined"]) == (0, 3, 1)
    assert told['smart_sentry_stream_dead_letters_total{reason="wrong_json"}'] == 1
    for step in ("poll", "decode", "judge", "store", "publish"):
        assert told[f'smart_sentry_stream_batch_seconds_count{{step="{step}"}}'] > 0, step
        assert told[f'smart_sentry_stream_batch_seconds_sum{{step="{step}"}}'] > 0, step
    assert told["smart_sentry_stream_alarm_latency_seconds_count"] == steps
    assert 0 < told["smart_sentry_stream_alarm_latency_seconds_sum"] < 60 * steps
    for system in ("kafka", "database", "redis"):
        assert told[f'smart_sentry_stream_up{{system="{system}"}}'] == 1, system
    assert told["smart_sentry_feed_up"] == 1
    # The feed is filled from the database when partitions come; what that tells is told once more, and counted then.
    assert len(ASSETS) <= told["smart_sentry_feed_updates_total"] <= updates
    assert told["smart_sentry_feed_alarms_total"] == steps
    assert told["smart_sentry_feed_alarms_left_out_total"] == 0


OUTCOMES = ("stored", "flagged", "duplicate", "stale", "quarantined")


def assert_live_command(found: Site, last: LiveState) -> None:
    lines = found.command("live", "--once", "--json").splitlines()
    assert lines == [one.model_dump_json() for one in (*last.assets.values(), *last.alarms)]
    assert found.command("live", "--once", "--alarms-only").count("ALARM anomaly") == 1
    assert ASSETS[0] not in found.command("live", "--once", "--asset", ASSETS[1])


def throughput(store: Store) -> list[tuple[int, int, int, int, int]]:
    with store.view() as view:
        rows = view.throughput.newest(100)
    assert all(row.readings_per_second == pytest.approx(row.readings / row.seconds) for row in rows)
    assert all(0 < row.latency_seconds < 60 and row.lag >= 0 for row in rows)
    return [(row.partition, row.readings, row.flagged, row.dropped, row.dead_lettered) for row in rows]


def assert_throughput(found: Site, store: Store) -> None:
    rows = throughput(store)
    assert sum(readings for _, readings, _, _, _ in rows) == 400
    assert sum(dropped for _, _, _, dropped, _ in rows) == 3
    assert sum(dead for *_, dead in rows) == 2
    shown = found.command("stream", "throughput")
    assert all(f"readings[{partition}]" in shown for partition, *_ in rows)
    assert "per second" in shown


def assert_log(found: Site, services: Services) -> None:
    lines = [json.loads(line) for line in found.log.read_text().splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert any("the live feed goes to Redis" in line["message"] for line in lines)
    for url in (services.redis_url, services.postgres_url):
        secret = url.split("//")[1].split("@")[0].split(":")[1]
        assert secret not in found.log.read_text()
