"""How a calibration ends that brings no baseline, also where the database is away just then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from plant_fixture import PUMP, healthy, open_pumps, sqlite_in, take

from smart_sentry.errors import ContaminatedCalibration, SmartSentryError, StoreUnavailable
from smart_sentry.plant import calibrations
from smart_sentry.plant.calibrations import Calibrations
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.worked_plant import WorkedPlant
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.store import Batch, Store

ASSET = "motor_01"
AWAY = StoreUnavailable("postgresql", "the server is gone", "Start it.")
REFUSED = ContaminatedCalibration(ASSET, 0.5, 0.05, ["vibration_g"])


class Database:
    """Stands between a plant and its database, and can take it away."""

    def __init__(self, plant: Plant) -> None:
        self.away = threading.Event()
        self._transaction: Callable[..., Any] = plant.store.transaction

    @contextmanager
    def transaction(self, **asked: Any) -> Iterator[Batch]:
        if self.away.is_set():
            raise AWAY
        with self._transaction(**asked) as batch:
            yield batch


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    opened = open_pumps(tmp_path)
    take(opened, healthy(200, 1))
    yield opened
    opened.store.close()


def fails_with_the_database_away(
    patch: pytest.MonkeyPatch, plant: Plant, problem: SmartSentryError, retry_seconds: float
) -> tuple[Calibrations, Database]:
    """Starts a calibration that ends with this problem, at a time when the database is gone."""
    database = Database(plant)

    def ends(*_: object, **__: object) -> None:
        database.away.set()
        raise problem

    patch.setattr(plant.store, "transaction", database.transaction)
    patch.setattr(calibrations, "calibrate", ends)
    running = Calibrations(plant, retry_seconds=retry_seconds)
    running.start(ASSET, 60, "Ada")
    until(lambda: stage(running) not in ("started", "learning"))
    return running, database


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it did not come so far"
        time.sleep(0.01)


def stage(running: Calibrations) -> str:
    found = running.status(ASSET)
    assert found is not None
    return found.stage


def state(plant: Plant) -> str:
    with plant.store.view() as view:
        found = view.states.find(ASSET)
    assert found is not None
    return found.state


@pytest.mark.parametrize(("problem", "told"), [(REFUSED, "refused"), (AWAY, "failed")])
def test_calibration_that_ends_while_the_database_is_away_is_told_and_its_asset_freed_later(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, problem: SmartSentryError, told: str
) -> None:
    running, database = fails_with_the_database_away(monkeypatch, plant, problem, 0.02)
    found = running.status(ASSET)
    assert found is not None
    assert (found.stage, found.progress, found.problem) == (told, 1.0, str(problem))
    assert state(plant) == "CALIBRATING"
    database.away.clear()
    until(lambda: state(plant) == "IDLE")
    running.start(ASSET, 60, "Ada")  # nothing forbids the next one
    database.away.clear()
    running.close()


def test_service_that_ends_while_the_database_is_away_does_not_wait_for_it(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, database = fails_with_the_database_away(monkeypatch, plant, REFUSED, 3600.0)
    running.close()
    assert state(plant) == "CALIBRATING"
    database.away.clear()
    Calibrations(plant).close()  # the next start
    assert state(plant) == "IDLE"


@pytest.mark.parametrize(("problem", "told"), [(REFUSED, "refused"), (AWAY, "failed")])
def test_machine_whose_recalibration_brings_no_baseline_is_monitored_as_before(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, problem: SmartSentryError, told: str
) -> None:
    monitored(plant)
    running, database = fails_with_the_database_away(monkeypatch, plant, problem, 0.02)
    assert stage(running) == told
    database.away.clear()
    until(lambda: state(plant) != "CALIBRATING")
    running.close()
    assert state(plant) == "MONITORING"
    take(plant, healthy(10, 3, begin=700))
    assert state(plant) == "MONITORING"


@pytest.mark.parametrize(("judged", "after"), [(True, "MONITORING"), (False, "CALIBRATED")])
def test_recalibration_that_a_stop_of_the_service_cut_off_leaves_a_machine_that_workers_judge_as_it_was(
    plant: Plant, tmp_path: Path, judged: bool, after: str
) -> None:
    """The worker has not stopped: it does not say again that it monitors the machine."""
    monitored(plant) if judged else calibrated(plant)
    with plant.store.transaction() as batch:
        batch.states.change(AssetState(ASSET, "CALIBRATING", PUMP.name, plant.clock()))
    service = WorkedPlant({PUMP.name: PUMP}, tmp_path / "models", Store(sqlite_in(tmp_path)))
    Calibrations(service).close()
    service.store.close()
    assert state(plant) == after
    take(plant, healthy(10, 3, begin=700))
    assert state(plant) == "MONITORING"


def calibrated(plant: Plant) -> None:
    running = Calibrations(plant)
    running.start(ASSET, 60, "Ada")
    running.close()
    assert state(plant) == "CALIBRATED"


def monitored(plant: Plant) -> None:
    calibrated(plant)
    take(plant, healthy(10, 2, begin=600))
    assert state(plant) == "MONITORING"
