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
        raised, cleared: transitions of the anomaly alarm by which it rose, and by which it fell.
    """

    rows: NDArray[np.int64]
    seconds: FloatArray
    score: FloatArray
    flag: BoolArray
    phase: NDArray[np.int64]
    flaws: NDArray[np.int8]
    raised: tuple[AlarmTransition, ...]
    cleared: tuple[AlarmTransition, ...]

    def raised_since(self, second: float) -> bool:
        """Whether an alarm rose at or after a time."""
        return any(one.time >= second for one in self.raised)

    def stands_at(self, second: float) -> bool:
        """Whether an alarm rose before a time and had not fallen by then."""
        risen = max((one.time for one in self.raised if one.time < second), default=-np.inf)
        return risen > max((one.time for one in self.cleared if one.time < second), default=-np.inf)


def score(asset_type: AssetType, baseline: Baseline, readings: Readings, *, at_once: bool = False) -> Scored:
    """Scores readings by a monitor that remembers nothing before them.

    Args:
        at_once: alarms rise as soon as k of n steps speak for them, in every phase: for stretches shorter than the delay.
    """
    return _scored(ConditionMonitor(asset_type, {_ASSET: baseline}), _book(asset_type, at_once), readings)


class Continuations:
    """Scores several continuations of the same readings, which are scored once.

    Alarms rise at once, as `score` has it, and only by what the continuation shows.

    Args:
        asset_type: of the machine.
        baseline: that scores.
        before: readings that all continuations follow; nothing of them is told.
    """

    def __init__(self, asset_type: AssetType, baseline: Baseline, before: Readings) -> None:
        self._asset_type, self._monitor = asset_type, ConditionMonitor(asset_type, {_ASSET: baseline})
        self._monitor.assess(np.zeros(len(before.seconds), dtype=np.int64), before.seconds, before.values)
        self._begin = self._monitor.snapshot()

    def score(self, readings: Readings) -> Scored:
        """Scores one continuation; rows and alarms are its own."""
        self._monitor.restore(self._begin)
        return _scored(self._monitor, _book(self._asset_type, at_once=True), readings)


def _book(asset_type: AssetType, at_once: bool) -> AlarmBook:
    rules = asset_type.alarms
    return AlarmBook(rules.model_copy(update={"on_delay_seconds": 0.0, "suppress_in_phases": ()}) if at_once else rules)


def _scored(monitor: ConditionMonitor, book: AlarmBook, readings: Readings) -> Scored:
    found = monitor.assess(np.zeros(len(readings.seconds), dtype=np.int64), readings.seconds, readings.values)
    rows = np.flatnonzero(found.step >= 0)
    slots = np.repeat(book.slots([(_ASSET, _KEY)]), len(rows))
    moved = book.observe(slots, readings.seconds[rows], found.score[rows], found.flag[rows], found.phase[rows])
    raised, cleared = (
        tuple(one for one in moved if one.event is event) for event in (AlarmEvent.RAISED, AlarmEvent.CLEARED)
    )
    return Scored(
        rows, readings.seconds[rows], found.score[rows], found.flag[rows], found.phase, found.flaws, raised, cleared
    )


def joined(*parts: Readings) -> Readings:
    """Stretches of readings one after another."""
    return Readings(np.concatenate([one.seconds for one in parts]), np.concatenate([one.values for one in parts]))
