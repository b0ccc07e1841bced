"""What is read of an asset, and when nothing can be said of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from condition_sample import running
from drift_fleet import (
    BEGINS,
    ENDS,
    HOUR,
    LEARNT_ROWS,
    MENDED,
    NOTED_AT,
    PUMP,
    Fleet,
    learnt_readings,
    make_fleet,
    send,
)

from smart_sentry.baseline_store import READINGS_FACTS
from smart_sentry.drift_monitoring.windows import AssetWindows, Skipped, read_windows
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.notes import Note

ASSET = "pump a"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return make_fleet(tmp_path, (ASSET, MENDED))


def read(fleet: Fleet, asset: str = ASSET, hours: float = 24.0) -> AssetWindows | Skipped:
    with fleet.store.view() as batch:
        return read_windows(batch, fleet.baselines, PUMP, asset, hours)


def windows(fleet: Fleet, asset: str = ASSET, hours: float = 24.0) -> AssetWindows:
    found = read(fleet, asset, hours)
    assert isinstance(found, AssetWindows), found
    return found


def test_reference_is_what_the_baseline_was_learnt_from_and_the_window_begins_after_it(fleet: Fleet) -> None:
    found = windows(fleet)
    np.testing.assert_array_equal(found.reference.values, learnt_readings(0).values)
    assert (found.recent.seconds[0], found.recent.seconds[-1], len(found.recent.seconds)) == (BEGINS, ENDS, HOUR)
    np.testing.assert_array_equal(found.recent.values, running(HOUR, 100))
    assert found.baseline_version == fleet.baselines.history(ASSET)[-1]


def test_window_is_as_long_as_asked(fleet: Fleet) -> None:
    assert windows(fleet, hours=0.5).recent.seconds[0] == ENDS - 1800.0


def test_readings_in_the_database_stand_in_for_those_that_were_not_kept(fleet: Fleet) -> None:
    home = fleet.baselines.folder_of(ASSET) / fleet.baselines.history(ASSET)[-1]
    (home / READINGS_FACTS).unlink()
    found = read(fleet)
    assert isinstance(found, Skipped)
    assert "were not kept" in found.reason
    learnt = learnt_readings(0)
    send(fleet.store, ASSET, learnt.seconds, learnt.values)
    np.testing.assert_array_equal(windows(fleet).reference.values, learnt.values)


@pytest.mark.parametrize("what", ["no readings", "no baseline", "few readings", "broken baseline"])
def test_an_asset_of_which_nothing_can_be_said_is_skipped_with_its_reason(fleet: Fleet, what: str) -> None:
    asset, said = "pump new", {
        "no readings": "no readings", "no baseline": "no baseline", "few readings": "since its calibration",
        "broken baseline": "expected SHA-256",
    }[what]  # fmt: skip
    with fleet.store.transaction() as batch:
        batch.states.begin([AssetState(asset, "IDLE", PUMP.name, BEGINS)])
    if what != "no readings":
        send(fleet.store, asset, BEGINS + np.arange(50.0), running(50, 7))
    if what in ("few readings", "broken baseline"):
        shutil.copytree(fleet.baselines.folder_of(ASSET), fleet.baselines.folder_of(asset))
    if what == "broken baseline":
        (fleet.baselines.folder_of(asset) / fleet.baselines.history(asset)[-1] / "baseline.npz").write_bytes(b"other")
    found = read(fleet, asset)
    assert isinstance(found, Skipped)
    assert said in found.reason


def test_log_holds_notes_that_stand_and_recorded_maintenances(fleet: Fleet) -> None:
    with fleet.store.transaction() as batch:
        wrong = batch.notes.add(Note(MENDED, "maintenance", "Bo", BEGINS + 10.0, "Wrong machine."))
        batch.notes.add(Note(MENDED, "other", "Bo", BEGINS + 20.0, "Not this one.", wrong))
        batch.notes.add(Note(MENDED, "operating change", "Bo", BEGINS - 86_400.0, "Long ago."))
    entries = windows(fleet, MENDED).log
    assert [(one.seconds, one.kind, one.text) for one in entries] == [
        (BEGINS + 20.0, "other", "Not this one."), (NOTED_AT, "maintenance", "Impeller renewed."),
    ]  # fmt: skip


def test_a_fast_machine_is_looked_at_by_the_second(fleet: Fleet) -> None:
    fast = PUMP.model_copy(update={"sampling_seconds": 0.01})
    seconds, values = BEGINS + 7200.0 + np.arange(500) / 100, running(500, 9)
    values[150:250, 1] = np.nan
    send(fleet.store, ASSET, seconds, values)
    with fleet.store.view() as batch:
        found = read_windows(batch, fleet.baselines, fast, ASSET, 24.0)
    assert isinstance(found, AssetWindows)
    assert found.asset_type.sampling_seconds == 1.0
    assert len(found.recent.seconds) == HOUR + 5
    np.testing.assert_allclose(found.recent.values[-5, 0], values[:100, 0].mean())
    np.testing.assert_allclose(found.recent.values[-4, 1], values[100:150, 1].mean())
    assert len(found.reference.seconds) == LEARNT_ROWS


def test_the_password_of_a_database_is_not_shown(fleet: Fleet) -> None:
    assert "sqlite" not in repr(fleet.source)
