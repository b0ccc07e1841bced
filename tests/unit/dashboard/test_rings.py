"""The last quarter of an hour of an asset: order, bounds, readings that share a row, and what is put before them."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.rings import SPAN_S, History, Ring, phase_code
from smart_sentry.contracts.live import AssetUpdate
from smart_sentry.phases import PHASES


def update(at: float, value: float | None = 1.0, *, score: float | None = 0.5, flag: bool = False) -> AssetUpdate:
    return AssetUpdate(
        asset_id="pump_0", asset_type="pump", reading_id=None, time=at, received=None, phase="STEADY", score=score, flag=flag,
        votes=int(flag), health=99.0, risk="LOW", degradation=0.01, reason="", values={"flow": value, "power": 7.0},
    )  # fmt: skip


def past(times: list[float]) -> History:
    rows = len(times)
    return History(
        ("flow", "power"), np.array(times), np.full((rows, 2), 3.0, np.float32), np.full(rows, 0.1, np.float32),
        np.full(rows, 50.0, np.float32), np.zeros(rows, np.bool_), np.zeros(rows, np.uint8),
    )  # fmt: skip


def test_rows_come_back_in_their_order_with_everything_they_hold() -> None:
    ring = Ring(("flow", "power"), rows=4)
    for at in (1.0, 2.0):
        ring.add(update(at, value=at * 10, score=None if at == 2.0 else 0.5, flag=at == 2.0))
    found = ring.read()
    assert found.seconds.tolist() == [1.0, 2.0]
    assert found.values.tolist() == [[10.0, 7.0], [20.0, 7.0]]
    assert found.flag.tolist() == [False, True]
    assert np.isnan(found.score[1])
    assert PHASES[found.phase[0]] == "STEADY"


def test_a_full_ring_drops_the_oldest_row_and_keeps_its_memory() -> None:
    ring = Ring(("flow", "power"), rows=4)
    before = ring._kept.values
    for at in range(11):
        ring.add(update(float(at)))
    assert ring.read().seconds.tolist() == [7.0, 8.0, 9.0, 10.0]
    assert ring._kept.values is before


def test_only_the_span_before_the_newest_reading_is_read() -> None:
    ring = Ring(("flow", "power"), rows=20)
    for at in range(10):
        ring.add(update(float(at)))
    assert ring.read(3.0).seconds.tolist() == [6.0, 7.0, 8.0, 9.0]


def test_readings_closer_than_half_a_second_share_a_row_that_forgets_no_anomaly() -> None:
    ring = Ring(("flow", "power"), rows=20)
    ring.add(update(1.0, value=1.0, score=3.0, flag=True))
    ring.add(update(1.2, value=2.0, score=0.2))
    ring.add(update(1.4, value=3.0, score=None))
    ring.add(update(1.6, value=4.0, score=0.2))
    found = ring.read()
    assert found.seconds.tolist() == [1.4, 1.6]
    assert found.values[:, 0].tolist() == [3.0, 4.0]
    assert found.score.tolist() == [3.0, pytest.approx(0.2)]
    assert found.flag.tolist() == [True, False]


def test_a_reading_that_is_not_newer_changes_nothing() -> None:
    ring = Ring(("flow", "power"), rows=4)
    ring.add(update(5.0, value=1.0))
    ring.add(update(5.0, value=2.0))
    ring.add(update(4.0, value=3.0))
    assert ring.read().values[:, 0].tolist() == [1.0]


def test_a_missing_number_is_no_number() -> None:
    ring = Ring(("flow", "power"), rows=4)
    ring.add(update(1.0, value=None))
    assert np.isnan(ring.read().values[0, 0])


def test_the_past_goes_before_what_is_there_as_far_as_there_is_room() -> None:
    ring = Ring(("flow", "power"), rows=5)
    for at in (10.0, 11.0):
        ring.add(update(at))
    ring.fill(past([6.0, 7.0, 8.0, 9.0, 10.0, 12.0]))
    assert ring.read().seconds.tolist() == [7.0, 8.0, 9.0, 10.0, 11.0]
    ring.add(update(12.0))
    assert ring.read().seconds.tolist() == [8.0, 9.0, 10.0, 11.0, 12.0]
    assert ring.read().health.tolist() == [50.0, 50.0, 99.0, 99.0, 99.0]


def test_an_unknown_phase_counts_as_unknown() -> None:
    assert PHASES[phase_code("BOILING")] == "UNKNOWN"


def test_a_ring_has_room_for_its_span_however_close_readings_are() -> None:
    ring = Ring(("flow", "power"))
    for row in range(5000):  # four a second: two share a row
        ring.add(update(0.25 * row))
    seconds = ring.read(SPAN_S).seconds
    assert seconds[-1] - seconds[0] >= SPAN_S - 0.5
