"""The live feed out of either database, also where transactions end in another order than they began."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from postgres_server import PostgresServer, postgres_server  # noqa: F401

from smart_sentry.contracts.alarms import AlarmEvent, AlarmPriority, AlarmState, AlarmTransition
from smart_sentry.contracts.live import AlarmUpdate, AssetUpdate
from smart_sentry.feed.database_feed import DatabaseFeed
from smart_sentry.feed.feed import FeedUnavailable
from smart_sentry.stores.alarm_log import AlarmState as StoredAlarm
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.retention import Purge
from smart_sentry.stores.store import Batch, Store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        with Store(f"sqlite:///{tmp_path}/store.db") as opened:
            yield opened
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database() as url, Store(url) as opened:
        yield opened


def add(batch: Batch, asset: str, number: int) -> None:
    seconds, one = np.array([float(number)]), np.array([1.0])
    rows = ReadingRows([asset], [f"r{number}"], seconds, one[:, None], ("speed",), "test", 5.0)
    batch.readings.append(rows, AssessmentRows(
        [asset], [f"r{number}"], seconds, ["STEADY"], one, np.array([False]), np.array([0]), one, ["LOW"], one, [""],
    ))  # fmt: skip


def raise_alarm(batch: Batch, asset: str, number: int) -> None:
    """A step of the asset's only alarm, which stands."""
    alarm_id, time = f"{asset}:anomaly:1", float(number)
    step = AlarmTransition(
        alarm_id, asset, "anomaly", AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmEvent.RAISED, time, "system", "",
        AlarmPriority.HIGH, 2.0,
    )  # fmt: skip
    batch.alarms.record([StoredAlarm(alarm_id, asset, "anomaly", "HIGH", "UNACKNOWLEDGED", time, "")], [step])


def told(feed: DatabaseFeed) -> list[tuple[str, float]]:
    return [(one.asset_id, one.time) for one in feed.follow(0.0) if isinstance(one, AssetUpdate)]


def test_what_came_is_told_once_the_newest_of_each_asset(store: Store) -> None:
    with DatabaseFeed(store) as feed:
        assert feed.latest().assets == {}
        with store.transaction() as batch:
            for number in (1, 3, 2):
                add(batch, "a", number)
            add(batch, "b", 1)
        assert sorted(told(feed)) == [("a", 3.0), ("b", 1.0)]
        assert told(feed) == []
        assert feed.latest().assets["a"].values == {"speed": 1.0}
        assert told(feed) == []


def test_reader_that_never_asked_for_the_state_gets_it_first(store: Store) -> None:
    with store.transaction() as batch:
        add(batch, "a", 1)
    with DatabaseFeed(store) as feed:
        assert told(feed) == [("a", 1.0)]


def test_purge_that_takes_the_last_rows_loses_nothing_that_comes_after(store: Store) -> None:
    with DatabaseFeed(store) as feed:
        with store.transaction() as batch:
            for number in range(5):
                add(batch, "a", number)
        assert told(feed) == [("a", 4.0)]
        with store.transaction() as batch:
            batch.purge(Purge(None, None, "Ada", 1.0))
        assert [one.kind for one in feed.follow(0.0)] == ["gone"]
        with store.transaction() as batch:
            add(batch, "b", 1)
        assert told(feed) == [("b", 1.0)]


def test_rows_that_take_the_numbers_of_purged_ones_before_anybody_looks_are_told(store: Store) -> None:
    with DatabaseFeed(store) as feed:
        with store.transaction() as batch:
            for asset, number in (("b", 1), ("a", 2)):
                add(batch, asset, number)
                raise_alarm(batch, asset, number)
        assert sorted(told(feed)) == [("a", 2.0), ("b", 1.0)]
        with store.transaction() as batch:
            batch.purge(Purge("a", None, "Ada", 3.0))
        with store.transaction() as batch:
            add(batch, "b", 4)
            raise_alarm(batch, "b", 4)
        came = list(feed.follow(0.0))
        assert came[0].kind == "gone"
        assert [(one.asset_id, one.time) for one in came if isinstance(one, AssetUpdate)] == [("b", 4.0)]
        assert [(one.asset_id, one.time) for one in came if isinstance(one, AlarmUpdate)] == [("b", 4.0)]
        assert told(feed) == []


@pytest.mark.parametrize("joins", ["before", "between"])
def test_transaction_that_ends_after_a_later_one_is_not_missed(joins: str, request: pytest.FixtureRequest) -> None:
    server: PostgresServer = request.getfixturevalue("postgres_server")
    with server.database() as url, Store(url) as store, Store(url) as other, DatabaseFeed(store) as feed:
        with store.transaction() as batch:
            add(batch, "b", 0)  # makes the layout, for which the two would wait for each other
        if joins == "before":
            feed.latest()
        with other.transaction() as slow:
            add(slow, "a", 1)
            with store.transaction() as batch:
                add(batch, "b", 1)
            if joins == "between":
                assert set(feed.latest().assets) == {"b"}
            else:
                assert told(feed) == [("b", 1.0)]
        assert told(feed) == [("a", 1.0)]
        assert told(feed) == []


def test_database_that_is_away_at_first_is_told_and_later_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    store = Store(f"sqlite:///{file}", busy_seconds=0.2)
    with store.transaction() as batch:
        add(batch, "a", 1)
    with DatabaseFeed(store) as feed:
        assert set(feed.latest().assets) == {"a"}
        store.close()
        aside = file.rename(tmp_path / "aside.db")
        file.mkdir()
        assert told(feed) == []
        with pytest.raises(FeedUnavailable, match=r"store\.db"):
            feed.latest()
        file.rmdir()
        aside.rename(file)
        with store.transaction() as batch:
            add(batch, "a", 2)
        assert told(feed) == [("a", 2.0)]
        assert feed.silent_for() < 1.0
    store.close()
