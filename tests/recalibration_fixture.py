"""A pump that was calibrated, then runs at another duty: what a recalibration is asked for. Over HTTP, on real files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from condition_sample import running
from plant_fixture import (
    PUMP,
    START,
    calibrate_asset,
    client_of_pumps,
    healthy,
    open_pumps,
    readings_of,
    send_batch,
    sqlite_in,
)

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.recalibration_run import Workshop
from smart_sentry.service_client import ServiceClient
from smart_sentry.stores.drift_findings import Finding
from smart_sentry.stores.store import Store

ASSET = "motor_01"
CALIBRATED, MOVED = 900, 1600
"""Readings, one a second, that it was calibrated on, and those at the other duty."""
SHIFT_A = 2.0
"""Two standard deviations of the current."""
LOUD = np.array([30.0, 0.0, 2.0])
"""A fault that nobody would miss."""


def at_new_duty(rows: int, seed: int, shift_a: float = SHIFT_A) -> np.ndarray:
    """(rows, 3) readings of the healthy pump with another current."""
    return running(rows, seed) + np.array([shift_a, 0.0, 0.0])


@dataclass
class Moved:
    """The pump, its service and whoever carries recalibrations forward."""

    client: httpx.Client
    shop: Workshop
    store: Store
    baselines: BaselineStore
    home: Path
    sent: int

    def send(self, values: np.ndarray) -> None:
        """Sends further readings, one a second."""
        send_batch(self.client, readings_of(values, ASSET, range(self.sent, self.sent + len(values))))
        self.sent += len(values)

    def find(self, verdict: str, *, may_recalibrate: bool = False) -> int:
        """Stores a finding about the active baseline, and returns its number."""
        now, version = START.timestamp() + self.sent, self.baselines.history(ASSET)[-1]
        finding = Finding(ASSET, now, version, now - 900.0, now, verdict, 0.9, may_recalibrate, ())
        with self.store.transaction() as batch:
            return batch.drift_findings.add(finding)

    def audit(self) -> list[str]:
        """What was done with the asset, in order."""
        with self.store.view() as batch:
            return [entry.action for entry in batch.audit.history(asset_id=ASSET)]


@contextmanager
def pump_at_new_duty(home: Path, with_fault: bool = False, **settings: object) -> Iterator[Moved]:
    """A service on the folder with a calibrated pump that has run at another duty since.

    With a fault, it had one before that lasted a minute and was acknowledged.
    """
    with client_of_pumps(home, **settings) as client:
        send_batch(client, healthy(CALIBRATED, 1))
        calibrate_asset(client, ASSET)
        with workshop(client, home) as moved:
            moved.sent = CALIBRATED
            if with_fault:
                moved.send(np.vstack([running(100, 11), running(60, 12) + LOUD, running(300, 13)]))
                client.post("/api/v1/alarms", json={"asset_id": ASSET, "action": "acknowledge", "author": "Ada"})
            moved.send(at_new_duty(MOVED, 2))
            yield moved


@contextmanager
def workshop(client: httpx.Client, home: Path) -> Iterator[Moved]:
    """Whoever carries recalibrations of a service forward, with a database connection of its own."""
    with Store(sqlite_in(home)) as store, ServiceClient(str(client.base_url)) as service:
        shop = Workshop(
            store, {PUMP.name: PUMP}, home / "models", service, "Ada", MOVED / 60.0, 6.0, lambda: START.timestamp()
        )
        yield Moved(client, shop, store, BaselineStore(home / "models" / PUMP.name / "baselines"), home, 0)


def reopened(home: Path) -> Plant:
    """The plant as a restart finds it."""
    return open_pumps(home)
