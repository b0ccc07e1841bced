"""A stream that is disturbed in every way at once: each valid reading stored once, judged as if nothing had been.

SMART_SENTRY_CHAOS=long makes the story longer (`make chaos`).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from chaos_input import plan_of
from chaos_stage import disturb, make_home, stage
from chaos_verdict import judge, letters_of
from services_fixture import Services

from smart_sentry.feed.database_feed import DatabaseFeed
from smart_sentry.feed.redis_feed import RedisFeed
from smart_sentry.stores.store import Store

TOPIC = "readings"
LONG = os.environ.get("SMART_SENTRY_CHAOS") == "long"
SHORT_ACTS = ("join", "kill", "redis", "postgres", "kafka", "pause", "kill")


def acts() -> list[str]:
    if not LONG:
        return list(SHORT_ACTS)
    return [
        *["kill", "kill", "join", "kill", "kill", "kill", "redis"] * 5,
        *["kill", "kill", "postgres", "leave", "kill", "kill", "kafka"] * 5,
        *["pause", "freeze", "kill", "kill", "join", "kill", "freeze", "kill", "pause", "kill"],
    ]


@pytest.mark.timeout(1800 if LONG else 300)
def test_disturbed_stream_ends_as_an_undisturbed_one(
    services: Services,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    home, doings = make_home(tmp_path / "home"), acts()
    plan = plan_of(rows_each=300 * len(doings), seed=11)
    with stage(services, TOPIC, home, "disturbed", redis=True) as found:
        disturb(found, plan, doings, seed=5, pause_seconds=30.0 if LONG else 3.0)
        assert_feed_tells_what_is_stored(found.database, services)
        for worker in list(found.working()):
            found.stop_worker(worker)
        wrong, letters = letters_of(services.kafka_bootstrap, TOPIC)
        with stage(services, TOPIC, home, "whole", redis=False) as whole:
            whole.start_worker()
            assert whole.wait_for(len(plan.messages), 120), whole.said()
            whole.stop_worker(whole.workers[0])
        verdict = judge(plan, found.database, whole.database, wrong, letters)
        with capsys.disabled():
            print("\n" + verdict.table(found.done, time.monotonic() - began))
        assert verdict.clean, verdict
        assert letters_of(services.kafka_bootstrap, TOPIC) == ([], letters + plan.poison)
        assert verdict.rows["readings"] == verdict.readings
        assert min(verdict.rows.values()) > 10


def assert_feed_tells_what_is_stored(database: str, services: Services) -> None:
    with Store(database) as store, DatabaseFeed(store) as stored, RedisFeed(services.redis_url) as told:
        expected, deadline = stored.latest(), time.monotonic() + 20
        while told.latest() != expected:
            assert time.monotonic() < deadline, "Redis and the database tell different things"
            time.sleep(0.1)
