"""What the seed's phases are worth: each test of the study can say yes and can say no."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from smart_sentry.assets import AssetType, FailurePolicy, Signal
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.phase_study.clusters import cluster_attempt, elbow
from smart_sentry.phase_study.downstream import downstream_test
from smart_sentry.phase_study.report import render_phase_report, run_phase_study, verdict
from smart_sentry.phase_study.shuffle import lag_one_autocorrelation, shuffle_test, shuffled_within_assets
from smart_sentry.phase_study.study import PhaseStudy, PhaseStudySettings
from smart_sentry.phases import Phase, VolatilityTrendRule, classify_phases

QUICK = PhaseStudySettings(shuffles=2, most_clusters=3, folds=2, trees=5)
RULE = VolatilityTrendRule(volatility_signal="load", trend_signal="speed", window=5, threshold=0.5, smoothing=3)


def fleet(load: np.ndarray, speed: np.ndarray, assets: int) -> pd.DataFrame:
    """Equal assets, one after the other."""
    rows = len(load)
    return pd.DataFrame(
        {
            "asset_id": np.repeat(np.arange(1, assets + 1), rows),
            "cycle": np.tile(np.arange(1, rows + 1), assets),
            "load": np.tile(load, assets),
            "speed": np.tile(speed, assets),
        }
    )


@pytest.fixture
def cycling() -> pd.DataFrame:
    """Machines that truly start (20 readings up), run (60), and stop (20 down), twice over."""
    once = np.concatenate([np.linspace(0, 40, 20), np.full(60, 40.0), np.linspace(40, 0, 20)])
    level = np.tile(once, 2)
    return fleet(level, 100 + level, assets=4)


@pytest.fixture(scope="module")
def engines(fd001: RunToFailure) -> pd.DataFrame:
    return fd001.train


@pytest.fixture
def dataset(cycling: pd.DataFrame) -> RunToFailure:
    signals = tuple(Signal(name=name, unit="1", limits=(-1, 200)) for name in ("load", "speed"))
    asset_type = AssetType(name="bench", signals=signals, failure=FailurePolicy(horizon_cycles=10))
    return RunToFailure("<bench>", asset_type, cycling, cycling, None, "nowhere")


@pytest.fixture
def study(dataset: RunToFailure, tmp_path: Path) -> PhaseStudy:
    return run_phase_study(dataset, tmp_path / "reports", RULE, QUICK)


def test_autocorrelation_stays_within_each_asset() -> None:
    # deviations 1, -1 | 1, -1: products -1 and -1 over squares 4; across the border would add -1
    readings = pd.DataFrame({"asset_id": [1, 1, 2, 2], "load": [1.0, -1.0, 5.0, 3.0]})
    assert lag_one_autocorrelation(readings, "load") == pytest.approx(-0.5)


def test_autocorrelation_of_fd001_is_that_of_white_noise(engines: pd.DataFrame) -> None:
    assert lag_one_autocorrelation(engines, "op_setting_1") == pytest.approx(-0.005, abs=0.0005)
    assert lag_one_autocorrelation(engines, "sensor_7") > 0.5  # the measure can say yes


def test_shuffling_keeps_each_assets_values_and_every_other_column() -> None:
    readings = pd.DataFrame({"asset_id": [2, 1] * 50, "load": np.arange(100.0), "speed": np.arange(100.0)})
    shuffled = shuffled_within_assets(readings, "load", np.random.default_rng(1))
    assert not shuffled["load"].equals(readings["load"])
    pd.testing.assert_frame_equal(shuffled.drop(columns="load"), readings.drop(columns="load"))
    for asset, values in shuffled.groupby("asset_id")["load"]:
        assert sorted(values) == readings.loc[readings["asset_id"] == asset, "load"].tolist()
    assert readings["load"].tolist() == list(range(100))  # the original stands


def test_shuffling_real_transients_destroys_the_steady_phase(cycling: pd.DataFrame) -> None:
    test = shuffle_test(cycling, RULE, shuffles=3, seed=1)
    assert test.autocorrelation > 0.9
    assert test.shares[Phase.STEADY] > 0.5
    assert test.shuffled_mean[Phase.STEADY] < 0.2


def test_shuffling_fd001_leaves_the_phase_shares_as_they_were(engines: pd.DataFrame) -> None:
    test = shuffle_test(engines, VolatilityTrendRule(), shuffles=20, seed=0)
    for phase in (Phase.STARTUP, Phase.STEADY, Phase.SHUTDOWN):
        assert abs(test.shares[phase] - test.shuffled_mean[phase]) < 0.015
        assert abs(test.shares[phase] - test.shuffled_mean[phase]) < 2.5 * test.shuffled_spread[phase]
    assert test.shares[Phase.STEADY] == pytest.approx(4834 / 20631)


@pytest.mark.parametrize(("inertia", "knee"), [([100, 40, 10, 8, 6], 3), ([100, 10, 9, 8, 7], 2)])
def test_elbow_is_furthest_below_the_line_between_the_ends(inertia: list[float], knee: int) -> None:
    assert elbow(np.array(inertia, dtype=np.float64)) == knee


def test_clusters_of_readings_find_levels_and_not_directions(cycling: pd.DataFrame) -> None:
    readings = cycling.assign(still=7.0)
    phases = classify_phases(readings, RULE)
    attempt = cluster_attempt(readings, ("load", "speed", "still"), phases, clusters=2, most_clusters=3, seed=0)
    assert attempt.signals == ("load", "speed")
    assert attempt.inertia[0] == 1.0
    assert attempt.inertia[0] > attempt.inertia[1] > attempt.inertia[2]
    assert abs(attempt.agreement) < 0.1
    assert attempt.readings.to_numpy().sum() == len(readings)


def test_clusters_that_do_hold_the_direction_are_found_to_agree(cycling: pd.DataFrame) -> None:
    phases = classify_phases(cycling, RULE)
    told = cycling.assign(direction=100.0 * (phases == "STARTUP") - 100.0 * (phases == "SHUTDOWN"))
    attempt = cluster_attempt(told, ("direction",), phases, clusters=3, most_clusters=3, seed=0)
    assert attempt.agreement == pytest.approx(1.0)


def test_clusters_of_fd001_do_not_separate_startup_from_shutdown(engines: pd.DataFrame) -> None:
    phases = classify_phases(engines, VolatilityTrendRule())
    signals = tuple(name for name in engines.columns if name not in ("asset_id", "cycle"))
    attempt = cluster_attempt(engines, signals, phases, clusters=3, most_clusters=3, seed=0)
    assert len(attempt.signals) == 17
    assert attempt.agreement < 0.1
    assert (
        max(attempt.median_rul_cycles) - min(attempt.median_rul_cycles) > 100
    )  # stages of wear, that is what they are


@pytest.mark.parametrize("telling", [True, False])
def test_phase_as_a_feature_gains_only_when_it_tells_something(telling: bool) -> None:
    rng = np.random.default_rng(4)
    readings = fleet(np.zeros(60), np.zeros(60), assets=8).assign(
        load=rng.normal(0, 1, 480), speed=rng.normal(0, 1, 480)
    )
    anomalous = readings["cycle"] > 50
    phases = pd.Series(np.where(anomalous if telling else rng.random(480) < 0.2, "SHUTDOWN", "STEADY"))
    test = downstream_test(readings, phases, anomalous, ("load", "speed"), folds=2, trees=20, seed=0)
    assert len(test.with_phase) == len(test.without_phase) == 2
    assert (test.gain > 0.5) if telling else (abs(test.gain) < 0.1)
    assert abs(test.gain_by_chance) < 0.1


def test_study_writes_a_page_and_its_picture_and_nothing_else(study: PhaseStudy, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    assert sorted(path.name for path in folder.iterdir()) == ["phases.html", "phases.png"]
    assert (folder / "phases.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "phases.html").read_text(encoding="utf-8") == render_phase_report(study)
    assert sum(study.counts.values()) == 800


def test_study_with_the_same_seed_gives_the_same_page(study: PhaseStudy, dataset: RunToFailure, tmp_path: Path) -> None:
    again = run_phase_study(dataset, tmp_path / "again", RULE, QUICK)
    assert render_phase_report(again) == render_phase_report(study)


def test_report_holds_the_figures_and_escapes_names(study: PhaseStudy) -> None:
    page = render_phase_report(study)
    assert "&lt;bench&gt;" in page
    assert "<bench>" not in page
    assert f"<td>STEADY</td><td>{study.counts[Phase.STEADY]}</td>" in page
    assert f"{100 * study.shuffle.shuffled_mean[Phase.STEADY]:.2f} %" in page
    assert f"knee at {study.clusters.elbow}" in page
    assert f"<td>{np.mean(study.downstream.with_phase):.3f}</td>" in page


def test_verdict_follows_the_shuffle_test(study: PhaseStudy) -> None:
    assert verdict(study).startswith("The readings' order tells phases")
    unmoved = replace(study.shuffle, shuffled_mean=study.shuffle.shares)
    assert verdict(replace(study, shuffle=unmoved)).startswith("The rule does not fit these data")
    noise = replace(unmoved, autocorrelation=-0.005)
    assert verdict(replace(study, shuffle=noise)).startswith("No start-up or shutdown")
