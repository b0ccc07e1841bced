"""A database that goes away within a transaction and stays away: the monitors become what it has as soon as it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from condition_sample import baseline, running
from plant_fixture import PUMP, healthy, open_pumps, readings_of, take

from smart_sentry.contracts.alarms import AlarmAction
from smart_sentry.errors import StoreUnavailable
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import purge
from smart_sentry.plant.status import asset_status

ASSET = "motor_01"


def calibrated(home: Path) -> Plant:
    home.mkdir()
    plant = open_pumps(home)
    watch = plant.watch(PUMP.name)
    assert isinstance(watch, ConditionWatch)
    watch.baselines.add(baseline(rows=300, seed=0, asset_id=ASSET))
    plant.restore()
    take(plant, healthy(200, 0))
    return plant


def faulty(begin: int, rows: int = 40) -> list[dict[str, Any]]:
    return readings_of(running(rows, 2) + np.array([0.0, 0.0, 3.0]), ASSET, range(begin, begin + rows))


class Server:
    """A plant's database, which may end within the next transaction, and answers nobody until it is started."""

    def __init__(self, plant: Plant, patch: pytest.MonkeyPatch) -> None:
        self._transaction, self._view = plant.store.transaction, plant.store.view
        self.ends, self.is_up = False, True
        patch.setattr(plant.store, "transaction", self.transaction)
        patch.setattr(plant.store, "view", self.view)

    @contextmanager
    def transaction(self, **asked: Any) -> Iterator[Any]:
        self._answer()
        with self._transaction(**asked) as batch:
            yield batch
            if self.ends:
                self.ends, self.is_up = False, False
                self._answer()

    @contextmanager
    def view(self) -> Iterator[Any]:
        self._answer()
        with self._view() as batch:
            yield batch

    def _answer(self) -> None:
        if not self.is_up:
            raise StoreUnavailable("postgresql://h/x", "it starts up", "Wait.")


def told(plant: Plant) -> list[Any]:
    """Everything that the database has of assets and alarms."""
    with plant.store.view() as view:
        return [
            sorted(view.states.all()), view.alarms.current(), view.alarms.transitions(),
            [(one.reading_id, one.score, one.degradation) for one in view.assessments.history(ASSET)],
        ]  # fmt: skip


def test_readings_that_are_sent_again_end_as_if_the_database_had_never_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, undisturbed = calibrated(tmp_path / "one"), calibrated(tmp_path / "other")
    server = Server(plant, monkeypatch)
    batch = faulty(200) + healthy(5, 7, asset_id="motor_02")
    server.ends = True
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            take(plant, batch)
    assert plant.take_at_once([], "test") is None  # who must not wait for the restoring does not
    server.is_up = True
    for one in (plant, undisturbed):
        take(one, batch)
        take(one, faulty(240))
    alarms = told(plant)[1]
    assert [alarm.kind for alarm in alarms] == ["anomaly"]
    assert told(plant)[0] == ["motor_01", "motor_02"]
    assert told(plant)[3] == told(undisturbed)[3]
    plant.store.close()
    undisturbed.store.close()


def test_alarm_that_could_not_be_acknowledged_can_be_acknowledged_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = calibrated(tmp_path / "one")
    take(plant, faulty(200))
    server = Server(plant, monkeypatch)
    server.ends = True
    with pytest.raises(StoreUnavailable):
        plant.alarms.act(ASSET, "anomaly", AlarmAction.ACKNOWLEDGE, "Ann", "seen", None)
    server.is_up = True
    plant.alarms.act(ASSET, "anomaly", AlarmAction.ACKNOWLEDGE, "Ann", "seen", None)
    assert [alarm.state for alarm in told(plant)[1]] == ["ACKNOWLEDGED"]
    plant.store.close()


def test_asset_whose_purge_was_undone_is_judged_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = calibrated(tmp_path / "one")
    server = Server(plant, monkeypatch)
    server.ends = True
    with pytest.raises(StoreUnavailable):
        purge(plant, ASSET, ASSET, None, "Ann")
    server.is_up = True
    take(plant, faulty(200))
    assert [alarm.kind for alarm in told(plant)[1]] == ["anomaly"]
    plant.store.close()


def test_who_asks_for_the_state_while_the_monitors_are_restored_does_not_empty_them(tmp_path: Path) -> None:
    plant = calibrated(tmp_path / "one")
    take(plant, faulty(200))
    with plant.changing():
        pass
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            asset_status(plant, ASSET)
            time.sleep(0.001)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for one in asking:
        one.start()
    lost = 0
    for _ in range(40):
        plant.recover()
        lost += plant.watch(PUMP.name).alarms.status(ASSET, "anomaly") is None
    ended.set()
    for one in asking:
        one.join()
    assert lost == 0
    plant.store.close()
