"""Readings through the ordinary monitor and the ordinary alarms, once, with one baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.contracts.alarms import AlarmEvent, AlarmTransition
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.health.alarms import AlarmBook

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ASSET, _KEY = "asset", "anomaly"


@dataclass(frozen=True)
class Scored:
    """What one baseline says of readings.

    Attributes:
        rows: (steps,) the reading that ended each step.
        seconds, score, flag: (steps,) of each.
        phase: (rows,) of each reading, index into phases.PHASES.
        flaws: (rows, signals) indices into quality.FLAWS.
        raised: the anomaly alarms that rose.
    """

    rows: NDArray[np.int64]
    seconds: FloatArray
    score: FloatArray
    flag: BoolArray
    phase: NDArray[np.int64]
    flaws: NDArray[np.int8]
    raised: tuple[AlarmTransition, ...]

    def raised_since(self, second: float) -> bool:
        """Whether an alarm rose at or after a time."""
        return any(one.time >= second for one in self.raised)


def score(asset_type: AssetType, baseline: Baseline, readings: Readings, *, at_once: bool = False) -> Scored:
    """Scores readings by a monitor that remembers nothing before them.

    Args:
        at_once: alarms rise as soon as k of n steps speak for them, in every phase: for stretches shorter than the delay.
    """
    monitor = ConditionMonitor(asset_type, {_ASSET: baseline})
    found = monitor.assess(np.zeros(len(readings.seconds), dtype=np.int64), readings.seconds, readings.values)
    rows = np.flatnonzero(found.step >= 0)
    rules = asset_type.alarms
    if at_once:
        rules = rules.model_copy(update={"on_delay_seconds": 0.0, "suppress_in_phases": ()})
    book = AlarmBook(rules)
    slots = np.repeat(book.slots([(_ASSET, _KEY)]), len(rows))
    moved = book.observe(slots, readings.seconds[rows], found.score[rows], found.flag[rows], found.phase[rows])
    raised = tuple(one for one in moved if one.event is AlarmEvent.RAISED)
    return Scored(rows, readings.seconds[rows], found.score[rows], found.flag[rows], found.phase, found.flaws, raised)


def joined(*parts: Readings) -> Readings:
    """Stretches of readings one after another."""
    return Readings(np.concatenate([one.seconds for one in parts]), np.concatenate([one.values for one in parts]))
