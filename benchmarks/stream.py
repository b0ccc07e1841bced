"""`make bench-stream`: what a worker takes from a topic, beside the seed's consumer and a Quix Streams pipeline of its logic.

Kafka, PostgreSQL and Redis are real, of the benchmark's own, on loopback, and share the machine's cores with whoever is measured.
A worker is the program that users start. Its rate is taken from the offsets that it commits to PostgreSQL: what counts is stored.
"""

from __future__ import annotations

import argparse
import json
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import psycopg
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.champion import Subject, subject
from benchmarks.stream_load import MOTORS, commission_motors, engines, motors
from benchmarks.stream_peers import NAMES, PICKLED, TABLES
from smart_sentry.assets import load_asset_type
from smart_sentry.prognosis.seed_method import fit_seed_forest
from smart_sentry.servers import RunningServer, Server, free_port, running
from smart_sentry.services.control import start, status, stop
from smart_sentry.services.kafka import Kafka
from smart_sentry.services.postgres import Postgres
from smart_sentry.services.redis_server import RedisServer
from smart_sentry.services.service import Service
from smart_sentry.stream.broker import ensure_topics
from smart_sentry.stream.messages import Form
from smart_sentry.stream.producer import Producer
from smart_sentry.stream.replay import send_replay
from smart_sentry.stream.sources import Replay

ROOT = Path(__file__).resolve().parents[1]
ENGINE_COPIES, MOTOR_ROWS = 24, 1200
"""About 310,000 readings of engines, and 600,000 of motors."""
PEERS = ("all-cores", "per-message", "quix")
ROUNDS, PEER_SECONDS = 3, 10.0
LEAST_ENGINES, LEAST_MOTORS = 15_000.0, 30_000.0
LEAST_TIMES_SEED, LEAST_TIMES_QUIX, LEAST_TIMES_ALONE = 1000.0, 6.0, 1.7
QUIET_SECONDS, LATENCY_SECONDS = 5, 30
MOST_P50_S, MOST_P99_S = 0.060, 0.250
MOST_GROWTH = 1.1
_PATIENCE_S, _LOOK_EVERY_S = 1800.0, 0.05


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None where there is no target."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Bench:
    """Servers and folders of a run."""

    kafka: Kafka
    postgres: Postgres
    redis: RedisServer
    home: Path
    logs: Path
    of: Subject
    console: Console
    measured: dict[str, float] = field(default_factory=dict)
    """Readings a second by part, for the parts that follow."""

    def send(self, replay: Replay, topic: str, partitions: int, form: Form, speed: float = 0.0) -> None:
        """Fills a topic."""
        ensure_topics(self.kafka.bootstrap, {topic: partitions, f"{topic}-dead-letters": None})
        producer = Producer(self.kafka.bootstrap)
        with Progress(console=self.console, transient=True) as progress:
            bar = progress.add_task(f"{replay.name} -> {topic}", total=replay.rows)
            send_replay(replay, producer, topic, form, speed, lambda sent: progress.update(bar, completed=sent))
        producer.close()

    def cpu_seconds(self, workers: Sequence[RunningServer]) -> dict[str, float]:
        """User and system time so far of the workers and the servers."""
        found = {"workers": sum(_cpu_of(one.process.pid) for one in workers)}
        for service in (self.postgres, self.kafka, self.redis):
            pid = status(service).pid
            found[service.title] = 0.0 if pid is None else _cpu_of(pid)
        return found

    @cached_property
    def _connection(self) -> psycopg.Connection[Any]:
        """One for all that is asked: to make one costs PostgreSQL and this process more than a worker's batch."""
        return psycopg.connect(self.postgres.url, autocommit=True)

    def offsets(self, topic: str) -> dict[int, int]:
        """Partition -> next offset, as PostgreSQL has it."""
        found = self._connection.execute("SELECT to_regclass('stream_partitions')").fetchone()
        if found is None or found[0] is None:
            return {}
        rows = self._connection.execute(
            "SELECT partition, next_offset FROM stream_partitions WHERE topic = %s", [topic]
        )
        return {int(partition): int(offset) for partition, offset in rows}

    @contextmanager
    def worker(self, topic: str, number: int = 0) -> Iterator[RunningServer]:
        """A worker as users start it."""
        port = free_port()
        variables = {
            "SMART_SENTRY_HOME": str(self.home), "SMART_SENTRY_DATABASE": self.postgres.url,
            "SMART_SENTRY_KAFKA_BOOTSTRAP": self.kafka.bootstrap, "SMART_SENTRY_KAFKA_TOPIC": topic,
            "SMART_SENTRY_REDIS_URL": self.redis.url, "SMART_SENTRY_METRICS_PORT": str(port),
        }  # fmt: skip
        command = [sys.executable, "-m", "serving.worker"]
        server = Server("a worker", command, "127.0.0.1", port, "/metrics", variables, ROOT)
        with running(server, self.logs / f"bench_stream_{topic}_{number}.log") as found:
            yield found


def main(arguments: Sequence[str] = ()) -> bool:
    """Prints the table; whether every target is met."""
    asked = _asked(arguments)
    console = Console(width=130)
    rows: list[Row] = []
    with ExitStack() as stack:
        bench = stack.enter_context(_servers(console))
        for part in asked.parts:
            console.print(f"measuring: {part}", style="dim")
            rows += PARTS[part](bench, asked.memory_readings)
    table = Table("what", "found", "target", title="Kafka -> worker -> PostgreSQL and Redis, all on this machine")
    for row in rows:
        met = "" if row.met is None else "met" if row.met else "MISSED"
        table.add_row(row.what, row.value, f"{row.target} {met}".strip())
    console.print(table)
    return all(row.met is not False for row in rows)


@dataclass(frozen=True)
class _Round:
    """Readings a second of everyone, one after another within two minutes, and what each costs, in words."""

    all_cores: float
    one_core: float
    quix: float
    worker: float
    told: dict[str, str]


def turbofans(bench: Bench, _memory: int) -> list[Row]:
    """The same topic of engines for everyone, in turns: a machine's minutes differ, so ratios are within a round."""
    topic = "turbofans"
    bench.send(engines(bench.of.data, ENGINE_COPIES), topic, 1, Form.JSON)
    model = _seed_forest(bench)
    rounds = [_round_of(bench, topic, model, number) for number in range(ROUNDS)]
    rate, over_all, over_one, over_quix = (
        median(values)
        for values in zip(
            *(
                (one.worker, one.worker / one.all_cores, one.worker / one.one_core, one.worker / one.quix)
                for one in rounds
            ),
            strict=True,
        )
    )
    told = rounds[-1].told
    return [
        Row(
            "engines: the seed's consumer, message by message, its forest on one core, readings/s",
            _median_of(rounds, "one_core"),
        ),
        Row("  the same, its forest on all cores", _median_of(rounds, "all_cores")),
        Row("engines: a Quix Streams pipeline of the same forest, readings/s", _median_of(rounds, "quix")),
        Row(
            f"engines: one worker with the champion, readings/s, median of {ROUNDS}", _median_of(rounds, "worker"),
            f">= {LEAST_ENGINES:,.0f}", rate >= LEAST_ENGINES,
        ),
        Row(
            "  times the seed's consumer on one core; on all", f"{over_one:,.0f}; {over_all:,.0f}",
            f">= {LEAST_TIMES_SEED:,.0f} (one core)", over_one >= LEAST_TIMES_SEED,
        ),
        Row("  times Quix Streams", f"{over_quix:.1f}", f">= {LEAST_TIMES_QUIX:g}", over_quix >= LEAST_TIMES_QUIX),
        Row("  us a reading, by step, last round", told["steps"]),
        Row("  CPU us a reading, last round", told["cpu"]),
        Row("  of the peers: all cores; one core; Quix Streams", "; ".join(told[name] for name in PEERS)),
    ]  # fmt: skip


def _round_of(bench: Bench, topic: str, model: Path, number: int) -> _Round:
    peers = {name: _peer(bench, name, topic, model) for name in PEERS}
    with bench.worker(topic, number) as worker:
        rate, cpu = _rate(bench, [worker], topic)
        steps = _steps(worker)
    _empty(bench)
    told = {name: f"{used:,.0f}" for name, (_, used) in peers.items()} | {"cpu": _in_words(cpu), "steps": steps}
    return _Round(peers["all-cores"][0], peers["per-message"][0], peers["quix"][0], rate, told)


def _median_of(rounds: Sequence[_Round], name: str) -> str:
    """The median of a rate, and all of them."""
    found = [getattr(one, name) for one in rounds]
    return f"{median(found):,.0f} ({'; '.join(f'{rate:,.0f}' for rate in found)})"


def one_hertz_motors(bench: Bench, _memory: int) -> list[Row]:
    """500 motors, one worker, and two on two partitions: as fast as two only where one leaves as many cores free as it needs."""
    kind = load_asset_type(bench.home / "configs" / "assets" / "motor.yaml")
    bench.send(motors(kind, MOTOR_ROWS, 1), "motors", 1, Form.BINARY)
    # Twice as many: until the other worker has joined, the first one reads both partitions.
    bench.send(motors(kind, 2 * MOTOR_ROWS, 1), "motors-halves", 2, Form.BINARY)
    with bench.worker("motors") as worker:
        rate, cpu = _rate(bench, [worker], "motors")
        bench.measured["motors"] = rate
        steps = _steps(worker)
    _empty(bench)
    with bench.worker("motors-halves", 1) as one, bench.worker("motors-halves", 2) as two:
        both, _ = _rate(bench, [one, two], "motors-halves")
    _empty(bench)
    cores, busy = psutil.cpu_count() or 1, rate * sum(cpu.values()) / 1e6
    free = 2.0 * busy <= cores
    return [
        Row("motors at 1 Hz: one worker, readings/s", f"{rate:,.0f}", f">= {LEAST_MOTORS:,.0f}", rate >= LEAST_MOTORS),
        Row("  us a reading, by step", steps),
        Row("  CPU us a reading", _in_words(cpu)),
        Row(
            f"  two workers on two partitions, times one (which keeps {busy:.1f} of {cores} cores busy with its servers)",
            f"{both / rate:.2f}", f">= {LEAST_TIMES_ALONE:g} where as many are free",
            both / rate >= LEAST_TIMES_ALONE if free else None,
        ),
    ]  # fmt: skip


def latency(bench: Bench, _memory: int) -> list[Row]:
    """From a reading's message to the commit of the alarm that it raises, at half of the rate that is asked of a worker, and at
    half of what the part `motors` has just measured, where that is more: sender and servers share the machine's cores.
    """
    rates = [LEAST_MOTORS]
    if bench.measured.get("motors", 0.0) > LEAST_MOTORS:
        rates.append(bench.measured["motors"])
    told = ("half of the rate that is asked", "half of the rate that was measured")
    return [
        _latency_at(bench, rate / 2, what, number) for number, (rate, what) in enumerate(zip(rates, told, strict=False))
    ]


def _latency_at(bench: Bench, load: float, what: str, number: int) -> Row:
    """The first seconds at that pace are without faults: a sender that has just connected holds its first messages for half a
    second.
    """
    kind, topic = load_asset_type(bench.home / "configs" / "assets" / "motor.yaml"), f"motors-paced-{number}"
    per_motor = load / MOTORS
    warming = 100  # the first batches load what the rest has
    bench.send(motors(kind, warming, 2), topic, 1, Form.BINARY)
    with bench.worker(topic) as worker:
        _until(bench, topic, warming * MOTORS)
        quiet, rows = round(per_motor * QUIET_SECONDS), round(per_motor * LATENCY_SECONDS)
        well = motors(kind, quiet, 3, first=warming + 1)
        failing = motors(kind, rows, 4, faults=True, first=warming + quiet + 1)
        both = replace(well, rows=well.rows + failing.rows, chunks=chain(well.chunks, failing.chunks))
        bench.send(both, topic, 1, Form.BINARY, per_motor)
        _until(bench, topic, (warming + quiet + rows) * MOTORS)
        waited = _histogram(worker, "smart_sentry_stream_alarm_latency_seconds")
    _empty(bench)
    p50, p99 = _quantile(waited, 0.5), _quantile(waited, 0.99)
    alarms = waited[-1][1]
    return Row(
        f"reading to alarm at {what}, {load:,.0f} readings/s: p50; p99 of {alarms:,.0f}, ms (upper ends of the buckets)",
        f"{p50 * 1e3:.0f}; {p99 * 1e3:.0f}", f"<= {MOST_P50_S * 1e3:.0f}; {MOST_P99_S * 1e3:.0f}",
        alarms > 0 and p50 <= MOST_P50_S and p99 <= MOST_P99_S,
    )  # fmt: skip


def memory(bench: Bench, readings: int) -> list[Row]:
    """Of a worker that reads so many readings, at a tenth of them and in the end."""
    kind, topic = load_asset_type(bench.home / "configs" / "assets" / "motor.yaml"), "motors-many"
    bench.send(motors(kind, readings // MOTORS, 5), topic, 1, Form.BINARY32)
    with bench.worker(topic) as worker:
        process = psutil.Process(worker.process.pid)
        _until(bench, topic, readings // 10)
        early = process.memory_info().rss
        _until(bench, topic, readings // MOTORS * MOTORS)
        late = process.memory_info().rss
    _empty(bench)
    return [Row(
        f"memory of a worker after {readings // 10:,} and {readings:,} readings, MB", f"{early / 1e6:.0f}; {late / 1e6:.0f}",
        f"<= {MOST_GROWTH:g} times", late <= MOST_GROWTH * early,
    )]  # fmt: skip


PARTS = {"turbofans": turbofans, "motors": one_hertz_motors, "latency": latency, "memory": memory}


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.stream", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--memory-readings", type=int, default=10_000_000, help="of the part `memory`")
    found = parser.parse_args(list(arguments))
    found.parts = found.parts or list(PARTS)
    return found


@contextmanager
def _servers(console: Console) -> Iterator[Bench]:
    of = subject()
    folder = Path(tempfile.mkdtemp(prefix="stream-"))
    folder.chmod(0o755)  # root runs PostgreSQL as another user, who must enter
    home = folder / "home"
    shutil.copytree(of.settings.configs_folder, home / "configs")
    shutil.copytree(of.settings.models_folder, home / "models")
    commission_motors(load_asset_type(home / "configs" / "assets" / "motor.yaml"), home / "models")
    kafka = Kafka(
        folder / "kafka", of.settings.services_folder / "programs", free_port(), free_port(),
        heap_mb=of.settings.kafka_heap_mb,
    )  # fmt: skip
    postgres, redis = Postgres(folder / "postgres", free_port()), RedisServer(folder / "redis", free_port())
    services: list[Service] = [kafka, postgres, redis]
    logs = of.settings.home.resolve() / ".home" / "logs"
    try:
        start(services, folder, lambda line: console.print(line, style="dim"))
        yield Bench(kafka, postgres, redis, home, logs, of, console)
    finally:
        stop(services, folder, lambda _: None)
        shutil.rmtree(folder, ignore_errors=True)


def _seed_forest(bench: Bench) -> Path:
    data = bench.of.data
    anomalous = (data.train_truth() <= data.asset_type.failure.horizon_cycles).to_numpy()
    forest = fit_seed_forest(data.train, anomalous, data.asset_type.sensor_names, seed=1)
    folder = bench.home / "peers"
    folder.mkdir()
    (folder / PICKLED).write_bytes(pickle.dumps(forest.model))
    (folder / NAMES).write_text(json.dumps(forest.sensor_names))
    return folder


def _peer(bench: Bench, name: str, topic: str, model: Path) -> tuple[float, float]:
    """Readings a second of a peer, in its own environment, and microseconds of its processor time each."""
    command = [
        _peers_python(), "-m", "benchmarks.stream_peers", name, bench.kafka.bootstrap, topic, bench.postgres.url,
        bench.redis.url, str(model), str(PEER_SECONDS),
    ]  # fmt: skip
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout
    with psycopg.connect(bench.postgres.url, autocommit=True) as connection:  # to tidy it up would slow who comes next
        connection.execute(f'DROP TABLE "{TABLES[name]}"')
        connection.execute("CHECKPOINT")
    messages, seconds, used = map(float, said.split()[-3:])
    return messages / seconds, used / messages * 1e6


def _peers_python() -> str:
    """Python of the peers' environment, which is made where it is missing or outdated."""
    lock, home = ROOT / "benchmarks" / "peers.lock", ROOT / ".venv-peers"
    done = home / ".installed"
    if not done.is_file() or done.read_text() != lock.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
        subprocess.run(install, check=True)
        done.write_text(lock.read_text())
    return str(home / "bin" / "python")


def _cpu_of(pid: int) -> float:
    leader, seconds = psutil.Process(pid), 0.0
    for process in (leader, *leader.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it ended just now
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def _rate(bench: Bench, workers: Sequence[RunningServer], topic: str) -> tuple[float, dict[str, float]]:
    """Readings a second from the first commit after which all workers are at work to the last; program -> CPU us a reading."""
    total = _end(bench, topic)
    begun: tuple[float, int] | None = None
    before: dict[str, float] = {}
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        stored, now = bench.offsets(topic), time.perf_counter()
        done = sum(stored.values())
        if begun is None and done and all(_stored(one) for one in workers):
            begun, before = (now, done), bench.cpu_seconds(workers)
        if done >= total:
            assert begun is not None
            used, many = bench.cpu_seconds(workers), total - begun[1]
            return many / (now - begun[0]), {name: (used[name] - before[name]) / many * 1e6 for name in used}
        time.sleep(_LOOK_EVERY_S)
    raise TimeoutError(f"{topic}: {done:,} of {total:,} readings after {_PATIENCE_S:g} s")


def _in_words(used: dict[str, float]) -> str:
    return "; ".join(f"{name} {microseconds:.1f}" for name, microseconds in used.items())


def _until(bench: Bench, topic: str, offset: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while sum(bench.offsets(topic).values()) < offset:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{topic}: not {offset:,} readings after {_PATIENCE_S:g} s")
        time.sleep(_LOOK_EVERY_S)


def _end(bench: Bench, topic: str) -> int:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bench.kafka.bootstrap, "group.id": "bench"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    found = sum(consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1] for number in partitions)
    consumer.close()
    return int(found)


def _empty(bench: Bench) -> None:
    """What one part stored does not slow the next one."""
    with psycopg.connect(bench.postgres.url, autocommit=True) as connection:
        connection.execute("TRUNCATE readings, snapshots, stream_partitions")
        connection.execute("CHECKPOINT")


def _scraped(worker: RunningServer) -> str:
    with urllib.request.urlopen(f"{worker.address}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def _stored(worker: RunningServer) -> float:
    """Readings that it has stored."""
    found = re.findall(r'^smart_sentry_stream_readings_total\{outcome="stored"\} (\S+)', _scraped(worker), re.M)
    return float(found[0]) if found else 0.0


def _steps(worker: RunningServer) -> str:
    text, stored = _scraped(worker), _stored(worker)
    steps = re.findall(r'^smart_sentry_stream_batch_seconds_sum\{step="([^"]+)"\} (\S+)', text, re.M)
    return "; ".join(f"{name} {float(seconds) / stored * 1e6:.1f}" for name, seconds in steps)


def _histogram(worker: RunningServer, name: str) -> list[tuple[float, float]]:
    """(upper end, count up to it) of its buckets."""
    found = re.findall(rf'^{name}_bucket\{{le="([^"]+)"\}} (\S+)', _scraped(worker), re.M)
    return [(float(end), float(count)) for end, count in found]


def _quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """Upper end of the bucket that holds it."""
    return next(end for end, count in buckets if count >= share * buckets[-1][1])


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
