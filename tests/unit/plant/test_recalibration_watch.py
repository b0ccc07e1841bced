"""The watch after a promotion counts steps: of a machine read at 100 Hz, seconds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from condition_sample import baseline, pump, running
from plant_fixture import SIGNALS, START, sqlite_in

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.detection.baseline import Baseline
from smart_sentry.plant import recalibration_watch
from smart_sentry.plant.baseline_settling import settle_baselines
from smart_sentry.plant.incoming import IncomingWindow
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.recalibration_rules import RecalibrationRules
from smart_sentry.plant.recalibration_watch import RecalibrationWatch
from smart_sentry.plant.recalibrations import Recalibrations
from smart_sentry.recalibration.case import Check
from smart_sentry.recalibration.shadow import Shadow
from smart_sentry.stores.store import Store

ASSET = "motor_01"
FAST = pump(name="fast_pump", sampling_seconds=0.01, health={"damage_rate_per_hour": 200.0})
SECOND = 100
"""Readings in a step."""
BAD, WORSE = np.array([0.5, 0.0, 0.0]), np.array([0.8, 0.0, 0.0])
"""Of a second's mean current five and eight standard deviations: this second is flagged, those after it are not."""


@cache
def learnt(seed: int) -> Baseline:
    return baseline(6000, seed, ASSET, FAST)


class Promoted:
    """A fast pump with a baseline that was promoted in the middle of a second, and is watched for 12 s of readings."""

    def __init__(self, plant: Plant) -> None:
        self._plant, self._sent = plant, 0
        self.send(running(10 * SECOND + 50, 3))
        settle_baselines(plant)
        doings = Recalibrations(plant, RecalibrationRules(watch_minutes=0.2))
        self.number = doings.ask(ASSET, "Ada", "new duty").number
        candidate = plant.calibrated_watch_of(ASSET).baselines.keep(learnt(2))
        doings.built(self.number, candidate, "Ada")
        doings.checked(self.number, candidate, [Check("acceptance", True, {}, "Good.")], "Ada")
        doings.shadowed(self.number, candidate, Shadow(60, 0, 0, 0, 1.0, (), (), None, None), "Ada")
        assert doings.approve(self.number, "Ada", "seen to").state == "WATCHING"
        self._watch = RecalibrationWatch(plant, doings)
        self.send(running(50, 9))  # what is sent from here on in whole seconds is judged in these

    def send(self, *values: np.ndarray) -> None:
        """Sends further readings, 100 a second."""
        for part in values:
            at = START.timestamp() + (self._sent + np.arange(len(part))) / SECOND
            ids = [str(self._sent + number) for number in range(len(part))]
            columns = {name: column.tolist() for name, column in zip(SIGNALS, part.T, strict=True)}
            self._plant.take_windows([IncomingWindow(ASSET, 0.01, ids, at, columns, FAST.name)], "http")
            self._sent += len(part)

    def state(self) -> tuple[str, list[str]]:
        """After a round of the watch: where the recalibration stands, and what speaks against it."""
        self._watch.round()
        with self._plant.store.view() as batch:
            found = batch.recalibrations.find(self.number)
        return found.state, (found.checks or {})["watch"].get("objections", [])

    def actions(self) -> list[str]:
        """What was done with the recalibration, in order."""
        with self._plant.store.view() as batch:
            return [entry.action for entry in batch.audit.history(asset_id=ASSET)]


@pytest.fixture
def promoted(tmp_path: Path) -> Iterator[Promoted]:
    BaselineStore(tmp_path / "models" / FAST.name / "baselines").add(learnt(1))
    with Store(sqlite_in(tmp_path)) as store:
        yield Promoted(Plant({FAST.name: FAST}, tmp_path / "models", store))


def test_one_flagged_second_of_twelve_is_one_flagged_step(promoted: Promoted) -> None:
    promoted.send(running(5 * SECOND, 4), running(SECOND, 5) + BAD, running(6 * SECOND, 6))
    assert promoted.state() == ("WATCHING", [])


def test_flagged_seconds_take_a_baseline_back_from_fifty_steps_on(promoted: Promoted) -> None:
    """Every tenth second is flagged: four of 49 say nothing yet."""
    for _ in range(4):
        promoted.send(running(9 * SECOND, 4), running(SECOND, 5) + BAD)
    promoted.send(running(9 * SECOND, 4))
    assert promoted.state() == ("WATCHING", [])
    promoted.send(running(SECOND, 5) + BAD, running(9 * SECOND, 4), running(SECOND, 5) + BAD, running(8 * SECOND, 4))
    state, objections = promoted.state()
    assert state == "ROLLED_BACK"
    assert [one.split(" since")[0] for one in objections] == ["8.8% of 68 steps"]  # six


def test_watch_of_fewer_than_fifty_seconds_goes_on(promoted: Promoted) -> None:
    promoted.send(running(13 * SECOND, 4))
    assert promoted.state() == ("WATCHING", [])
    assert promoted.actions()[-1] == "recalibration: watched on"
    promoted.send(running(37 * SECOND, 5))
    assert promoted.state() == ("KEPT", [])


def test_damage_since_the_promotion_counts_however_many_readings_came_since(
    promoted: Promoted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six seconds of the first minute were bad, and lie farther back than the readings whose steps are looked at."""
    monkeypatch.setattr(recalibration_watch, "_MOST_ASSESSMENTS", 1)
    for _ in range(6):
        promoted.send(running(9 * SECOND, 4), running(SECOND, 5) + WORSE)
    promoted.send(running(110 * SECOND, 6))
    assert promoted.state() == ("ROLLED_BACK", ["The degradation index grew by 0.07."])
