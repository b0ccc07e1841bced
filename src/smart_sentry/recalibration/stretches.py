"""Healthy stretches of readings, which faults are put into the ends of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.features.steps import window_length
from smart_sentry.phases import PHASES, Phase
from smart_sentry.recalibration.scoring import score

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

STRETCH_STEPS, STRETCHES = 400, 8
"""Least length and most number of the healthy stretches that each fault is put into."""
FAULT_STEPS = 80
"""Steps at the end of a stretch in which a fault is."""
LEAST_STEADY = 0.5
"""Share of a fault's steps that are steady operation."""
AT_WORK = (PHASES.index(Phase.STEADY), PHASES.index(Phase.UNKNOWN))
"""Codes of steady operation; UNKNOWN is all that a machine without a phase rule has."""


@dataclass(frozen=True)
class Stretch:
    """Healthy readings that faults are put into.

    Attributes:
        readings: of it.
        late: (rows,) its last part, where a sensor falls silent.
        working: (rows,) steady operation in it, where all others are, but for a sensor that is stuck.
    """

    readings: Readings
    late: BoolArray
    working: BoolArray

    def last(self, count: int) -> BoolArray:
        """(rows,) the last so many."""
        rows = len(self.readings.seconds)
        return np.arange(rows) >= rows - count


def healthy_stretches(
    asset_type: AssetType, baseline: Baseline, readings: Readings, length: int | None = None
) -> list[Stretch]:
    """Stretches with fewest flags, of these those with most steady operation at the end, where the faults are.

    An end of which less than half is steady operation is left out, for nobody can tell there; all are kept where none is better.
    Ends do not overlap. Whole stretches do not overlap either where the readings are long enough for `STRETCHES` of them.

    Args:
        asset_type: of the machine.
        baseline: that knows the readings as healthy.
        readings: in the order of time.
        length: readings of a stretch; `STRETCH_STEPS` steps if not given.
    """
    rows, step = len(readings.seconds), window_length(asset_type)
    length = min(length or STRETCH_STEPS * step, rows)
    fault = max(min(FAULT_STEPS * step, length // 5), 1)
    apart = min(max((rows - length) // STRETCHES, fault), length)
    found = score(asset_type, baseline, readings)
    flags = np.zeros(rows)
    flags[found.rows] = found.flag
    steady = np.isin(found.phase, AT_WORK)
    work = _sums(steady, fault)[length - fault :]
    worth = work - 1e6 * _sums(flags, length)
    if np.any(work >= LEAST_STEADY * fault):
        worth[work < LEAST_STEADY * fault] = -np.inf
    stretches: list[Stretch] = []
    while len(stretches) < STRETCHES and np.isfinite(worth).any():
        begin = len(worth) - 1 - int(np.argmax(worth[::-1]))  # the latest of those that are alike
        its = slice(begin, begin + length)
        late = np.arange(length) >= length - fault
        working = late & steady[its]
        stretches.append(Stretch(readings.part(its), late, working if working.any() else late))
        worth[max(begin - apart + 1, 0) : begin + apart] = -np.inf
    return stretches


def _sums(values: NDArray[np.generic], length: int) -> FloatArray:
    """(rows - length + 1,) sums over every stretch of so many rows."""
    total = np.concatenate([[0.0], np.cumsum(values.astype(np.float64))])
    return total[length:] - total[:-length] if length < len(total) else total[-1:]
