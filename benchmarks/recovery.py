"""`python -m benchmarks.recovery`: a worker with thousands of motors is killed; how soon does the next one judge again?

The worker is as users start it; it only notes when Kafka gave it its partitions, when their state stood, and when it had stored
the first readings.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.config import load_settings
from smart_sentry.datasets.motor_signals import healthy_readings
from smart_sentry.detection.calibration import Readings as Calibrating
from smart_sentry.detection.calibration import calibrate
from smart_sentry.servers import free_port
from smart_sentry.services.control import start, stop
from smart_sentry.services.kafka import Kafka
from smart_sentry.services.postgres import Postgres
from smart_sentry.stream.broker import ensure_topics
from smart_sentry.stream.encoding import encode
from smart_sentry.stream.layouts import Layout
from smart_sentry.stream.messages import Form, Readings, reading_id
from smart_sentry.stream.producer import Producer
from smart_sentry.worker import run, worker
from smart_sentry.worker.assignment import Assignment
from smart_sentry.worker.tally import Tally

MOTORS, PARTITIONS, TARGET_S = 4000, 4, 2.0
_TOPIC, _CALIBRATED_ON, _PATIENCE_S = "recovery", 600, 600.0


_noted: dict[str, float] = {}
"""Of the worker in this process, in seconds since 1970 UTC: when it was first assigned, had opened its partitions, and had
stored readings."""


class NotingAssignment(Assignment):
    """Notes when partitions come and are open."""

    def come(self, consumer: Any, partitions: list[Any]) -> None:
        _noted.setdefault("assigned", time.time())
        super().come(consumer, partitions)
        _noted.setdefault("opened", time.time())


class NotingTally(Tally):
    """Notes when the first readings are stored, and prints what was noted, as JSON."""

    def batch(self, partition: int, read: Any, taken: Any, age_seconds: float) -> None:
        super().batch(partition, read, taken, age_seconds)
        if "stored" not in _noted and taken.new.any():
            _noted["stored"] = time.time()
            print(json.dumps(_noted), flush=True)


@dataclass(frozen=True)
class Bench:
    """Servers and a project's folder."""

    kafka: Kafka
    postgres: Postgres
    home: Path
    kind: AssetType
    motors: int

    def send(self, number: int) -> None:
        """Reading `number` of every motor."""
        names = [f"motor-{motor:04d}" for motor in range(self.motors)]
        nothing, sequences = np.zeros(self.motors, dtype=np.int64), np.full(self.motors, number, dtype=np.int64)
        readings = Readings(
            self.kind.name, names, [reading_id(name, 0, number) for name in names],
            (1_767_225_600 + sequences).astype(float), nothing, sequences,
            healthy_readings(self.motors, np.random.default_rng(number)), nothing,
        )  # fmt: skip
        producer = Producer(self.kafka.bootstrap)
        producer.send(_TOPIC, encode(readings, Layout(self.kind), Form.BINARY, "benchmarks"))
        producer.flush()

    @contextmanager
    def worker(self) -> Iterator[tuple[subprocess.Popen[str], float]]:
        """A worker and when it was started; killed at the end where it still runs."""
        variables = {
            "SMART_SENTRY_HOME": str(self.home), "SMART_SENTRY_DATABASE": self.postgres.url,
            "SMART_SENTRY_KAFKA_BOOTSTRAP": self.kafka.bootstrap, "SMART_SENTRY_KAFKA_TOPIC": _TOPIC,
        }  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.recovery", "--worker"]
        with (self.home / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=log, text=True
            )
            try:
                yield process, time.time()
            finally:
                process.kill()
                process.wait()

    def noted(self, process: subprocess.Popen[str]) -> dict[str, float]:
        """What the worker noted, once it has stored readings."""
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError((self.home / "worker.log").read_text()[-3000:])
        found: dict[str, float] = json.loads(line)
        return found


def main(arguments: Sequence[str] = ()) -> bool:
    """Prints where the time goes; whether it is short enough."""
    asked = _asked(arguments)
    console = Console()
    with _servers(asked.motors, console) as bench:
        for number in range(3):
            bench.send(number)
            with bench.worker() as (process, began):
                noted = bench.noted(process)
                if number == 0:
                    process.terminate()  # its state is stored
                    process.wait(_PATIENCE_S)
    took = noted["stored"] - noted["assigned"]
    for what, seconds in (
        ("from the start of its process to its assignment", noted["assigned"] - began),
        ("from its assignment until the state of its partitions stands", noted["opened"] - noted["assigned"]),
        ("from there until the first readings are stored", noted["stored"] - noted["opened"]),
        (f"from its assignment until the first readings are stored (at most {TARGET_S:g})", took),
    ):
        console.print(f"{what}: {seconds:.2f} s")
    return took <= TARGET_S


@contextmanager
def _servers(motors: int, console: Console) -> Iterator[Bench]:
    settings = load_settings()
    folder = Path(tempfile.mkdtemp(prefix="recovery-"))
    folder.chmod(0o755)  # root runs PostgreSQL as another user, who must enter
    home = folder / "home"
    kind = load_asset_type(settings.configs_folder / "assets" / "motor.yaml")
    (home / "configs" / "assets").mkdir(parents=True)
    shutil.copy(settings.configs_folder / "assets" / "motor.yaml", home / "configs" / "assets")
    kafka = Kafka(folder / "kafka", settings.services_folder / "programs", free_port(), free_port())
    postgres = Postgres(folder / "postgres", free_port())
    try:
        start([kafka, postgres], folder, lambda line: console.print(line, style="dim"))
        ensure_topics(kafka.bootstrap, {_TOPIC: PARTITIONS, f"{_TOPIC}-dead-letters": 1})
        console.print(f"{motors} motors are calibrated", style="dim")
        _commission(kind, home / "models", motors)
        yield Bench(kafka, postgres, home, kind, motors)
    finally:
        stop([kafka, postgres], folder, lambda _: None)
        shutil.rmtree(folder, ignore_errors=True)


def _commission(kind: AssetType, models: Path, motors: int) -> None:
    learnt = Calibrating(np.arange(float(_CALIBRATED_ON)), healthy_readings(_CALIBRATED_ON, np.random.default_rng(7)))
    baseline = calibrate("motor-0000", kind, learnt, created=datetime.now(UTC).isoformat(), seed=7)
    store = BaselineStore(models / kind.name / "baselines")
    for number in range(motors):
        store.add(replace(baseline, asset_id=f"motor-{number:04d}"))


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--motors", type=int, default=MOTORS)
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    if sys.argv[1:] == ["--worker"]:
        worker.Assignment, worker.Tally = NotingAssignment, NotingTally  # type: ignore[attr-defined]
        sys.exit(run.main())
    sys.exit(0 if main(sys.argv[1:]) else 1)
