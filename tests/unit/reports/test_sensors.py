"""Signals against their baseline: like with like."""

from __future__ import annotations

import numpy as np
import pytest
from condition_sample import baseline, pump, running

from smart_sentry.reports.sensors import sensors_of
from smart_sentry.stores.report_rows import JudgedColumns, ReadColumns

FAST = pump(sampling_seconds=0.01)
ROWS = 3000
"""Half a minute."""


def judged(seconds: np.ndarray) -> JudgedColumns:
    rows = len(seconds)
    return JudgedColumns(seconds, ("UNKNOWN",) * rows, np.full(rows, 0.5), np.zeros(rows, dtype=np.bool_), (), ())


def test_a_fast_machine_is_compared_by_means_over_a_second_as_its_baseline_is_learnt() -> None:
    learnt = baseline(rows=20_000, asset_type=FAST)
    seconds, values = 1000.0 + 0.01 * np.arange(ROWS), running(ROWS, 7)
    values[:, 2] += 0.02  # by the spread of single readings, which is ten times that of the means of 100
    read = ReadColumns(seconds, values, FAST.signal_names)
    found = sensors_of(FAST, learnt, read, judged(seconds), (seconds[0], seconds[-1]), True)
    assert found is not None
    current, speed, vibration = found.figures
    assert [one.compared for one in found.figures] == [30, 30, 30]
    for healthy in (current, speed):
        assert healthy.outside is not None
        assert healthy.outside <= 3 / 30  # single readings: three in four
        assert healthy.deviation is not None
        assert abs(healthy.deviation) < 1.0
    assert vibration.outside == 1.0
    assert vibration.deviation == pytest.approx(10.0, abs=2.0)


def test_a_slow_machine_is_compared_by_its_readings_and_a_gap_in_a_fast_one_makes_no_mean() -> None:
    seconds, values = np.arange(60.0), running(60, 7)
    slow = sensors_of(
        pump(), baseline(rows=200), ReadColumns(seconds, values, FAST.signal_names), judged(seconds), (0.0, 59.0), True
    )
    assert slow is not None
    assert [one.compared for one in slow.figures] == [60, 60, 60]
    seconds, values = 0.01 * np.arange(300), running(300, 7)
    seconds[150:] += 60.0  # one second is whole before it, and one after it
    read = ReadColumns(seconds, values, FAST.signal_names)
    fast = sensors_of(
        FAST, baseline(rows=20_000, asset_type=FAST), read, judged(seconds), (0.0, float(seconds[-1])), True
    )
    assert fast is not None
    assert [one.compared for one in fast.figures] == [2, 2, 2]
