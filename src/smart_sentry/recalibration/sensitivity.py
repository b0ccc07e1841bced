"""Which injected faults a baseline flags, in each of several draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.features.steps import window_length
from smart_sentry.quality import GOOD, run_limits
from smart_sentry.recalibration.injection import SENSOR_KINDS, InjectedFault, NormalSpread, inject
from smart_sentry.recalibration.scoring import Continuations, Scored
from smart_sentry.recalibration.stretches import FAULT_STEPS, STRETCH_STEPS, Stretch, healthy_stretches

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

MOST_STUCK_STEPS = 1600
"""A stuck sensor of an injected fault lasts so long at most."""
_STUCK_STEPS = 320
_TIMES_LIMIT = 2
_ANSWERED = 0.25


@dataclass(frozen=True)
class Trial:
    """What two baselines have to answer alike: which faults, how large and how long.

    Attributes:
        asset_type: of the machine.
        faults: to put in.
        spread: what they are sized by.
        stuck_rows: (signals,) how many readings a stuck sensor repeats its value.
    """

    asset_type: AssetType
    faults: tuple[InjectedFault, ...]
    spread: NormalSpread
    stuck_rows: IntArray

    @classmethod
    def of(cls, asset_type: AssetType, active: Baseline, faults: Sequence[InjectedFault], rows: int) -> Trial:
        """Faults that are sized by the active baseline.

        A stuck sensor stays so for twice as long as the active baseline needs to call it stuck: before that both tell it only
        where the machine happens to do something else in the meantime.

        Args:
            asset_type: of the machine.
            active: baseline.
            faults: to put in.
            rows: of the shorter of the readings that they are put into.
        """
        step = window_length(asset_type)
        least, most = (
            min(steps * step, rows - min(FAULT_STEPS * step, rows // 5)) for steps in (_STUCK_STEPS, MOST_STUCK_STEPS)
        )
        limits = run_limits(active.longest_run)
        lasting = np.clip(_TIMES_LIMIT * np.minimum(limits, most), least, most)
        return cls(
            asset_type, tuple(faults), NormalSpread.of(asset_type, active), np.where(limits > most, least, lasting)
        )

    @property
    def length(self) -> int:
        """Readings of a stretch that has room for each fault and for some time before it."""
        step = window_length(self.asset_type)
        return int(max(STRETCH_STEPS * step, FAULT_STEPS * step + self.stuck_rows.max()))

    def rows(self, fault: InjectedFault, stretch: Stretch) -> BoolArray:
        """(rows,) where a fault is in a stretch."""
        if fault.kind == "stuck":
            return stretch.last(int(self.stuck_rows[self.asset_type.signal_names.index(fault.signals[0])]))
        return stretch.late if fault.kind == "drop-out" else stretch.working


def flagged(trial: Trial, baseline: Baseline, readings: Readings) -> BoolArray:
    """(faults, draws) whether a baseline flags each fault of a trial, put into each of several healthy stretches of readings.

    It flags one where an anomaly alarm rises, or where the quality masks blame the sensor. Every stretch has a draw of its own.

    Args:
        trial: faults.
        baseline: that scores.
        readings: that it knows as healthy.
    """
    stretches = healthy_stretches(trial.asset_type, baseline, readings, trial.length)
    found = [_flagged_in(trial, baseline, stretch, number) for number, stretch in enumerate(stretches)]
    return np.array(found, dtype=np.bool_).T


def _flagged_in(trial: Trial, baseline: Baseline, stretch: Stretch, draw: int) -> list[bool]:
    """Of each fault in one stretch. What comes before a fault is the same for many: it is scored once."""
    watching: dict[int, Continuations] = {}
    found = []
    for fault in trial.faults:
        rows = trial.rows(fault, stretch)
        drawn = replace(fault, seed=fault.seed + draw)
        readings, altered = inject(drawn, trial.asset_type, trial.spread, stretch.readings, rows)
        begin = int(np.argmax(rows))
        if begin not in watching:
            watching[begin] = Continuations(trial.asset_type, baseline, stretch.readings.part(slice(begin)))
        answer = watching[begin].score(readings.part(slice(begin, None)))
        found.append(_answers(trial.asset_type, fault, answer, altered[begin:]))
    return found


def _answers(asset_type: AssetType, fault: InjectedFault, found: Scored, altered: BoolArray) -> bool:
    """Whether readings with a fault, of which some (rows,) were altered, are answered by an alarm or a blamed sensor."""
    if found.raised:
        return True
    if fault.kind not in SENSOR_KINDS or not altered.any():
        return False
    blamed = found.flaws[:, asset_type.signal_names.index(fault.signals[0])] != GOOD
    if fault.kind == "stuck":  # nobody can tell before it has lasted
        return bool(blamed[altered].any())
    blamed[found.rows] |= found.flag
    return bool(np.mean(blamed[altered]) >= _ANSWERED)
