"""Which injected faults a baseline flags, and which of them a candidate would lose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.features.steps import window_length
from smart_sentry.phases import PHASES, Phase
from smart_sentry.quality import GOOD
from smart_sentry.recalibration.injection import SENSOR_KINDS, InjectedFault, NormalSpread, inject
from smart_sentry.recalibration.scoring import score

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

STRETCH_STEPS, STRETCHES = 400, 3
"""Length and most number of the healthy stretches that each fault is put into."""
_FAULT_SHARE, _LASTING_SHARE = 0.2, 0.8
_ANSWERED = 0.25
_STEADY = (PHASES.index(Phase.STEADY), PHASES.index(Phase.UNKNOWN))


@dataclass(frozen=True)
class Stretch:
    """Healthy readings that faults are put into.

    Attributes:
        readings: of it.
        late: (rows,) its last part, where a sensor's fault is. lasting: (rows,) most of it, for one that shows late.
        working: (rows,) steady operation in it, where a machine's fault is.
    """

    readings: Readings
    late: BoolArray
    lasting: BoolArray
    working: BoolArray


def healthy_stretches(asset_type: AssetType, baseline: Baseline, readings: Readings) -> list[Stretch]:
    """Stretches of `STRETCH_STEPS` steps that do not overlap: with fewest flags, of these with most steady operation at the end.

    Args:
        asset_type: of the machine.
        baseline: that knows the readings as healthy.
        readings: in the order of time.
    """
    rows = len(readings.seconds)
    length = min(STRETCH_STEPS * window_length(asset_type), rows)
    fault = max(int(_FAULT_SHARE * length), 1)
    found = score(asset_type, baseline, readings)
    flags = np.zeros(rows)
    flags[found.rows] = found.flag
    steady = np.isin(found.phase, _STEADY)
    worth = _sums(steady, fault)[length - fault :] - 1e6 * _sums(flags, length)
    stretches: list[Stretch] = []
    while len(stretches) < STRETCHES and np.isfinite(worth).any():
        begin = len(worth) - 1 - int(np.argmax(worth[::-1]))  # the latest of those that are alike
        its = slice(begin, begin + length)
        late = np.arange(length) >= length - fault
        working = late & steady[its]
        part = Readings(readings.seconds[its], readings.values[its])
        lasting = np.arange(length) >= (1.0 - _LASTING_SHARE) * length
        stretches.append(Stretch(part, late, lasting, working if working.any() else late))
        worth[max(begin - length + 1, 0) : begin + length] = -np.inf
    return stretches


def share_flagged(
    asset_type: AssetType, baseline: Baseline, spread: NormalSpread, stretches: Sequence[Stretch],
    faults: Sequence[InjectedFault],
) -> FloatArray:  # fmt: skip
    """(faults,) share of the stretches in which a baseline flags each fault.

    It flags one where an anomaly alarm rises, or where the quality masks blame the sensor.

    Args:
        asset_type: of the machine.
        baseline: that scores.
        spread: that the faults are sized by: the same for both baselines of a comparison.
        stretches: one or more.
        faults: to put in.
    """
    found = [[_is_flagged(asset_type, baseline, spread, one, fault) for one in stretches] for fault in faults]
    return np.array([np.mean(one) for one in found], dtype=np.float64)


def _is_flagged(
    asset_type: AssetType, baseline: Baseline, spread: NormalSpread, stretch: Stretch, fault: InjectedFault
) -> bool:
    of_sensor = fault.kind in SENSOR_KINDS
    rows = stretch.working
    if of_sensor:
        rows = stretch.lasting if fault.kind == "stuck" else stretch.late
    readings, altered = inject(fault, asset_type, spread, stretch.readings, rows)
    found = score(asset_type, baseline, readings, at_once=True)
    if found.raised_since(float(readings.seconds[rows][0])):
        return True
    if not of_sensor or not altered.any():
        return False
    column = asset_type.signal_names.index(fault.signals[0])
    answered = found.flaws[:, column] != GOOD
    answered[found.rows] |= found.flag
    if fault.kind == "stuck":  # nobody can tell before it has lasted
        return bool(answered[altered].any())
    return bool(np.mean(answered[altered]) >= _ANSWERED)


def _sums(values: NDArray[np.generic], length: int) -> FloatArray:
    """(rows - length + 1,) sums over every stretch of so many rows."""
    total = np.concatenate([[0.0], np.cumsum(values.astype(np.float64))])
    return total[length:] - total[:-length] if length < len(total) else total[-1:]
