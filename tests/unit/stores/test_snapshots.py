"""Snapshots: any state of the monitor, without pickle, and only as it was kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from smart_sentry.errors import ChecksumMismatch
from smart_sentry.stores.snapshots import pack, unpack
from smart_sentry.stores.store import Store

STATE: dict[str, Any] = {
    "names": ["pump", "größe"],
    "memory": {"last": np.array([np.nan, 1.5]), "run": np.array([[1, 2]], dtype=np.int8), "none": np.empty((0, 3))},
    "phases": None,
    "flags": np.array([True, False]),
    "seconds": 1.25,
}


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    np.testing.assert_equal(one, other)
    arrays = [(one["memory"][name], other["memory"][name]) for name in one["memory"]]
    return all(a.dtype == b.dtype and a.shape == b.shape for a, b in arrays)


def test_state_comes_back_as_it_was_packed() -> None:
    assert _same(unpack(pack(STATE)), STATE)


@pytest.mark.parametrize("wrong", [{"a": object()}, {"a": np.array([object()])}, {1: "a"}, {"a": {1, 2}}])
def test_what_needs_pickle_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError):
        pack(wrong)


def test_snapshot_replaces_the_one_before_it_under_its_name(store: Store) -> None:
    with store.transaction() as batch:
        assert batch.snapshots.load("motor") is None
        batch.snapshots.save("motor", {"seconds": 1.0}, 1.0)
        batch.snapshots.save("other", {"seconds": 7.0}, 1.0)
        batch.snapshots.save("motor", STATE, 2.0)
    with store.transaction() as batch:
        batch.snapshots.delete("other")
    with store.view() as view:
        found = view.snapshots.load("motor")
        assert view.snapshots.load("other") is None
    assert found is not None
    assert _same(found, STATE)


def test_snapshot_with_other_bytes_is_refused(store: Store) -> None:
    with store.transaction() as batch:
        batch.snapshots.save("motor", STATE, 1.0)
    with store._engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text("UPDATE snapshots SET bytes = :other"), {"other": pack({"seconds": 2.0})})
    with store.view() as view, pytest.raises(ChecksumMismatch, match="snapshot motor"):
        view.snapshots.load("motor")
