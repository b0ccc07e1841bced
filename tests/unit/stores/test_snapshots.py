"""Snapshots: any state of the monitor, without pickle, and only as it was kept."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from smart_sentry.errors import ChecksumMismatch
from smart_sentry.stores.snapshots import BASE_FROM_BYTES, Base, pack, unpack
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


def _large(first: float) -> dict[str, Any]:
    rings = np.random.default_rng(7).normal(size=(BASE_FROM_BYTES // 8, 1))
    rings[0] = first
    return {"asset": f"pump at {first}", "rings": rings}


def _lengths(store: Store) -> dict[str, int]:
    with store._engine.connect() as connection:
        return dict(connection.execute(text("SELECT name, length(bytes) FROM snapshots")).tuples().all())


def _save(store: Store, state: dict[str, Any], base: Base | None = None) -> Base | None:
    with store.transaction() as batch:
        return batch.snapshots.save("motor", state, 1.0, base)


def _load(store: Store) -> dict[str, Any] | None:
    with store.view() as view:
        return view.snapshots.load("motor")


def test_state_comes_back_as_it_was_packed() -> None:
    assert _same(unpack(pack(STATE)), STATE)


def test_state_of_an_older_version_is_read(store: Store) -> None:
    memory = STATE["memory"]
    tree = {
        **STATE,
        "memory": {name: {"__array__": place} for place, name in enumerate(memory)},
        "flags": {"__array__": 3},
    }
    file = io.BytesIO()
    np.savez(
        file, a0=memory["last"], a1=memory["run"], a2=memory["none"], a3=STATE["flags"],
        tree=np.frombuffer(json.dumps(tree).encode(), np.uint8),
    )  # fmt: skip
    older = {"bytes": file.getvalue(), "sum": hashlib.sha256(file.getvalue()).hexdigest()}
    assert older["bytes"].startswith(b"PK")
    _save(store, {"seconds": 1.0})
    with store._engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text("UPDATE snapshots SET bytes = :bytes, checksum = :sum"), older)
    found = _load(store)
    assert found is not None
    assert _same(found, STATE)


def test_arrays_that_do_not_lie_row_by_row_come_back_equal_and_can_be_written_to() -> None:
    square = np.arange(12.0).reshape(3, 4)
    state = {
        "turned": square.T,
        "part": square[:, 1:3],
        "one": np.array(7),
        "newest": np.array(["2026-01-01"], "M8[s]"),
    }
    found = unpack(pack(state))
    np.testing.assert_equal(found, state)
    found["turned"][0, 0] = 5.0
    assert square[0, 0] == 0.0


_TWO_FIELDS = np.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")])


@pytest.mark.parametrize(
    "wrong",
    [{"a": object()}, {"a": np.array([object()])}, {1: "a"}, {"a": [{2: "b"}]}, {"a": {1, 2}}, {"a": _TWO_FIELDS}],
)
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


def test_large_state_is_stored_as_what_has_changed_since_its_base(store: Store) -> None:
    base = _save(store, _large(1.0))
    np.testing.assert_equal(_load(store), _large(1.0))
    assert base is not None
    before = _lengths(store)
    assert _save(store, _large(2.0), base) is base
    np.testing.assert_equal(_load(store), _large(2.0))
    after = _lengths(store)
    assert after["motor (base)"] == before["motor (base)"] > 0.9 * BASE_FROM_BYTES
    assert after["motor"] < 0.01 * BASE_FROM_BYTES


def test_base_is_not_changed_by_who_changes_the_state_later(store: Store) -> None:
    state = _large(1.0)
    base = _save(store, state)
    state["rings"][:] = 0.0
    _save(store, _large(2.0), base)
    np.testing.assert_equal(_load(store), _large(2.0))


@pytest.mark.parametrize(
    "other", [lambda rings: -rings * 0.7, lambda rings: rings[:-8], lambda rings: rings.view("<i8")]
)
def test_state_that_has_little_in_common_with_its_base_gets_a_new_one(store: Store, other: Any) -> None:
    base = _save(store, _large(1.0) | {"more": np.zeros(8)})
    state = {"asset": "pump", "rings": other(_large(1.0)["rings"]), "more": np.zeros(8)}
    assert _save(store, state, base) is not base
    np.testing.assert_equal(_load(store), state)


def test_base_of_a_transaction_that_failed_is_not_counted_on(store: Store) -> None:
    first = _save(store, _large(1.0))
    again = {"rings": np.random.default_rng(8).normal(size=BASE_FROM_BYTES)}
    failed = None
    with contextlib.suppress(ZeroDivisionError), store.transaction() as batch:
        failed = batch.snapshots.save("motor", again, 1.0)
        raise ZeroDivisionError
    np.testing.assert_equal(_load(store), _large(1.0))
    assert _save(store, again, failed) is not failed
    np.testing.assert_equal(_load(store), again)
    _save(store, _large(3.0), first)
    np.testing.assert_equal(_load(store), _large(3.0))


def test_small_state_in_place_of_a_large_one_leaves_no_base(store: Store) -> None:
    base = _save(store, _large(1.0))
    assert _save(store, STATE, base) is None
    assert _lengths(store).keys() == {"motor"}


def test_deleted_snapshot_takes_its_base_with_it(store: Store) -> None:
    _save(store, _large(1.0))
    with store.transaction() as batch:
        batch.snapshots.delete("motor")
    assert _lengths(store) == {}


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE snapshots SET bytes = :other, checksum = '0' WHERE name LIKE '%(base)'",
        "DELETE FROM snapshots WHERE name LIKE '%(base)'",
    ],
)
def test_snapshot_whose_base_is_another_is_refused(store: Store, harm: str) -> None:
    _save(store, _large(1.0))
    with store._engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(text(harm), {"other": pack(STATE)} if ":other" in harm else {})
    with pytest.raises(ChecksumMismatch, match=r"snapshot motor \(base\)"):
        _load(store)
