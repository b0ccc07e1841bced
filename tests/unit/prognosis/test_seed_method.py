"""The seed's own models: their published figures on FD001, and how they behave on readings worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import InsufficientData
from smart_sentry.phases import VolatilityTrendRule, classify_phases
from smart_sentry.prognosis.seed_method import fit_phase_isolation_forests, fit_seed_forest

SENSORS = tuple(f"sensor_{number}" for number in range(1, 22))


def labelled(readings: pd.DataFrame, rul_cycles: pd.Series) -> pd.DataFrame:
    return readings.assign(anomalous=rul_cycles <= 30, phase=classify_phases(readings, VolatilityTrendRule()))


@pytest.fixture(scope="module")
def train(fd001: RunToFailure) -> pd.DataFrame:
    return labelled(fd001.train, fd001.train_truth())


@pytest.fixture(scope="module")
def monitored(fd001: RunToFailure) -> pd.DataFrame:
    return labelled(fd001.test, fd001.test_truth())


@pytest.fixture
def two_clouds() -> tuple[pd.DataFrame, np.ndarray]:
    """200 healthy readings around 0 and 20 anomalous ones around 3."""
    rng = np.random.default_rng(1)
    anomalous = np.arange(220) >= 200
    return pd.DataFrame(rng.normal(3.0 * anomalous[:, None], 1.0, (220, 2)), columns=["hot", "loud"]), anomalous


def test_seed_forest_on_fd001_reaches_the_seeds_published_figures(train: pd.DataFrame, monitored: pd.DataFrame) -> None:
    forest = fit_seed_forest(train, train["anomalous"].to_numpy(), SENSORS, seed=42, workers=2)
    alarm, truth = forest.predict(monitored), monitored["anomalous"].to_numpy()
    assert truth.sum() == 332
    precision, recall = (alarm & truth).sum() / alarm.sum(), (alarm & truth).sum() / truth.sum()
    f1 = 2 * precision * recall / (precision + recall)
    assert (precision, recall, f1) == pytest.approx((0.66, 0.76, 0.70), abs=0.02)


def test_phase_isolation_forests_on_fd001_miss_nine_of_ten_failures_as_the_seed_found(
    train: pd.DataFrame, monitored: pd.DataFrame
) -> None:
    truth = monitored["anomalous"].to_numpy()
    on_all = fit_phase_isolation_forests(train, train["phase"], SENSORS, seed=42)
    assert set(on_all.models) == {"STARTUP", "STEADY", "SHUTDOWN"}
    assert on_all.predict(monitored, monitored["phase"])[truth].mean() < 0.10
    healthy = train[~train["anomalous"]]
    on_healthy = fit_phase_isolation_forests(healthy, healthy["phase"], SENSORS, seed=42)
    assert on_healthy.predict(monitored, monitored["phase"])[truth].mean() > 0.55


def test_seed_forest_for_any_number_of_workers_is_the_same(two_clouds: tuple[pd.DataFrame, np.ndarray]) -> None:
    readings, anomalous = two_clouds
    one, two, other = (
        fit_seed_forest(readings, anomalous, ("hot", "loud"), seed, workers, trees=20).predict_proba(readings)
        for seed, workers in ((5, 1), (5, 2), (6, 1))
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_seed_forest_draws_no_fractions_for_a_sensor_that_counts_in_whole_numbers() -> None:
    # anomalous readings count 0 or 9, healthy ones 5: a drawn fraction in between would split them apart anywhere else
    rng = np.random.default_rng(1)
    anomalous = np.arange(120) >= 100
    counts = np.where(anomalous, rng.choice([0.0, 9.0], 120), 5.0)
    readings = pd.DataFrame({"count": counts, "hot": rng.normal(0.0, 1.0, 120)})
    forest = fit_seed_forest(readings, anomalous, ("count", "hot"), seed=5, trees=20)
    thresholds = {float(t) for tree in forest.model.estimators_ for t in tree.tree_.threshold[tree.tree_.feature == 0]}
    assert thresholds
    assert all((2.0 * threshold).is_integer() for threshold in thresholds)  # halfway between two whole numbers


def test_seed_forest_sees_only_the_named_sensors_in_their_order(two_clouds: tuple[pd.DataFrame, np.ndarray]) -> None:
    readings, anomalous = two_clouds
    forest = fit_seed_forest(readings, anomalous, ("loud", "hot"), seed=5, trees=20)
    shuffled = readings.assign(unknown=np.nan)[["unknown", "hot", "loud"]]
    np.testing.assert_array_equal(forest.predict_proba(shuffled), forest.predict_proba(readings))
    ends = pd.DataFrame({"hot": [-1.0, 4.0], "loud": [-1.0, 4.0]})
    assert forest.predict(ends).tolist() == [False, True]


@pytest.mark.parametrize(("anomalous_rows", "what"), [(5, "anomalous readings"), (218, "healthy readings")])
def test_seed_forest_without_enough_of_a_class_is_refused(
    two_clouds: tuple[pd.DataFrame, np.ndarray], anomalous_rows: int, what: str
) -> None:
    readings, _ = two_clouds
    with pytest.raises(InsufficientData, match=f"{what}.*need at least 6"):
        fit_seed_forest(readings, np.arange(220) < anomalous_rows, ("hot", "loud"), seed=5)


def test_phase_isolation_forest_judges_a_reading_by_its_own_phase() -> None:
    rng = np.random.default_rng(2)
    phases = np.repeat(["STARTUP", "STEADY"], 300)
    readings = pd.DataFrame({"speed": rng.normal(np.repeat([10.0, 50.0], 300), 1.0)})
    forests = fit_phase_isolation_forests(readings, phases, ("speed",), seed=7, contamination=0.02)
    same = pd.DataFrame({"speed": [10.0, 10.0, 50.0, 50.0]})
    alarm = forests.predict(same, ["STARTUP", "STEADY", "STEADY", "STARTUP"])
    assert alarm.tolist() == [False, True, False, True]
    assert forests.predict(readings, phases).mean() == pytest.approx(0.02, abs=0.005)


def test_phase_isolation_forest_gives_readings_of_a_phase_without_forest_the_lowest_score() -> None:
    rng = np.random.default_rng(2)
    readings = pd.DataFrame({"speed": rng.normal(0.0, 1.0, 399)})
    phases = np.repeat(["STEADY", "SHUTDOWN", "UNKNOWN"], [100, 99, 200])
    forests = fit_phase_isolation_forests(readings, phases, ("speed",), seed=7)
    assert set(forests.models) == {"STEADY"}
    scores = forests.anomaly_scores(readings, phases)
    assert (scores[100:] == -1.0).all()
    assert scores[:100].min() > -1.0
    assert not forests.predict(readings, phases)[100:].any()


def test_phase_isolation_forests_without_enough_readings_are_refused() -> None:
    readings, phases = pd.DataFrame({"speed": np.zeros(150)}), np.repeat(["STEADY", "STARTUP"], [90, 60])
    with pytest.raises(InsufficientData, match="have 90, need at least 100"):
        fit_phase_isolation_forests(readings, phases, ("speed",), seed=7)
