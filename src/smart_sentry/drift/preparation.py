"""From an asset's readings to what a triage needs of them: little to hold while the next asset's are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smart_sentry.detection.calibration import LEAST_READINGS, Readings
from smart_sentry.drift.case import DriftCase, Evidence
from smart_sentry.drift.sensors import MISSING_MORE, silent_signals, stuck_signals
from smart_sentry.drift.shifts import Windows, windows_of
from smart_sentry.errors import InsufficientData


@dataclass(frozen=True)
class Prepared:
    """A case whose readings have been cut.

    Attributes:
        case: without readings and neighbours.
        windows: its blocks, conditioned; None where a sensor is broken.
        broken: evidence of sensors that are silent or stuck.
    """

    case: DriftCase
    windows: Windows | None
    broken: tuple[Evidence, ...]


def prepare(case: DriftCase, least_readings: int = LEAST_READINGS) -> Prepared:
    """Looks at the sensors and cuts the readings of an asset; its neighbours are left out.

    Args:
        case: one asset's two windows, its log and its health.
        least_readings: of either window.

    Raises:
        InsufficientData: fewer readings in one of the windows.
    """
    for what, window in (("reference", case.reference), ("recent", case.recent)):
        if len(window.seconds) < least_readings:
            raise InsufficientData(f"{what} readings to triage drift", len(window.seconds), least_readings)
    broken = _broken_sensors(case)
    windows = None if broken else windows_of(case.asset_type, case.reference, case.recent)
    nothing = Readings(np.empty(0), np.empty((0, len(case.asset_type.signals))))
    return Prepared(replace(case, reference=nothing, recent=nothing, neighbours=()), windows, broken)


def _broken_sensors(case: DriftCase) -> tuple[Evidence, ...]:
    evidence = []
    more = silent_signals(case.reference, case.recent)
    for name, share in zip(case.asset_type.signal_names, more, strict=True):
        if share >= MISSING_MORE:
            sentence = f"{name} says nothing in {share:.0%} more of its readings than in the reference."
            evidence.append(Evidence("missing", (name,), {"share": float(share)}, sentence))
    for name, (length, begin) in stuck_signals(case.asset_type, case.reference, case.recent).items():
        sentence = f"{name} has shown one value {length:.0f} times in a row since {case.shown(begin)}."
        evidence.append(Evidence("stuck", (name,), {"readings": length, "since_seconds": begin}, sentence))
    return tuple(evidence)
