"""What operation explains is taken off, what it does not stays."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.assets import AssetType, Signal
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift.blocks import block_rows
from smart_sentry.drift.shifts import operating_shifts, response_shifts, windows_of

KIND = AssetType(
    name="fan",
    sampling_seconds=10.0,
    signals=(
        Signal(name="load", unit="%", role="setting", limits=(0, 200)),
        Signal(name="power", unit="W", limits=(-1e6, 1e6)),
        Signal(name="noise", unit="dB", limits=(-1e6, 1e6)),
    ),
)
ROWS = 3000


def window(seed: int, begins: float, loads: tuple[float, ...], power: float | np.ndarray = 0.0) -> Readings:
    """Power is 5 + 2 load + load^2 / 50 and follows nothing else."""
    rng = np.random.default_rng(seed)
    load = np.repeat(rng.choice(loads, size=ROWS // 30), 30)
    watts = 5 + 2 * load + load**2 / 50 + rng.normal(size=ROWS) + power
    return Readings(begins + 10.0 * np.arange(ROWS), np.column_stack([load, watts, 40 + rng.normal(size=ROWS)]))


USUAL, OTHER = (60.0, 80.0, 100.0), (95.0, 110.0)


def test_load_outside_the_reference_moves_the_setting_and_no_residual() -> None:
    windows = windows_of(KIND, window(1, 0.0, USUAL), window(2, 30_000.0, OTHER))
    assert [shift.moved for shift in operating_shifts(windows)] == [True]
    assert not any(shift.moved or shift.trends for shift in response_shifts(windows))


def test_a_step_under_a_load_change_has_its_own_size_in_its_own_unit() -> None:
    step = np.where(np.arange(ROWS) >= 1000, 8.0, 0.0)
    power, noise = response_shifts(windows_of(KIND, window(1, 0.0, USUAL), window(2, 30_000.0, USUAL, step)))
    assert power.moved
    assert power.size * power.unit_size == pytest.approx(8.0, abs=0.5)
    assert power.low <= power.size <= power.high
    assert power.onset_seconds == pytest.approx(40_000, abs=1500)
    assert not noise.moved


def test_blocks_are_a_minute_and_shorter_where_readings_are_few() -> None:
    assert block_rows(KIND, window(1, 0.0, USUAL)) == 6
    few = Readings(np.arange(300.0), np.zeros((300, 3)))
    assert block_rows(KIND, few) == 3
