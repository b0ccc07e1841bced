"""The live feed: one body of tests over Redis and over the database, and Redis that goes away."""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import yaml
from live_app import served
from live_stage import ASSETS, Stage, after, broken, collect, followed, healthy, wait_until
from plant_fixture import PUMP, no_model, sqlite_in
from plant_fixture import healthy as pump_messages
from postgres_server import folder_for_all
from services_fixture import Services, services_in

from smart_sentry.api.prediction import create_app
from smart_sentry.config import Settings
from smart_sentry.contracts.alarms import AlarmAction
from smart_sentry.contracts.live import UPDATES, AlarmUpdate, AssetGone, AssetUpdate
from smart_sentry.errors import ConfigurationError
from smart_sentry.feed.feed import FeedUnavailable, Told
from smart_sentry.feed.keys import LOG_LENGTH, Keys
from smart_sentry.feed.open import StoredPlant, open_feed
from smart_sentry.feed.publisher import FeedPublisher
from smart_sentry.feed.redis_feed import RedisFeed
from smart_sentry.feed.redis_link import RedisLink
from smart_sentry.plant.open import open_plant
from smart_sentry.plant.purge import purge
from smart_sentry.stores.store import Store

SOURCES = ("database", "redis")


def alarms_in(told: list[Told]) -> list[AlarmUpdate]:
    return [one for one in told if isinstance(one, AlarmUpdate)]


@pytest.fixture(scope="module")
def servers() -> Iterator[Services]:
    """Redis."""
    with folder_for_all() as folder:
        found = services_in(folder)
        try:
            found.start(found.redis)
            yield found
        finally:
            found.stop()


@contextmanager
def on_stage(servers: Services, folder: Path, source: str) -> Iterator[Stage]:
    stage = Stage(folder, servers.redis_url if source == "redis" else None, Keys(f"test:{uuid.uuid4()}"))
    try:
        yield stage
    finally:
        stage.close()


@pytest.mark.parametrize("source", SOURCES)
def test_late_joiner_sees_the_last_state_at_once_as_the_database_has_it(
    servers: Services, tmp_path: Path, source: str
) -> None:
    with on_stage(servers, tmp_path, source) as stage:
        stage.send(ASSETS[1], broken(20))
        stage.send(ASSETS[0], healthy(5))
        stage.settle()
        with stage.feed() as feed:
            state = feed.latest()
            assert state == stage.stored()
            assert set(state.assets) == set(ASSETS)
            assert [alarm.asset_id for alarm in state.alarms] == [ASSETS[1]]
            assert feed.silent_for() < 3.0


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_missed_between_the_state_and_what_follows_while_readings_come(
    servers: Services, tmp_path: Path, source: str
) -> None:
    with on_stage(servers, tmp_path, source) as stage:
        stage.send(ASSETS[1], healthy(3))
        stage.settle()
        over = threading.Event()

        def keep_sending() -> None:
            for turn in range(60):
                stage.send(ASSETS[turn % 2], broken(4) if turn >= 10 else healthy(4))
                if turn >= 15:
                    stage.plant.alarms.act(
                        ASSETS[turn % 2], "anomaly", AlarmAction.COMMENT, "Ada", f"turn {turn}", None
                    )
            over.set()

        sender = threading.Thread(target=keep_sending)
        sender.start()
        known = []
        for _ in range(5):  # readers that join while it goes on
            feed = stage.feed()
            known.append((feed, feed.latest(), []))
            time.sleep(0.02)
        sender.join()
        last, every = stage.stored(), stage.alarm_steps()
        for feed, state, told in known:
            told += collect(feed, lambda found, state=state: after(state, found) == last)
            steps = alarms_in(told)
            assert len(set(map(AlarmUpdate.model_dump_json, steps))) == len(steps), "an alarm came twice"
            assert steps == every[len(every) - len(steps) :]
            assert {alarm.alarm_id for alarm in last.alarms} <= {s.alarm_id for s in (*state.alarms, *steps)}
            feed.close()
        assert over.is_set()
        assert len(alarms_in(known[0][2])) > 10


@pytest.mark.parametrize("source", SOURCES)
def test_quiet_plant_is_no_dead_feed(servers: Services, tmp_path: Path, source: str) -> None:
    with on_stage(servers, tmp_path, source) as stage, stage.feed() as feed:
        stage.settle()
        feed.latest()
        followed(feed, 0.1)
        assert followed(feed, 3.0) == []
        assert feed.silent_for() < 2.5


def test_one_that_judges_nothing_is_not_heard_and_fills_a_redis_that_lost_what_it_had(
    servers: Services, tmp_path: Path
) -> None:
    keys = Keys(f"test:{uuid.uuid4()}")
    link = RedisLink(servers.redis_url, keys, judges=False)
    with Store(sqlite_in(tmp_path)) as store, RedisFeed(servers.redis_url, keys) as feed:
        publisher = FeedPublisher(link, StoredPlant(store))
        publisher.start()
        wait_until(lambda: publisher.counts.filled == 1)
        feed.latest()
        publisher.forget("nobody")
        assert collect(feed, bool) == [AssetGone(asset_id="nobody")]
        assert followed(feed, 2.5) == []
        assert feed.silent_for() == math.inf
        link._client.delete(*keys.every)
        wait_until(lambda: publisher.counts.filled == 2)
        publisher.close()


@pytest.mark.parametrize("source", SOURCES)
def test_what_an_operator_does_and_a_purge_are_told(servers: Services, tmp_path: Path, source: str) -> None:
    with on_stage(servers, tmp_path, source) as stage, stage.feed() as feed:
        stage.send(ASSETS[1], broken(20))
        stage.send(ASSETS[0], healthy(3))
        stage.settle()
        key = feed.latest().alarms[0].key
        stage.plant.alarms.act(ASSETS[1], key, AlarmAction.ACKNOWLEDGE, "Ada", "seen", None)
        done = ("ACKNOWLEDGED", "Ada", "seen")
        told = collect(feed, lambda found: any((one.event, one.author, one.reason) == done for one in alarms_in(found)))
        assert alarms_in(told) == stage.alarm_steps()[-len(alarms_in(told)) :]
        state = after(feed.latest(), [])
        purge(stage.plant, ASSETS[1], ASSETS[1], None, "Ada")
        told = collect(feed, lambda found: any(isinstance(one, AssetGone) for one in found))
        # In the database the numbers of the last rows are free again: everything comes anew.
        assert told[0] == AssetGone(asset_id=ASSETS[1] if source == "redis" else None)
        assert after(state, told) == stage.stored()
        with stage.feed() as joining:
            assert joining.latest() == stage.stored()
            assert set(joining.latest().assets) == {ASSETS[0]}


@pytest.mark.parametrize("source", SOURCES)
def test_late_reading_does_not_stand_for_the_asset(servers: Services, tmp_path: Path, source: str) -> None:
    with on_stage(servers, tmp_path, source) as stage, stage.feed() as feed:
        stage.send(ASSETS[0], healthy(10))
        stage._sent[ASSETS[0]] = -5
        stage.send(ASSETS[0], healthy(2))
        stage._sent[ASSETS[0]] = 10
        if stage.publisher is not None:
            wait_until(lambda: stage.publisher.counts.up)
        stage.settle()
        assert feed.latest().assets[ASSETS[0]].reading_id == "r9"
        assert feed.latest() == stage.stored()


def test_what_came_between_joining_and_reading_the_state_is_not_told_twice(servers: Services, tmp_path: Path) -> None:
    with on_stage(servers, tmp_path, "redis") as stage, RedisFeed(servers.redis_url, stage.keys) as feed:
        feed._join()
        stage.send(ASSETS[1], broken(20))
        stage.settle()
        assert feed.latest() == stage.stored()
        assert followed(feed, 0.3) == []
        stage.send(ASSETS[1], broken(1))
        assert len(collect(feed, bool)) == 1


def test_messages_on_the_channel_and_in_the_stream_are_of_the_contract_and_the_stream_is_capped(
    servers: Services, tmp_path: Path
) -> None:
    with on_stage(servers, tmp_path, "redis") as stage:
        client = redis.Redis.from_url(servers.redis_url, decode_responses=True)
        client.xadd(stage.keys.log, {"message": "{}"})
        client.delete(stage.keys.log)
        with client.pubsub() as channel:
            channel.subscribe(stage.keys.name)
            stage.send(ASSETS[1], broken(20))
            stage.settle()
            heard = []
            while (message := channel.get_message(timeout=0.5)) is not None:
                heard.append(message["data"])
        logged = {name: fields["message"] for name, fields in client.xrange(stage.keys.log)}
        told = dict(text.split(" ", 1) for text in heard if isinstance(text, str) and " " in text)
        assert told == logged
        kinds = {type(UPDATES.validate_json(text)) for text in told.values()}
        assert kinds == {AssetUpdate, AlarmUpdate}
        assert "beat" in heard
        link = stage.publisher._link
        alarm = {**stage.alarm_steps()[0].model_dump()}
        for _ in range(13):
            link.send([alarm] * 1000)
        assert LOG_LENGTH <= client.xlen(stage.keys.log) < LOG_LENGTH + 1000
        client.close()


def test_redis_that_is_stopped_and_starts_empty_is_whole_again_and_no_batch_fails(
    servers: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smart_sentry")
    password = servers.redis_url.split(":")[2].split("@")[0]
    with on_stage(servers, tmp_path, "redis") as stage, stage.feed() as feed:
        stage.send(ASSETS[1], broken(20))
        stage.settle()
        state = feed.latest()
        servers.stop(servers.redis)
        try:
            longest = 0.0
            told = []
            for _ in range(20):
                began = time.monotonic()
                stage.send(ASSETS[0], healthy(3))
                longest = max(longest, time.monotonic() - began)
                told += feed.follow(0.05)
            stage.send(ASSETS[0], broken(20))
            assert longest < 1.0
            assert told == []
            assert feed.silent_for() > 0.5
            assert not stage.publisher.counts.up
            with pytest.raises(FeedUnavailable, match="cannot be read"), stage.feed() as joining:
                joining.latest()
            for file in sorted((servers.folder / "redis" / "data").rglob("*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()  # it starts empty
        finally:
            servers.start(servers.redis)
        told = collect(feed, lambda found: after(state, found) == stage.stored(), 20)
        # What waited is told before the feed is filled, and may be all that the reader lacked.
        wait_until(lambda: stage.publisher.counts.up)
        with stage.feed() as joining:
            wait_until(lambda: joining.latest() == stage.stored())
            assert {alarm.asset_id for alarm in joining.latest().alarms} == set(ASSETS)
        waits = [record for record in caplog.records if "the live feed waits" in record.message]
        assert len(waits) == 2, "one of the publisher, one of the reader"
        assert any("the live feed goes on" in record.message for record in caplog.records)
        assert password not in caplog.text
        assert stage.publisher.counts.failures == 1


def test_redis_that_loses_everything_without_a_cut_is_filled_again(servers: Services, tmp_path: Path) -> None:
    with on_stage(servers, tmp_path, "redis") as stage:
        stage.send(ASSETS[1], broken(20))
        stage.settle()
        client = redis.Redis.from_url(servers.redis_url)
        client.delete(*stage.keys.every)
        client.close()
        with stage.feed() as feed:
            wait_until(lambda: feed.latest() == stage.stored())


def test_publisher_that_begins_finds_what_it_missed_and_removes_what_was_purged(
    servers: Services, tmp_path: Path
) -> None:
    with on_stage(servers, tmp_path, "redis") as stage:
        stage.send(ASSETS[1], broken(20))
        stage.send(ASSETS[0], healthy(3))
        stage.settle()
        stage.publisher.close()
        stage.plant.publisher = None
        purge(stage.plant, ASSETS[1], ASSETS[1], None, "Ada")
        stage.send(ASSETS[0], broken(20))
        again = Stage(tmp_path, servers.redis_url, stage.keys)
        with again.feed() as feed:
            wait_until(lambda: feed.latest() == stage.stored())
            assert set(feed.latest().assets) == {ASSETS[0]}
        again.close()


def test_alarm_that_ended_while_nobody_told_is_told_as_ended(servers: Services, tmp_path: Path) -> None:
    with on_stage(servers, tmp_path, "redis") as stage, stage.feed() as feed:
        stage.send(ASSETS[1], broken(20))
        stage.settle()
        state = feed.latest()
        assert len(state.alarms) == 1
        publisher, stage.plant.publisher = stage.plant.publisher, None
        key = state.alarms[0].key
        stage.plant.alarms.act(ASSETS[1], key, AlarmAction.ACKNOWLEDGE, "Ada", "seen", None)
        for _ in range(30):
            stage.send(ASSETS[1], healthy(20))
        assert stage.stored().alarms == ()
        publisher.refresh()
        told = collect(feed, lambda found: after(state, found) == stage.stored())
        assert [alarm.to_state for alarm in alarms_in(told)] == ["NORMAL"]
        assert feed.latest().alarms == ()


def test_reader_that_was_cut_off_reads_on_in_the_stream(servers: Services, tmp_path: Path) -> None:
    with on_stage(servers, tmp_path, "redis") as stage, stage.feed() as feed:
        stage.send(ASSETS[0], healthy(3))
        stage.settle()
        state = feed.latest()
        client = redis.Redis.from_url(servers.redis_url)
        client.client_kill_filter(_type="pubsub")
        stage.send(ASSETS[1], broken(20))
        stage.settle()
        told = collect(feed, lambda found: after(state, found) == stage.stored())
        assert not any(isinstance(one, AssetGone) for one in told), "nothing had to come anew"
        client.client_kill_filter(_type="pubsub")
        stage.send(ASSETS[0], broken(20))
        stage.settle()
        client.delete(stage.keys.log)
        anew = collect(feed, lambda found: any(isinstance(one, AlarmUpdate) for one in found))
        assert anew[0] == AssetGone(asset_id=None)
        assert after(state, anew) == stage.stored()
        client.close()


def test_service_publishes_and_says_so_in_its_metrics(servers: Services, tmp_path: Path) -> None:
    (tmp_path / "configs" / "assets").mkdir(parents=True)
    (tmp_path / "configs" / "assets" / "pump.yaml").write_text(yaml.safe_dump(PUMP.model_dump(mode="json")))
    settings = Settings(home=tmp_path, redis_url=servers.redis_url.replace("/0", "/3"))
    with served(create_app(no_model, settings, open_plant=lambda: open_plant(settings))) as client:
        with open_feed(settings) as feed:
            before = feed.latest()
            assert before.assets == {}
            answer = client.post("/api/v1/data/batch", json={"readings": pump_messages(3, 1, "pump_9")})
            assert answer.status_code == 200, answer.text
            told = collect(feed, bool)
            assert [one.asset_id for one in told] == ["pump_9"]
        assert "\nsmart_sentry_feed_up 1.0" in client.get("/metrics").text


def test_older_publisher_never_replaces_what_is_newer(servers: Services, tmp_path: Path) -> None:
    with on_stage(servers, tmp_path, "redis") as stage, stage.feed() as feed:
        stage.send(ASSETS[0], healthy(3))
        stage.settle()
        old = feed.latest().assets[ASSETS[0]]
        stage.send(ASSETS[0], healthy(3))
        stage.settle()
        newest = feed.latest().assets[ASSETS[0]]
        assert newest.time > old.time
        stage.publisher._link.send([old.model_dump()])
        assert feed.latest().assets[ASSETS[0]] == newest


def test_wrong_address_is_told_without_its_password() -> None:
    for url in ("redis://:geheim@host:porte/0", "http://:geheim@host/0"):
        with pytest.raises(ConfigurationError) as told:
            RedisFeed(url)
        assert "geheim" not in str(told.value)


def test_wrong_password_is_an_unreachable_feed_that_does_not_tell_it(servers: Services) -> None:
    url = f"redis://:geheim@127.0.0.1:{servers.redis.port}/0"
    with RedisFeed(url) as feed, pytest.raises(FeedUnavailable) as told:
        feed.latest()
    assert "geheim" not in str(told.value)
    assert str(servers.redis.port) in str(told.value)
