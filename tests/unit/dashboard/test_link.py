"""LIVE is said only of a feed that is heard, a service that answers and machines that send."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.link import Heard, LinkState, judge

GOOD = Heard(
    started=100.0,
    feed=0.3,
    service=0.8,
    reading=1.0,
    refusals=0,
    fresh=True,
    assets=3,
    feed_problem=None,
    service_problem=None,
)
SERVICE = "http://127.0.0.1:3000"


@pytest.mark.parametrize(
    ("heard", "state"),
    [
        (GOOD, LinkState.LIVE),
        (replace(GOOD, feed=5.0), LinkState.LIVE),
        (replace(GOOD, feed=5.1), LinkState.SILENT),
        (replace(GOOD, feed=None), LinkState.SILENT),
        (replace(GOOD, feed=None, started=2.0), LinkState.CONNECTING),
        (replace(GOOD, feed=None, started=2.0, feed_problem="Redis is away."), LinkState.SILENT),
        (replace(GOOD, service=4.0), LinkState.LIVE),
        (replace(GOOD, service=4.1), LinkState.DOWN),
        (replace(GOOD, service=None), LinkState.DOWN),
        (replace(GOOD, service=None, started=2.0), LinkState.CONNECTING),
        (replace(GOOD, refusals=1), LinkState.LIVE),
        (replace(GOOD, refusals=2), LinkState.DOWN),
        (replace(GOOD, fresh=False, reading=60.0), LinkState.QUIET),
        (replace(GOOD, assets=0, fresh=False, reading=None), LinkState.QUIET),
        (replace(GOOD, feed=9.0, service=9.0), LinkState.DOWN),
    ],
)
def test_state(heard: Heard, state: LinkState) -> None:
    assert judge(heard, SERVICE).state == state


@pytest.mark.parametrize("change", [{"feed": 9.0}, {"service": 9.0}, {"fresh": False}, {"assets": 0}])
def test_whatever_is_not_live_says_since_when_and_what_to_do(change: dict[str, float]) -> None:
    link = judge(replace(GOOD, **change), SERVICE)
    assert link.told
    assert link.remedy
    assert link.since == pytest.approx({"feed": 9.0, "service": 9.0, "fresh": 1.0, "assets": 100.0}[next(iter(change))])


def test_a_service_that_is_down_is_named_with_what_it_said() -> None:
    link = judge(
        replace(GOOD, refusals=2, service_problem="http://127.0.0.1:3000/health: Connection refused."), SERVICE
    )
    assert "Connection refused" in link.told
    assert "smart-sentry monitor" in link.remedy


def test_a_plant_without_new_readings_may_lack_a_worker() -> None:
    assert "worker" in judge(replace(GOOD, fresh=False, reading=60.0), SERVICE).remedy
