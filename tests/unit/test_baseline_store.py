"""Baselines of assets with any name are kept and found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from condition_sample import baseline, pump, running, seconds

from smart_sentry.baseline_store import READINGS, BaselineStore
from smart_sentry.detection.baseline import ARRAYS
from smart_sentry.detection.calibration import Readings
from smart_sentry.errors import ChecksumMismatch

LONG = "ポンプ" * 42
NAMES = ("pump 7/8", "..", "a+b", "", LONG, LONG[:-1])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> BaselineStore:
    """A store with one baseline of each name."""
    kept = BaselineStore(tmp_path_factory.mktemp("baselines"))
    for name in NAMES:
        kept.add(baseline(rows=200, asset_id=name))
    return kept


def test_assets_are_listed_by_their_whole_names(store: BaselineStore) -> None:
    assert store.assets() == sorted(NAMES)
    assert {name: its.asset_id for name, its in store.all_active().items()} == {name: name for name in NAMES}


def test_every_asset_has_a_folder_of_its_own_right_below(store: BaselineStore) -> None:
    folders = {store.folder_of(name) for name in NAMES}
    assert len(folders) == len(NAMES)
    assert {folder.resolve().parent for folder in folders} == {store.folder.resolve()}
    assert max(len(folder.name) for folder in folders) <= 145


def test_active_baselines_that_are_held_are_not_read_again(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    store.add(baseline(rows=300, seed=1, asset_id="pump 1"))
    first = store.all_active()
    assert store.all_active()["pump 1"] is first["pump 1"]
    store.add(baseline(rows=300, seed=2, asset_id="pump 1"))
    assert store.all_active()["pump 1"].version == store.history("pump 1")[-1] != first["pump 1"].version


def test_version_that_is_kept_waits_until_it_is_activated(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    first = store.add(baseline(rows=300, seed=1, asset_id="pump 1"))
    second = store.keep(baseline(rows=300, seed=2, asset_id="pump 1"))
    assert store.history("pump 1") == [first]
    assert store.load("pump 1", second).version == second
    store.activate("pump 1", second)
    assert store.history("pump 1") == [first, second]


def test_two_builders_of_one_asset_do_not_touch_what_the_other_is_putting_together(tmp_path: Path) -> None:
    store, kept = BaselineStore(tmp_path), list[str]()
    first, second = (baseline(rows=300, seed=seed, asset_id="pump 1") for seed in (1, 2))

    class Interrupted:
        """The first, whose builder pauses in the middle, while another one keeps the second."""

        asset_id = "pump 1"

        def save(self, folder: Path) -> str:
            version = first.save(folder)
            kept.append(store.keep(second))
            return version

    mine = store.keep(Interrupted())  # type: ignore[arg-type]
    (other,) = kept
    assert store.versions("pump 1") == sorted([mine, other])
    assert store.load("pump 1", mine).version == mine
    assert {path.name for path in store.folder_of("pump 1").iterdir()} == {mine, other}
    assert store.keep(second) == other  # once more: it is there


def test_tampered_version_is_not_activated(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    first = store.add(baseline(rows=300, seed=1, asset_id="pump 1"))
    second = store.keep(baseline(rows=300, seed=2, asset_id="pump 1"))
    with (store.folder_of("pump 1") / second / ARRAYS).open("ab") as file:
        file.write(b"more")
    with pytest.raises(ChecksumMismatch):
        store.activate("pump 1", second)
    assert store.history("pump 1") == [first]


def test_readings_that_a_version_was_learnt_from_come_back_or_are_refused(tmp_path: Path) -> None:
    store, readings = BaselineStore(tmp_path), Readings(seconds(300, 1.0), running(300, 1))
    with_them = store.add(baseline(rows=300, seed=1, asset_id="pump 1"), readings)
    without = store.keep(baseline(rows=300, seed=2, asset_id="pump 1"))
    found = store.readings_of("pump 1", with_them)
    assert found is not None
    np.testing.assert_array_equal(found.seconds, readings.seconds)
    np.testing.assert_array_equal(found.values, readings.values)
    assert store.readings_of("pump 1", without) is None
    with (store.folder_of("pump 1") / with_them / READINGS).open("ab") as file:
        file.write(b"more")
    with pytest.raises(ChecksumMismatch):
        store.readings_of("pump 1", with_them)


def test_baseline_of_before_the_type_changed_is_broken_and_the_one_before_it_is_used_if_it_fits(tmp_path: Path) -> None:
    store, slower = BaselineStore(tmp_path), pump(sampling_seconds=2)
    store.add(baseline(rows=200, seed=1, asset_id="pump 1"))
    store.add(baseline(rows=200, seed=1, asset_id="pump 2"))
    first = store.history("pump 2")[0]
    store.add(baseline(rows=200, seed=2, asset_id="pump 2", asset_type=slower))
    usable, broken = store.all_usable(pump())
    assert (set(usable), set(broken)) == ({"pump 1", "pump 2"}, {"pump 2"})
    assert usable["pump 2"].version == first
    assert "the time between readings: 2 s when it was learnt, now 1 s; calibrate again" in broken["pump 2"]
    usable, broken = store.all_usable(slower)
    assert (set(usable), set(broken)) == ({"pump 2"}, {"pump 1"})


def test_baseline_of_before_signal_names_were_kept_is_compared_by_its_channels_and_their_number(tmp_path: Path) -> None:
    store = BaselineStore(tmp_path)
    store.add(replace(baseline(rows=200, asset_id="pump 1"), signals=()))
    assert store.all_usable(pump())[1] == {}
    signals = [signal.model_dump() for signal in pump().signals]
    renamed = pump(signals=[signals[0] | {"name": "power_w"}, *signals[1:]])
    more = pump(signals=[*signals, signals[0] | {"name": "load", "role": "setting"}])
    assert "now power_w, speed_rpm, vibration_g" in store.all_usable(renamed)[1]["pump 1"]
    assert "the number of its signals: 3 when it was learnt, now 4" in store.all_usable(more)[1]["pump 1"]
