"""Triage of a simulated fleet, one scenario of each kind, and of machines of other types."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from smart_sentry.assets import AssetType, Signal, load_asset_type
from smart_sentry.datasets.drift_scenarios import (
    FIGURE_SEEDS,
    KINDS,
    TUNING_SEEDS,
    DriftScenario,
    Recorded,
    drift_scenario,
)
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift.case import DriftCase, HealthHistory, LogEntry, Neighbour, Verdict
from smart_sentry.drift.triage import triage
from smart_sentry.errors import ConfigurationError, InsufficientData

BENCH = load_asset_type(Path(__file__).parents[3] / "configs" / "assets" / "motor_bench.yaml")
DEGRADING = (
    "mechanical wear",
    "electrical ageing",
    "wear under a load change",
    "wear after maintenance",
    "whole fleet wears",
)


def readings(recorded: Recorded) -> Readings:
    return Readings(recorded.seconds, recorded.values)


def case_of(scenario: DriftScenario) -> DriftCase:
    return DriftCase(
        scenario.asset_type, readings(scenario.reference), readings(scenario.recent),
        tuple(LogEntry(line.seconds, line.kind, line.text) for line in scenario.log), None,
        tuple(Neighbour(readings(before), readings(now)) for before, now in scenario.neighbours),
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_verdict_on_one_scenario_of_each_kind_is_one_of_the_accepted(kind: str) -> None:
    scenario = drift_scenario(kind, TUNING_SEEDS[0], BENCH)
    found = triage(case_of(scenario))
    assert str(found.verdict) in scenario.accepted, [one.sentence for one in found.evidence]
    assert found.maintenance_alarm == (found.verdict is Verdict.DEGRADATION)
    assert found.evidence
    if found.verdict not in (Verdict.BENIGN, Verdict.STEP_AFTER_MAINTENANCE):
        assert not found.may_recalibrate


@pytest.mark.parametrize("kind", DEGRADING)
@pytest.mark.parametrize("seed", [TUNING_SEEDS[100], TUNING_SEEDS[101], TUNING_SEEDS[102]])
def test_no_degrading_machine_may_be_recalibrated(kind: str, seed: int) -> None:
    scenario = drift_scenario(kind, seed, BENCH)
    assert scenario.degrading
    assert not triage(case_of(scenario)).may_recalibrate


def test_falling_health_keeps_a_load_change_from_a_recalibration() -> None:
    scenario = drift_scenario("load change", TUNING_SEEDS[0], BENCH)
    case = case_of(scenario)
    seconds = case.recent.seconds
    falls = HealthHistory(seconds, np.linspace(0.0, 0.9, len(seconds)) ** 3)
    assert triage(case).may_recalibrate
    doubtful = triage(DriftCase(case.asset_type, case.reference, case.recent, case.log, falls, case.neighbours))
    assert doubtful.verdict is Verdict.UNKNOWN
    assert doubtful.ask_person
    assert not doubtful.may_recalibrate


def test_seeds_for_tuning_and_for_the_figure_are_disjoint() -> None:
    assert not set(TUNING_SEEDS) & set(FIGURE_SEEDS)


def test_scenario_is_the_same_for_the_same_seed_and_an_unknown_kind_is_refused() -> None:
    one, other = (drift_scenario("nothing", TUNING_SEEDS[3], BENCH) for _ in range(2))
    np.testing.assert_array_equal(one.recent.values, other.recent.values)
    with pytest.raises(ConfigurationError, match="not known"):
        drift_scenario("something", 1, BENCH)


def plain(signals: int, settings: int = 0) -> AssetType:
    return AssetType(
        name="plain",
        signals=tuple(
            Signal(name=f"x{number}", unit="1", limits=(-1e6, 1e6), role="setting" if number < settings else "sensor")
            for number in range(signals)
        ),
    )


def noise(signals: int, rows: int, begins: float, seed: int) -> Readings:
    rng = np.random.default_rng(seed)
    return Readings(begins + np.arange(float(rows)), rng.normal(size=(rows, signals)))


def test_single_signal_that_rises_is_a_degradation() -> None:
    before, now = noise(1, 20_000, 0.0, 1), noise(1, 20_000, 20_000.0, 2)
    now.values[:, 0] += np.linspace(0.0, 3.0, 20_000)
    assert triage(DriftCase(plain(1), before, now)).verdict is Verdict.DEGRADATION
    assert triage(DriftCase(plain(1), before, noise(1, 20_000, 20_000.0, 3))).verdict is Verdict.NONE


def test_one_of_many_signals_that_steps_is_unknown_without_a_note_and_explained_with_one() -> None:
    before, now = noise(5, 20_000, 0.0, 1), noise(5, 20_000, 20_000.0, 2)
    now.values[8000:, 2] += 3.0
    case = DriftCase(plain(5), before, now)
    assert triage(case).verdict is Verdict.UNKNOWN
    noted = triage(DriftCase(plain(5), before, now, (LogEntry(28_000.0, "maintenance", "Valve renewed."),)))
    assert noted.verdict is Verdict.STEP_AFTER_MAINTENANCE
    assert noted.may_recalibrate
    elsewhere = triage(DriftCase(plain(5), before, now, (LogEntry(38_000.0, "maintenance", "Valve renewed."),)))
    assert elsewhere.verdict is Verdict.UNKNOWN


def renewed_at(row: int) -> tuple[Readings, Readings, tuple[LogEntry, ...]]:
    """Five signals of 20,000 s before and 20,000 s after; the third falls at that row of the recent ones, and a note says why."""
    before, now = noise(5, 20_000, 0.0, 1), noise(5, 20_000, 20_000.0, 2)
    now.values[row:, 2] -= 3.0
    return before, now, (LogEntry(20_000.0 + row, "maintenance", "Fan renewed."),)


def test_note_does_not_explain_another_signal_that_steps_later() -> None:
    """The fan is renewed in the sixth of 24 segments; in the thirteenth a bearing cracks, and stays so."""
    before, now, log = renewed_at(5000)
    assert triage(DriftCase(plain(5), before, now, log)).verdict is Verdict.STEP_AFTER_MAINTENANCE
    now.values[11_000:, 3] += 2.0
    found = triage(DriftCase(plain(5), before, now, log))
    assert found.verdict is Verdict.UNKNOWN
    assert not found.may_recalibrate
    assert found.evidence[-1].signals == ("x3",)
    assert "moved at another time" in found.evidence[-1].sentence


@pytest.mark.parametrize("segments", [6, 10])
def test_step_that_a_note_explains_is_unknown_while_it_is_too_early_to_tell(segments: int) -> None:
    """Four segments settle; of those after them eight are needed: with ten there are seven at most."""
    before, now, log = renewed_at(round((24 - segments) * 20_000 / 24))
    found = triage(DriftCase(plain(5), before, now, log))
    assert found.verdict is Verdict.UNKNOWN
    assert not found.may_recalibrate
    assert "too early" in found.evidence[-1].sentence


def rising(seed: int, rise: float) -> tuple[Readings, Readings]:
    before, now = noise(2, 4800, 0.0, seed), noise(2, 4800, 4800.0, seed + 50)
    now.values[:, 0] += np.linspace(0.0, rise, 4800)
    return before, now


@pytest.mark.parametrize("rise", [0.2, 0.4])  # too little for a shift; a shift
def test_trend_that_the_fleet_shares_is_no_operating_change(rise: float) -> None:
    neighbours = tuple(Neighbour(*rising(seed, rise)) for seed in (32, 33, 34, 35))
    found = triage(DriftCase(plain(2), *rising(3, rise), neighbours=neighbours))
    assert [one.kind for one in found.evidence] == ["fleet", "doubt"]
    assert found.verdict is Verdict.UNKNOWN
    assert not found.may_recalibrate


def test_machine_that_hardly_ran_is_unknown() -> None:
    case = case_of(drift_scenario("nothing", TUNING_SEEDS[0], BENCH))
    still = (case.reference.values[:, 0] == 0) & (case.reference.values[:, 6] == 0)
    values = case.reference.values[still]
    recent = Readings(case.recent.seconds[0] + case.asset_type.sampling_seconds * np.arange(len(values)), values)
    found = triage(DriftCase(case.asset_type, case.reference, recent))
    assert found.verdict is Verdict.UNKNOWN
    assert not found.may_recalibrate


def test_too_few_readings_are_refused_with_their_number() -> None:
    with pytest.raises(InsufficientData, match="recent readings to triage drift"):
        triage(DriftCase(plain(1), noise(1, 500, 0.0, 1), noise(1, 50, 500.0, 2)))


def test_silent_sensor_is_a_sensor_fault() -> None:
    before, now = noise(3, 5000, 0.0, 1), noise(3, 5000, 5000.0, 2)
    now.values[1000:, 1] = np.nan
    found = triage(DriftCase(plain(3), before, now))
    assert found.verdict is Verdict.SENSOR_FAULT
    assert found.evidence[0].signals == ("x1",)


def test_sixty_thousand_readings_of_fifty_two_signals_take_seconds_at_most() -> None:
    before, now = noise(52, 60_000, 0.0, 1), noise(52, 60_000, 60_000.0, 2)
    triage(DriftCase(plain(7), noise(7, 2000, 0.0, 1), noise(7, 2000, 2000.0, 2)))
    begun = time.process_time()
    assert triage(DriftCase(plain(52), before, now)).verdict is Verdict.NONE
    assert time.process_time() - begun < 5.0
