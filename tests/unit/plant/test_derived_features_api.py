"""Derived features over HTTP: what the baseline of a motor shows, and the reason that a ratio gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from live_app import served
from plant_fixture import calibrate_asset, no_model, send_batch, sqlite_in

from smart_sentry.api.prediction import create_app
from smart_sentry.assets import load_asset_type
from smart_sentry.config import Settings
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store

MOTOR = load_asset_type(Path(__file__).parents[3] / "configs" / "assets" / "motor.yaml")


def motor_readings(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal([230, 15, 0.92, 0.15], [2, 1, 0.02, 0.02], (rows, 4))


def messages(values: np.ndarray, asset: str = "motor_01") -> list[dict[str, Any]]:
    return [
        {"asset_id": asset, "timestamp": f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"}
        | dict(zip(MOTOR.signal_names, row, strict=True))
        for second, row in enumerate(values.tolist())
    ]


def test_baseline_of_a_motor_shows_its_features_and_a_reading_is_explained_by_its_ratio(tmp_path: Path) -> None:
    plant = Plant({MOTOR.name: MOTOR}, tmp_path / "models", Store(sqlite_in(tmp_path)))
    app = create_app(no_model, Settings(home=tmp_path), open_plant=lambda: plant)
    with served(app) as client:
        send_batch(client, messages(motor_readings(300, 1)))
        report = calibrate_asset(client, "motor_01")["acceptance"]
        learnt = client.get("/api/v1/monitoring/baseline").json()
        status = client.get("/api/v1/monitoring/status").json()
        summary = status["asset"]["baseline_summary"]
        odd = dict(zip(MOTOR.signal_names, (230, 15, 0.87, 0.204), strict=True))
        asked = {"asset_id": "motor_01", "readings": [odd | {"voltage_v": 230 + 0.01 * row} for row in range(6)]}
        told = client.post("/api/v1/whatif", json=asked).json()["assessments"]
    names = [feature.name for feature in MOTOR.derived_features]
    assert report["derived"] == learnt["acceptance"]["derived"] == names
    assert list(learnt["baseline"]) == [*MOTOR.signal_names, *names]
    assert set(learnt["baseline"]["power_vibration_ratio"]) == {"mean", "std", "min", "max"}
    assert 0.15 < learnt["baseline"]["power_vibration_ratio"]["mean"] < 0.17
    assert set(summary) == set(MOTOR.signal_names)
    others = {"voltage_mean": "voltage_v", "current_mean": "current_a", "vibration_mean": "vibration_g"}
    others["power_factor_mean"] = "power_factor"
    assert status["baseline_summary"] == summary | {other: summary[name] for other, name in others.items()}
    assert told[-1]["flag"]
    assert "; High power_vibration_ratio: 0.2318 g against 0.16" in told[-1]["reason"]
