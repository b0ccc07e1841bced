"""Rows that are compared: of one phase, and alike in operation."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift_monitoring.distributions import column_drifts, drift_share
from smart_sentry.drift_monitoring.samples import MOST_ROWS, phase_samples, steady_sample
from smart_sentry.phases import Phase

FAN = AssetType.model_validate({
    "name": "fan",
    "signals": [
        {"name": "gear", "unit": "1", "role": "setting", "limits": [0, 10]},
        {"name": "flow", "unit": "1", "limits": [-100, 100]},
    ],
    "features": [{"name": "flow_rms", "kind": "rms", "signal": "flow", "points": 5}],
})  # fmt: skip


def fan(rows: int, shares: dict[float, float], seed: int, offset: float = 0.0) -> Readings:
    """Runs in gears by their shares; the flow is ten times the gear."""
    rng = np.random.default_rng(seed)
    gear = rng.choice(list(shares), rows, p=list(shares.values()))
    return Readings(np.arange(float(rows)), np.column_stack([gear, 10 * gear + rng.normal(size=rows) + offset]))


def test_another_mix_of_regimes_is_no_drift_but_a_shift_within_them_is() -> None:
    before, now = fan(6000, {1.0: 0.8, 3.0: 0.2}, 1), fan(6000, {1.0: 0.2, 3.0: 0.8}, 2)
    raw = column_drifts(FAN.signal_names, before.values[:2000], now.values[:2000])
    assert raw["flow"].drifted
    sample = steady_sample(FAN, before, now)
    assert sample is not None
    assert drift_share(column_drifts(sample.names, sample.reference, sample.recent)) == 0.0
    moved = steady_sample(FAN, before, fan(6000, {1.0: 0.2, 3.0: 0.8}, 2, offset=5.0))
    assert moved is not None
    assert column_drifts(moved.names, moved.reference, moved.recent)["flow"].drifted


def test_a_regime_that_the_reference_does_not_know_is_left_out_and_told() -> None:
    sample = steady_sample(FAN, fan(4000, {1.0: 0.5, 3.0: 0.5}, 1), fan(4000, {1.0: 0.5, 7.0: 0.5}, 2))
    assert sample is not None
    assert sample.unmatched == pytest.approx(0.5, abs=0.05)
    assert set(sample.recent[:, 0]) == {1.0}


def test_sample_is_bounded_and_has_as_many_rows_of_each_window() -> None:
    sample = steady_sample(FAN, fan(9000, {1.0: 0.5, 3.0: 0.5}, 1), fan(5000, {1.0: 0.5, 3.0: 0.5}, 2))
    assert sample is not None
    assert sample.reference.shape == sample.recent.shape
    assert 0.9 * MOST_ROWS <= len(sample.recent) <= MOST_ROWS


def test_features_stand_beside_signals_where_asked() -> None:
    (sample,) = phase_samples(FAN, fan(500, {1.0: 1.0}, 1), fan(500, {1.0: 1.0}, 2), with_features=True)
    assert sample.phase is Phase.STEADY
    assert sample.names == ("gear", "flow", "flow_rms")
    assert sample.recent.shape[1] == 3


def test_too_little_operation_is_not_compared() -> None:
    assert steady_sample(FAN, fan(150, {1.0: 1.0}, 1), fan(5000, {1.0: 1.0}, 2)) is None
