"""The kept connection by which SQLite is written to."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from stored_rows import some_readings

from smart_sentry.errors import StoreUnavailable
from smart_sentry.stores.store import Store
from smart_sentry.stores.writer import Busy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def other(file: Path, sqlite: Store) -> Iterator[sqlite3.Connection]:
    """Another program that has the same file open."""
    connection = sqlite3.connect(file, isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def sqlite(file: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{file}", busy_seconds=0.3) as store:
        yield store


def _add(store: Store, numbers: list[int], *, wait: bool = True) -> list[bool]:
    with store.transaction(wait=wait) as batch:
        return batch.readings.add(some_readings("pump", numbers)).tolist()


def _count(store: Store) -> int:
    with store.view() as view:
        return view.readings.count("pump")


def test_one_that_may_not_wait_is_told_at_once_that_another_program_writes(
    sqlite: Store, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    began = time.perf_counter()
    with pytest.raises(Busy):
        _add(sqlite, [0], wait=False)
    assert time.perf_counter() - began < 0.2
    other.execute("ROLLBACK")
    assert _add(sqlite, [0], wait=False) == [True]


def test_one_that_may_wait_does_so_also_after_one_that_may_not(sqlite: Store, other: sqlite3.Connection) -> None:
    _add(sqlite, [0], wait=False)
    other.execute("BEGIN IMMEDIATE")
    began = time.perf_counter()
    with pytest.raises(StoreUnavailable, match="locked"):
        _add(sqlite, [1])
    assert time.perf_counter() - began > 0.2
    other.execute("ROLLBACK")
    assert _add(sqlite, [1]) == [True]


def test_one_that_may_not_wait_does_not_wait_for_another_thread(sqlite: Store) -> None:
    inside, done = threading.Event(), threading.Event()

    def write_long() -> None:
        with sqlite.transaction() as batch:
            batch.readings.add(some_readings("pump", [0]))
            inside.set()
            done.wait(10)

    writing = threading.Thread(target=write_long)
    writing.start()
    inside.wait(10)
    with pytest.raises(Busy):
        _add(sqlite, [1], wait=False)
    done.set()
    writing.join()
    assert _add(sqlite, [0, 1], wait=False) == [False, True]


def test_server_may_always_have_to_be_waited_for(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url, Store(url) as store:
        with pytest.raises(Busy):
            _add(store, [0], wait=False)
        assert _add(store, [0]) == [True]


@pytest.mark.parametrize("wait", [True, False])
def test_transaction_that_failed_leaves_nothing_and_the_next_one_works(sqlite: Store, wait: bool) -> None:
    def fail() -> None:
        with sqlite.transaction(wait=wait) as batch:
            batch.readings.add(some_readings("pump", [0]))
            raise KeyError

    _add(sqlite, [5])
    with pytest.raises(KeyError):
        fail()
    assert _count(sqlite) == 1
    assert _add(sqlite, [0, 1], wait=wait) == [True, True]


def test_one_connection_is_kept_for_all_transactions(sqlite: Store) -> None:
    def its_cache() -> int:
        with sqlite.transaction() as batch:
            return id(batch.readings._connection.connection.driver_connection)

    assert len({its_cache() for _ in range(3)}) == 1


def test_others_can_write_when_the_store_is_closed(file: Path) -> None:
    with Store(f"sqlite:///{file}") as store:
        _add(store, [0])
    assert not file.with_name("store.db-wal").exists()
