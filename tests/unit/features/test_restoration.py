"""Assets restored in mid-life: found at the reading where the rule says so, and nowhere else."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smart_sentry.assets import load_asset_type
from smart_sentry.datasets.cmapss import ENVIRONMENT_VARIABLE, Cmapss
from smart_sentry.features.pipeline import FeatureParams
from smart_sentry.features.restoration import RestorationDetector, RestorationRule
from smart_sentry.fleets import compute_features, fleet_of, learn_features

PROJECT = Path(__file__).parents[3]
USUAL = RestorationRule()


def found_at(indicator: np.ndarray, rule: RestorationRule = USUAL) -> list[int]:
    """Rows of one asset at which it is found restored."""
    slots = np.zeros(len(indicator), dtype=np.int64)
    return np.flatnonzero(RestorationDetector(rule).update(indicator, slots)).tolist()


def worn_then(level: float, worn: float = 0.2, rows: int = 30) -> np.ndarray:
    """Thirty worn readings, then readings at another level."""
    return np.concatenate([np.full(rows, worn), np.full(20, level)])


def test_jump_is_found_at_the_reading_that_brings_the_mean_of_four_above_the_limit() -> None:
    # One of four new readings lifts their mean by 0.7 / 4 = 0.175, two by 0.35: more than 0.2 at the second, row 31.
    assert found_at(worn_then(0.9)) == [31]


def test_smaller_jump_is_found_when_enough_readings_show_it() -> None:
    assert found_at(worn_then(0.42)) == [33]  # 0.22 * 4 / 4 = 0.22, but 0.22 * 3 / 4 = 0.165


def test_jump_below_the_limit_is_none() -> None:
    assert found_at(worn_then(0.39)) == []


def test_jump_of_an_asset_that_was_not_worn_is_none() -> None:
    assert found_at(worn_then(0.95, worn=0.6)) == []


def test_monotone_wear_with_noise_is_no_restoration() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        life = rng.integers(120, 350)
        wear = np.clip(np.arange(life)[::-1] / 125, 0, 1)
        assert found_at(wear + rng.normal(0, 0.07, life)) == []


def test_jump_within_the_first_readings_waits_until_the_windows_are_full() -> None:
    indicator = np.concatenate([np.full(10, 0.1), np.full(10, 0.9)])
    assert found_at(indicator) == [13]  # the 14th reading: ten before, four after


def test_restored_asset_begins_anew_and_can_be_restored_again() -> None:
    twice = np.concatenate([worn_then(0.9), worn_then(0.9)])
    assert found_at(twice) == [31, 81]


def test_missing_readings_are_passed_over() -> None:
    gaps = np.insert(worn_then(0.9), [5, 31, 31], np.nan)  # two of them between the first new reading and the second
    assert found_at(gaps) == [34]


def test_rule_says_what_counts() -> None:
    hasty = RestorationRule(after=1, before=3, jump=0.5, worn=0.3)
    assert found_at(np.array([0.2, 0.2, 0.2, 0.8]), hasty) == [3]
    assert found_at(np.array([0.2, 0.2, 0.2, 0.69]), hasty) == []
    assert found_at(np.array([0.4, 0.3, 0.3, 0.9]), hasty) == []


def test_detector_restored_from_a_snapshot_goes_on_the_same() -> None:
    indicator, slots = worn_then(0.9), np.zeros(50, dtype=np.int64)
    first, second = RestorationDetector(), RestorationDetector()
    first.update(indicator[:31], slots[:31])
    kept = first.snapshot()
    first.update(indicator[31:], slots[31:])
    second.restore(kept)
    assert second.update(indicator[31:], slots[31:]).tolist() == [True] + 18 * [False]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 400), max_size=10).map(sorted))
def test_any_split_of_interleaved_assets_finds_the_same(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, 7, 400)
    indicator = rng.choice([0.1, 0.3, 0.9, np.nan], 400, p=[0.45, 0.2, 0.3, 0.05])
    whole = RestorationDetector().update(indicator, slots)
    detector, edges = RestorationDetector(), [0, *cuts, 400]
    parts = [detector.update(indicator[start:stop], slots[start:stop]) for start, stop in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    for slot in range(7):
        assert found_at(indicator[slots == slot]) == np.flatnonzero(whole[slots == slot]).tolist()


QUICK = FeatureParams(half_lives=(8,), trends=(), own_baseline=1)
"""The detector looks at an indicator, not at its windows: one of them is enough here."""


@pytest.mark.parametrize(
    ("dataset", "train", "test"),
    [
        ("FD001", [], []),
        ("FD002", [], []),
        ("FD003", [], []),
        ("FD004", [62, 65, 71, 140, 179, 184, 185], [180, 206]),
    ],
)
def test_restored_engines_of_cmapss_are_exactly_those_known(
    dataset: str, train: list[int], test: list[int], tmp_path: Path
) -> None:
    turbofan = load_asset_type(PROJECT / "configs" / "assets" / "turbofan.yaml")
    source = Cmapss(dataset, turbofan, local=Path(os.environ[ENVIRONMENT_VARIABLE]), url="")
    source.fetch(tmp_path)
    data = source.load(tmp_path)
    fleet = fleet_of(data.train, data.train_truth(), turbofan)
    model = learn_features(fleet, turbofan, QUICK, seed=20)
    seen = fleet_of(data.test, data.test["cycle"] * 0, turbofan)
    for readings, its_fleet, engines in ((data.train, fleet, train), (data.test, seen, test)):
        restored = compute_features(model, its_fleet).restored
        assert sorted(readings["asset_id"].to_numpy()[restored].tolist()) == engines
