"""Triage of a fan whose responses follow its load and the load's square, seen through imperfect sensors."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.assets import AssetType, Signal
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift.case import DriftCase, Triage, Verdict
from smart_sentry.drift.shifts import windows_of
from smart_sentry.drift.triage import triage

FAN = AssetType(
    name="fan",
    sampling_seconds=10.0,
    signals=(
        Signal(name="load", unit="%", role="setting", limits=(0, 200)),
        Signal(name="power", unit="W", limits=(-1e6, 1e6)),
        Signal(name="leak", unit="l/min", limits=(-1e6, 1e6)),
    ),
)
ROWS = 3000
USUAL, OTHER = (60.0, 80.0, 100.0), (95.0, 110.0)


def fan(seed: int, begins: float, loads: tuple[float, ...], leak: float | np.ndarray) -> Readings:
    """A healthy fan: load changes every five minutes, power is 5 + 2 load + load^2 / 50 with a noise of 1 W."""
    rng = np.random.default_rng(seed)
    load = np.repeat(rng.choice(loads, size=ROWS // 30), 30)
    power = 5 + 2 * load + load**2 / 50 + rng.normal(size=ROWS)
    return Readings(begins + 10.0 * np.arange(ROWS), np.column_stack([load, power, np.broadcast_to(leak, ROWS)]))


def verdict(loads: tuple[float, ...], before: float, now: float | np.ndarray) -> Triage:
    return triage(DriftCase(FAN, fan(1, 0.0, USUAL, before), fan(2, 30_000.0, loads, now)))


@pytest.mark.parametrize("leak", [0.0, 0.1, 0.5, 1.0, 3.0, 20.0, 100.0, 518.67, -3.0])
def test_sensor_that_never_moves_hides_neither_health_nor_a_load_change(leak: float) -> None:
    assert verdict(USUAL, leak, leak).verdict is Verdict.NONE
    changed = verdict(OTHER, leak, leak)
    assert changed.verdict is Verdict.BENIGN
    assert changed.may_recalibrate


@pytest.mark.parametrize("loads", [USUAL, OTHER])
@pytest.mark.parametrize("before", [0.0, 3.0])
def test_sensor_that_never_moved_and_ramps_is_seen(loads: tuple[float, ...], before: float) -> None:
    found = verdict(loads, before, before + np.linspace(0.0, 0.45, ROWS))
    assert found.verdict is Verdict.UNKNOWN
    assert not found.may_recalibrate
    assert found.evidence[0].signals == ("leak",)
    assert found.evidence[0].figures["size"] == pytest.approx(0.45, abs=0.02)


def test_unit_of_a_sensor_that_never_moved_is_a_hundredth_of_its_size() -> None:
    """A ramp of 0.45 from 20 is 2.25 units, one of 0.05 from 20 is a quarter of one: of no consequence."""
    found = verdict(USUAL, 20.0, 20.0 + np.linspace(0.0, 0.45, ROWS))
    assert found.evidence[0].figures["size_sigma"] == pytest.approx(2.25, abs=0.1)
    assert verdict(USUAL, 20.0, 20.0 + np.linspace(0.0, 0.05, ROWS)).verdict is Verdict.NONE


def lossy(seed: int, begins: float, missing: float | np.ndarray, readings: int) -> Readings:
    """The healthy fan without a share of its loads, in stretches of so many readings."""
    window = fan(seed, begins, USUAL, 3.0)
    lost = np.random.default_rng(seed + 100).random(ROWS // readings) < missing
    window.values[np.repeat(lost, readings), 0] = np.nan
    return window


@pytest.mark.parametrize("readings", [1, 6, 30])
@pytest.mark.parametrize("share", [0.05, 0.15])
def test_healthy_machine_whose_load_is_missing_now_and_then_has_not_moved(share: float, readings: int) -> None:
    before = fan(1, 0.0, USUAL, 3.0)
    assert triage(DriftCase(FAN, before, lossy(2, 30_000.0, share, readings))).verdict is Verdict.NONE
    growing = np.linspace(0.0, 2 * share, ROWS // readings)
    assert triage(DriftCase(FAN, before, lossy(2, 30_000.0, growing, readings))).verdict is Verdict.NONE
    assert triage(DriftCase(FAN, lossy(1, 0.0, share, readings), lossy(2, 30_000.0, 0.0, 1))).verdict is Verdict.NONE


def half_hours(seed: int, begins: float, every: int) -> Readings:
    """A healthy fan whose load changes every half hour and is told in the first of so many readings."""
    rng = np.random.default_rng(seed)
    load = np.repeat(rng.choice(USUAL, size=ROWS // 180 + 1), 180)[:ROWS]
    power = 5 + 2 * load + load**2 / 50 + rng.normal(size=ROWS)
    told = np.where(np.arange(ROWS) % every == 0, load, np.nan)
    return Readings(begins + 10.0 * np.arange(ROWS), np.column_stack([told, power, np.full(ROWS, 3.0)]))


def test_load_that_is_told_only_when_it_changes_explains_as_much_as_one_told_always() -> None:
    always, changes = (windows_of(FAN, half_hours(1, 0.0, one), half_hours(2, 30_000.0, one)) for one in (1, 180))
    assert changes.conditioning.scale[1:] == pytest.approx(always.conditioning.scale[1:], rel=1e-6)
    assert changes.followed.residual[:, 1:] == pytest.approx(always.followed.residual[:, 1:], abs=1e-6)
    assert triage(DriftCase(FAN, half_hours(1, 0.0, 180), half_hours(2, 30_000.0, 180))).verdict is Verdict.NONE
