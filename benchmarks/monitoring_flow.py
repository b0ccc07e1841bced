"""The drift round over a fleet: 200 assets of 10 signals, a day of readings at 1 Hz each, out of SQLite.

    python -m benchmarks.monitoring_flow                 generates the database, then runs the rounds as the flow does
    python -m benchmarks.monitoring_flow FOLDER [N]      keeps the database in FOLDER, for another run; N assets

A machine runs in shifts at three loads, with rests. Every tenth asset's bearing wears; the others stay as they were. The readings
of all assets came a minute at a time, in turn, as they do in a plant.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.drift_monitoring.fleet import watch_fleet
from smart_sentry.drift_monitoring.processes import executor
from smart_sentry.drift_monitoring.windows import Source
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.store import Store

ASSETS, SIGNALS, DAY, WORKERS = 200, 10, 86_400, 2
REFERENCE_ROWS, BATCH_S = 21_600, 60
MOST_SECONDS = 120.0
BEGINS = 1_767_225_600.0
TYPE = AssetType.model_validate({
    "name": "press",
    "sampling_seconds": 1.0,
    "signals": [
        {"name": "load_pct", "unit": "%", "role": "setting", "limits": [-10, 200]},
        {"name": "current_a", "unit": "A", "limits": [-10, 1000]},
        *({"name": f"response_{number}", "unit": "1", "limits": [-1e6, 1e6]} for number in range(SIGNALS - 2)),
    ],
    "phase": {"load_signal": "current_a"},
    "features": [],
})  # fmt: skip


def main(folder: Path | None = None, assets: int = ASSETS) -> bool:
    """Prints what a round over the fleet costs; whether it is within its target."""
    console = Console(width=120)
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            return measure(console, Path(made), assets)
    return measure(console, folder, assets)


def measure(console: Console, folder: Path, assets: int) -> bool:
    source = generated(console, folder, assets)
    names = [name_of(number) for number in range(assets)]
    begun = time.perf_counter()
    with executor(WORKERS) as pool, Progress(console=console, transient=True) as progress:
        bar = progress.add_task("rounds", total=assets)
        found = watch_fleet(
            pool, source, TYPE, names, 24.0, BEGINS + DAY, told=lambda many: progress.advance(bar, many)
        )
    seconds = time.perf_counter() - begun
    verdicts = Counter(one.finding.verdict for one in found)
    table = Table(
        "what", "measured", "target", title=f"Drift round: {assets} assets, {SIGNALS} signals, {DAY} readings each"
    )
    table.add_row(f"seconds on {WORKERS} processes", f"{seconds:.1f}", f"< {MOST_SECONDS:.0f}")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    table.add_row("CPU seconds of these processes", f"{children.ru_utime + children.ru_stime:.1f}", "")
    peak = children.ru_maxrss / 1024
    table.add_row("peak memory of a process, MB", f"{peak:.0f}", "")
    table.add_row("memory of this process, MB", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}", "")
    table.add_row("verdicts", ", ".join(f"{verdict} {count}" for verdict, count in verdicts.most_common()), "")
    worn = [one.finding for one in found if _worn(one.finding.asset_id)]
    degrading = sum(one.verdict == "degradation" for one in worn)
    table.add_row("worn assets that are called degrading", f"{degrading} of {len(worn)}", "")
    table.add_row("worn assets that may be recalibrated", str(sum(one.may_recalibrate for one in worn)), "0")
    console.print(table)
    return seconds < MOST_SECONDS


def name_of(number: int) -> str:
    return f"press {number:03d}"


def _worn(name: str) -> bool:
    return int(name.removeprefix("press ")) % 10 == 3


def generated(console: Console, folder: Path, assets: int) -> Source:
    """Database and baselines, made where they are not there yet."""
    source = Source(f"sqlite:///{folder / f'fleet-{assets}.db'}", folder / f"models-{assets}")
    done = folder / f"done-{assets}"
    if done.exists():
        return source
    rng = np.random.default_rng(1)
    learnt = Readings(BEGINS + np.arange(-REFERENCE_ROWS, 0.0), readings(REFERENCE_ROWS, rng, 0.0))
    baseline = calibrate(name_of(0), TYPE, learnt, created="2026-01-01T00:00:00+00:00", seed=1)
    kept = BaselineStore(source.models_folder / TYPE.name / "baselines")
    with Store(source.database_url) as store, Progress(console=console, transient=True) as progress:
        bar = progress.add_task("generating", total=assets)
        days = []
        for number in range(assets):
            own = np.random.default_rng(100 + number)
            own_readings = Readings(learnt.seconds, readings(REFERENCE_ROWS, own, 0.0, number))
            kept.add(replace(baseline, asset_id=name_of(number)), own_readings)
            days.append(readings(DAY, own, 6.0 if _worn(name_of(number)) else 0.0, number).astype(np.float32))
            progress.advance(bar, 0.2)
        with store.transaction() as batch:
            batch.states.begin(
                [AssetState(name_of(number), "MONITORING", TYPE.name, BEGINS) for number in range(assets)]
            )
        for first in range(0, DAY, BATCH_S):
            rows = range(first, first + BATCH_S)
            ids = [str(row) for row in rows]
            with store.transaction() as batch:
                batch.readings.append(ReadingRows(
                    [name_of(number) for number in range(assets) for _ in rows], ids * assets,
                    np.tile(BEGINS + np.arange(first, first + BATCH_S, dtype=np.float64), assets),
                    np.concatenate([day[first : first + BATCH_S] for day in days]).astype(np.float64), TYPE.signal_names,
                    "benchmark", BEGINS,
                ))  # fmt: skip
            progress.advance(bar, 0.8 * assets * BATCH_S / DAY)
    done.touch()
    return source


def readings(rows: int, rng: np.random.Generator, wear: float, number: int = 0) -> np.ndarray:
    """(rows, signals) of a machine that works in shifts; `wear`: standard deviations by which two responses rise to the end."""
    level = rng.choice([40.0, 70.0, 100.0], rows // 600 + 1).repeat(600)[:rows]
    works = (np.arange(rows) % 3600) >= 300
    load = np.where(works, level + rng.normal(0, 1, rows), 0.0)
    table = np.empty((rows, SIGNALS))
    table[:, 0] = load
    table[:, 1] = np.where(works, 5.0 + 0.2 * load + rng.normal(0, 0.2, rows), np.abs(rng.normal(0, 0.01, rows)))
    for response in range(SIGNALS - 2):
        table[:, 2 + response] = 10.0 * response + 0.1 * (number % 7) + 0.05 * load + rng.normal(0, 1, rows)
    rise = wear * np.linspace(0.0, 1.0, rows)
    table[:, 2:4] += (0.5 * rise * works)[:, None]
    return table


if __name__ == "__main__":
    asked = sys.argv[1:]
    sys.exit(0 if main(Path(asked[0]) if asked else None, int(asked[1]) if len(asked) > 1 else ASSETS) else 1)
