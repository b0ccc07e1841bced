"""Transactions: whole or nothing, whoever dies and however many write."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from stored_rows import add_judged, some_readings

from smart_sentry.errors import ConfigurationError, StoreUnavailable
from smart_sentry.servers import free_port
from smart_sentry.stores import engine
from smart_sentry.stores.audit import AuditEntry
from smart_sentry.stores.store import Store

ROWS = 50
WRITER = f"""
import sys
from stored_rows import add_judged
from smart_sentry.stores.store import Store

with Store(sys.argv[1]) as store:
    for number in range(1_000_000):
        ids = range(number * {ROWS}, (number + 1) * {ROWS})
        with store.transaction() as batch:
            add_judged(batch, "pump", ids)
            batch.snapshots.save("motor", {{"transactions": number + 1}}, 1.0)
        print(number + 1, flush=True)
"""


def test_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as batch:
            add_judged(batch, "pump", [0, 1])
            batch.snapshots.save("motor", {"a": 1}, 1.0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.view() as view:
        assert view.readings.count("pump") == 0
        assert view.assessments.latest() == {}
        assert view.snapshots.load("motor") is None
    with store.transaction() as batch:
        assert batch.readings.add(some_readings("pump", [0, 1])).all()


def test_store_that_is_opened_again_has_what_was_written(store_url: str) -> None:
    with Store(store_url) as first, first.transaction() as batch:
        batch.readings.add(some_readings("pump", [0, 1]))
    with Store(store_url) as second, second.transaction() as batch:
        assert batch.readings.add(some_readings("pump", [1, 2])).tolist() == [False, True]


def test_view_cannot_write(store: Store) -> None:
    with pytest.raises((StoreUnavailable, DBAPIError), match=r"(?i)read-?only"), store.view() as view:
        view.audit.add(AuditEntry(1.0, "ann", "x", None, {}))
    with store.transaction() as batch:
        batch.audit.add(AuditEntry(2.0, "ann", "y", None, {}))
    with store.view() as view:
        assert [entry.action for entry in view.audit.history()] == ["y"]


@pytest.mark.parametrize("rested", [True, False])
def test_connection_that_rested_is_made_anew_where_its_server_is_gone(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, rested: bool
) -> None:
    monkeypatch.setattr(engine, "_LONG_REST_S", 0.0 if rested else 60.0)
    with postgres_server.database() as url, Store(url) as store:
        with store.transaction() as batch:
            batch.audit.add(AuditEntry(1.0, "ann", "CALIBRATED", "pump", {}))
        postgres_server.run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{make_url(url).database}'"
        )
        if not rested:
            with pytest.raises(StoreUnavailable), store.view() as view:
                view.audit.history()
        with store.view() as view:
            assert len(view.audit.history()) == 1


def test_database_that_only_lets_read_is_unavailable_until_it_lets_write_again(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        with Store(url) as store, store.transaction() as batch:
            batch.audit.add(AuditEntry(1.0, "ann", "x", None, {}))
        name = url.rsplit("/", 1)[1].partition("?")[0]
        postgres_server.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with pytest.raises(StoreUnavailable, match="read-only"), Store(url) as store, store.transaction() as batch:
            batch.audit.add(AuditEntry(2.0, "ann", "lost", None, {}))
        postgres_server.run(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        with Store(url) as store:
            with store.transaction() as batch:
                batch.audit.add(AuditEntry(2.0, "ann", "y", None, {}))
            with store.view() as view:
                assert [entry.action for entry in view.audit.history()] == ["x", "y"]


def test_view_stands_still_and_waits_for_nobody_while_others_write(store: Store) -> None:
    with store.view() as view:
        assert view.readings.count("pump") == 0
        with store.transaction() as batch:
            batch.readings.add(some_readings("pump", [0]))
            assert view.readings.count("pump") == 0
        assert view.readings.count("pump") == 0
    with store.view() as view:
        assert view.readings.count("pump") == 1


def test_transaction_within_a_transaction_is_refused_instead_of_waiting_for_itself(store: Store) -> None:
    with store.transaction(), pytest.raises(RuntimeError, match="use its batch"), store.transaction():
        pass
    with store.transaction() as batch:
        assert batch.readings.add(some_readings("pump", [0])).all()


def test_four_threads_that_send_the_same_readings_store_each_once(store: Store) -> None:
    together = threading.Barrier(4)

    def send(thread: int) -> int:
        new = 0
        together.wait()
        for number in range(20):
            ids = range(number * 10, number * 10 + 20)  # every reading twice by every thread
            with store.transaction(assets=["fan", "pump"]) as batch:
                for asset in (["pump", "fan"], ["fan", "pump"])[thread % 2]:
                    rows = some_readings(asset, ids)
                    fresh = batch.readings.unknown(rows.asset_ids, rows.reading_ids)
                    kept = [number for number, is_new in zip(ids, fresh, strict=True) if is_new]
                    add_judged(batch, asset, kept)
                    new += len(kept)
        return new

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(send, range(4)))
    assert sum(results) == 2 * 210
    with store.view() as view:
        for asset in ("pump", "fan"):
            assert view.readings.count(asset) == 210
            assert len(view.assessments.history(asset)) == 210


def test_four_threads_open_one_new_store_at_once(store_url: str) -> None:
    together = threading.Barrier(4)

    def open_and_write(thread: int) -> None:
        together.wait()
        with Store(store_url) as store, store.transaction() as batch:
            batch.readings.add(some_readings(f"asset-{thread}", [0]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_and_write, range(4)))
    with Store(store_url) as store, store.view() as view:
        assert len(view.readings.assets()) == 4


def test_writer_that_is_killed_leaves_whole_transactions_and_loses_none(store_url: str) -> None:
    tests = str(Path(__file__).parents[2])
    program = f"import sys; sys.path.insert(0, {tests!r})\n{WRITER}"
    writer = subprocess.Popen([sys.executable, "-c", program, store_url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    try:
        told = [int(writer.stdout.readline()) for _ in range(20)]
    finally:
        writer.kill()
        rest, _ = writer.communicate()
    told += [int(line) for line in rest.splitlines()]
    with Store(store_url) as store, store.view() as view:
        snapshot = view.snapshots.load("motor")
        assert snapshot is not None
        written = snapshot["transactions"]
        assert written - told[-1] in (0, 1)  # one may have been committed and not yet told
        assert view.readings.count("pump") == written * ROWS
        assert len(view.assessments.history("pump")) == written * ROWS


def test_another_process_that_writes_is_waited_for_and_then_reported(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with Store(url) as other, Store(url, busy_seconds=0.1) as store, other.transaction():  # noqa: SIM117
        with pytest.raises(StoreUnavailable, match="database is locked") as refused, store.transaction():
            pass
    assert refused.value.url == url


def test_server_that_does_not_answer_is_named_without_its_password() -> None:
    port = free_port()
    with pytest.raises(StoreUnavailable) as refused:
        Store(f"postgresql://ann:geheim@127.0.0.1:{port}/plant")
    assert refused.value.url == f"postgresql+psycopg://ann:***@127.0.0.1:{port}/plant"
    assert "geheim" not in str(refused.value)
    assert "SMART_SENTRY_DATABASE" in refused.value.remedy


def test_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match="file"):
        Store(f"sqlite:///{tmp_path}/file/store.db")


def test_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"this is not a database, it is a text" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store(f"sqlite:///{tmp_path}/store.db")


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://u:geheim@host/db", "sqlite://", "sqlite:///:memory:", "postgresql://u:geheim@h:port/x"]
)
def test_url_of_no_database_that_is_supported_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Store(url)
    assert "geheim" not in str(refused.value)


def test_connection_that_breaks_within_a_transaction_is_an_unavailable_store_and_the_next_one_works(
    postgres_server: PostgresServer,
) -> None:
    with postgres_server.database() as url, Store(url) as store:
        with store.transaction() as batch:
            batch.readings.add(some_readings("pump", [0]))

        def write_and_break() -> None:
            with store.transaction() as batch:
                batch.readings.add(some_readings("pump", [1]))
                batch._connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

        with pytest.raises(StoreUnavailable):
            write_and_break()
        with store.transaction() as batch:
            assert batch.readings.add(some_readings("pump", [1, 2])).all()
        with store.view() as view:
            assert view.readings.history("pump").reading_ids == ("r0", "r1", "r2")
