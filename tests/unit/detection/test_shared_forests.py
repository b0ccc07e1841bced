"""A fleet's forests stand in memory once, however many stacks of them there are."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from smart_sentry.detection.isolation import ForestStack, fit_forest


def test_stacks_of_the_same_forests_in_another_order_share_their_nodes_and_score_alike() -> None:
    rng = np.random.default_rng(2)
    forests = [fit_forest(rng.normal(number, 1, (60, 2)), 0.05, number) for number in range(3)]
    one, other = ForestStack.of(forests), ForestStack.of([forests[2], None, forests[0], forests[1]])
    assert one.nodes is other.nodes
    features = rng.normal(size=(8, 2))
    for number, place in enumerate([2, 3, 0]):
        slot, at = np.full(8, number), np.full(8, place)
        np.testing.assert_array_equal(one.scores(features, slot), other.scores(features, at))
        np.testing.assert_array_equal(one.scores(features, slot), forests[number].scores(features))
    assert np.isnan(other.scores(features, np.ones(8, dtype=np.int64))).all()


def test_nodes_go_with_the_last_stack_of_them() -> None:
    stack = ForestStack.of([fit_forest(np.random.default_rng(1).normal(size=(60, 2)), 0.05, 1)])
    nodes = weakref.ref(stack.nodes)
    del stack
    gc.collect()
    assert nodes() is None
