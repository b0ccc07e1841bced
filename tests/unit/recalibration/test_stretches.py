"""Where faults are put: stretches without flags that end in steady operation, as many as there is room for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from condition_sample import CREATED, baseline, pump, running, seconds

from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.recalibration.stretches import FAULT_STEPS, STRETCHES, Stretch, healthy_stretches

PUMP = pump()


def spans(stretches: list[Stretch], last: int) -> list[tuple[float, float]]:
    """(first, last) second of the last so many readings of each stretch, in the order of time."""
    return sorted((one.readings.seconds[-last], one.readings.seconds[-1]) for one in stretches)


@pytest.mark.parametrize(("rows", "apart"), [(1500, FAULT_STEPS), (4000, 400)])
def test_ends_do_not_overlap_and_whole_stretches_do_not_where_there_is_room(rows: int, apart: int) -> None:
    found = spans(healthy_stretches(PUMP, baseline(), Readings(seconds(rows), running(rows, 5))), apart)
    assert 5 <= len(found) <= STRETCHES
    assert all(ends < begins for (_, ends), (begins, _) in pairwise(found))


def test_stretches_avoid_flags() -> None:
    values = running(1500, 5)
    values[1000:1400, 0] += 20.0
    found = spans(healthy_stretches(PUMP, baseline(), Readings(seconds(1500), values)), 400)
    assert sum(ends < 1000.0 for _, ends in found) >= 3


def test_stretches_end_in_steady_operation_also_where_only_rests_are_without_flags() -> None:
    """A fault in one or two steady steps shows nothing: with such a stretch, which faults are lost is a matter of luck."""
    machine = pump(phase={"load_signal": "current_a", "speed_signal": "speed_rpm"})
    values = running(6000, 5)
    rests = np.arange(6000) % 600 < 150
    values[rests] = [0.0, 0.0, 0.001] * np.random.default_rng(6).uniform(0.9, 1.1, (int(rests.sum()), 3))
    learnt = calibrate("pump 1", machine, Readings(seconds(6000), values), created=CREATED, seed=1)
    values[~rests, 2] += np.where(np.arange(int((~rests).sum())) % 40 == 0, 0.4, 0.0)
    stretches = healthy_stretches(machine, learnt, Readings(seconds(6000), values))
    assert len(stretches) >= 5
    assert min(one.working.sum() for one in stretches) >= FAULT_STEPS / 2
