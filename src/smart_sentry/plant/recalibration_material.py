"""What a recalibration is made of and judged on, out of the database and the baselines' files. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smart_sentry.assets import AssetType
from smart_sentry.baseline_store import BaselineStore
from smart_sentry.contracts.alarms import AlarmEvent, AlarmState
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import LEAST_READINGS, Readings
from smart_sentry.drift.case import Verdict
from smart_sentry.errors import ChecksumMismatch, InsufficientData, ModelUnavailable
from smart_sentry.features.steps import window_length
from smart_sentry.plant.condition_watch import ANOMALY
from smart_sentry.plant.recalibration_rules import newest_verdict
from smart_sentry.recalibration.case import Origin, PastFault, RecalibrationCase, settled_part, split, without
from smart_sentry.recalibration.checks import MOVE
from smart_sentry.recalibration_triggers import wrong_alarms
from smart_sentry.stores.recalibrations import Recalibration
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch, Store

LEAD_STEPS, FAULT_STEPS = 60, 600
"""Steps of a past fault's stretch before its alarm rose, and most of them after."""
MOST_FAULTS = 20
"""Past faults that are tried, the newest."""
_ONSET = "onset_seconds"


@dataclass(frozen=True)
class ConfirmedFault:
    """An anomaly alarm that a person acknowledged and nobody called wrong: when it rose and ended (None: it stands)."""

    began: float
    ended: float | None


def training_readings(store: Store, asset_type: AssetType, found: Recalibration, lookback_minutes: float) -> Readings:
    """What a candidate learns from: the older three quarters of the recent readings, once a change has settled.

    Stretches of confirmed faults are left out.

    Args:
        store: of the plant.
        asset_type: of the asset.
        found: the recalibration.
        lookback_minutes: how much of the asset's past counts as recent.

    Raises:
        InsufficientData: too few are left.
    """
    asset = found.asked.asset_id
    with store.view() as batch:
        newest = batch.readings.newest(asset) or 0.0
        readings = _readings(batch, asset_type, asset, Span.last_minutes(lookback_minutes, newest))
        recent = settled_part(_healthy(batch, asset, readings), _onset(batch, found))
    training, _ = split(asset_type, recent)
    rows = len(training.seconds)
    if rows < LEAST_READINGS:
        what = (
            f"healthy readings of {asset} in the last {lookback_minutes:g} minutes to recalibrate on (acknowledged anomaly "
            "alarms are left out; a note of the kind 'false alarm' calls one wrong)"
        )
        raise InsufficientData(what, rows, LEAST_READINGS)
    return training


def case_of(
    store: Store, baselines: BaselineStore, asset_type: AssetType, found: Recalibration, most_move_sigma: float
) -> RecalibrationCase:
    """What a candidate that was built is judged on.

    Args:
        store, asset_type, found: as of `training_readings`; it has a candidate.
        baselines: of the asset's type.
        most_move_sigma: cap on the cumulative move.

    Raises:
        ModelUnavailable, ChecksumMismatch: a baseline cannot be read.
    """
    asset, version = found.asked.asset_id, found.candidate_version or ""
    active, candidate = baselines.load(asset, found.asked.active_version), baselines.load(asset, version)
    training = baselines.readings_of(asset, version)
    if training is None:
        remedy = "Reject this recalibration and ask for another one."
        raise ModelUnavailable(baselines.folder_of(asset) / version / "readings.npz", remedy)
    with store.view() as batch:
        since = _readings(batch, asset_type, asset, Span(start=float(training.seconds[-1])))
        held_out = _healthy(batch, asset, Readings(since.seconds[1:], since.values[1:]))
        faults = _past_faults(batch, asset_type, asset)
        origin = _origin(batch, baselines, found)
        old = baselines.readings_of(asset, active.version) or _around_creation(batch, asset_type, active)
    return RecalibrationCase(asset_type, active, candidate, old, training, held_out, faults, origin, most_move_sigma)


def confirmed_faults(batch: Batch, asset_id: str) -> list[ConfirmedFault]:
    """Confirmed anomaly alarms of an asset, in the order of time.

    Where the condition still stands as a shelf expires or an alarm returns to service, a new alarm begins without having been
    raised; it goes on where the one before it stopped, and is as confirmed.
    """
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    acknowledged: set[str] = set()
    goes_on: dict[str, str] = {}
    last: str | None = None
    for step in batch.alarms.transitions(asset_id=asset_id):
        if step.key != ANOMALY:
            continue
        if step.to_state is AlarmState.UNACKNOWLEDGED:
            if step.alarm_id not in began and last is not None and last not in ended:
                ended[last] = step.time
                if step.event is not AlarmEvent.RAISED:
                    goes_on[step.alarm_id] = last
            began.setdefault(step.alarm_id, step.time)
            ended.pop(step.alarm_id, None)
            last = step.alarm_id
        elif step.event is AlarmEvent.CLEARED or step.to_state is AlarmState.NORMAL:
            ended.setdefault(step.alarm_id, step.time)
        if step.event is AlarmEvent.ACKNOWLEDGED:
            acknowledged.add(step.alarm_id)
    wrong = wrong_alarms(began, batch.notes.history(asset_id=asset_id))
    confirmed: set[str] = set()
    for name in began:
        if name not in wrong and (name in acknowledged or goes_on.get(name) in confirmed):
            confirmed.add(name)
    return [ConfirmedFault(began[name], ended.get(name)) for name in began if name in confirmed]


def _readings(batch: Batch, asset_type: AssetType, asset_id: str, span: Span) -> Readings:
    return Readings(*batch.readings.values(asset_id, asset_type.signal_names, span))


def _healthy(batch: Batch, asset_id: str, readings: Readings) -> Readings:
    faults = confirmed_faults(batch, asset_id)
    return without(readings, [(one.began, float("inf") if one.ended is None else one.ended) for one in faults])


def _past_faults(batch: Batch, asset_type: AssetType, asset_id: str) -> tuple[PastFault, ...]:
    """Those whose readings are still stored."""
    step = asset_type.sampling_seconds * window_length(asset_type)
    found = []
    for fault in confirmed_faults(batch, asset_id)[-MOST_FAULTS:]:
        ends = fault.began + FAULT_STEPS * step
        if fault.ended is not None:
            ends = min(ends, fault.ended)
        span = Span(start=fault.began - LEAD_STEPS * step, end=ends + step)
        readings = _readings(batch, asset_type, asset_id, span)
        if (readings.seconds >= fault.began).any():
            found.append(PastFault(fault.began, readings))
    return tuple(found)


def _origin(batch: Batch, baselines: BaselineStore, found: Recalibration) -> Origin:
    """The first accepted baseline, or the newest that a maintenance made the beginning of another machine."""
    asset = found.asked.asset_id
    versions = [one.version for one in batch.baselines.history(asset)] or baselines.history(asset)
    version = versions[0]
    for earlier in batch.recalibrations.history(asset_id=asset):
        if earlier.state in ("KEPT", "WATCHING") and earlier.candidate_version and _was_renewed(earlier.checks or {}):
            version = earlier.candidate_version
    verdict = _verdict_of(batch, found)
    try:
        baseline: Baseline | None = baselines.load(asset, version)
    except (ModelUnavailable, ChecksumMismatch):
        baseline = None
    return Origin(version, baseline, verdict == Verdict.STEP_AFTER_MAINTENANCE)


def _was_renewed(checks: Mapping[str, Any]) -> bool:
    return any(one["name"] == MOVE and one["figures"].get("renewed") for one in checks.get("checks", ()))


def _verdict_of(batch: Batch, found: Recalibration) -> str | None:
    number = found.asked.finding_id
    finding = newest_verdict(batch, found.asked.asset_id) if number is None else batch.drift_findings.find(number)
    if finding is None or finding.finding.baseline_version != found.asked.active_version:
        return None
    return finding.finding.verdict


def _onset(batch: Batch, found: Recalibration) -> float | None:
    """When the change began that a finding dates, seconds since 1970 UTC."""
    number = found.asked.finding_id
    finding = None if number is None else batch.drift_findings.find(number)
    if finding is None:
        return None
    figures = [piece.get("figures", {}) for piece in finding.finding.evidence]
    onsets = [one[_ONSET] for one in figures if isinstance(one.get(_ONSET), int | float)]
    return max(onsets, default=None)


def _around_creation(batch: Batch, asset_type: AssetType, baseline: Baseline) -> Readings | None:
    """Stored readings that a baseline of an earlier version of the program may have been learnt from."""
    created = baseline.created_seconds
    span = Span(created - baseline.acceptance.seconds, created)
    readings = _readings(batch, asset_type, baseline.asset_id, span)
    return readings if len(readings.seconds) >= LEAST_READINGS else None
