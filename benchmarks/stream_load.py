"""What the stream is measured with: NASA's test engines many times over, and motors that run well or break down now and then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.datasets.motor_signals import healthy_readings
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.detection.calibration import Readings as Calibrating
from smart_sentry.detection.calibration import calibrate
from smart_sentry.stream.messages import Readings, reading_id
from smart_sentry.stream.sources import Clock, Replay, of_dataset

MOTORS = 500
_CALIBRATED_ON = 600
_FAULT_EVERY, _FAULT_LASTS, _FAULT_G = 500, 15, 0.5
"""Readings from one fault of a motor to the next, how many it lasts, and what it adds to the vibration."""


def engines(fleet: RunToFailure, copies: int) -> Replay:
    """The test engines, side by side so many times; each copy is a fleet of its own."""
    clock = Clock(datetime.now(UTC) - timedelta(days=30), 1.0)
    replays = [of_dataset(fleet, "test", clock) for _ in range(copies)]

    def chunks() -> Iterator[Readings]:
        for together in zip(*(one.chunks for one in replays), strict=True):
            for copy, chunk in enumerate(together):
                names = [f"{name}-{copy}" for name in chunk.asset_ids]
                ids = [
                    reading_id(name, 0, number) for name, number in zip(names, chunk.sequences.tolist(), strict=True)
                ]
                yield replace(chunk, asset_ids=names, reading_ids=ids)

    return Replay(f"{fleet.name}/test x {copies}", fleet.asset_type, sum(one.rows for one in replays), chunks())


def motors(kind: AssetType, rows_each: int, seed: int, *, faults: bool = False, first: int = 1) -> Replay:
    """Motors, one reading a second each; with faults, each has an offset of its vibration now and then, by turns.

    Args:
        first: number of the first reading.
    """
    clock = Clock(datetime.now(UTC) - timedelta(days=300), 1.0)
    rng = np.random.default_rng(seed)
    names = motor_names()
    turns = np.arange(MOTORS) % _FAULT_EVERY
    vibration = kind.signal_names.index("vibration_g")

    def chunks() -> Iterator[Readings]:
        for number in range(first, first + rows_each):
            values = healthy_readings(MOTORS, rng)
            if faults:
                values[(number + turns) % _FAULT_EVERY < _FAULT_LASTS, vibration] += _FAULT_G
            sequences = np.full(MOTORS, number, dtype=np.int64)
            ids = [reading_id(name, 0, number) for name in names]
            yield Readings(
                kind.name, names, ids, clock.seconds(sequences - 1), np.zeros(MOTORS, dtype=np.int64), sequences, values,
                np.arange(MOTORS, dtype=np.int64),
            )  # fmt: skip

    return Replay(f"{MOTORS} motors", kind, rows_each * MOTORS, chunks())


def motor_names() -> list[str]:
    return [f"motor-{number:04d}" for number in range(MOTORS)]


def commission_motors(kind: AssetType, models_folder: Path) -> None:
    """Gives every motor the baseline of a healthy one."""
    rng = np.random.default_rng(7)
    learnt = Calibrating(np.arange(float(_CALIBRATED_ON)), healthy_readings(_CALIBRATED_ON, rng))
    baseline = calibrate("motor-0000", kind, learnt, created=datetime.now(UTC).isoformat(), seed=7)
    store = BaselineStore(models_folder / kind.name / "baselines")
    for name in motor_names():
        store.add(replace(baseline, asset_id=name))
