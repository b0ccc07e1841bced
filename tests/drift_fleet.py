"""A fleet of pumps with an hour behind them: in a database, with baselines and what they were learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from condition_sample import pump, running
from plant_fixture import sqlite_in

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.drift_monitoring.windows import Source
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.store import Store

BEGINS, LEARNT_ROWS, HOUR = 1_767_225_600.0, 1000, 3600
"""When the recent hour begins; readings before it that baselines were learnt from; readings of the hour."""
ENDS = BEGINS + HOUR - 1.0
PUMP: AssetType = pump()
WORN, STUCK, MENDED, STEPPED, WELL = "pump worn", "pump stuck", "pump mended", "pump stepped", ("pump a", "pump b")
VERDICTS = {
    WORN: "degradation", STUCK: "sensor_fault", MENDED: "step_after_maintenance", STEPPED: "unknown",
    **dict.fromkeys(WELL, "none"),
}  # fmt: skip
NOTED_AT = BEGINS + 1500.0


@dataclass(frozen=True)
class Fleet:
    """Where it is."""

    home: Path
    source: Source
    store: Store

    @property
    def baselines(self) -> BaselineStore:
        return self.source.baselines(PUMP)


def make_fleet(home: Path, assets: tuple[str, ...] = tuple(VERDICTS)) -> Fleet:
    """Every pump of `assets`, with what befell it."""
    source = Source(sqlite_in(home), home / "models")
    fleet = Fleet(home, source, Store(source.database_url))
    for number, asset in enumerate(assets):
        add_pump(fleet, asset, number, what_befell(asset, running(HOUR, 100 + number)))
    return fleet


def add_pump(fleet: Fleet, asset: str, seed: int, hour: np.ndarray) -> Baseline:
    """A calibrated pump and its hour, (rows, 3)."""
    learnt = learnt_readings(seed)
    baseline = calibrate(asset, PUMP, learnt, created="2025-12-31T23:59:59+00:00", seed=1)
    version = fleet.baselines.add(baseline, learnt)
    with fleet.store.transaction() as batch:
        batch.states.begin([AssetState(asset, "MONITORING", PUMP.name, BEGINS)])
        batch.baselines.activate(ActiveBaseline(asset, version, BEGINS - 1.0, "test"))
        if asset == MENDED:
            batch.audit.add(AuditEntry(NOTED_AT, "Ada", "maintenance", asset, {"reason": "Impeller renewed."}))
    send(fleet.store, asset, BEGINS + np.arange(len(hour), dtype=np.float64), hour)
    return baseline


def learnt_readings(seed: int) -> Readings:
    return Readings(BEGINS - LEARNT_ROWS + np.arange(float(LEARNT_ROWS)), running(LEARNT_ROWS, seed))


def send(store: Store, asset: str, seconds: np.ndarray, values: np.ndarray, kind: AssetType = PUMP) -> None:
    ids = [f"{time:.3f}" for time in seconds.tolist()]
    with store.transaction() as batch:
        batch.readings.add(ReadingRows([asset] * len(ids), ids, seconds, values, kind.signal_names, "test", BEGINS))


def what_befell(asset: str, hour: np.ndarray) -> np.ndarray:
    read = hour.copy()
    if asset == WORN:
        read += np.linspace(0.0, 1.0, HOUR)[:, None] * np.array([3.0, -40.0, 0.3])
    if asset == STUCK:
        read[1500:, 2] = read[1500, 2]
    if asset in (MENDED, STEPPED):
        read[1500:] += np.array([6.0, -60.0, 0.2])
    return read
