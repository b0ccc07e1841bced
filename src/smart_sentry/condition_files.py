"""Calibrating from a file and scoring a file: the batch route of the condition monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.errors import ModelUnavailable, SmartSentryError
from smart_sentry.files import write_whole
from smart_sentry.phases import PHASES
from smart_sentry.reading_tables import TIME_COLUMN, as_readings, read_table

_PARALLEL_FROM = 8
"""Assets from which starting processes pays."""


@dataclass(frozen=True)
class Calibrated:
    """What became of one asset's calibration: a baseline's version, or why there is none."""

    asset_id: str
    version: str | None
    baseline: Baseline | None
    refusal: str | None


def calibrate_file(
    asset_type: AssetType, data: Path, store: BaselineStore, *, created: str, seed: int, workers: int,
    progress: Callable[[int, int], None],
) -> list[Calibrated]:  # fmt: skip
    """Calibrates every asset of a file.

    Args:
        asset_type: their type.
        data: CSV or Parquet: timestamp, asset_id, signals; of healthy machines.
        store: keeps what was accepted.
        created: ISO 8601 time to write into the baselines.
        seed: of the forests.
        workers: processes.
        progress: called with the number that is done, and of all.

    Raises:
        UnreadableData: the file cannot be read as readings of this type.
    """
    readings = as_readings(data, read_table(data), asset_type)
    assets = pd.unique(readings.asset_id)
    ordered = readings.order
    tasks = []
    for asset in assets:
        rows = ordered[readings.asset_id[ordered] == asset]
        tasks.append((asset, asset_type, Readings(readings.seconds[rows], readings.values[rows]), created, seed))
    done = []
    for number, (task, found) in enumerate(zip(tasks, _each(tasks, workers), strict=True), start=1):
        asset, _, learnt_from, _, _ = task
        if isinstance(found, Baseline):
            done.append(Calibrated(asset, store.add(found, learnt_from), found, None))
        else:
            done.append(Calibrated(asset, None, None, found))
        progress(number, len(assets))
    return done


def _each(tasks: list[tuple[str, AssetType, Readings, str, int]], workers: int) -> Iterator[Baseline | str]:
    if len(tasks) < _PARALLEL_FROM or workers < 2:
        yield from map(_calibrate, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_calibrate, tasks, chunksize=4)


def _calibrate(task: tuple[str, AssetType, Readings, str, int]) -> Baseline | str:
    asset, asset_type, readings, created, seed = task
    try:
        return calibrate(asset, asset_type, readings, created=created, seed=seed)
    except SmartSentryError as error:
        return str(error)


def score_file(asset_type: AssetType, data: Path, out: Path, store: BaselineStore) -> pd.DataFrame:
    """Scores a file and writes one row for each row in, in the same order.

    An asset without a baseline of its own is scored with the only baseline of the type, where there is only one; else its rows
    say that it was not calibrated.

    Args:
        out: CSV: timestamp, asset_id, phase, score, flag, reason; whole or not at all.

    Raises:
        UnreadableData: the file cannot be read as readings of this type.
        ModelUnavailable: no asset of the type was calibrated, or the type has changed since one of the file's was.
    """
    readings = as_readings(data, read_table(data), asset_type)
    baselines = store.all_active()
    if not baselines:
        raise ModelUnavailable(
            store.folder, f"Calibrate first: smart-sentry calibrate --type {asset_type.name} --data FILE."
        )
    assets = pd.unique(readings.asset_id)
    if len(baselines) == 1:
        only = next(iter(baselines.values()))
        baselines |= {str(asset): only for asset in assets}
    order = readings.order
    monitor = ConditionMonitor(asset_type, {asset: baselines[asset] for asset in assets if asset in baselines})
    slots = monitor.slots(readings.asset_id[order].tolist())
    condition = monitor.assess(slots, readings.seconds[order], readings.values[order])
    reasons = row_reasons(monitor, condition)
    told = pd.DataFrame({
        TIME_COLUMN: np.array(readings.timestamp, dtype=object)[order],
        ASSET_COLUMN: readings.asset_id[order],
        "phase": np.array([phase.value for phase in PHASES], dtype=object)[condition.phase],
        "score": condition.score,
        "flag": condition.flag.astype(np.int64),
        "reason": reasons,
    })  # fmt: skip
    table = told.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
    write_whole(out, lambda part: table.to_csv(part, index=False, float_format="%.6g"))
    return table
