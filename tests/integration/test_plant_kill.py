"""A service that is killed again and again while readings come in ends where an uninterrupted run ends."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from condition_sample import running as healthy_values
from plant_fixture import PUMP, open_pumps, readings_of, take
from plant_server import HOME

from smart_sentry.contracts.monitoring import AssetStatus
from smart_sentry.detection.baseline import Baseline
from smart_sentry.errors import SmartSentryError, UnknownAsset
from smart_sentry.plant.calibrations import Calibrations
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.purge import purge
from smart_sentry.plant.status import asset_status
from smart_sentry.servers import RunningServer, Server, free_port, running

TESTS = Path(__file__).parents[1]
ASSETS = ("motor_1", "motor_2", "motor_3", "motor_4")
KILLS, BATCH = int(os.environ.get("SMART_SENTRY_KILLS", "4")), 200
CALIBRATION_ROWS, ROWS = 300, int(os.environ.get("SMART_SENTRY_KILL_READINGS", "10000")) // len(ASSETS)
"""Of each asset. The variables make the story longer: 10 kills among 100000 readings take some minutes."""


def readings_to_send() -> list[dict[str, Any]]:
    """Readings, the assets in turns: stretches of a fault, missing values and a pause among healthy ones."""
    of_asset = []
    for number, asset in enumerate(ASSETS):
        values = healthy_values(ROWS, 10 + number)
        rng = np.random.default_rng(number)
        for begin in rng.integers(0, ROWS - 100, 6).tolist():
            values[begin : begin + 40, 2] += 0.15
        values[rng.integers(0, ROWS, 50), 0] = np.nan
        after = CALIBRATION_ROWS + np.arange(ROWS) + np.where(np.arange(ROWS) > ROWS // 2, 900, 0)
        of_asset.append(readings_of(values, asset, after.tolist()))
    return [reading for turn in zip(*of_asset, strict=True) for reading in turn]


def calibrated_home(home: Path) -> Path:
    """A folder with calibrated assets, closed in good order."""
    home.mkdir()
    plant = open_pumps(home)
    for number, asset in enumerate(ASSETS):
        take(plant, readings_of(healthy_values(CALIBRATION_ROWS, number), asset, range(CALIBRATION_ROWS)))
    calibrations = Calibrations(plant)
    for asset in ASSETS:
        calibrations.start(asset, 60, "test")
    calibrations.close()
    assert all(asset in plant.watch(PUMP.name).monitor.baselines for asset in ASSETS)
    plant.store.close()
    return home


class Killed:
    """A server that is killed and started anew on the same folder."""

    def __init__(self, home: Path, log: Path) -> None:
        self._home, self._log = home, log
        self._stack = ExitStack()
        self.starts = 0
        self.running = self._start()

    def _start(self) -> RunningServer:
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "--factory", "plant_server:application", "--port", str(port)]
        variables = {HOME: str(self._home), "PYTHONPATH": str(TESTS)}
        server = Server("plant", [*command, "--log-level", "warning"], "127.0.0.1", port, "/health", variables)
        self.starts += 1
        return self._stack.enter_context(running(server, self._log.with_suffix(f".{self.starts}.log")))

    def kill(self) -> None:
        """At once: nothing is closed or saved."""
        os.killpg(self.running.process.pid, signal.SIGKILL)

    def again(self) -> None:
        """Starts anew once the old process is gone."""
        assert self.running.process.wait(10) == -signal.SIGKILL
        self._stack.close()
        self.running = self._start()

    def close(self) -> None:
        """Ends it in good order."""
        self._stack.close()


def send_through_kills(server: Killed, batches: list[list[dict[str, Any]]]) -> tuple[int, int, int]:
    """Sends every batch until it is confirmed, while the server is killed.

    Returns:
        Readings that were confirmed as new, those confirmed as known already, and how many kills cut a request off.
    """
    rng = np.random.default_rng(7)
    doomed = set(rng.choice(len(batches), KILLS, replace=False).tolist())
    accepted = duplicates = cut_off = 0
    with httpx.Client(timeout=30) as client:
        for number, readings in enumerate(batches):
            killer = threading.Timer(float(rng.uniform(0.001, 0.015)), server.kill) if number in doomed else None
            if killer is not None:
                killer.start()
            while True:
                try:
                    answer = client.post(f"{server.running.address}/api/v1/data/batch", json={"readings": readings})
                except httpx.TransportError:
                    assert killer is not None, "the server went away by itself"
                    restart(server, killer)
                    killer, cut_off = None, cut_off + 1
                    continue
                assert answer.status_code == 200, answer.text
                accepted, duplicates = accepted + answer.json()["accepted"], duplicates + answer.json()["duplicates"]
                break
            if killer is not None:  # it came after the confirmation
                restart(server, killer)
    return accepted, duplicates, cut_off


def restart(server: Killed, killer: threading.Timer) -> None:
    killer.join()
    server.again()


def standing(home: Path) -> dict[str, Any]:
    """All that follows from the readings, from a plant that is opened anew on a folder."""
    plant = open_pumps(home)
    try:
        with plant.store.view() as batch:
            assessed = {asset: [vars(one) for one in batch.assessments.history(asset)] for asset in ASSETS}
            alarms = [vars(one) for one in batch.alarms.current()]
            transitions = [vars(one) for one in batch.alarms.transitions()]
            readings = {asset: batch.readings.history(asset) for asset in ASSETS}
        statuses: list[AssetStatus] = [asset_status(plant, asset) for asset in ASSETS]
        return {
            "assessments": assessed,
            "alarms": alarms,
            "transitions": transitions,
            "events": {asset: its.reading_ids for asset, its in readings.items()},
            "values": {asset: its.values.tobytes() for asset, its in readings.items()},
            "statuses": [status.model_dump() for status in statuses],
            "monitor": comparable(plant.watch(PUMP.name).monitor.snapshot()),
            "alarm memory": alarm_memory(plant.watch(PUMP.name).alarms.snapshot()),
        }
    finally:
        plant.store.close()


def alarm_memory(snapshot: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """What is remembered of each alarm, by its name: their numbers come from the order in which batches brought them up.

    When its newest observation came is no part of it: whoever was killed heard of it later.
    """
    conditions = {name: values for name, values in snapshot["conditions"].items() if name != "heard"}
    return {
        (life["asset_id"], life["key"]): (life, {name: values[place] for name, values in conditions.items()})
        for place, life in enumerate(snapshot["alarms"])
    }


def comparable(part: Any) -> Any:
    """Arrays as bytes, so that a snapshot can be compared with ==; NaN equals NaN."""
    if isinstance(part, dict):
        return {name: comparable(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [comparable(value) for value in part]
    return (part.dtype.str, part.shape, part.tobytes()) if isinstance(part, np.ndarray) else part


@pytest.mark.timeout(240 + ROWS // 20)
def test_service_that_is_killed_again_and_again_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = calibrated_home(tmp_path / "whole")
    killed = Path(shutil.copytree(whole, tmp_path / "killed"))
    readings = readings_to_send()
    batches = [readings[begin : begin + BATCH] for begin in range(0, len(readings), BATCH)]
    server = Killed(killed, tmp_path / "server")
    try:
        accepted, duplicates, cut_off = send_through_kills(server, batches)
        assert cut_off > 0
        assert server.starts == KILLS + 1
        server.kill()  # what stands now was never closed in good order either
    finally:
        server.close()
    assert accepted + duplicates == len(readings)  # a duplicate was stored before its confirmation got lost
    plant = open_pumps(whole)
    for batch in batches:
        take(plant, batch)
    plant.store.close()
    found, expected = standing(killed), standing(whole)
    for part in ("events", "values", "assessments", "alarms", "transitions", "statuses", "monitor", "alarm memory"):
        assert found[part] == expected[part], part
    every = {(one["asset_id"], one["event_id"]) for one in readings}
    assert {(asset, event) for asset in ASSETS for event in found["events"][asset]} >= every
    assert all(len(its) == len(set(its)) == CALIBRATION_ROWS + ROWS for its in found["events"].values())
    assert all(len(its) == CALIBRATION_ROWS + ROWS for its in found["assessments"].values())
    assert any(one["flag"] for its in found["assessments"].values() for one in its)
    with sqlite3.connect(killed / "plant.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def assert_consistent(plant: Plant, home: Path, asset: str) -> str:
    """Unknown everywhere, or known everywhere: rows, state, baseline files and monitor agree. Which of them it is."""
    with plant.store.view() as batch:
        state, rows = batch.states.find(asset), batch.readings.count(asset)
    store = plant.watch(PUMP.name).baselines
    files: Baseline | None = store.active(asset) if store.history(asset) else None
    watched = plant.watch(PUMP.name).monitor.baselines.get(asset)
    assert (None if files is None else files.version) == (None if watched is None else watched.version)
    if state is None:
        assert (rows, files) == (0, None)
        with pytest.raises(UnknownAsset):
            plant.type_of(asset)
        assert not store.folder_of(asset).exists()
        return "unknown"
    assert rows > 0
    assert state.state == ("IDLE" if files is None else "CALIBRATED")
    assert plant.type_of(asset) == PUMP.name
    return "calibrated" if files is not None else "idle"


@pytest.mark.timeout(120)
def test_purge_and_calibration_at_the_same_time_leave_one_of_both(tmp_path: Path) -> None:
    plant, asset = open_pumps(tmp_path), "motor_1"
    rng = np.random.default_rng(3)
    outcomes: dict[str, int] = {}
    others = readings_of(healthy_values(CALIBRATION_ROWS, 5), "motor_2", range(CALIBRATION_ROWS))
    take(plant, others)
    for _ in range(15):
        take(plant, readings_of(healthy_values(CALIBRATION_ROWS, 4), asset, range(CALIBRATION_ROWS)))
        calibrations = Calibrations(plant)
        pauses = rng.uniform(0, 0.02, 4)
        begin = threading.Barrier(2)

        def calibrate(pause: float, begin: threading.Barrier = begin, its: Calibrations = calibrations) -> str:
            begin.wait()
            time.sleep(pause)
            try:
                its.start(asset, 60, "Ada")
            except SmartSentryError as error:
                return type(error).__name__
            return "started"

        def remove(pauses: list[float], begin: threading.Barrier = begin) -> str:
            begin.wait()
            told = ""
            for pause in pauses:
                time.sleep(pause)
                try:
                    purge(plant, asset, asset, None, "Eve")
                    told = "purged"
                except SmartSentryError as error:
                    told = told or type(error).__name__
            return told

        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(calibrate, float(pauses[0])), pool.submit(remove, pauses[1:].tolist())
            ends = [future.result() for future in asked]
        calibrations.close()
        assert ends[0] in ("started", "UnknownAsset", "InsufficientData")
        assert ends[1] in ("purged", "StateForbids")
        status = calibrations.status(asset)
        assert status is None or status.progress == 1, "a calibration that never ends"
        found = assert_consistent(plant, tmp_path, asset)
        outcomes[found] = outcomes.get(found, 0) + 1
        again = open_pumps(tmp_path)  # what a restart would find
        assert assert_consistent(again, tmp_path, asset) == found
        again.store.close()
    with plant.store.view() as batch:
        assert batch.readings.count("motor_2") == CALIBRATION_ROWS
    assert set(outcomes) <= {"unknown", "calibrated"}
    plant.store.close()
