"""An asset type whose file was removed or renamed: its assets stay to be seen and purged, and nobody else is held up by them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from condition_sample import pump
from live_app import served
from plant_fixture import PUMP, calibrate_asset, healthy, no_model, send_batch, sqlite_in
from typer.testing import CliRunner

from smart_sentry.api.prediction import create_app
from smart_sentry.assets import AssetType
from smart_sentry.cli import app
from smart_sentry.config import Settings
from smart_sentry.plant.baseline_settling import settle_baselines
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.recalibrations import Asked
from smart_sentry.stores.store import Store

FAN = pump(name="fan")
KEPT, LOST = "pump_1", "fan_1"
PURGE = "/api/v1/system/purge"


@contextmanager
def plant_of(home: Path, *kinds: AssetType) -> Iterator[httpx.Client]:
    types = {kind.name: kind for kind in kinds}
    built = create_app(
        no_model, Settings(home=home), open_plant=lambda: Plant(types, home / "models", Store(sqlite_in(home)))
    )
    with served(built) as client:
        yield client


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A pump and a fan, both calibrated."""
    with plant_of(tmp_path, PUMP, FAN) as client:
        for asset, kind in ((KEPT, PUMP), (LOST, FAN)):
            send_batch(client, [one | {"asset_type": kind.name} for one in healthy(200, 1, asset)])
            calibrate_asset(client, asset)
    return tmp_path


def assets(client: httpx.Client) -> dict[str, dict[str, Any]]:
    answer = client.get("/api/v1/assets")
    assert answer.status_code == 200, answer.text
    return {one["asset_id"]: one for one in answer.json()}


def test_asset_of_a_lost_type_is_listed_and_says_that_nobody_judges_it(home: Path) -> None:
    with plant_of(home, PUMP) as client:
        found = assets(client)
        assert found[KEPT]["baseline_established"]
        lost = found[LOST]
        assert (lost["asset_type"], lost["system_state"], lost["baseline_established"]) == ("fan", "CALIBRATED", False)
        assert "the type fan, which is not known any more" in lost["reason"]
        assert client.get("/api/v1/monitoring/status", params={"asset_id": LOST}).json()["asset"] == lost
        refused = client.get("/api/v1/data/history", params={"asset_id": LOST})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_asset")
        assert "configs/assets" in refused.json()["error"]["message"]


def test_lost_type_keeps_no_other_asset_from_its_calibration(home: Path) -> None:
    with plant_of(home, PUMP) as client:
        send_batch(client, healthy(200, 2, KEPT, 7200))
        ran = CliRunner().invoke(app, ["calibrate", "--all", "--service", str(client.base_url)])
        assert f"{KEPT}: baseline" in ran.output
        assert "1 of 2 assets calibrated" in ran.output


def test_asset_of_a_lost_type_is_purged_and_its_baseline_left(home: Path) -> None:
    with plant_of(home, PUMP) as client:
        done = client.post(PURGE, json={"asset_id": LOST, "confirm": LOST})
        assert done.status_code == 200, done.text
        assert done.json()["deleted"]["readings"] == 200
        assert set(assets(client)) == {KEPT}
        assert client.post(PURGE, json={"asset_id": LOST, "confirm": LOST}).status_code == 404
    assert list((home / "models" / "fan" / "baselines").rglob("baseline.npz"))
    with plant_of(home, PUMP, FAN) as client:
        assert set(assets(client)) == {KEPT}


def test_everything_is_purged_with_an_asset_of_a_lost_type(home: Path) -> None:
    with plant_of(home, PUMP) as client:
        done = client.post(PURGE, json={"confirm": "ALL", "archive": False})
        assert done.status_code == 200, done.text
        assert assets(client) == {}
    assert not list((home / "models" / "pump").rglob("baseline.npz"))


def test_asset_goes_on_where_its_type_is_back(home: Path) -> None:
    with plant_of(home, PUMP) as client:
        assert assets(client)[LOST]["health"] is None
    with plant_of(home, PUMP, FAN) as client:
        send_batch(client, [one | {"asset_type": "fan"} for one in healthy(5, 3, LOST, 200)])
        assert assets(client)[LOST]["system_state"] == "MONITORING"
        assert assets(client)[LOST]["health"] > 99


def test_plant_starts_with_an_open_recalibration_of_an_asset_of_a_lost_type(home: Path) -> None:
    plant = Plant({PUMP.name: PUMP}, home / "models", Store(sqlite_in(home)))
    with plant.store.transaction() as batch:
        version = batch.baselines.history(LOST)[-1].version
        batch.recalibrations.ask(Asked(LOST, 1.0, "Ada", "the load is another one", version, None))
    settle_baselines(plant)  # as the service does when it starts
    assert plant.watches.strays == {LOST: "fan"}
    plant.store.close()
