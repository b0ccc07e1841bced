"""The seed's phase rule: worked by hand, on any split of a stream, and on the data that it was published for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import ConfigurationError
from smart_sentry.phase_study.counts import published_phases
from smart_sentry.phases import PHASES, Phase, PhaseTracker, VolatilityTrendRule, classify_phases

STARTUP, STEADY, SHUTDOWN, UNKNOWN = Phase.STARTUP, Phase.STEADY, Phase.SHUTDOWN, Phase.UNKNOWN
SMALL = VolatilityTrendRule(window=3, threshold=1.0, smoothing=2)


def track(rule: VolatilityTrendRule, volatility: list[float], trend: list[float]) -> list[Phase]:
    values = np.column_stack([volatility, trend]).astype(np.float64)
    return [PHASES[code] for code in PhaseTracker(rule).update(values, np.zeros(len(values), dtype=np.int64))]


@pytest.fixture(scope="module")
def engines(fd001: RunToFailure) -> pd.DataFrame:
    return fd001.train


def test_rule_on_six_readings_gives_the_phases_worked_by_hand() -> None:
    # deviation of the last 3: -, -, 0, 5.77, 5.77, 0; mean of the last 2: 1, 1.5, 2, 2, 1.5, 1
    phases = track(SMALL, volatility=[0, 0, 0, 10, 10, 10], trend=[1, 2, 2, 2, 1, 1])
    assert phases == [UNKNOWN, STARTUP, STEADY, SHUTDOWN, SHUTDOWN, STEADY]


@pytest.mark.parametrize(("threshold", "third"), [(1.5, STARTUP), (1.8, STEADY)])
def test_volatility_is_the_sample_deviation(threshold: float, third: Phase) -> None:
    # 0, 0, 3: population deviation 1.414, sample deviation 1.732
    rule = VolatilityTrendRule(window=3, threshold=threshold, smoothing=2)
    assert track(rule, volatility=[0, 0, 3], trend=[1, 2, 3])[2] == third


def test_volatility_at_the_threshold_is_not_steady() -> None:
    assert track(SMALL, volatility=[-1, 0, 1], trend=[1, 2, 3])[2] == STARTUP


def test_trend_of_exactly_zero_is_a_shutdown_whatever_the_last_digit_says() -> None:
    # 0.1 + 0.2 differs from 0.3 in the last digit: the mean of the last two stands still
    rule = VolatilityTrendRule(window=3, threshold=1.0, smoothing=2)
    phases = track(rule, volatility=[0, 9, 0, 9], trend=[0.1 + 0.2, 0.1, 0.3, 0.1])
    assert phases[2:] == [SHUTDOWN, SHUTDOWN]


def test_reading_without_a_signal_is_unknown_and_leaves_the_following_phases_alone() -> None:
    volatility, trend = [0.0, 0, 0, 10, 10, 10], [1.0, 2, 2, 2, 1, 1]
    whole = track(SMALL, volatility, trend)
    gap = track(SMALL, [*volatility[:3], np.nan, *volatility[3:]], [*trend[:3], np.nan, *trend[3:]])
    assert gap == [*whole[:3], UNKNOWN, *whole[3:]]


def test_restart_forgets_the_asset() -> None:
    values = np.column_stack([[0, 0, 0, 10, 10, 10], [1, 2, 2, 2, 1, 1]]).astype(np.float64)
    slots, restarts = np.zeros(6, dtype=np.int64), np.arange(6) == 3
    codes = PhaseTracker(SMALL).update(values, slots, restarts)
    afresh = [PHASES[code] for code in codes[3:]]
    assert afresh == track(SMALL, [10, 10, 10], [2, 1, 1]) == [UNKNOWN, SHUTDOWN, STEADY]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.lists(st.integers(0, 120), max_size=6))
def test_any_split_into_batches_and_a_snapshot_in_between_give_the_same_phases(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(0, [1.0, 3.0], (120, 2)), 1)
    values[rng.random((120, 2)) < 0.05] = np.nan
    slots, restarts = rng.integers(0, 4, 120), rng.random(120) < 0.02
    whole = PhaseTracker(SMALL).update(values, slots, restarts)
    tracker, parts = PhaseTracker(SMALL), []
    for part in np.split(np.arange(120), sorted(cuts)):
        parts.append(tracker.update(values[part], slots[part], restarts[part]))
        moved = PhaseTracker(SMALL)
        moved.restore(tracker.snapshot())
        tracker = moved
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_assets_in_turns_get_the_phases_that_each_gets_alone() -> None:
    rng = np.random.default_rng(3)
    values, slots = rng.normal(0, 1, (90, 2)), np.tile([2, 0, 1], 30)
    together = PhaseTracker(SMALL).update(values, slots)
    for slot in range(3):
        mine = slots == slot
        alone = PhaseTracker(SMALL).update(values[mine], np.zeros(30, dtype=np.int64))
        np.testing.assert_array_equal(together[mine], alone)


def test_snapshot_of_other_windows_is_refused() -> None:
    tracker = PhaseTracker(SMALL)
    tracker.update(np.zeros((1, 2)), np.zeros(1, dtype=np.int64))
    with pytest.raises(ValueError, match="does not fit"):
        PhaseTracker(VolatilityTrendRule(window=4)).restore(tracker.snapshot())


def test_table_keeps_its_index_and_names_the_column() -> None:
    table = pd.DataFrame(
        {"asset_id": ["b", "a", "b"], "op_setting_1": 0.0, "sensor_7": [1.0, 5.0, 2.0]}, index=[7, 3, 5]
    )
    phases = classify_phases(table, SMALL)
    assert phases.name == "phase"
    assert phases.to_dict() == {7: "UNKNOWN", 3: "UNKNOWN", 5: "STARTUP"}


def test_table_without_a_signal_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="found no sensor_7"):
        classify_phases(pd.DataFrame({"asset_id": [1], "op_setting_1": [0.0]}), VolatilityTrendRule())


@pytest.mark.parametrize("mistake", [{"window": 1}, {"threshold": 0.0}, {"smoothing": 1}, {"treshold": 0.1}])
def test_rule_with_a_mistake_is_refused(mistake: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        VolatilityTrendRule.model_validate(mistake)


def test_published_counts_of_fd001_are_reproduced_exactly(engines: pd.DataFrame) -> None:
    counts = published_phases(engines, VolatilityTrendRule()).value_counts().to_dict()
    assert counts == {"SHUTDOWN": 10433, "STARTUP": 5264, "STEADY": 4834, "UNKNOWN": 100}


def test_rule_differs_from_the_published_counts_only_where_the_trend_is_exactly_zero(engines: pd.DataFrame) -> None:
    ours, published = classify_phases(engines, VolatilityTrendRule()), published_phases(engines, VolatilityTrendRule())
    assert ours.value_counts().to_dict() == {"SHUTDOWN": 10445, "STARTUP": 5252, "STEADY": 4834, "UNKNOWN": 100}
    apart = np.flatnonzero(ours != published)
    assert len(apart) == 12
    hundredths = np.rint(engines["sensor_7"].to_numpy() * 100).astype(np.int64)
    first_row = engines.groupby("asset_id").cumcount().to_numpy()
    for row in apart:
        now = hundredths[row - min(first_row[row], 29) : row + 1]
        before = hundredths[row - min(first_row[row], 30) : row]
        assert now.sum() * len(before) == before.sum() * len(now)  # the two means, without a fraction
        assert (ours.iloc[row], published.iloc[row]) == (SHUTDOWN, STARTUP)


def test_first_readings_of_each_engine_are_unknown_and_then_never_steady_before_the_window_is_full(
    engines: pd.DataFrame,
) -> None:
    phases = classify_phases(engines, VolatilityTrendRule())
    assert set(phases[engines["cycle"] == 1]) == {"UNKNOWN"}
    assert set(phases[engines["cycle"].between(2, 29)]) == {"STARTUP", "SHUTDOWN"}
