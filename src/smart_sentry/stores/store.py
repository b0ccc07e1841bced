"""The store: one database, reached through transactions.

    with store.transaction() as batch:
        new = batch.readings.unknown(asset_ids, reading_ids)
        ...                                  # judge the new ones, and only these
        batch.readings.append(rows, said, predicted)
        batch.alarms.record(states, transitions)
        batch.snapshots.save("motor", monitor.snapshot(), now)

Either all of it is in the database afterwards or nothing is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from smart_sentry.errors import StoreUnavailable
from smart_sentry.stores.alarm_log import AlarmLog
from smart_sentry.stores.assessments import AssessmentTable
from smart_sentry.stores.asset_states import AssetStateTable
from smart_sentry.stores.audit import AuditLog
from smart_sentry.stores.baseline_index import BaselineIndex
from smart_sentry.stores.bulk import hold_assets
from smart_sentry.stores.commands import CommandTable
from smart_sentry.stores.connections import Connections
from smart_sentry.stores.drift_findings import DriftFindings
from smart_sentry.stores.engine import make_engine, parse_url, without_secrets
from smart_sentry.stores.layouts import forget_layouts
from smart_sentry.stores.live import LiveTable
from smart_sentry.stores.migrations import upgrade
from smart_sentry.stores.notes import NoteTable
from smart_sentry.stores.predictions import PredictionTable
from smart_sentry.stores.readings import ReadingTable
from smart_sentry.stores.recalibrations import RecalibrationTable
from smart_sentry.stores.report_rows import ReportRows
from smart_sentry.stores.retention import Purge, Purged, delete_older, purge
from smart_sentry.stores.snapshots import SnapshotTable
from smart_sentry.stores.stream_partitions import StreamPartitions
from smart_sentry.stores.throughput import ThroughputLog
from smart_sentry.stores.writer import Busy, SqliteWriter

_REMEDY = {
    "sqlite": "See that the folder can be written, that the disk is not full and that no other program holds the file.",
    "postgresql": "See that the server runs and that SMART_SENTRY_DATABASE names its address, database and user rightly.",
}
_NEWER = "This database was made by a newer version of Smart Sentry: use that version, or another database."
_MIGRATION_LOCK = 3_141_593


class Batch:
    """Everything that can be read and written within one transaction, by what it is about."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.readings = ReadingTable(connection)
        self.assessments = AssessmentTable(connection)
        self.predictions = PredictionTable(connection)
        self.alarms = AlarmLog(connection)
        self.notes = NoteTable(connection)
        self.baselines = BaselineIndex(connection)
        self.drift_findings = DriftFindings(connection)
        self.recalibrations = RecalibrationTable(connection)
        self.states = AssetStateTable(connection)
        self.audit = AuditLog(connection)
        self.snapshots = SnapshotTable(connection)
        self.stream = StreamPartitions(connection)
        self.commands = CommandTable(connection)
        self.throughput = ThroughputLog(connection)
        self.live = LiveTable(connection)
        self.reports = ReportRows(connection)

    def purge(self, asked: Purge) -> Purged:
        """Archives and deletes an asset's data, or everybody's."""
        return purge(self._connection, asked)


class Store:
    """One database. It may be used by any number of threads at once; each has its own transactions.

    Args:
        url: sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE. The tables are made or brought up to date.
        busy_seconds: patience with others that write, on SQLite.

    Raises:
        ConfigurationError: the URL is none, or of a database that is not supported.
        StoreUnavailable: the database cannot be reached or was made by a newer version; so may every transaction.
    """

    def __init__(self, url: str, *, busy_seconds: float = 30.0) -> None:
        parsed = parse_url(url)
        self.shown_url = without_secrets(parsed)
        self._busy_seconds = busy_seconds
        self._sqlite = parsed.drivername == "sqlite"
        self._mine = threading.local()
        try:
            self._engine = make_engine(parsed, busy_seconds)
            event.listen(self._engine, "rollback", forget_layouts)
            self._connections = None if self._sqlite else Connections(self._engine)
            self._writer = SqliteWriter(self._engine, busy_seconds) if self._sqlite else None
        except OSError as error:
            raise self._unavailable(error) from error
        try:
            self._bring_up_to_date()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def transaction(self, *, assets: Iterable[str] = (), wait: bool = True) -> Iterator[Batch]:
        """A transaction that writes: whole when the block ends, nothing when it raises.

        On SQLite one transaction writes at a time, and others wait for their turn. On PostgreSQL only those wait that write
        the same assets.

        Args:
            assets: those that will be written, where more than one call adds readings. Two transactions that come to
                the same assets in different order would wait for each other, until PostgreSQL ends one of them.
            wait: for others. If not, and where a database is asked over a network, `Busy` says that it would have to.

        Raises:
            Busy: it may not wait. RuntimeError: this thread is within a transaction already, and would wait for itself.
        """
        if getattr(self._mine, "open", False):
            raise RuntimeError("a transaction is open in this thread: use its batch")
        self._mine.open = True
        try:
            with self._writing(wait=wait) as connection:
                if named := list(assets):
                    hold_assets(connection, named)
                yield Batch(connection)
        finally:
            self._mine.open = False

    @contextmanager
    def view(self) -> Iterator[Batch]:
        """A transaction that only reads: everything as it stood at one moment, without waiting for those who write."""
        with self._connection(writes=False) as connection:
            yield Batch(connection)

    def retire(
        self, before: float, *, through: int | None = None, most_at_once: int = 5000,
        stopped: Callable[[], bool] = lambda: False,
    ) -> int:  # fmt: skip
        """Deletes readings, and what was said of them, that are older than a time, a little in each transaction.

        Args:
            before: seconds since 1970 UTC.
            through: number of the last reading that a stored snapshot holds. It stays, so that its number is not given again,
                and so do those that came after it, which a restart would need. None: age alone counts.
            most_at_once: rows of one transaction; others write in between.
            stopped: asked before each transaction; once it says so, the rest is left for the next time.

        Returns:
            How many were deleted.
        """
        deleted = 0
        with self.view() as batch:
            assets = batch.readings.assets()
        for asset in assets:
            gone = most_at_once
            while gone == most_at_once:
                if stopped():
                    return deleted
                with self._writing() as connection:
                    gone = delete_older(connection, asset, before, most_at_once, through)
                deleted += gone
        return deleted

    @property
    def one_writer(self) -> bool:
        """Whether transactions that write end in the order in which they begin, so that numbers of rows show up in order."""
        return self._sqlite

    @property
    def gives_numbers_again(self) -> bool:
        """Whether the next row may bear the number of a last row that was deleted."""
        return self._sqlite

    def abandon(self) -> None:
        """Ends every transaction with StoreUnavailable, also those that wait for a server that says nothing, and lets none begin.

        For a process that has to end. SQLite waits for others no longer than `busy_seconds` anyhow.
        """
        if self._connections is not None:
            self._connections.cut()

    def close(self) -> None:
        """Closes every connection that is not in use."""
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self, *, wait: bool = True) -> Iterator[Connection]:
        if self._writer is None:
            if not wait:
                raise Busy("a server may always take its time")
            with self._connection(writes=True) as connection:
                yield connection
            return
        with self._telling_failures():
            try:
                with self._writer.transaction(wait=wait) as connection:
                    yield connection
            except Busy as error:
                if not wait:
                    raise
                raise StoreUnavailable(self.shown_url, str(error), "Try again.") from None

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[Connection]:
        with (
            self._telling_failures(),
            self._engine.connect().execution_options(writes=writes) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _telling_failures(self) -> Iterator[None]:
        driver: Any = self._engine.dialect.loaded_dbapi
        unusable: tuple[Any, ...] = (driver.OperationalError, driver.InterfaceError)
        if (
            not self._sqlite
        ):  # a standby, or a server that was told to let nobody write: psycopg calls that an internal error
            unusable = (*unusable, driver.errors.ReadOnlySqlTransaction)
        try:
            yield
        except (driver.DatabaseError, driver.InterfaceError, DBAPIError) as error:
            # A file that is no database, or is damaged, is a plain DatabaseError in SQLite; what a caller does wrong never is.
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, unusable) or type(cause) is driver.DatabaseError:
                raise self._unavailable(cause or error) from error
            raise
        except PoolTimeout as error:
            raise self._unavailable(error) from error

    def _bring_up_to_date(self) -> None:
        from alembic.util import CommandError

        try:
            with self._connection(writes=True) as connection:
                if not self._sqlite:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
                upgrade(connection)
        except CommandError as error:
            raise StoreUnavailable(self.shown_url, str(error), _NEWER) from error

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        return StoreUnavailable(self.shown_url, str(error).strip(), _REMEDY["sqlite" if self._sqlite else "postgresql"])
