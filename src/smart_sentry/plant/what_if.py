"""Hypothetical readings, judged as if the machine had just begun to run, without touching anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.errors import InvalidReadings, ModelUnavailable
from smart_sentry.features.steps import window_length
from smart_sentry.health.degradation import severity
from smart_sentry.monitor import Monitor
from smart_sentry.phases import PHASES
from smart_sentry.plant.failure_watch import FailureWatch
from smart_sentry.plant.incoming import Incoming, values_of
from smart_sentry.plant.plant import Plant
from smart_sentry.quality import FLAWS, GOOD
from smart_sentry.stores.span import Span

FloatArray = NDArray[np.float64]

_PRESET_READINGS, _PRESET_SIGMAS = 30, 6.0


def what_if(plant: Plant, asset_id: str, readings: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Judges readings one after another, at the type's sampling interval.

    Raises:
        UnknownAsset: no reading of the asset has come. ModelUnavailable: it was not calibrated.
        InvalidReadings: a signal is not the type's.
    """
    watch = plant.watch_of(asset_id)
    if isinstance(watch, FailureWatch):
        return _predicted(watch, asset_id, readings)
    baseline = watch.baseline_of(asset_id)
    if baseline is None:
        raise ModelUnavailable(f"baseline of {asset_id}", "Calibrate it first: POST /api/v1/calibration/start.")
    kind = watch.asset_type
    values = values_of(kind, [Incoming(asset_id, "", 0.0, one) for one in readings], range(len(readings)))
    monitor = ConditionMonitor(kind, {asset_id: baseline})
    seconds = np.arange(len(readings), dtype=np.float64) * kind.sampling_seconds
    condition = monitor.assess(monitor.slots([asset_id] * len(readings)), seconds, values)
    reasons, severities = row_reasons(monitor, condition), severity(condition.score)
    rows = []
    for row in range(len(readings)):
        step, score = int(condition.step[row]), float(condition.score[row])
        effect = condition.scored.effect[step] if step >= 0 else np.zeros(len(baseline.channels))
        total = float(np.sum(np.maximum(effect, 0.0)))
        flaws = {
            name: FLAWS[code]
            for name, code in zip(kind.signal_names, condition.flaws[row].tolist(), strict=True)
            if code != GOOD
        }
        rows.append({
            "phase": PHASES[condition.phase[row]].value, "score": None if np.isnan(score) else score,
            "flag": bool(condition.flag[row]),
            "severity": None if np.isnan(score) else float(severities[row]), "reason": reasons[row], "sensors": flaws,
            "contributions": {
                name: float(part / total) for name, part in zip(baseline.channels, effect, strict=True) if total > 0 and part > 0
            },
        })  # fmt: skip
    return {"asset_id": asset_id, "baseline_version": baseline.version, "assessments": rows}


def presets(plant: Plant, asset_id: str) -> list[dict[str, Any]]:
    """Readings to begin with: an asset's newest ones as they are, and with one sensor six of its standard deviations off.

    Raises:
        UnknownAsset: no reading of the asset has come.
    """
    kind = plant.watch_of(asset_id).asset_type
    with plant.store.view() as batch:
        history = batch.readings.history(
            asset_id, Span(limit=max(_PRESET_READINGS, window_length(kind)), newest_first=True)
        )
    column = {name: place for place, name in enumerate(history.signals)}
    newest: dict[str, FloatArray] = {
        name: history.values[::-1, column[name]] for name in kind.signal_names if name in column
    }

    def preset(name: str, about: str, changed: Mapping[str, FloatArray]) -> dict[str, Any]:
        rows = zip(*(part.tolist() for part in {**newest, **changed}.values()), strict=True)
        readings = [
            {key: None if np.isnan(value) else value for key, value in zip(newest, row, strict=True)} for row in rows
        ]
        return {"name": name, "description": about, "readings": readings}

    told = [preset("as it is", f"the newest {len(history.seconds)} readings", {})]
    units = {signal.name: signal for signal in kind.signals}
    for name in (name for name in kind.sensor_names if name in newest and np.isfinite(newest[name]).any()):
        step = _PRESET_SIGMAS * max(float(np.nanstd(newest[name])), 0.001 * abs(float(np.nanmean(newest[name]))), 1e-9)
        for word, by in (("high", step), ("low", -step)):
            low, high = units[name].limits
            moved = np.clip(newest[name] + by, low, high)
            told.append(preset(f"{name} {word}", f"{name} {by:+.4g} {units[name].unit}", {name: moved}))
    return told


def _predicted(watch: FailureWatch, asset_id: str, readings: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    kind = watch.asset_type
    values = values_of(kind, [Incoming(asset_id, "", 0.0, one) for one in readings], range(len(readings)))
    silent = [
        (row, kind.signal_names[column], "expected a number") for row, column in np.argwhere(np.isnan(values)).tolist()
    ]
    if silent:
        raise InvalidReadings(silent)
    monitor = Monitor(watch.bundle, explain=True)
    rows = [monitor.answer([asset_id], [row], values[row : row + 1])[0] for row in range(len(values))]
    told = [row.model_dump(exclude={"asset_id", "model_version"}) for row in rows]
    return {"asset_id": asset_id, "model_version": watch.bundle.version, "assessments": told}
