"""Workers as they are run, on real servers, and what is done to them while a plan of readings flows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
import yaml
from bundle_fixture import make_packaged_home
from chaos_input import ENGINE, PUMPS, Plan
from condition_sample import baseline
from plant_fixture import PUMP
from services_fixture import Services, standing_still

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.services.service import Service
from smart_sentry.stream.broker import ensure_topics
from smart_sentry.stream.messages import Outgoing, dead_letters_of
from smart_sentry.stream.producer import Producer

ROOT = Path(__file__).parents[1]
PARTITIONS = 4
_CHUNK, _PAUSE_S = 100, 0.01
_FROZEN_S = 9.0
"""Longer than a worker's session, so that its partitions go to others."""


def make_home(home: Path) -> Path:
    """A project's folder in which every pump is calibrated and a failure model judges engines."""
    make_packaged_home(home)
    types = home / "configs" / "assets"
    types.mkdir(parents=True)
    for kind in (PUMP, ENGINE):
        (types / f"{kind.name}.yaml").write_text(yaml.safe_dump(kind.model_dump(mode="json")))
    store = BaselineStore(home / "models" / PUMP.name / "baselines")
    for number, asset in enumerate(PUMPS):
        store.add(baseline(rows=300, seed=number, asset_id=asset))
    return home


@dataclass(frozen=True, eq=False)
class Worker:
    """A worker's process, and the file of what it says."""

    log: Path
    process: subprocess.Popen[bytes]

    @property
    def works(self) -> bool:
        """Whether it has begun: from then on it waits for servers that are away, and ends when it is told to."""
        return "working on" in self.log.read_text()


@dataclass
class Stage:
    """A topic, a database and workers on them.

    Attributes:
        services: running.
        topic: that they read.
        home: of all workers.
        database: its URL.
        redis: whether there is a live feed.
        done: how often each disturbance came.
    """

    services: Services
    topic: str
    home: Path
    database: str
    redis: bool
    done: Counter[str] = field(default_factory=Counter)
    workers: list[Worker] = field(default_factory=list)
    started: int = 0

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "HOME": self.home, "DATABASE": self.database, "KAFKA_BOOTSTRAP": self.services.kafka_bootstrap,
            "KAFKA_TOPIC": self.topic,
            **({"REDIS_URL": self.services.redis_url} if self.redis else {}),
        }  # fmt: skip
        others = {name: value for name, value in os.environ.items() if not name.startswith("SMART_SENTRY_")}
        return others | {f"SMART_SENTRY_{name}": str(value) for name, value in ours.items()}

    def log(self, number: int) -> Path:
        """What a worker said."""
        return self.home / f"{self.database.rsplit('/', 1)[1]}-worker-{number}.log"

    def start_worker(self) -> None:
        with self.log(self.started).open("wb") as file:
            self.workers.append(Worker(self.log(self.started), subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "quick_worker.py")], env=self.environment, stdout=file, stderr=file
            )))  # fmt: skip
        self.started += 1

    def stop_worker(self, worker: Worker) -> None:
        """In good order."""
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(60) == 0, self.said()
        self.workers.remove(worker)

    def kill_worker(self, worker: Worker) -> None:
        worker.process.kill()
        worker.process.wait(10)
        self.workers.remove(worker)

    def look_after_workers(self) -> None:
        """Starts those again that ended because a server did not answer when they began, as whoever runs workers does."""
        for worker in [one for one in self.workers if one.process.poll() is not None]:
            assert worker.process.returncode == 1, self.said()
            assert not worker.works, f"a worker ended by itself: {self.said()}"
            assert "smart-sentry: " in worker.log.read_text(), self.said()
            self.workers.remove(worker)
            self.start_worker()

    def working(self) -> list[Worker]:
        """The workers, once all of them work."""
        deadline = time.monotonic() + 90
        while not all(worker.works for worker in self.workers):
            assert time.monotonic() < deadline, self.said()
            self.look_after_workers()
            time.sleep(0.05)
        self.look_after_workers()
        return self.workers

    def said(self) -> str:
        """The last lines of every worker, and where each of those that run is."""
        for worker in self.workers:
            if worker.works:
                worker.process.send_signal(signal.SIGUSR1)
        time.sleep(0.5)
        return "\n".join(f"worker {number}: {self.log(number).read_text()[-3000:]}" for number in range(self.started))

    def taken(self) -> int | None:
        """How many messages are behind the workers; None while the database does not say."""
        query = "SELECT coalesce(sum(next_offset), 0) FROM stream_partitions"
        try:
            with psycopg.connect(self.database, connect_timeout=2) as connection:
                found = connection.execute(query).fetchone()
                return int(found[0]) if found else 0
        except (psycopg.errors.UndefinedTable, psycopg.OperationalError):
            return None

    def wait_for(self, messages: int, seconds: float) -> bool:
        """Whether the workers come so far in time."""
        deadline = time.monotonic() + seconds
        while (self.taken() or 0) < messages:
            self.look_after_workers()
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.wait(10)


@contextmanager
def stage(services: Services, topic: str, home: Path, database: str, *, redis: bool) -> Iterator[Stage]:
    ensure_topics(services.kafka_bootstrap, {topic: PARTITIONS, dead_letters_of(topic): 1})
    found = Stage(services, topic, home, services.new_database(database), redis)
    try:
        yield found
    finally:
        found.close()


class Sender:
    """Sends a plan slice by slice, each once it is released, from a thread of its own and in little pieces.

    Args:
        found: where to.
        messages: all of them.
        slices: into how many.
    """

    def __init__(self, found: Stage, messages: Sequence[Outgoing], slices: int) -> None:
        self._topic, self._producer = found.topic, Producer(found.services.kafka_bootstrap, delivery_patience_s=120.0)
        self._messages, self.ends = messages, np.linspace(0, len(messages), slices + 1).astype(int)[1:].tolist()
        self._released = threading.Semaphore(0)
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="sender")
        self._thread.start()

    def release(self) -> None:
        """Lets the next slice go."""
        self._released.release()

    def close(self) -> None:
        """Waits until everything that is left has been sent."""
        for _ in self.ends:
            self._released.release()
        self._thread.join(180)
        assert not self._thread.is_alive(), "the sender hangs"
        if self._problem is not None:
            raise self._problem

    def _run(self) -> None:
        begin = 0
        try:
            for end in self.ends:
                self._released.acquire()
                for first in range(begin, end, _CHUNK):
                    self._producer.send(self._topic, self._messages[first : min(first + _CHUNK, end)])
                    time.sleep(_PAUSE_S)
                begin = end
            self._producer.flush(130)
        except Exception as problem:  # noqa: BLE001 - told by `close`, in the test's own thread
            self._problem = problem
        finally:
            self._producer.close()


class Chaos:
    """What is done to a stage, by name.

    Args:
        found: the stage.
        rng: chooses moments and victims.
        pause_seconds: for which PostgreSQL is stopped.
    """

    def __init__(self, found: Stage, rng: np.random.Generator, pause_seconds: float) -> None:
        self._stage, self._rng, self._pause_s = found, rng, pause_seconds

    def do(self, name: str) -> None:
        getattr(self, name)()
        self._stage.done[name] += 1
        print(f"{datetime.now(UTC):%H:%M:%S} {name} done")

    def kill(self) -> None:
        """kill -9 of a worker, which is started again at once."""
        self._stage.kill_worker(self._victim())
        self._stage.start_worker()

    def join(self) -> None:
        """Another worker joins: a rebalance."""
        self._stage.start_worker()

    def leave(self) -> None:
        """A worker leaves in good order: a rebalance."""
        self._stage.stop_worker(self._victim())

    def freeze(self) -> None:
        """A worker stands still for longer than its session, and then goes on as if nothing had been."""
        process = self._victim().process
        process.send_signal(signal.SIGSTOP)
        time.sleep(_FROZEN_S)
        process.send_signal(signal.SIGCONT)

    def kafka(self) -> None:
        self._restart(self._stage.services.kafka)

    def redis(self) -> None:
        self._restart(self._stage.services.redis)

    def postgres(self) -> None:
        self._restart(self._stage.services.postgres)

    def pause(self) -> None:
        """PostgreSQL and all its processes stand still for a while."""
        with standing_still(self._stage.services.postgres):
            time.sleep(self._pause_s)

    def _victim(self) -> Worker:
        workers = self._stage.working()
        return workers[int(self._rng.integers(len(workers)))]

    def _restart(self, service: Service) -> None:
        self._stage.services.stop(service)
        self._stage.services.start(service)


def disturb(found: Stage, plan: Plan, acts: Sequence[str], seed: int, pause_seconds: float) -> None:
    """Sends a plan, does one act after another at random moments while it flows, and waits until all is stored."""
    rng = np.random.default_rng(seed)
    chaos = Chaos(found, rng, pause_seconds)
    sender = Sender(found, plan.messages, len(acts) + 1)
    try:
        found.start_worker()
        begin = 0
        for act, end in zip(acts, sender.ends, strict=False):
            sender.release()
            part = rng.uniform(0.05, 0.95)
            found.wait_for(int(begin + part * (end - begin)), rng.uniform(3.0, 12.0))  # else in the midst of a recovery
            time.sleep(rng.uniform(0.0, 0.05))
            chaos.do(act)
            begin = end
    finally:
        sender.close()
    assert found.wait_for(len(plan.messages), 120), f"{found.taken()} of {len(plan.messages)} messages: {found.said()}"
