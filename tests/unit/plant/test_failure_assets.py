"""Assets with a failure model under the plant: the champion judges them, row for row as the batch evaluation does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bundle_fixture import ASSET_TYPE, LiveService
from condition_sample import running
from live_app import served
from plant_fixture import PUMP, SIGNALS, sqlite_in
from tiny_project import tiny_histories

from smart_sentry.api.prediction import create_app
from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.bundle import Bundle
from smart_sentry.config import Settings
from smart_sentry.errors import ActionRefused
from smart_sentry.monitor import Monitor
from smart_sentry.plant.calibrations import Calibrations
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import purge
from smart_sentry.plant.status import asset_status
from smart_sentry.stores.store import Store

ENGINES, FLIGHT_S = 4, 3600.0
TYPES = {PUMP.name: PUMP, ASSET_TYPE.name: ASSET_TYPE}


def histories() -> pd.DataFrame:
    """Some engines' lives, flights of all engines mixed in the order of time."""
    table = tiny_histories()
    table = table[table[ASSET_COLUMN] <= ENGINES]
    return table.sort_values([CYCLE_COLUMN, ASSET_COLUMN], kind="stable").reset_index(drop=True)


def incoming(table: pd.DataFrame) -> list[Incoming]:
    return [
        Incoming(f"engine_{row[ASSET_COLUMN]:g}", f"{row[ASSET_COLUMN]:g}/{row[CYCLE_COLUMN]:g}", FLIGHT_S * row[CYCLE_COLUMN],
                 {name: None if np.isnan(row[name]) else float(row[name]) for name in ASSET_TYPE.signal_names})
        for row in table.to_dict("records")
    ]  # fmt: skip


def open_plant(home: Path, bundle: Bundle | None) -> Plant:
    return Plant(TYPES, home / "models", Store(sqlite_in(home)), failure_model=bundle)


def predictions_of(plant: Plant) -> pd.DataFrame:
    with plant.store.view() as batch:
        rows = [vars(one) for number in range(1, ENGINES + 1) for one in batch.predictions.history(f"engine_{number}")]
    return pd.DataFrame(rows).sort_values(["time", "asset_id"], kind="stable").reset_index(drop=True)


def expected_of(bundle: Bundle, table: pd.DataFrame) -> pd.DataFrame:
    return Monitor(bundle).assess_frame(table).reset_index(drop=True)


def assert_equal_rows(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert len(found) == len(expected)
    for name in ("failure_probability", "rul_cycles", "rul_lower_cycles", "rul_upper_cycles"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(found["warming"], expected["warming"])


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_row_is_predicted_as_the_batch_evaluation_does_from_the_first_on(
    tmp_path: Path, packaged_bundle: Bundle, size: int
) -> None:
    table = histories() if size > 1 else histories().head(40)
    plant, readings = open_plant(tmp_path, packaged_bundle), incoming(table)
    for begin in range(0, len(readings), size):
        plant.take(readings[begin : begin + size], "test")
    found = predictions_of(plant)
    assert_equal_rows(found, expected_of(packaged_bundle, table))
    assert found["warming"].iloc[:ENGINES].all()
    assert set(found["model_version"]) == {packaged_bundle.version}
    plant.store.close()


def test_state_health_and_alarm_follow_from_the_model(tmp_path: Path, packaged_bundle: Bundle) -> None:
    table = histories()
    plant = open_plant(tmp_path, packaged_bundle)
    plant.take(incoming(table.head(ENGINES)), "test")
    assert asset_status(plant, "engine_1").system_state == "MONITORING"  # nothing has to be calibrated
    plant.take(incoming(table.iloc[ENGINES:]), "test")
    last = expected_of(packaged_bundle, table).groupby(table[ASSET_COLUMN]).last()
    for number in range(1, ENGINES + 1):
        told, expected = asset_status(plant, f"engine_{number}"), last.loc[number]
        assert told.prediction is not None
        assert told.prediction.rul_cycles == pytest.approx(expected.rul_cycles, abs=1e-6)
        share = min(expected.rul_cycles / ASSET_TYPE.failure.rul_cap_cycles, 1.0)
        assert told.health == pytest.approx(100 * share, abs=1e-4)
        assert told.score == pytest.approx(expected.failure_probability / packaged_bundle.manifest.threshold, abs=1e-5)
        assert told.flagged == expected.alarm
        assert told.remaining_life_hours is None
    flagged = asset_status(plant, "engine_1")
    assert flagged.flagged, "the tiny engines run to their failure"
    assert flagged.reason.startswith(f"failure within {ASSET_TYPE.failure.horizon_cycles} cycles with probability")
    assert flagged.open_alarms == 1
    with plant.store.view() as batch:
        [alarm] = batch.alarms.current("engine_1")
        probability = [one.failure_probability for one in batch.predictions.history("engine_1")]
    assert alarm.kind == "failure"
    above = np.array(probability) >= packaged_bundle.manifest.threshold
    second = np.flatnonzero(np.convolve(above, np.ones(3))[: len(above)] >= 2)[0]  # 2 of the last 3
    with plant.store.view() as batch:
        [raised] = [one for one in batch.alarms.transitions(asset_id="engine_1") if one.event == "RAISED"]
    assert raised.time == pytest.approx(FLIGHT_S * (second + 1))
    life = expected_of(packaged_bundle, table)["rul_cycles"][table[ASSET_COLUMN] == 1].to_numpy()[second]
    used_up = 1 - min(life / ASSET_TYPE.failure.rul_cap_cycles, 1.0)
    assert (
        raised.priority
        == ("LOW", "MEDIUM", "HIGH", "CRITICAL")[int(np.searchsorted([0.25, 0.5, 0.75], used_up, "right"))]
    )
    assert raised.priority != "LOW", "the tiny engines are near their end when their alarm rises"
    plant.store.close()


def test_restart_goes_on_where_it_stopped(tmp_path: Path, packaged_bundle: Bundle) -> None:
    table = histories()
    readings = incoming(table)
    half = len(readings) // 2
    plant = open_plant(tmp_path, packaged_bundle)
    plant.take(readings[: half - 30], "test")
    with plant.store.transaction() as batch:
        plant.save(batch)
    plant.take(readings[half - 30 : half], "test")  # after the snapshot: caught up with
    plant.store.close()
    again = open_plant(tmp_path, packaged_bundle)
    again.take(readings[half:], "test")
    assert_equal_rows(predictions_of(again), expected_of(packaged_bundle, table))
    again.store.close()


def test_new_champion_builds_its_windows_anew_and_alarms_stay(tmp_path: Path, packaged_bundle: Bundle) -> None:
    table = histories()
    readings = incoming(table)
    most = len(readings) - 2 * ENGINES
    plant = open_plant(tmp_path, packaged_bundle)
    plant.take(readings[:most], "test")
    with plant.store.transaction() as batch:
        plant.save(batch)
    with plant.store.view() as batch:
        before = batch.alarms.transitions()
    plant.store.close()
    manifest = packaged_bundle.manifest.model_copy(update={"threshold": 0.3})
    successor = replace(packaged_bundle, manifest=manifest, checksum="f" * 64)
    again = open_plant(tmp_path, successor)
    with again.store.view() as batch:
        assert batch.alarms.transitions() == before
    again.take(readings[most:], "test")
    found = predictions_of(again).iloc[most:].reset_index(drop=True)
    assert_equal_rows(found, expected_of(successor, table).iloc[most:].reset_index(drop=True))
    assert set(found["model_version"]) == {successor.version}
    assert not found["warming"].any()
    again.store.close()


def test_engines_that_waited_for_a_model_are_monitored_once_there_is_one(
    tmp_path: Path, packaged_bundle: Bundle
) -> None:
    table = histories()
    readings = incoming(table)
    plant = open_plant(tmp_path, None)
    plant.take(readings[:100], "test")
    assert asset_status(plant, "engine_1").system_state == "IDLE"
    with plant.store.transaction() as batch:
        plant.save(batch)
    plant.store.close()
    again = open_plant(tmp_path, packaged_bundle)
    again.take(readings[100:], "test")
    assert asset_status(again, "engine_1").system_state == "MONITORING"
    expected = expected_of(packaged_bundle, table).iloc[100:].reset_index(drop=True)
    assert_equal_rows(predictions_of(again), expected)
    again.store.close()
    without = open_plant(tmp_path, None)  # the model was taken away again: nothing breaks
    assert asset_status(without, "engine_1").prediction is None
    without.store.close()


def test_reading_with_a_silent_sensor_is_not_judged_and_the_model_does_not_see_it(
    tmp_path: Path, packaged_bundle: Bundle
) -> None:
    table = histories()
    table = table[table[ASSET_COLUMN] == 1].reset_index(drop=True)
    spoilt = table.copy()
    sensor = ASSET_TYPE.sensor_names[0]
    spoilt.loc[[20, 21, 22], sensor] = [np.nan, np.nan, 1e9]
    plant = open_plant(tmp_path, packaged_bundle)
    plant.take(incoming(spoilt.head(23)), "test")
    status = asset_status(plant, "engine_1")
    assert status.score is None
    assert status.health is not None
    assert status.reason == f"not judged, sensor: {sensor} out of range"
    plant.take(incoming(spoilt.iloc[23:]), "test")
    expected = expected_of(packaged_bundle, table.drop(index=[20, 21, 22]))
    assert_equal_rows(predictions_of(plant), expected)
    with plant.store.view() as batch:
        told = batch.assessments.history("engine_1")
        keys = {alarm.kind for alarm in batch.alarms.current("engine_1")}
    assert len(told) == len(table)
    assert np.flatnonzero([one.score is None for one in told]).tolist() == [20, 21, 22]
    assert told[21].health == told[19].health
    assert f"sensor:{sensor}" in keys
    plant.store.close()


def test_maintenance_and_purge_begin_a_new_engine(tmp_path: Path, packaged_bundle: Bundle) -> None:
    table = histories()
    table = table[table[ASSET_COLUMN] == 1].reset_index(drop=True)
    plant = open_plant(tmp_path, packaged_bundle)
    plant.take(incoming(table.head(30)), "test")
    plant.maintenance.record("engine_1", "Ada", "overhaul")
    plant.take(incoming(table.iloc[30:60]), "test")
    found = predictions_of(plant).iloc[30:].reset_index(drop=True)
    assert_equal_rows(found, expected_of(packaged_bundle, table.iloc[30:60]))
    done = purge(plant, "engine_1", "engine_1", None, "Ada")
    assert done["deleted"]["readings"] == 60
    plant.take(incoming(table.iloc[:10]), "test")
    assert_equal_rows(predictions_of(plant), expected_of(packaged_bundle, table.iloc[:10]))
    plant.store.close()


def test_calibration_of_an_engine_is_refused_and_pumps_are_calibrated_beside_it(
    tmp_path: Path, packaged_bundle: Bundle
) -> None:
    plant = open_plant(tmp_path, packaged_bundle)
    plant.take(incoming(histories().head(400)), "test")
    calibrations = Calibrations(plant)
    with pytest.raises(ActionRefused, match=f"judged by {packaged_bundle.version}; no calibration is needed"):
        calibrations.start("engine_1", 1e6, "Ada")
    values = [dict(zip(SIGNALS, row, strict=True)) for row in running(200, 1).tolist()]
    plant.take([Incoming("pump", str(row), float(row), one) for row, one in enumerate(values)], "test")
    assert calibrations.start("pump", 60, "Ada") == 200
    calibrations.close()
    assert asset_status(plant, "pump").system_state == "CALIBRATED"
    plant.store.close()


def test_routes_tell_of_an_engine_what_predict_tells(
    tmp_path: Path, packaged_bundle: Bundle, service: LiveService
) -> None:
    table = histories()
    table = table[table[ASSET_COLUMN] == 1].reset_index(drop=True)
    app = create_app(
        lambda: packaged_bundle, Settings(home=tmp_path), open_plant=lambda: open_plant(tmp_path, packaged_bundle)
    )
    signals = [{name: float(row[name]) for name in ASSET_TYPE.signal_names} for row in table.to_dict("records")]
    with served(app) as client:
        readings: list[dict[str, Any]] = [
            {"asset_id": "engine_1", "event_id": str(cycle), **one} for cycle, one in enumerate(signals)
        ]
        assert client.post("/api/v1/data/batch", json={"readings": readings}).json()["accepted"] == len(table)
        status = client.get("/api/v1/monitoring/status", params={"asset_id": "engine_1"}).json()["asset"]
        baseline = client.get("/api/v1/monitoring/baseline", params={"asset_id": "engine_1"}).json()
        history = client.get("/api/v1/data/history", params={"asset_id": "engine_1", "limit": 3}).json()
        refused = client.post("/api/v1/calibration/start", json={"asset_id": "engine_1"})
        hypothetical = client.post("/api/v1/whatif", json={"asset_id": "engine_1", "readings": signals[:20]}).json()
    body = {"assets": [{"asset_id": "engine_1", "readings": [
        {"cycle": cycle + 1, "signals": one} for cycle, one in enumerate(signals)
    ]}]}  # fmt: skip
    predicted = service.client.post("/predict", json=body).json()["assessments"][0]
    assert status["prediction"]["failure_probability"] == pytest.approx(predicted["failure_probability"], abs=1e-6)
    assert status["prediction"]["rul_cycles"] == pytest.approx(predicted["rul_cycles"], abs=1e-5)
    assert status["models_loaded"]["failure"]
    assert baseline["failure_model"]["threshold"] == packaged_bundle.manifest.threshold
    assert history["predictions"][0]["failure_probability"] == pytest.approx(predicted["failure_probability"], abs=1e-6)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "action_refused")
    assert len(hypothetical["assessments"]) == 20
    expected = expected_of(packaged_bundle, table.head(20))
    found = [row["failure_probability"] for row in hypothetical["assessments"]]
    np.testing.assert_allclose(found, expected["failure_probability"], atol=1e-6)
    assert hypothetical["assessments"][-1]["top_contributions"]
