"""A plant of pumps behind the HTTP API, with a calibrated asset, for the tests that ask it all sorts of things."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
from condition_sample import pump, running
from live_app import served

from smart_sentry.api.prediction import create_app
from smart_sentry.assets import AssetType
from smart_sentry.config import Settings
from smart_sentry.errors import ModelUnavailable
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
PUMP: AssetType = pump(health={"damage_rate_per_hour": 200.0})
SIGNALS = PUMP.signal_names


def open_pumps(home: Path) -> Plant:
    """A plant that knows pumps, in a folder of its own."""
    return Plant({PUMP.name: PUMP}, home / "models", Store(sqlite_in(home)))


def sqlite_in(home: Path) -> str:
    """URL of the folder's database. A new one is a copy of an empty one: its tables take longer to make than most tests run."""
    file = home / "plant.db"
    if not file.exists():
        file.write_bytes(_empty_database())
    return f"sqlite:///{file}"


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "plant.db"
        Store(f"sqlite:///{file}").close()
        return file.read_bytes()


def no_model() -> Any:
    """No champion was packaged."""
    raise ModelUnavailable("models", "Train one first.")


@contextmanager
def client_of_pumps(home: Path, **settings: Any) -> Iterator[httpx.Client]:
    """The application with such a plant, served; a client of it."""
    app = create_app(no_model, Settings(home=home, **settings), open_plant=lambda: open_pumps(home))
    with served(app) as client:
        yield client


def readings_of(values: np.ndarray, asset_id: str, seconds: Sequence[float]) -> list[dict[str, Any]]:
    """Messages of one asset: (rows, signals) values, NaN as null, at so many seconds after START."""
    return [
        {
            "asset_id": asset_id, "event_id": f"at {after:g}",
            "timestamp": (START + timedelta(seconds=after)).isoformat(),
            **{name: None if np.isnan(value) else value for name, value in zip(SIGNALS, row, strict=True)},
        }
        for row, after in zip(values.tolist(), seconds, strict=True)
    ]  # fmt: skip


def healthy(rows: int, seed: int, asset_id: str = "motor_01", begin: int = 0) -> list[dict[str, Any]]:
    """Messages of a healthy pump, one a second."""
    return readings_of(running(rows, seed), asset_id, range(begin, begin + rows))


def take(plant: Plant, readings: list[dict[str, Any]]) -> None:
    """Gives messages to a plant without HTTP."""
    plant.take(
        [
            Incoming(
                one["asset_id"], one["event_id"], datetime.fromisoformat(one["timestamp"]).timestamp(),
                {name: one[name] for name in SIGNALS},
            )
            for one in readings
        ],
        "http",
    )  # fmt: skip


def send_batch(client: httpx.Client, readings: list[dict[str, Any]]) -> dict[str, Any]:
    """Sends readings that must be taken."""
    answer = client.post("/api/v1/data/batch", json={"readings": readings})
    assert answer.status_code == 200, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


def calibrate_asset(client: httpx.Client, asset_id: str) -> dict[str, Any]:
    """Calibrates an asset and waits for the end, which must be acceptance."""
    answer = client.post("/api/v1/calibration/start", json={"asset_id": asset_id, "lookback_minutes": 60})
    assert answer.status_code == 200, answer.text
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status: dict[str, Any] = client.get("/api/v1/calibration/status", params={"asset_id": asset_id}).json()
        if status["progress"] == 1:
            assert status["stage"] == "accepted", status
            return status
        time.sleep(0.02)
    raise AssertionError("the calibration did not end")
