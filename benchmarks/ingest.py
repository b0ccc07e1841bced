"""What readings over HTTP cost: CPU a reading one by one, readings a second in batches, and how long others wait meanwhile.

The service runs as `smart-sentry monitor` starts it, on SQLite and on PostgreSQL; the client is this process. Beside it, in
turns, a bare FastAPI handler that checks the same bodies and stores them by sqlite3, one commit a request, and judges nothing.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.keep_alive import Answer, Client, send_all
from benchmarks.postgres import postgres
from smart_sentry.config import load_settings
from smart_sentry.datasets.motor_signals import healthy_readings
from smart_sentry.servers import RunningServer, Server, free_port, running

SIMPLE, BATCH = "/api/v1/data/simple", "/api/v1/data/batch"
ROUNDS = 5
READINGS = {1: 800, 16: 3200}
"""Readings of a round by clients."""
MOST_CPU_MS = {1: 0.9, 16: 0.65}
BATCH_READINGS, BATCHES = 5000, 12
LEAST_BATCH_RATE = 20_000.0
STEADY_RATE, STEADY_READINGS, STEADY_SECONDS = 2000.0, 500, 10.0
"""Readings a second, readings of a batch and length of the run in which others read."""
MOST_READ_P99_MS = 50.0
RATE_LIMIT, RATE_SECONDS = 200.0, 3.0
IDLE_CPU_SECONDS = 0.05
"""Of a second: the service has nothing left to do."""
NAMES = ("voltage_v", "current_a", "power_factor", "vibration_g")
ASSET, FAST_ASSET = "motor_01", "fast_01"


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None where there is no target."""

    what: str
    value: str
    target: str
    met: bool | None


class Feed:
    """Healthy readings of a motor, each moment once. They begin 30 days ago, so that none is of the future."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._number = count()
        self._start = datetime.now(UTC) - timedelta(days=30)
        self._windows = 0

    def rows(self, many: int) -> list[dict[str, Any]]:
        """Messages of ASSET, one a second."""
        found = []
        for values in healthy_readings(many, self._rng).tolist():
            number = next(self._number)
            when = (self._start + timedelta(seconds=number)).isoformat()
            found.append(
                {
                    "asset_id": ASSET,
                    "event_id": f"e{number}",
                    "timestamp": when,
                    **dict(zip(NAMES, values, strict=True)),
                }
            )
        return found

    def window(self, many: int) -> dict[str, Any]:
        """So many readings of FAST_ASSET at 100 Hz, as columns."""
        values = healthy_readings(many, self._rng)
        start = self._start + timedelta(seconds=self._windows * 0.01)
        self._windows += many
        return {
            "asset_id": FAST_ASSET, "asset_type": "motor_fast", "start": start.isoformat(), "interval_seconds": 0.01,
            "columns": {name: values[:, place].tolist() for place, name in enumerate(NAMES)},
        }  # fmt: skip


def main() -> bool:
    """Prints the table; whether every target is met."""
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder, ExitStack() as stack:
        logs = load_settings().home.resolve() / ".home" / "logs"
        peer = stack.enter_context(running(bare(Path(folder)), logs / "bench_bare_ingest.log"))
        rows = on_sqlite(Path(folder) / "sqlite", logs, peer)
        rows += on_postgresql(Path(folder) / "postgresql", logs)
        rows += limited(Path(folder) / "limited", logs)
    table = Table("what", "median", "target", title="Readings over HTTP, one process, SQLite unless said otherwise")
    for row in rows:
        met = "" if row.met is None else "met" if row.met else "MISSED"
        table.add_row(row.what, row.value, f"{row.target} {met}")
    Console(width=120).print(table)
    return all(row.met is not False for row in rows)


def on_sqlite(home: Path, logs: Path, peer: RunningServer) -> list[Row]:
    with service(home, logs, "bench_ingest_sqlite.log") as server:
        feed = Feed(1)
        commission(server, feed)
        rows = [row for clients in READINGS for row in one_by_one(server, peer, feed, clients)]
        rows += [batches(server, feed.rows, "rows, SQLite"), batches(server, feed.window, "columns, SQLite")]
        return rows + reads_meanwhile(server.address, feed)


def on_postgresql(home: Path, logs: Path) -> list[Row]:
    with postgres() as url:
        if url is None:
            return [Row("PostgreSQL is not measured: it is not installed (apt-get install postgresql)", "", "", None)]
        with service(home, logs, "bench_ingest_postgresql.log", SMART_SENTRY_DATABASE=url) as server:
            feed = Feed(2)
            commission(server, feed)
            return [batches(server, feed.rows, "rows, PostgreSQL"), batches(server, feed.window, "columns, PostgreSQL")]


def one_by_one(server: RunningServer, peer: RunningServer, feed: Feed, clients: int) -> list[Row]:
    """CPU a reading, in turns with the peer; what counts is the median of the ratios of neighbouring rounds."""

    def cost(of: RunningServer) -> float:
        bodies = [json.dumps(reading).encode() for reading in feed.rows(READINGS[clients])]
        before = cpu_seconds(of)
        expect(send_all(of.address, SIMPLE, bodies, clients))
        return (cpu_seconds(of) - before) / len(bodies) * 1e3

    cost(server), cost(peer)
    found = [(cost(server), cost(peer)) for _ in range(ROUNDS)]
    mine, its = median(one for one, _ in found), median(other for _, other in found)
    ratio, most = median(one / other for one, other in found), MOST_CPU_MS[clients]
    what = f"/data/simple, {clients} client{'s' if clients > 1 else ''}: CPU a reading, ms (bare FastAPI; ratio)"
    return [Row(what, f"{mine:.2f} ({its:.2f}; {ratio:.2f})", f"<= {most:g}", mine <= most)]


def batches(server: RunningServer, make: Callable[[int], Any], what: str) -> Row:
    """Readings a second of one client that sends batch after batch."""
    bodies = []
    for _ in range(BATCHES + 2):
        made = make(BATCH_READINGS)
        bodies.append(json.dumps({"readings": made} if isinstance(made, list) else made).encode())
    expect(send_all(server.address, BATCH, bodies[:2], 1))
    before, begun = cpu_seconds(server), time.perf_counter()
    expect(send_all(server.address, BATCH, bodies[2:], 1))
    rate = BATCHES * BATCH_READINGS / (time.perf_counter() - begun)
    cpu_us = (cpu_seconds(server) - before) / BATCHES / BATCH_READINGS * 1e6
    return Row(
        f"/data/batch, {what}: readings/s (CPU a reading, us)", f"{rate:,.0f} ({cpu_us:.0f})", f">= {LEAST_BATCH_RATE:,.0f}",
        rate >= LEAST_BATCH_RATE,
    )  # fmt: skip


def reads_meanwhile(address: str, feed: Feed) -> list[Row]:
    """99th percentile of what others wait for while batches come in at a steady rate."""
    paths = (
        f"/api/v1/monitoring/status?asset_id={ASSET}", "/api/v1/alarms", f"/api/v1/data/history?asset_id={ASSET}&limit=100",
    )  # fmt: skip
    period, batches_ = STEADY_READINGS / STEADY_RATE, int(STEADY_SECONDS * STEADY_RATE / STEADY_READINGS)
    bodies = [json.dumps({"readings": feed.rows(STEADY_READINGS)}).encode() for _ in range(batches_)]
    sent: list[Answer] = []

    def ingest() -> None:
        client, begun = Client(address), time.perf_counter()
        for number, body in enumerate(bodies):
            time.sleep(max(0.0, begun + number * period - time.perf_counter()))
            sent.append(client.ask(client.request("POST", BATCH, body)))
        client.close()

    ingesting = threading.Thread(target=ingest)
    ingesting.start()
    reader = Client(address)
    waited: dict[str, list[float]] = {path: [] for path in paths}
    while ingesting.is_alive():
        for path in paths:
            answer = reader.get(path)
            expect([answer])
            waited[path].append(1e3 * answer.seconds)
            time.sleep(0.005)
    reader.close()
    expect(sent)
    return [
        Row(
            f"{path.partition('?')[0].removeprefix('/api/v1')}, while {STEADY_RATE:,.0f} readings/s come in: p50; p99, ms",
            f"{median(times):.1f}; {np.quantile(times, 0.99):.1f}", f"<= {MOST_READ_P99_MS:g}",
            bool(np.quantile(times, 0.99) <= MOST_READ_P99_MS),
        )
        for path, times in waited.items()
    ]  # fmt: skip


def limited(home: Path, logs: Path) -> list[Row]:
    """What a rate limit lets through of one client that sends as fast as it can."""
    with service(home, logs, "bench_ingest_limited.log", SMART_SENTRY_RATE_LIMIT_READINGS=str(RATE_LIMIT)) as server:
        client, feed = Client(server.address), Feed(3)
        bodies = [json.dumps(reading).encode() for reading in feed.rows(3000)]
        begun, statuses = time.perf_counter(), []
        for body in bodies:
            if time.perf_counter() - begun > RATE_SECONDS:
                break
            statuses.append(client.ask(client.request("POST", SIMPLE, body)).status)
        seconds = time.perf_counter() - begun
        client.close()
    taken, refused = statuses.count(200), statuses.count(429)
    most = RATE_LIMIT * (seconds + 1.0) + 1.0  # a second's worth may come at once
    met = taken + refused == len(statuses) and 0.9 * RATE_LIMIT * seconds <= taken <= most
    return [Row(
        f"rate limit {RATE_LIMIT:.0f} readings/s, {seconds:.0f} s: taken; refused by 429", f"{taken}; {refused}",
        f"<= {most:.0f} taken", met,
    )]  # fmt: skip


@contextmanager
def service(home: Path, logs: Path, log: str, **variables: str) -> Iterator[RunningServer]:
    """The service as users start it, in a folder of its own."""
    shutil.copytree(load_settings().configs_folder / "assets", home / "configs" / "assets")
    port = free_port()
    own = {"SMART_SENTRY_HOME": str(home), "SMART_SENTRY_PORT": str(port), **variables}
    command = [str(Path(sys.executable).with_name("smart-sentry")), "monitor"]
    with running(Server("the service", command, "127.0.0.1", port, "/health", own), logs / log) as server:
        yield server


def bare(folder: Path) -> Server:
    """The peer."""
    port = free_port()
    command = ["uvicorn", "benchmarks.bare_ingest:app", "--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    variables = {"BARE_DATABASE": str(folder / "bare.db")}
    root = Path(__file__).resolve().parents[1]
    return Server("bare FastAPI", [sys.executable, "-m", *command], "127.0.0.1", port, "/health", variables, root)


def commission(server: RunningServer, feed: Feed) -> None:
    """Calibrates both motors: what comes then is judged, not only stored. Ends when MLflow has its runs, too."""
    client = Client(server.address)
    expect([client.post(BATCH, {"readings": feed.rows(600)})])
    expect([client.post(BATCH, feed.window(60_000))])
    for asset in (ASSET, FAST_ASSET):
        expect([client.post("/api/v1/calibration/start", {"asset_id": asset})])
        deadline = time.monotonic() + 60
        status: dict[str, Any] = {"progress": 0}
        while status["progress"] != 1 and time.monotonic() < deadline:
            time.sleep(0.1)
            status = json.loads(client.get(f"/api/v1/calibration/status?asset_id={asset}").body)
        if status["stage"] != "accepted":
            raise RuntimeError(f"the calibration of {asset} was not accepted: {status}")
    client.close()
    used = cpu_seconds(server)
    while True:
        time.sleep(1.0)
        before, used = used, cpu_seconds(server)
        if used - before <= IDLE_CPU_SECONDS:
            return


def cpu_seconds(server: RunningServer) -> float:
    """User and system time of a server and everything it started."""
    leader = psutil.Process(server.process.pid)
    times = [process.cpu_times() for process in (leader, *leader.children(recursive=True))]
    return float(sum(its.user + its.system for its in times))


def expect(answers: Sequence[Answer]) -> None:
    wrong = next((answer for answer in answers if answer.status not in (200, 202)), None)
    if wrong is not None:
        raise RuntimeError(f"a request was answered {wrong.status}: {wrong.body[:500]!r}")


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
