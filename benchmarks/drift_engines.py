"""C-MAPSS run to the end of life: each engine a stream, its early life its baseline, triaged again and again until it fails.

    python -m benchmarks.drift_engines            all four training sets (SMART_SENTRY_CMAPSS names the zip or folder)
    python -m benchmarks.drift_engines FD001      one of them

Not one engine may be re-baselined at any point. It is asked in two ways, each alone and, where there are some, beside engines of
the same age: with the 100 readings that the product wants of a window, for engines that live long enough; and with 40, for all.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smart_sentry.assets import ASSET_COLUMN, AssetType, load_asset_type
from smart_sentry.config import load_settings
from smart_sentry.datasets.cmapss import Cmapss
from smart_sentry.detection.calibration import LEAST_READINGS, Readings
from smart_sentry.drift.case import DriftCase, Verdict
from smart_sentry.drift.fleet import LEAST_NEIGHBOURS, moves_of
from smart_sentry.drift.preparation import Prepared, prepare
from smart_sentry.drift.triage import judge

SETS = ("FD001", "FD002", "FD003", "FD004")
WINDOWS = (LEAST_READINGS, 40)
"""Flights of the early life, and of the recent window."""
EVERY, NEIGHBOURS = 50, 4
"""Flights between two looks at an engine; engines that stand beside it."""
CREW = 12
"""Engines that one process looks at together."""


@dataclass(frozen=True)
class Asked:
    """One triage: of which engine, with which windows, at which flight, whether beside neighbours, and what it said."""

    dataset: str
    engine: int
    window: int
    flight: int
    life: int
    beside: bool
    verdict: str
    may_recalibrate: bool


def main(sets: Sequence[str] = SETS) -> bool:
    """Prints the table; whether no engine may be re-baselined."""
    console, begun = Console(width=150), time.perf_counter()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # one process a core: their threads would only fight
        os.environ.setdefault(variable, "1")
    settings = load_settings()
    kind = load_asset_type(settings.configs_folder / "assets" / "turbofan.yaml")
    asked: list[Asked] = []
    with (
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
        Progress(console=console) as progress,
    ):
        futures = [
            pool.submit(crew, kind, dataset, lives[first : first + CREW])
            for dataset in sets
            for lives in [engines(kind, dataset, settings.cmapss)]
            for first in range(0, len(lives), CREW)
        ]
        bar = progress.add_task("engines", total=len(futures))
        for future in as_completed(futures):
            asked += future.result()
            progress.advance(bar)
    console.print(table_of(asked))
    wrong = sorted({(one.dataset, one.engine) for one in asked if one.may_recalibrate})
    for one in asked:
        if one.may_recalibrate:
            console.print(f"may be re-baselined: {one}")
    count = len({(one.dataset, one.engine) for one in asked})
    console.print(f"{count} engines, {len(asked)} triages in {time.perf_counter() - begun:.0f} s")
    console.print(f"engines that may be re-baselined at any point: {len(wrong)} of {count}")
    return not wrong


def engines(kind: AssetType, dataset: str, local: Path | None) -> list[tuple[int, np.ndarray]]:
    """(engine, (flights, signals)) of a training set."""
    source = Cmapss(dataset, kind, local=local, url="")
    with tempfile.TemporaryDirectory() as folder:
        source.fetch(Path(folder))
        train = source.load(Path(folder)).train
    return [
        (int(str(engine)), its[list(kind.signal_names)].to_numpy(np.float64))
        for engine, its in train.groupby(ASSET_COLUMN)
    ]


def crew(kind: AssetType, dataset: str, lives: Sequence[tuple[int, np.ndarray]]) -> list[Asked]:
    """Triages each engine at several points of its life, alone and beside others of the same age."""
    found = []
    for window in WINDOWS:
        cut = {
            (engine, flight): prepared(kind, values, window, flight)
            for engine, values in lives
            for flight in points(len(values), window)
        }
        moves = {key: moves_of(one.windows) for key, one in cut.items() if one.windows is not None}
        for (engine, flight), own in cut.items():
            life = len(dict(lives)[engine])
            others = [its for (other, age), its in moves.items() if age == flight and other != engine][:NEIGHBOURS]
            for beside in (False, True):
                if beside and len(others) < LEAST_NEIGHBOURS:
                    continue
                told = judge(own, others if beside else ())
                found.append(
                    Asked(dataset, engine, window, flight, life, beside, str(told.verdict), told.may_recalibrate)
                )
    return found


def points(life: int, window: int) -> list[int]:
    """Flights at which an engine is looked at, its last one among them; none where it does not live for two windows."""
    return sorted({*range(2 * window, life, EVERY), life}) if life >= 2 * window else []


def prepared(kind: AssetType, values: np.ndarray, window: int, flight: int) -> Prepared:
    seconds = np.arange(float(len(values))) * kind.sampling_seconds
    early, late = slice(0, window), slice(flight - window, flight)
    case = DriftCase(kind, Readings(seconds[early], values[early]), Readings(seconds[late], values[late]))
    return prepare(case, least_readings=window)


def table_of(asked: Sequence[Asked]) -> Table:
    """Triages by set, window and neighbours: verdicts, also at the last flight alone."""
    verdicts = [str(verdict) for verdict in Verdict]
    table = Table(
        "set", "window", "beside others", "engines", *verdicts, "degradation at the last flight", "may be re-baselined",
        title="Engines on their way to failure: triages by verdict",
    )  # fmt: skip
    for key in sorted({(one.dataset, -one.window, one.beside) for one in asked}):
        its = [one for one in asked if (one.dataset, -one.window, one.beside) == key]
        counts, last = Counter(one.verdict for one in its), [one for one in its if one.flight == one.life]
        table.add_row(
            key[0], str(-key[1]), "yes" if key[2] else "no", str(len({one.engine for one in its})),
            *(str(counts[verdict] or "") for verdict in Verdict),
            f"{sum(one.verdict == Verdict.DEGRADATION for one in last)} of {len(last)}",
            str(len({one.engine for one in its if one.may_recalibrate})),
        )  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:] or SETS) else 1)
