"""Old measurements leave, and neither the state of the monitors nor a restart notices."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import pytest
from condition_sample import baseline, pump, running

from smart_sentry.plant import active_baseline
from smart_sentry.plant.incoming import Incoming
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.retention import Retention, retire_stored
from smart_sentry.stores.store import Store

DAY = 86_400.0
BEGIN = 1_000_000_000.0
NAMES = pump().signal_names


class Clock:
    def __init__(self) -> None:
        self.now = BEGIN + 2000.0

    def __call__(self) -> float:
        return self.now


def open_plant(home: Path, clock: Clock) -> Plant:
    return Plant({"pump": pump()}, home / "models", Store(f"sqlite:///{home / 'plant.db'}"), clock)


def send(plant: Plant, values: np.ndarray, begin: int = 0) -> None:
    plant.take(
        [
            Incoming("pump 1", f"r{begin + row}", BEGIN + begin + row, dict(zip(NAMES, one, strict=True)))
            for row, one in enumerate(values.tolist())
        ],
        "test",
    )


def kept(plant: Plant) -> tuple[int, int]:
    with plant.store.view() as view:
        return view.readings.count("pump 1"), len(view.assessments.history("pump 1"))


def test_what_is_too_old_goes_with_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    plant = open_plant(tmp_path, clock)
    send(plant, running(200, 1))
    clock.now = BEGIN + 100.0 + 30 * DAY
    with caplog.at_level(logging.INFO, "smart_sentry.plant.retention"):
        assert Retention(plant, 30).retire() == 100
    assert kept(plant) == (100, 100)
    assert "deleted 100 readings from before 2001-09-09T01:48:20+00:00" in caplog.text
    plant.store.close()


def test_plant_that_was_killed_after_everything_went_goes_on_as_one_that_kept_it(tmp_path: Path) -> None:
    values = np.concatenate([running(40, 2), running(30, 3) + np.array([0, 0, 0.3])])
    found = {}
    for name in ("kept", "retired"):
        home = tmp_path / name
        home.mkdir()
        clock = Clock()
        plant = open_plant(home, clock)
        send(plant, running(50, 1))
        active_baseline.commission(plant, "pump 1", baseline(), "Ada")
        send(plant, values[:40], 50)
        clock.now += 30 * DAY
        if name == "retired":
            Retention(plant, 1).retire()
            assert kept(plant) == (1, 1)  # the number of the newest reading must not be given again
        send(plant, values[40:], 90)  # after the stored state: a restart has to catch up with it
        plant.store.close()
        plant = open_plant(home, clock)
        send(plant, running(10, 5), 120)
        with plant.store.view() as view:
            found[name] = [
                (one.score, one.flag, one.degradation, one.reason) for one in view.assessments.history("pump 1")[-40:]
            ]
        plant.store.close()
    assert any(flag for _, flag, _, _ in found["kept"])
    assert found["retired"] == found["kept"]


def test_service_retires_at_its_start_and_again_and_stops_at_once(tmp_path: Path) -> None:
    clock = Clock()
    plant = open_plant(tmp_path, clock)
    send(plant, running(200, 1))
    clock.now = BEGIN + 100.0 + DAY
    retention = Retention(plant, 1, every_seconds=0.02)
    retention.start()
    _wait_for(plant, 100)
    clock.now = BEGIN + 150.0 + DAY
    _wait_for(plant, 50)
    begun = time.monotonic()
    retention.close()
    assert time.monotonic() - begun < 5
    clock.now = BEGIN + 300.0 + DAY
    time.sleep(0.1)
    assert kept(plant) == (50, 50)
    plant.store.close()


def test_database_that_is_away_for_a_while_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    plant = open_plant(tmp_path, clock)
    send(plant, running(200, 1))
    clock.now = BEGIN + 100.0 + DAY
    plant.store.close()
    there = tmp_path / "plant.db"
    for name in ("plant.db-wal", "plant.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    there.rename(tmp_path / "away.db")
    there.mkdir()  # no file can be opened there
    retention = Retention(plant, 1, every_seconds=0.02)
    with caplog.at_level(logging.WARNING, "smart_sentry.plant.retention"):
        retention.start()
        _until(lambda: "nothing was deleted" in caplog.text)
    there.rmdir()
    (tmp_path / "away.db").rename(there)
    _wait_for(plant, 100)
    retention.close()
    plant.store.close()


def _wait_for(plant: Plant, rows: int) -> None:
    _until(lambda: kept(plant) == (rows, rows))


def _until(condition: object) -> None:
    for _ in range(500):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def test_round_beside_the_service_leaves_what_its_stored_state_does_not_hold(tmp_path: Path) -> None:
    clock = Clock()
    plant = open_plant(tmp_path, clock)
    send(plant, running(50, 1))
    with plant.store.transaction() as batch:
        plant.save(batch)
    send(plant, running(30, 2), 50)
    now = clock.now + 30 * DAY
    assert retire_stored(plant.store, 1, now, ["pump"]) == 49
    assert kept(plant)[0] == 31  # the last one in the state, and those that came after it
    plant.store.close()


def test_round_beside_a_service_that_has_stored_no_state_deletes_no_reading(tmp_path: Path) -> None:
    plant = open_plant(tmp_path, Clock())
    send(plant, running(50, 1))
    assert retire_stored(plant.store, 1, BEGIN + 30 * DAY, ["pump"]) == 0
    plant.store.close()


def test_round_beside_workers_goes_by_age_alone(tmp_path: Path) -> None:
    plant = open_plant(tmp_path, Clock())
    send(plant, running(50, 1))
    assert retire_stored(plant.store, 1, BEGIN + 30 * DAY, None) == 49
    plant.store.close()
