"""Settings enter the normal values by a trend, and by an offset and a spread for each operating regime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from condition_sample import CREATED

from smart_sentry.assets import AssetType
from smart_sentry.condition_monitor import Condition, ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.detection.settings import Settings

KIND = AssetType.model_validate({"name": "engine", "signals": [
    {"name": "altitude", "unit": "kft", "role": "setting", "limits": [-1, 60]},
    {"name": "mach", "unit": "1", "role": "setting", "limits": [-0.1, 1]},
    *({"name": f"sensor_{number}", "unit": "K", "limits": [-1e4, 1e4]} for number in range(4)),
]})  # fmt: skip
LEVELS = np.array([[0, 0], [10, 0.25], [20, 0.7], [25, 0.62], [35, 0.84], [42, 0.84]])
NORMAL = np.sin(np.arange(24) * 1.7).reshape(6, 4) * 100
NOISE = np.array([1.0, 4.0, 1.0, 2.0, 0.5, 1.0])


def flights(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Readings (rows, 6) at six levels in any order, and the level of each; no trend explains the sensors, nor their noise."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 6, rows)
    settings = LEVELS[level] + rng.normal(0, [0.005, 0.0005], (rows, 2))
    return np.column_stack([settings, NORMAL[level] + rng.normal(size=(rows, 4)) * NOISE[level][:, None]]), level


def learnt(values: np.ndarray) -> Baseline:
    return calibrate("engine", KIND, Readings(np.arange(float(len(values))), values), created=CREATED, seed=1)


def follow(baseline: Baseline, values: np.ndarray) -> tuple[ConditionMonitor, Condition]:
    monitor = ConditionMonitor(KIND, {"engine": baseline})
    return monitor, monitor.assess(np.zeros(len(values), dtype=np.int64), np.arange(float(len(values))), values)


def test_machine_of_six_regimes_is_judged_by_each_ones_own_offset_and_noise() -> None:
    values, level = flights(6000, 1)
    baseline = learnt(values[:2000])
    assert len(baseline.settings.regimes) == 6
    _, found = follow(baseline, values[2000:])
    shares = [found.flag[level[2000:] == one].mean() for one in range(6)]
    assert max(shares) <= 0.01, shares
    spread = np.exp(baseline.phases["UNKNOWN"].normal.spread[0, -6:])
    order = [int(np.argmin(np.abs(baseline.settings.regimes - one).sum(axis=1))) for one in LEVELS]
    np.testing.assert_allclose(spread[order] / spread[order][0], NOISE, rtol=0.2)


def test_fault_in_a_quiet_regime_is_seen_though_it_would_drown_in_a_noisy_one() -> None:
    values, level = flights(4000, 2)
    baseline = learnt(values[:2000])
    live, of = values[2000:].copy(), level[2000:]
    live[of == 4, 2] += 3.0  # six of its own deviations, less than one of regime 1's
    _, found = follow(baseline, live)
    assert found.flag[of == 4].mean() > 0.9


def test_reason_names_what_was_expected_at_these_settings() -> None:
    values, level = flights(2100, 3)
    live = values[2000:].copy()
    live[50:, 2] += 40.0
    monitor, found = follow(learnt(values[:2000]), live)
    reasons = row_reasons(monitor, found)
    row = int(np.flatnonzero((level[2000:] == 4) & (np.arange(100) > 50))[0])
    np.testing.assert_allclose(found.expected[row], NORMAL[4], atol=0.6)
    assert "sensor_0" in reasons[row]


def test_setting_between_regimes_has_the_trend_alone() -> None:
    rng = np.random.default_rng(4)
    load = rng.choice([20.0, 40.0, 60.0], 1500)
    values = np.column_stack([load, np.zeros(1500), 5 + 0.5 * load[:, None] + rng.normal(0, 0.2, (1500, 4))])
    settings = Settings.of(values[:, :2], KIND, 1)
    assert len(settings.regimes) == 3
    assert settings.terms(np.array([[30.0, 0.0]]))[0, -3:].tolist() == [0, 0, 0]
    between = np.column_stack([np.full(200, 50.0), np.zeros(200), 30 + rng.normal(0, 0.2, (200, 4))])
    assert follow(learnt(values), between)[1].flag.mean() < 0.05


def test_setting_that_is_held_or_jumps_is_no_flaw_of_a_sensor() -> None:
    values, _ = flights(2000, 7)
    rng = np.random.default_rng(8)
    held = np.column_stack([np.tile(LEVELS[2], (300, 1)), NORMAL[2] + rng.normal(size=(300, 4))])
    held[150] = np.r_[LEVELS[5], NORMAL[5] + rng.normal(size=4)]
    _, found = follow(learnt(values), held)
    assert not found.flaws[:, :2].any()
    assert found.flag.mean() < 0.02


@pytest.mark.parametrize("rows", [59, 60])
def test_regimes_need_readings(rows: int) -> None:
    settings = np.repeat(LEVELS[:2], [rows // 2, rows - rows // 2], axis=0)
    assert len(Settings.of(settings, KIND, 1).regimes) == (2 if rows == 60 else 0)


def test_settings_that_vary_continuously_or_never_have_no_regime() -> None:
    rng = np.random.default_rng(5)
    continuous = np.column_stack([rng.uniform(0, 60, 2000), rng.uniform(0, 1, 2000)])
    assert len(Settings.of(continuous, KIND, 1).regimes) == 0
    assert len(Settings.of(np.tile(LEVELS[2], (500, 1)), KIND, 1).regimes) == 0


def test_missing_settings_count_as_their_average_and_as_no_regime() -> None:
    values, _ = flights(500, 6)
    settings = Settings.of(values[:, :2], KIND, 1)
    missing = settings.terms(np.array([[np.nan, np.nan]]))[0]
    np.testing.assert_allclose(missing, 0, atol=1e-12)


def lines(rows: int, seed: int) -> np.ndarray:
    """Readings (rows, 6) whose first two sensors follow the altitude, which changes slowly, and the others nothing."""
    rng = np.random.default_rng(seed)
    altitude = 30 + 20 * np.sin(np.arange(rows) / 40)
    values = rng.normal(size=(rows, 6))
    values[:, 0], values[:, 1] = altitude, 0.5
    values[:, 2] += 3.0 * altitude
    values[:, 3] -= 0.1 * altitude**2
    return values


def flown(rows: int, seed: int) -> np.ndarray:
    return flights(rows, seed)[0]


@pytest.mark.parametrize("machine", [lines, flown], ids=["a trend", "regimes"])
@pytest.mark.parametrize("silent", [1, 3, 10, 60])
def test_setting_that_is_silent_is_not_held_against_the_machine(
    machine: Callable[[int, int], np.ndarray], silent: int
) -> None:
    baseline, live = learnt(machine(2000, 11)), machine(1000, 12)
    _, whole = follow(baseline, live)
    live[500 : 500 + silent, 0] = np.nan
    monitor, found = follow(baseline, live)
    assert found.flag.sum() <= whole.flag.sum()
    assert found.degradation[-1] <= whole.degradation[-1]
    assert "altitude" in row_reasons(monitor, found)[500]
    if machine is lines:  # what does not follow the settings is judged all the same
        live[500 : 500 + silent, 4:] += 50.0
        assert follow(baseline, live)[1].flag[500 : 500 + silent].all()


@pytest.mark.parametrize("machine", [lines, flown], ids=["a trend", "regimes"])
def test_calibration_leaves_steps_out_whose_settings_are_silent(machine: Callable[[int, int], np.ndarray]) -> None:
    values, live = machine(3000, 13), machine(1000, 14)
    values[np.random.default_rng(15).random(3000) < 0.2, 0] = np.nan
    fault = live.copy()
    fault[:, 2] += 8.0 * np.where(machine is lines, 1.0, 4.0)
    baseline = learnt(values)
    assert follow(baseline, live)[1].flag.mean() <= 0.02
    assert follow(baseline, fault)[1].flag.mean() >= 0.95


@pytest.mark.parametrize("never", [LEVELS[2], [np.nan, 0.7], [np.nan, np.nan]])
def test_settings_that_never_moved_or_were_never_told_explain_nothing(never: list[float]) -> None:
    values, _ = flights(400, 9)
    values[:, :2] = never
    baseline = learnt(values)
    normal = baseline.phases["UNKNOWN"].normal
    np.testing.assert_allclose(normal.centre, values[:, 2:].mean(axis=0))
    assert not normal.slope.any()
    live, _ = flights(200, 10)  # its settings move and are told, which must not be held against the machine
    assert follow(baseline, live)[1].flag.mean() <= 0.02


@pytest.mark.parametrize("silent", [slice(40, None), slice(None)], ids=["but for one block", "throughout"])
def test_sensor_that_is_silent_does_not_stop_a_calibration_with_settings(silent: slice) -> None:
    values, _ = flights(400, 11)
    values[silent, 2] = np.nan
    baseline = learnt(values)
    live, _ = flights(200, 12)
    live[:, 2] = np.nan
    _, found = follow(baseline, live)
    assert np.isfinite(found.score).all()
    assert found.flag.mean() <= 0.02
    live[100:, 3] += 60.0
    assert follow(baseline, live)[1].flag[110:].mean() > 0.9
