"""Labels, folds and the rows that models are fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from smart_sentry.errors import InsufficientData
from smart_sentry.prognosis.labels import asset_folds, before_restoration, soft_labels, thinned


def test_soft_label_is_one_half_half_a_cycle_beyond_the_horizon() -> None:
    found = soft_labels(np.array([30.5, 26.5, 34.5]), horizon_cycles=30, width_cycles=4)
    np.testing.assert_allclose(found, [0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))], rtol=1e-12)


def test_soft_label_rounds_to_the_hard_one_whatever_its_width() -> None:
    rul_cycles = np.arange(400)
    for width in (0.5, 4.0, 20.0):
        found = soft_labels(rul_cycles, 30, width)
        assert ((found >= 0.5) == (rul_cycles <= 30)).all()
        assert (np.diff(found) <= 0).all()
        assert 0 <= found.min() < found.max() <= 1


def test_folds_validate_every_row_once_and_keep_an_assets_rows_together() -> None:
    slot = np.repeat(np.arange(11), np.arange(1, 12))
    times = np.zeros(len(slot), dtype=int)
    for fitted, validated in asset_folds(slot, folds=3, seed=5):
        assert (fitted != validated).all()
        assert not set(slot[fitted]) & set(slot[validated])
        assert len(set(slot[validated])) in (3, 4)
        times += validated
    assert (times == 1).all()


def test_folds_depend_on_the_seed_alone() -> None:
    slot = np.repeat(np.arange(12), 4)

    def validated(seed: int) -> list[list[bool]]:
        return [fold.tolist() for _, fold in asset_folds(slot, 3, seed)]

    assert validated(1) == validated(1)
    assert validated(1) != validated(2)


def test_folds_of_fewer_assets_than_folds_are_refused_with_both_numbers() -> None:
    with pytest.raises(InsufficientData, match=r"tune\.folds.*have 2, need at least 3"):
        next(asset_folds(np.array([0, 0, 1]), folds=3, seed=0))


def test_rows_before_the_last_restoration_of_an_asset_are_told() -> None:
    slot = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    restored = np.array([0, 1, 0, 1, 0, 0, 1, 0], dtype=np.bool_)
    assert before_restoration(slot, restored).tolist() == [True, True, True, False, True, True, False, False]


def test_rows_before_a_restoration_are_none_where_nothing_was_restored() -> None:
    assert not before_restoration(np.array([0, 0, 1]), np.zeros(3, dtype=np.bool_)).any()


def test_thinned_keeps_three_horizons_and_every_third_cycle_before() -> None:
    cycle, rul_cycles = np.arange(1, 101), np.arange(99, -1, -1)
    kept = thinned(cycle, rul_cycles, horizon_cycles=10)
    assert cycle[kept].tolist() == [*range(3, 70, 3), *range(70, 101)]  # cycle 70 has 30 to go
