"""Purge and retention."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from stored_rows import some_assessments, some_predictions, some_readings

from smart_sentry.contracts import alarms as words
from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmTransition
from smart_sentry.stores.alarm_log import AlarmState
from smart_sentry.stores.asset_states import AssetState
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.baseline_index import ActiveBaseline
from smart_sentry.stores.drift_findings import Finding
from smart_sentry.stores.notes import Note
from smart_sentry.stores.recalibrations import Asked
from smart_sentry.stores.retention import Purge
from smart_sentry.stores.store import Store

EACH = {
    "readings": 4,
    "alarm_transitions": 1,
    "alarms": 1,
    "operator_notes": 2,
    "recalibrations": 1,
    "drift_findings": 1,
    "baselines": 1,
    "asset_states": 1,
}


def _raised(asset: str) -> AlarmTransition:
    return AlarmTransition(
        f"{asset}/x", asset, "x", words.AlarmState.NORMAL, words.AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, 1.0, "system",
        "", AlarmPriority.LOW, None,
    )  # fmt: skip


@pytest.fixture
def filled(store: Store) -> Store:
    """Two assets with something in every table."""
    numbers = [0, 1, 2, 3]
    for asset in ("pump", "fan"):
        with store.transaction() as batch:
            batch.readings.append(
                some_readings(asset, numbers), some_assessments(asset, numbers), some_predictions(numbers)
            )
            batch.alarms.record(
                [AlarmState(f"{asset}/x", asset, "x", "LOW", "UNACKNOWLEDGED", 1.0, "", {})],
                [_raised(asset)],
            )
            note = batch.notes.add(Note(asset, "observation", "ann", 1.0, "hums"))
            batch.notes.add(Note(asset, "observation", "ann", 2.0, "does not", corrects=note))
            batch.baselines.activate(ActiveBaseline(asset, "v1", 1.0, "ann"))
            found = batch.drift_findings.add(Finding(asset, 1.0, "v1", 0.0, 1.0, "unknown", 0.5, False, ()))
            batch.recalibrations.ask(Asked(asset, 2.0, "ann", "new duty", "v1", found))
            batch.states.change(AssetState(asset, "MONITORING", "motor", 1.0))
            batch.snapshots.save("motor", {"names": ["pump", "fan"]}, 1.0)
    return store


def test_purge_of_an_asset_archives_and_deletes_it_alone(filled: Store, tmp_path: Path) -> None:
    with filled.transaction() as batch:
        purged = batch.purge(Purge("pump", tmp_path, "ann", 86400.0))
    assert purged.rows == EACH
    assert purged.archive == tmp_path / "asset-pump-19700102T000000Z"
    with filled.view() as view:
        assert view.readings.assets() == ["fan"]
        assert list(view.assessments.latest()) == ["fan"]
        assert view.notes.history(asset_id="pump") == []
        assert [alarm.asset_id for alarm in view.alarms.current()] == ["fan"]
        assert list(view.states.all()) == ["fan"]
        assert view.snapshots.load("motor") == {"names": ["pump", "fan"]}
        details = {"rows": EACH, "archive": str(purged.archive)}
        assert view.audit.history() == [AuditEntry(86400.0, "ann", "purge", "pump", details)]


def test_archive_holds_every_row_with_its_signals(filled: Store, tmp_path: Path) -> None:
    with filled.transaction() as batch:
        folder = batch.purge(Purge("pump", tmp_path, "ann", 1.0)).archive
    assert folder is not None
    assert {path.stem: len(pd.read_parquet(path)) for path in folder.iterdir()} == EACH
    readings = pd.read_parquet(folder / "readings.parquet")
    assert readings["reading_id"].tolist() == ["r0", "r1", "r2", "r3"]
    assert readings["values"].map(list).tolist() == [[0.0, 1.0], [10.0, 11.0], [20.0, 21.0], [30.0, 31.0]]
    assert readings["signals"].map(list).tolist() == [["current", "speed"]] * 4
    assert readings["flag"].tolist() == [False, False, True, True]
    assert readings["failure_probability"].tolist() == [0.0, 0.01, 0.02, 0.03]


def test_archive_of_more_rows_than_are_read_at_once_is_whole(store: Store, tmp_path: Path) -> None:
    with store.transaction() as batch:
        batch.readings.add(some_readings("pump", range(25_000)))
    with store.transaction() as batch:
        folder = batch.purge(Purge("pump", tmp_path, "ann", 1.0)).archive
    assert folder is not None
    assert np.array_equal(pd.read_parquet(folder / "readings.parquet")["time"], 1000.0 + np.arange(25_000))


def test_purge_of_everything_leaves_the_audit_log(filled: Store, tmp_path: Path) -> None:
    with filled.transaction() as batch:
        purged = batch.purge(Purge(None, tmp_path, "ann", 1.0))
    assert purged.rows == {table: 2 * rows for table, rows in EACH.items()} | {"snapshots": 1}
    assert purged.archive == tmp_path / "all-19700101T000001Z"
    with filled.view() as view:
        assert view.readings.assets() == []
        assert view.snapshots.load("motor") is None
        assert [entry.action for entry in view.audit.history()] == ["purge"]


def test_purge_without_archive_writes_no_file(filled: Store, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with filled.transaction() as batch:
        assert batch.purge(Purge("pump", None, "ann", 1.0)).archive is None
    assert sorted(tmp_path.iterdir()) == before


def test_two_purges_of_one_second_have_archives_of_their_own(filled: Store, tmp_path: Path) -> None:
    with filled.transaction() as batch:
        first = batch.purge(Purge("pump", tmp_path, "ann", 1.0))
        batch.readings.add(some_readings("pump", [9]))
        second = batch.purge(Purge("pump", tmp_path, "ann", 1.0))
    assert first.archive != second.archive
    assert second.archive is not None
    assert pd.read_parquet(second.archive / "readings.parquet")["reading_id"].tolist() == ["r9"]


def test_purge_that_cannot_archive_deletes_nothing(filled: Store, tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("a file, not a folder")
    with pytest.raises(OSError, match="occupied"), filled.transaction() as batch:
        batch.purge(Purge("pump", occupied, "ann", 1.0))
    with filled.view() as view:
        assert view.readings.count("pump") == 4


def test_reading_of_a_purged_asset_may_come_again(filled: Store) -> None:
    with filled.transaction() as batch:
        batch.purge(Purge("pump", None, "ann", 1.0))
    with filled.transaction() as batch:
        assert batch.readings.add(some_readings("pump", [0])).all()


@pytest.mark.parametrize("most_at_once", [1, 2, 5000])
def test_retention_deletes_what_is_older_and_nothing_else(filled: Store, most_at_once: int) -> None:
    assert filled.retire(1002.0, most_at_once=most_at_once) == 4
    with filled.view() as view:
        for asset in ("pump", "fan"):
            assert view.readings.history(asset).reading_ids == ("r2", "r3")
            assert [found.time for found in view.assessments.history(asset)] == [1002.0, 1003.0]
            assert [found.time for found in view.predictions.history(asset)] == [1002.0, 1003.0]
        assert len(view.notes.history()) == 4
        assert len(view.alarms.transitions()) == 2
    assert filled.retire(1002.0) == 0


def test_retention_keeps_readings_that_no_snapshot_holds_and_the_newest_of_those_it_does(filled: Store) -> None:
    """Numbers of readings must not be given twice, and SQLite gives the number after the highest that is there."""
    with filled.view() as view:
        last = view.readings.last_number()  # the fan's r3; the pump's are 1 to 4
    assert filled.retire(2000.0, through=6) == 5
    with filled.view() as view:
        assert view.readings.history("pump").reading_ids == ()
        assert view.readings.history("fan").reading_ids == ("r1", "r2", "r3")
    assert filled.retire(2000.0, through=last) == 2
    with filled.transaction() as batch:
        batch.readings.add(some_readings("pump", [7]))
        assert batch.readings.last_number() > last


def test_retention_that_is_told_to_stop_leaves_the_rest(filled: Store) -> None:
    turns = iter([False, False, True])
    deleted = filled.retire(2000.0, most_at_once=1, stopped=lambda: next(turns, True))
    assert deleted == 2
