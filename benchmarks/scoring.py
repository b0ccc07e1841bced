"""Scoring in process: one reading with its features, all features of a data set, and the command line's first answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.champion import Subject, subject
from smart_sentry.assets import ASSET_COLUMN
from smart_sentry.fleets import compute_features, fleet_of
from smart_sentry.monitor import Monitor

READINGS, REPEATS = 5000, 7
MOST_READING_US, MOST_FEATURES_S, MOST_HELP_S = 200.0, 1.0, 0.7


def main() -> bool:
    """Prints the table; whether every target is met."""
    of = subject()
    reading_us, explained_us = one_reading_us(of)
    rows, features_s = all_features_s(of)
    smart_sentry = str(Path(sys.executable).with_name("smart-sentry"))
    bare_s, help_s = (
        median_s(command, REPEATS) for command in ([sys.executable, "-c", "pass"], [smart_sentry, "--help"])
    )
    table = Table(title=f"In process, model {of.bundle.version}")
    for title in ("what", "median", "target"):
        table.add_column(title, justify="left" if title == "what" else "right")
    lines = (
        (
            "one reading scored, features included",
            f"{reading_us:.0f} us",
            f"{MOST_READING_US:.0f} us",
            reading_us <= MOST_READING_US,
        ),
        ("the same with 5 contributions named", f"{explained_us:.0f} us", "", True),
        (
            f"features of {rows} rows (train + test)",
            f"{features_s:.2f} s",
            f"{MOST_FEATURES_S:.1f} s",
            features_s <= MOST_FEATURES_S,
        ),
        ("smart-sentry --help", f"{help_s:.2f} s", f"{MOST_HELP_S:.1f} s", help_s <= MOST_HELP_S),
        ("  of it Python's own start", f"{bare_s:.2f} s", "", True),
    )
    for what, found, target, met in lines:
        table.add_row(what, found, f"{target} {'met' if met else 'MISSED'}" if target else "")
    Console(width=120).print(table)
    return all(met for *_, met in lines)


def one_reading_us(of: Subject) -> tuple[float, float]:
    """Median microseconds of scoring one reading of one asset that has been followed for 100 readings: bare, and explained."""
    values = of.data.test[list(of.data.asset_type.signal_names)].to_numpy(np.float64)
    rows = [values[number % len(values)][None, :] for number in range(READINGS)]
    plain, explaining = Monitor(of.bundle), Monitor(of.bundle, explain=True)
    for monitor in (plain, explaining):
        for row in rows[:100]:
            monitor.assess(["asset"], row)
    return (
        median_us([partial(plain.assess, ["asset"], row) for row in rows]),
        median_us([partial(explaining.answer, ["asset"], [101], row, top=5) for row in rows[: READINGS // 5]]),
    )


def all_features_s(of: Subject) -> tuple[int, float]:
    """Rows, and median seconds for all features of train and test, after compilation."""
    test = of.data.test.assign(**{ASSET_COLUMN: of.data.test[ASSET_COLUMN] + of.data.train[ASSET_COLUMN].max()})
    readings = pd.concat([of.data.train, test], ignore_index=True)
    fleet = fleet_of(readings, pd.Series(0, index=readings.index), of.data.asset_type)
    model = of.bundle.feature_model
    compute_features(model, fleet.take(np.arange(1000)))
    return len(readings), median_us([lambda: compute_features(model, fleet)] * REPEATS) / 1e6


def median_us(calls: list[Callable[[], object]]) -> float:
    """Median microseconds of the calls."""
    seconds = []
    for call in calls:
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return 1e6 * median(seconds)


def median_s(command: list[str], repeats: int) -> float:
    """Median wall seconds of a process."""

    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    run()
    return median_us([run] * repeats) / 1e6


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
