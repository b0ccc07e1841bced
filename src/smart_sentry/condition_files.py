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
from smart_sentry.condition_monitor import Condition, ConditionMonitor, Step
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.errors import ModelUnavailable, SmartSentryError
from smart_sentry.files import write_whole
from smart_sentry.health.explanations import Told, explain_ratio, explain_step
from smart_sentry.phases import PHASES
from smart_sentry.quality import FLAWS, GOOD
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
        ModelUnavailable: no asset of the type was calibrated.
    """
    readings = as_readings(data, read_table(data), asset_type)
    baselines = store.all_active()
    if not baselines:
        raise ModelUnavailable(
            store.folder, f"Calibrate first: smart-sentry calibrate --type {asset_type.name} --data FILE."
        )
    if len(baselines) == 1:
        only = next(iter(baselines.values()))
        baselines |= {str(asset): only for asset in pd.unique(readings.asset_id)}
    order = readings.order
    monitor = ConditionMonitor(asset_type, baselines)
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


def row_reasons(monitor: ConditionMonitor, condition: Condition) -> list[str]:
    """Why each reading is flagged, or why it could not be judged; empty where all is well."""
    uncovered = np.isnan(condition.score)
    bad_sensor = (condition.flaws != GOOD).any(axis=1)
    spoken_of = (condition.flag | uncovered | bad_sensor).nonzero()[0].tolist()
    out = [""] * len(condition.slot)
    if not spoken_of:
        return out
    names = monitor.asset_type.signal_names
    newest = dict(condition.carried)
    sentences: dict[int, tuple[Step, str]] = {}
    for row in spoken_of:
        slot, step = int(condition.slot[row]), int(condition.step[row])
        parts = []
        if condition.flag[row]:
            if step >= 0:
                newest[slot] = condition.step_of(step)
            if slot not in sentences or sentences[slot][0] is not newest[slot]:
                phase = int(condition.phase[row])
                sentences[slot] = newest[slot], _step_reason(monitor, slot, phase, newest[slot])
            parts.append(sentences[slot][1])
        if bad_sensor[row]:
            flawed = np.flatnonzero(condition.flaws[row] != GOOD)
            parts.append("sensor: " + ", ".join(f"{names[i]} {FLAWS[condition.flaws[row, i]]}" for i in flawed[:3]))
        elif uncovered[row] and not parts:
            parts.append(_not_judged(monitor, slot, PHASES[condition.phase[row]].value))
        out[row] = "; ".join(part for part in parts if part)
    return out


def _step_reason(monitor: ConditionMonitor, slot: int, phase: int, step: Step) -> str:
    channels = monitor.baselines[monitor.name_of(slot)].channels
    told = Told(step.channels, step.expected, step.scale)
    reasons = explain_step(
        monitor.asset_type, channels, step.statistic, step.effect, step.moved, told, PHASES[phase].value
    )
    if (ratio := explain_ratio(monitor.ratio_ranges(slot, phase), told, PHASES[phase].value)) is not None:
        reasons.append(ratio)
    return "; ".join(reason.sentence for reason in reasons)


def _not_judged(monitor: ConditionMonitor, slot: int, phase: str) -> str:
    name = monitor.name_of(slot)
    if name not in monitor.baselines:
        return f"not judged: {name} was not calibrated"
    if phase not in monitor.baselines[name].phases:
        return f"not judged: {phase} was not calibrated"
    return "not judged yet: the first second is not over"
