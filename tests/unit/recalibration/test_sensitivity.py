"""How long injected faults last, and what is scored of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from condition_sample import baseline, pump, running, seconds

from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.recalibration.injection import InjectedFault
from smart_sentry.recalibration.scoring import Continuations, score
from smart_sentry.recalibration.sensitivity import Trial, flagged

PUMP = pump()
STUCK = InjectedFault("stuck", ("vibration_g",), 0.0, 7)
READINGS = Readings(seconds(4000), running(4000, 4))


def with_longest_runs(current: int, speed: int, vibration: int) -> Baseline:
    return replace(baseline(), longest_run=np.array([current, speed, vibration]))


def test_stuck_sensor_lasts_twice_as_long_as_the_active_baseline_needs_to_tell() -> None:
    trial = Trial.of(PUMP, with_longest_runs(200, 1, 0), [STUCK], 4000)
    assert trial.stuck_rows.tolist() == [1200, 320, 320]  # limits 600, 20 and out of reach
    assert trial.length == 1280


def test_stuck_sensor_leaves_room_before_it_and_lasts_no_longer_than_a_limit() -> None:
    active = with_longest_runs(200, 100, 1000)
    assert Trial.of(PUMP, active, [STUCK], 100_000).stuck_rows.tolist() == [1200, 600, 320]  # 3000 steps are too many
    assert Trial.of(PUMP, active, [STUCK], 700).stuck_rows.tolist() == [620, 600, 320]
    assert Trial.of(PUMP, active, [STUCK], 300).stuck_rows.tolist() == [240, 240, 240]


def test_stuck_sensor_is_flagged_within_twice_the_limit_and_seldom_by_a_baseline_of_a_longer_one() -> None:
    active, slower = with_longest_runs(1, 1, 200), with_longest_runs(1, 1, 600)
    trial = Trial.of(PUMP, active, [STUCK], 4000)
    assert flagged(trial, active, READINGS).all()
    assert flagged(trial, slower, READINGS).mean() < 0.5  # where its last value is far from the mean


def test_every_draw_is_another_one() -> None:
    """A fault at the edge of what is seen is flagged in some draws and not in others."""
    trial = Trial.of(PUMP, baseline(), [InjectedFault("variance", ("current_a",), 0.7, 7)], 4000)
    found = flagged(trial, baseline(), READINGS)
    assert found.shape[1] >= 5
    assert 0.0 < found.mean() < 1.0


def test_continuation_is_scored_like_the_whole_and_leaves_nothing_for_the_next() -> None:
    faulty = READINGS.values.copy()
    faulty[350:, 2] += 0.3
    whole = score(PUMP, baseline(), Readings(READINGS.seconds, faulty).part(slice(400)), at_once=True)
    continuations = Continuations(PUMP, baseline(), READINGS.part(slice(300)))
    for _ in range(2):
        found = continuations.score(Readings(READINGS.seconds, faulty).part(slice(300, 400)))
        assert np.array_equal(found.score, whole.score[300:], equal_nan=True)
        assert found.raised == whole.raised
        assert len(found.raised) == 1
    assert not continuations.score(READINGS.part(slice(300, 400))).raised
