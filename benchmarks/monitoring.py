"""What watching costs: calibration, the monitor alone, and readings over HTTP, on one core each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from smart_sentry.assets import load_asset_type
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.config import load_settings
from smart_sentry.datasets.motor_signals import healthy_readings
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

ASSETS, ROUNDS = 500, 5
TARGETS = {
    "calibration of 300 readings, s": (1.0, "most"),
    "calibration of 60,000 readings (100 Hz), s": (5.0, "most"),
    "Monitor.assess, readings/s of 500 assets": (50_000.0, "least"),
    "Plant.take into SQLite in batches of 5000, readings/s": (20_000.0, "least"),
}


def main() -> bool:
    configs = load_settings().configs_folder / "assets"
    motor, fast = (load_asset_type(configs / f"{name}.yaml") for name in ("motor", "motor_fast"))
    rng = np.random.default_rng(1)
    few, many = (
        Readings(np.arange(300.0), healthy_readings(300, rng)),
        Readings(np.arange(60_000) / 100, healthy_readings(60_000, rng)),
    )

    def learn(kind: object, readings: Readings) -> Callable[[], object]:
        return lambda: calibrate("m", kind, readings, created="", seed=1)  # type: ignore[arg-type]

    learn(motor, few)()  # compilers and imports
    learn(fast, many)()
    found = {
        "calibration of 300 readings, s": timed(learn(motor, few)),
        "calibration of 60,000 readings (100 Hz), s": timed(learn(fast, many)),
    }
    before = psutil.Process().memory_info().rss
    baselines = {
        f"m{number}": calibrate(
            f"m{number}", motor, Readings(np.arange(300.0), healthy_readings(300, rng)), created="", seed=number
        )
        for number in range(ASSETS)
    }
    monitor = ConditionMonitor(motor, baselines)
    slots = monitor.slots(list(baselines) * 20)
    values = healthy_readings(len(slots), rng)
    seconds = np.repeat(np.arange(20.0), ASSETS)
    monitor.assess(slots, seconds, values)

    def assess() -> None:
        nonlocal seconds
        seconds = seconds + 20
        monitor.assess(slots, seconds, values)

    found["Monitor.assess, readings/s of 500 assets"] = len(slots) / timed(assess)
    state = sum(array.nbytes for array in monitor.snapshot()["state"].values()) / ASSETS
    resident = (psutil.Process().memory_info().rss - before) / ASSETS
    with tempfile.TemporaryDirectory() as folder:
        plant = Plant({"motor": motor}, Path(folder), Store(f"sqlite:///{folder}/plant.db"))
        watch = plant.watch("motor")
        assert isinstance(watch, ConditionWatch)
        watch.monitor = monitor
        now, number = time.time() - 86_400, 0

        def batch() -> list[Incoming]:
            nonlocal number
            rows = healthy_readings(5000, rng).tolist()
            number += 1
            return [
                Incoming(f"m{row % ASSETS}", f"{number}-{row}", now + number * 10 + row // ASSETS,
                         dict(zip(motor.signal_names, one, strict=True)), "motor")
                for row, one in enumerate(rows)
            ]  # fmt: skip

        plant.take(batch(), "bench")
        parts = [batch() for _ in range(ROUNDS)]
        taken = iter(parts)
        found["Plant.take into SQLite in batches of 5000, readings/s"] = 5000 / timed(
            lambda: plant.take(next(taken), "bench")
        )
        plant.store.close()
    show(found, state, monitor.learnt_bytes / ASSETS, resident)
    return all(
        value <= at if kind == "most" else value >= at for name, value in found.items() for at, kind in [TARGETS[name]]
    )


def timed(work: Callable[[], object]) -> float:
    """Median seconds of several runs."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def show(found: dict[str, float], state: float, learnt: float, resident: float) -> None:
    table = Table("what", "median", "target", title="What watching costs, in process")
    for name, value in found.items():
        at, kind = TARGETS[name]
        met = value <= at if kind == "most" else value >= at
        table.add_row(
            name,
            f"{value:,.2f}" if at < 100 else f"{value:,.0f}",
            f"{'<=' if kind == 'most' else '>='} {at:,g} {'met' if met else 'MISSED'}",
        )
    table.add_row("memory an asset: windows / what was learnt, kB", f"{state / 1e3:.1f} / {learnt / 1e3:.0f}", "")
    table.add_row("memory an asset of the whole process, its baseline included, kB", f"{resident / 1e3:.0f}", "")
    Console(width=110).print(table)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
