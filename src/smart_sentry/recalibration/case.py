"""What a candidate is judged on, and what the checks answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from smart_sentry.assets import AssetType
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings
from smart_sentry.features.steps import window_length

HELD_OUT_SHARE = 0.25
"""Of the recent readings: the newest, which the candidate does not learn from."""
MOST_MOVE_SIGMA = 6.0
"""Default of the cap on the cumulative move."""
_SETTLING_SECONDS, _SETTLING_SHARE = 3600.0, 0.25


@dataclass(frozen=True)
class PastFault:
    """Readings around an anomaly alarm that a person acknowledged and nobody marked wrong.

    Attributes:
        began: when the alarm rose, on the clock of the readings.
        readings: from some time before it.
    """

    began: float
    readings: Readings


@dataclass(frozen=True)
class Origin:
    """The baseline from which moves are counted.

    Attributes:
        version: of it.
        baseline: None where it cannot be read any more.
        renewed: a maintenance explains the step that is to be learnt: the machine is another one, counting begins anew.
    """

    version: str
    baseline: Baseline | None
    renewed: bool = False


@dataclass(frozen=True)
class RecalibrationCase:
    """A candidate, the baseline that is active, and what both are held against.

    Attributes:
        asset_type: of the asset.
        active, candidate: baselines.
        old: readings that the active one was learnt from; None where they were not kept.
        training: readings that the candidate was learnt from.
        held_out: healthy readings after them, on the same clock, that it has not seen.
        past_faults: that must still be flagged.
        origin: from which moves are counted.
        most_move_sigma: cap on them.
    """

    asset_type: AssetType
    active: Baseline
    candidate: Baseline
    old: Readings | None
    training: Readings
    held_out: Readings
    past_faults: tuple[PastFault, ...]
    origin: Origin
    most_move_sigma: float = MOST_MOVE_SIGMA


@dataclass(frozen=True)
class Check:
    """What one check says.

    Attributes:
        name: of the check.
        passed: None where it could not be made: a person has to decide.
        figures: plain JSON values.
        sentence: for people.
    """

    name: str
    passed: bool | None
    figures: dict[str, Any]
    sentence: str


def settled_part(readings: Readings, onset: float | None) -> Readings:
    """Readings from after a change, once it has settled: an hour later, but no later than a quarter of what there is.

    Args:
        readings: in the order of time.
        onset: when the change began, on their clock; None: before them.
    """
    if onset is None or not len(readings.seconds) or onset <= readings.seconds[0]:
        return readings
    last = float(readings.seconds[-1])
    from_second = onset + min(_SETTLING_SECONDS, _SETTLING_SHARE * max(last - onset, 0.0))
    rows = readings.seconds >= from_second
    return readings.part(rows)


def without(readings: Readings, stretches: list[tuple[float, float]]) -> Readings:
    """Readings outside stretches of time (seconds, both ends included)."""
    keep = np.ones(len(readings.seconds), dtype=np.bool_)
    for begins, ends in stretches:
        keep &= (readings.seconds < begins) | (readings.seconds > ends)
    return readings.part(keep)


def split(asset_type: AssetType, readings: Readings) -> tuple[Readings, Readings]:
    """What a candidate learns from, and what is held out: the newest quarter, in whole steps."""
    step = window_length(asset_type)
    held_out = int(HELD_OUT_SHARE * len(readings.seconds)) // step * step
    cut = len(readings.seconds) - held_out
    return readings.part(slice(cut)), readings.part(slice(cut, None))
