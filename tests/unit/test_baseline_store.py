"""Baselines of assets with any name are kept and found again."""

from __future__ import annotations

from pathlib import Path

import pytest
from condition_sample import baseline

from smart_sentry.baseline_store import BaselineStore

LONG = "ポンプ" * 42
NAMES = ("pump 7/8", "..", "a+b", LONG, LONG[:-1])


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
