"""`python -m benchmarks.reports`: the reports of a motor with 100,000 readings; exit code 1 where a target is missed.

The peer writes the same rows into a sheet cell by cell, in constant memory, as XlsxWriter's documentation shows it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.progress import track

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.config import Settings
from smart_sentry.datasets.motor_signals import healthy_readings
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.health.degradation import RISKS, health, risk
from smart_sentry.reports.reports import write_report
from smart_sentry.reports.source import ReportSource
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.store import Store

TARGETS_S = {"executive": 0.2, "industrial": 1.0, "excel": 5.0}
ROWS, ASSET, START, MOST_MB = 100_000, "motor_01", 1_780_000_000.0, 150.0
_AT_ONCE, _CALIBRATED_ON = 5000, 3600
_PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Spent:
    """Seconds of the wall clock and of the processor, medians."""

    wall: float
    cpu: float


def main(rows: int = ROWS, times: int = 5) -> bool:
    console = Console()
    with tempfile.TemporaryDirectory(prefix="smart-sentry-reports-") as name:
        home = Path(name)
        settings = fill(home, rows)
        source = ReportSource(Store(settings.database_url), _types(), settings.models_folder, None, settings)
        met = []
        for kind, target in TARGETS_S.items():
            spent = measure(lambda kind=kind: write_report(source, kind, ASSET, home / "report"), times, kind, console)  # type: ignore[misc]
            met.append(spent.wall < target)
            told = "" if met[-1] else "   MISSED"
            console.print(f"{kind:10} {spent.wall:6.3f} s (CPU {spent.cpu:.3f} s), target {target:g} s{told}")
            if kind == "excel":
                peer = measure(lambda: cell_by_cell(source, home / "peer.xlsx"), 1, "peer", console)
                console.print(
                    f"{'':10} {peer.cpu / spent.cpu:.1f} times as fast as cell by cell ({peer.cpu:.2f} s of CPU)"
                )
        source.store.close()
        first, all_of_them = (peak_mb(home, settings, most) for most in (rows // 10, rows))
        met.append(all_of_them < first + MOST_MB)
        console.print(
            f"memory     {all_of_them:.0f} MB at its peak with {rows:,} rows, {first:.0f} MB with {rows // 10:,}"
            " (in processes of their own)"
        )
    return all(met)


def fill(home: Path, rows: int) -> Settings:
    """A project with a motor, its baseline and so many readings with what was said of them."""
    settings = Settings(home=home, database=f"sqlite:///{home / 'plant.db'}")
    kind, rng = _types()["motor"], np.random.default_rng(1)
    values = healthy_readings(rows, rng)
    seconds = START + np.arange(rows, dtype=np.float64)
    learnt = Readings(seconds[:_CALIBRATED_ON], values[:_CALIBRATED_ON])
    baseline = calibrate(ASSET, kind, learnt, created="2026-06-01T00:00:00+00:00", seed=1)
    version = BaselineStore(settings.models_folder / kind.name / "baselines").add(baseline)
    score = np.abs(rng.normal(0.4, 0.2, rows))
    damage = np.linspace(0.0, 0.4, rows)
    healths = health(damage)
    with Store(settings.database_url) as store:
        for first in track(range(0, rows, _AT_ONCE), "Storing readings", transient=True):
            part = slice(first, min(first + _AT_ONCE, rows))
            count = part.stop - first
            names = [f"r{number}" for number in range(first, part.stop)]
            with store.transaction() as batch:
                read = ReadingRows(
                    [ASSET] * count, names, seconds[part], values[part], kind.signal_names, "http", START
                )
                batch.readings.append(read, AssessmentRows(
                    [ASSET] * count, names, seconds[part], ["UNKNOWN"] * count, score[part], score[part] > 1,
                    (score[part] > 1).astype(np.int64), healths[part], [RISKS[code] for code in risk(healths[part]).tolist()],
                    damage[part], ["High current_a: 19 A against 15 A" if one > 1 else "" for one in score[part].tolist()],
                ))  # fmt: skip
        with store.transaction() as batch:
            batch.states.begin([AssetState(ASSET, "MONITORING", kind.name, START)])
            batch.baselines.activate(ActiveBaseline(ASSET, version, START, "bench"))
    return settings


def measure(make: Callable[[], object], times: int, what: str, console: Console) -> Spent:
    """Medians over some turns after a first one, which reads fonts and compiles templates."""
    if times > 1:
        make()
    wall, cpu = [], []
    for _ in track(range(times), what, console=console, transient=True):
        began, worked = time.perf_counter(), time.process_time()
        make()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    return Spent(median(wall), median(cpu))


def cell_by_cell(source: ReportSource, path: Path) -> None:
    """The peer."""
    from xlsxwriter import Workbook

    with source.store.view() as batch, Workbook(str(path), {"constant_memory": True}) as book:
        date, sheet = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}), book.add_worksheet("Raw Data")
        signals = batch.reports.signals(ASSET, 0.0, START + 1e9)
        for number, row in enumerate(batch.reports.raw(ASSET, 0.0, START + 1e9, signals), 1):
            sheet.write_number(number, 0, row[0] / 86_400 + 25_569, date)
            for column, value in enumerate(row[1:], 1):
                sheet.write(number, column, value)


def peak_mb(home: Path, settings: Settings, rows: int) -> float:
    """Largest memory of a process that writes the workbook of so many rows."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return float(pool.apply(_peak, (str(home), settings.database_url, rows)))


def _peak(home: str, database: str, rows: int) -> float:
    from smart_sentry.reports import workbook

    workbook.MOST_ROWS = rows
    settings = Settings(home=Path(home), database=database)
    with Store(database) as store:
        source = ReportSource(store, _types(), settings.models_folder, None, settings)
        write_report(source, "excel", ASSET, Path(home) / "peak.xlsx")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _types() -> dict[str, AssetType]:
    return {"motor": load_asset_type(_PROJECT / "configs" / "assets" / "motor.yaml")}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rows", type=int, default=ROWS)
    arguments.add_argument("--times", type=int, default=5)
    sys.exit(0 if main(**vars(arguments.parse_args())) else 1)
