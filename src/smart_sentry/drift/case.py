"""What a triage is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings

FloatArray = NDArray[np.float64]


class Verdict(StrEnum):
    """Why an asset's readings are not what they were."""

    NONE = "none"
    SENSOR_FAULT = "sensor_fault"
    BENIGN = "benign_operating_change"
    STEP_AFTER_MAINTENANCE = "step_after_maintenance"
    DEGRADATION = "degradation"
    UNKNOWN = "unknown"


MAINTENANCE, OPERATING_CHANGE = "maintenance", "operating change"
"""Kinds of operator notes (contracts.monitoring.NoteRequest) that explain a step."""


@dataclass(frozen=True)
class LogEntry:
    """One operator note: when (seconds on the clock of the readings), its kind, its text."""

    seconds: float
    kind: str
    text: str = ""


@dataclass(frozen=True)
class HealthHistory:
    """The degradation index over the recent window, as the monitor kept it.

    Attributes:
        seconds: (points,) on the clock of the readings.
        degradation: (points,) 0..1.
    """

    seconds: FloatArray
    degradation: FloatArray


@dataclass(frozen=True)
class Neighbour:
    """Another asset of the same type over the same two windows."""

    reference: Readings
    recent: Readings


@dataclass(frozen=True)
class Moves:
    """What a neighbour did that its operation does not explain: all that a fleet is told of it.

    Attributes:
        before, now: (segments, signals) mean residuals of the reference and of the recent window, in the signals' units.
    """

    before: FloatArray
    now: FloatArray


def plain_seconds(seconds: float) -> str:
    """A time on a clock that nobody knows the origin of.

    >>> plain_seconds(60.2)
    '60 s'
    """
    return f"{seconds:.0f} s"


@dataclass(frozen=True)
class DriftCase:
    """One asset's recent past against what its baseline was learnt from.

    Attributes:
        asset_type: names signals, settings, phase rule and interval; of 1 signal or more.
        reference: readings that the active baseline was learnt from, of a machine known to be healthy.
        recent: readings since, on the same clock, in the order of time.
        log: the asset's operator notes.
        health: None where no monitor watched it.
        neighbours: assets of the same type at the same time; at least three say what the fleet has in common.
        shown: how sentences tell a time of that clock.
    """

    asset_type: AssetType
    reference: Readings
    recent: Readings
    log: tuple[LogEntry, ...] = ()
    health: HealthHistory | None = None
    neighbours: tuple[Neighbour, ...] = ()
    shown: Callable[[float], str] = plain_seconds


NOTHING_TO_COMPARE = "nothing to compare"
"""Kind of the evidence of a machine that hardly ran: a verdict that rests on it says nothing."""


@dataclass(frozen=True)
class Evidence:
    """One thing that a verdict stands on.

    Attributes:
        kind: what sort, e.g. "shift", "trend", "stuck".
        signals: that it is about.
        figures: numbers behind the sentence.
        sentence: for people.
    """

    kind: str
    signals: tuple[str, ...]
    figures: dict[str, Any]
    sentence: str


@dataclass(frozen=True)
class Triage:
    """What is the matter, and what may be done about it.

    Attributes:
        verdict: why the readings moved.
        confidence: 0..1, how clear the evidence is; no probability.
        may_recalibrate: whether a recalibration may be proposed.
        maintenance_alarm: whether the asset needs maintenance.
        ask_person: whether a person has to decide.
        evidence: what the verdict stands on, the weightiest first.
    """

    verdict: Verdict
    confidence: float
    may_recalibrate: bool
    evidence: tuple[Evidence, ...]

    @property
    def maintenance_alarm(self) -> bool:
        return self.verdict is Verdict.DEGRADATION

    @property
    def ask_person(self) -> bool:
        return self.verdict is Verdict.UNKNOWN
