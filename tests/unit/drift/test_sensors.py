"""Sensors that lie."""

from __future__ import annotations

import numpy as np

from smart_sentry.assets import AssetType, Signal
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift.sensors import chance_limits, longest_run, silent_signals, stuck_signals

KIND = AssetType(
    name="pump",
    signals=(
        Signal(name="flow", unit="l/s", limits=(-100, 100)),
        Signal(name="gear", unit="1", role="setting", limits=(0, 9)),
    ),
)


def readings(seed: int, rows: int = 1000) -> Readings:
    rng = np.random.default_rng(seed)
    return Readings(np.arange(float(rows)), np.column_stack([rng.normal(size=rows), np.full(rows, 3.0)]))


def test_stuck_sensor_is_named_with_its_beginning_and_a_held_setting_is_not() -> None:
    recent = readings(2)
    recent.values[400:, 0] = recent.values[400, 0]
    assert stuck_signals(KIND, readings(1), recent) == {"flow": (600.0, 400.0)}
    assert stuck_signals(KIND, readings(1), readings(3)) == {}


def test_silence_is_told_by_how_much_it_grew() -> None:
    recent = readings(2)
    recent.values[:500, 0] = np.nan
    assert silent_signals(readings(1), recent).tolist() == [0.5, 0.0]


def test_rounded_signal_that_drifts_onto_one_of_its_values_is_not_stuck() -> None:
    rng = np.random.default_rng(4)
    reference, recent = (rng.normal(mean, 0.3, size=100).round() for mean in (0.5, 0.1))
    found = [Readings(np.arange(100.0), np.column_stack([its, np.full(100, 3.0)])) for its in (reference, recent)]
    assert chance_limits(found[0], 100)[0] > longest_run(recent)[0] > 20
    assert stuck_signals(KIND, *found) == {}
    assert chance_limits(readings(1), 1000)[0] < 20
