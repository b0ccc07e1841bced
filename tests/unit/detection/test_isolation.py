"""Isolation forests: the kernel's scores are scikit-learn's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from smart_sentry.detection.isolation import ROWS_OF_A_TREE, TREES, Forest, ForestStack, fit_forest

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("rows", [30, 100, 128, 1000])
def test_scores_equal_those_of_scikit_learn(rows: int) -> None:
    healthy, live = RNG.normal(size=(rows, 6)), RNG.normal(size=(500, 6)) * 3
    forest = fit_forest(healthy, contamination=0.02, seed=7)
    wanted = IsolationForest(
        n_estimators=TREES, max_samples=min(rows, ROWS_OF_A_TREE), contamination=0.02, random_state=7
    ).fit(healthy)
    np.testing.assert_allclose(forest.scores(live), -wanted.score_samples(live), rtol=0, atol=1e-12)
    assert forest.limit == -wanted.offset_
    np.testing.assert_array_equal(forest.scores(live) > forest.limit, wanted.predict(live) == -1)


def test_stack_scores_each_row_by_its_own_assets_forest() -> None:
    forests = [fit_forest(RNG.normal(loc, 1, size=(200, 3)), 0.02, seed=loc) for loc in (0, 5)]
    stack = ForestStack.of([forests[0], None, forests[1]])
    live = RNG.normal(size=(30, 3))
    slots = np.tile([0, 1, 2], 10)
    found = stack.scores(live, slots)
    np.testing.assert_array_equal(found[slots == 0], forests[0].scores(live[slots == 0]))
    np.testing.assert_array_equal(found[slots == 2], forests[1].scores(live[slots == 2]))
    assert np.isnan(found[slots == 1]).all()


def test_stack_without_a_forest_scores_nothing() -> None:
    assert np.isnan(ForestStack.of([None, None]).scores(np.zeros((2, 3)), np.array([0, 1]))).all()


def test_outlier_scores_higher_than_what_is_in_the_middle() -> None:
    forest = fit_forest(RNG.normal(size=(300, 2)), 0.02, seed=1)
    middle, outside = forest.scores(np.array([[0.0, 0.0], [8.0, 8.0]]))
    assert middle < forest.limit < outside


def test_missing_values_go_the_same_way_however_deep_the_trees_are() -> None:
    shallow, deep = (fit_forest(RNG.normal(size=(rows, 3)), 0.02, seed=rows) for rows in (20, 400))
    live = RNG.normal(size=(40, 3))
    live[::3, 1] = np.nan
    together = ForestStack.of([shallow, deep])
    for slot, forest in enumerate((shallow, deep)):
        np.testing.assert_array_equal(
            together.scores(live, np.full(40, slot)), [_walked(forest, row) for row in np.float32(live)]
        )


def _walked(forest: Forest, row: NDArray[np.float32]) -> float:
    """Node by node, as the file has them."""
    total = 0.0
    for root in forest.root:
        node = root
        while forest.feature[node] >= 0:
            goes_left = row[forest.feature[node]] <= forest.threshold[node]
            node = forest.left[node] if goes_left else forest.right[node]
        total += forest.path[node]
    return float(2.0 ** (-total / len(forest.root)))


def test_forest_whose_nodes_are_no_trees_is_refused() -> None:
    forest = fit_forest(RNG.normal(size=(100, 2)), 0.02, seed=1)
    left = forest.left.copy()
    left[forest.feature >= 0] = forest.root[0]  # every way leads back to the first root
    feature = forest.feature.copy()
    feature[forest.root[0]] = -1  # what is behind it belongs to nobody
    for broken in (replace(forest, left=left), replace(forest, feature=feature)):
        with pytest.raises(ValueError, match="no trees"):
            ForestStack.of([broken])
