"""The reason `ratio`: said of anomalous readings whose ratio is out of its range while its signals are not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from condition_sample import CREATED, pump, running, seconds

from smart_sentry.assets import AssetType
from smart_sentry.condition_monitor import ConditionMonitor
from smart_sentry.condition_reasons import row_reasons
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import Readings, calibrate
from smart_sentry.health.explanations import RatioRange, Told, explain_ratio, ratio_ranges

SHAKE = {
    "name": "shake_per_ampere", "kind": "ratio", "numerator": "vibration_g", "denominator": "current_a", "offset": 1,
}  # fmt: skip
SLOW, FAST = pump(features=[SHAKE]), pump(sampling_seconds=0.01, features=[SHAKE])
RANGE = RatioRange("ratio", 0, 1, 0.01, "g", 0.16, 0.01, 0.13, 0.19)


@cache
def learnt(fast: bool = False, wander: float = 0.0) -> Baseline:
    kind, rows = (FAST, 20_000) if fast else (SLOW, 600)
    values = running(rows, 1) + np.outer(np.arange(rows) * wander, [1, 0, 0])
    at = seconds(rows, kind.sampling_seconds)
    return calibrate("pump 1", kind, Readings(at, values), created=CREATED, seed=1)


def reasons(baseline: Baseline, values: np.ndarray, cuts: tuple[int, ...] = (), kind: AssetType = SLOW) -> list[str]:
    monitor, out = ConditionMonitor(kind, {"pump 1": baseline}), []
    for begin, end in zip((0, *cuts), (*cuts, len(values)), strict=True):
        at = np.arange(begin, end) * kind.sampling_seconds
        out += row_reasons(monitor, monitor.assess(monitor.slots(["pump 1"] * (end - begin)), at, values[begin:end]))
    return out


def not_together(rows: int, begin: int, fast: bool = False) -> np.ndarray:
    """(rows, 3) from `begin` on the current is 2.7 deviations low, its speed as it should be then, and the vibration as high."""
    values, normal = running(rows, 7), learnt(fast).phases["UNKNOWN"].normal
    low, high = normal.centre[0] - 2.7 * normal.scale[0], normal.centre[2] + 2.7 * normal.scale[2]
    late = values[begin:].reshape(-1, 100, 3)  # every second of a fast machine has this mean
    about = 1.0 if fast else 0.01
    values[begin:] = np.array([low, 2900 + 5 * (15 - low), high]) + about * (
        late - late.mean(axis=1, keepdims=True)
    ).reshape(-1, 3)
    return values


def told(numerator: float, denominator: float) -> Told:
    """Signals of which 0.15 +- 0.03 and 0.92 +- 0.02 are normal."""
    return Told([numerator, denominator], [0.15, 0.92], [0.03, 0.02])


def test_ratio_out_of_its_range_is_told_with_value_expectation_deviation_and_unit() -> None:
    found = explain_ratio([RANGE], told(0.2, 0.9), "UNKNOWN")
    assert found is not None
    value = 0.2 / 0.91
    assert (found.kind, found.signal, found.unit, found.expected) == ("ratio", "ratio", "g", 0.16)
    assert found.value == pytest.approx(value)
    assert found.sigmas == pytest.approx((value - 0.16) / 0.01)
    assert found.sentence == "High ratio: 0.2198 g against 0.16 g (6.0 sigma)"
    low = explain_ratio([RANGE], told(0.1, 0.94), "STARTUP")
    assert low is not None
    assert low.sentence == "Low ratio in STARTUP: 0.1053 g against 0.16 g (5.5 sigma)"


@pytest.mark.parametrize(
    ("numerator", "denominator", "why"),
    [
        (0.15, 0.92, "healthy"), (0.241, 0.92, "the numerator is out of its own range"),
        (0.2, 0.85, "the denominator is"), (0.175, 0.92, "2.8 sigma"), (np.nan, 0.92, "a sensor is silent"),
    ],
)  # fmt: skip
def test_ratio_is_not_told_where_it_says_nothing_of_its_own(numerator: float, denominator: float, why: str) -> None:
    assert explain_ratio([RANGE], told(numerator, denominator), "UNKNOWN") is None, why


def test_value_that_the_calibration_has_seen_is_in_the_range_whatever_its_deviation() -> None:
    assert explain_ratio([RANGE._replace(high=0.25)], told(0.2, 0.9), "UNKNOWN") is None


def test_strongest_of_several_ratios_is_told() -> None:
    found = explain_ratio([RANGE, RANGE._replace(name="narrow", std=0.005)], told(0.2, 0.9), "UNKNOWN")
    assert found is not None
    assert found.signal == "narrow"


def test_value_and_expectation_never_look_equal() -> None:
    near = RANGE._replace(unit="", mean=0.25, std=1e-7, low=0.2499999, high=0.2500001, offset=0.0)
    signals = Told([0.2500004, 1.0], [0.25, 1.0], [0.1, 0.1])
    found = explain_ratio([near], signals, "UNKNOWN")
    assert found is not None
    assert found.sentence == "High ratio: 0.2500004 against 0.25 (4.0 sigma)"


def test_unit_is_that_of_the_quotient_and_ratios_without_a_range_are_left_out() -> None:
    (its,) = ratio_ranges(SLOW, learnt(), "UNKNOWN")
    assert (its.name, its.unit, its.numerator, its.denominator, its.offset) == ("shake_per_ampere", "g/A", 2, 0, 1)
    assert ratio_ranges(SLOW, learnt(), "STARTUP") == []
    unsettled = learnt(wander=0.02)
    assert unsettled.adaptation[0] > 0
    assert ratio_ranges(SLOW, unsettled, "UNKNOWN") == []
    signals = [
        signal.model_dump() | {"unit": unit} for signal, unit in zip(SLOW.signals, ("l/s", "rpm", "1"), strict=True)
    ]
    (its,) = ratio_ranges(pump(signals=signals, features=[SHAKE]), learnt(), "UNKNOWN")
    assert its.unit == "1/(l/s)"


def test_flagged_reading_names_the_ratio_that_only_both_signals_together_put_out_of_range() -> None:
    found = reasons(learnt(), not_together(300, 100))
    ratio = [reason for reason in found[100:] if "High shake_per_ampere: " in reason]
    assert len(ratio) > 150
    assert " g/A against " in ratio[0]
    assert not any("shake_per_ampere" in reason for reason in found[:100])


def test_healthy_readings_name_no_ratio() -> None:
    found = reasons(learnt(), running(5000, 8))
    assert sum(bool(reason) for reason in found) <= 25
    assert not any("shake_per_ampere" in reason for reason in found)


def test_signal_that_is_out_of_its_own_range_speaks_for_itself() -> None:
    values = running(100, 9)
    values[:, 0] = 5.0
    found = reasons(learnt(), values)
    assert all(reason.startswith("Low current_a: ") for reason in found[:1])
    assert not any("shake_per_ampere" in reason for reason in found)


@pytest.mark.parametrize("size", [1, 37, 100])
def test_ratio_does_not_depend_on_the_batches(size: int) -> None:
    whole = reasons(learnt(), not_together(300, 100))
    assert reasons(learnt(), not_together(300, 100), tuple(range(size, 300, size))) == whole


@pytest.mark.parametrize("size", [37, 100])
def test_ratio_of_a_fast_machine_is_of_its_seconds_and_does_not_depend_on_the_batches(size: int) -> None:
    values = not_together(2400, 600, fast=True)
    whole = reasons(learnt(fast=True), values, kind=FAST)
    assert sum("High shake_per_ampere: " in reason for reason in whole[600:]) > 100
    assert not any("shake_per_ampere" in reason for reason in whole[:600])
    assert reasons(learnt(fast=True), values, tuple(range(size, 2400, size)), kind=FAST) == whole
