"""Baselines that are stacked for many assets at once."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from condition_sample import baseline, pump

from smart_sentry.detection.stack import BaselineStack


def test_same_baselines_are_stacked_once() -> None:
    first, second = (baseline(rows=300, seed=seed, asset_id=f"pump {seed}") for seed in (1, 2))
    stack = BaselineStack.of(pump(), [first, second])
    assert BaselineStack.of(pump(), [first, second]) is stack
    assert BaselineStack.of(pump(), [second, first]) is not stack


def test_arranged_stack_is_that_of_the_baselines_in_that_order_with_nothing_known_between() -> None:
    first, second = (baseline(rows=300, seed=seed, asset_id=f"pump {seed}") for seed in (1, 2))
    swapped = BaselineStack.of(pump(), [second, first])
    found = BaselineStack.of(pump(), [first, second]).arranged(np.array([1, -1, 0]))
    for field in fields(BaselineStack):
        if field.name not in ("detectors", "forests", "learnt_from"):
            np.testing.assert_array_equal(getattr(found, field.name)[[0, 2]], getattr(swapped, field.name))
    for name, its in found.detectors._asdict().items():
        np.testing.assert_array_equal(its[[0, 2]], getattr(swapped.detectors, name))
    assert not found.detectors.covered[1].any()
    features = np.random.default_rng(3).normal(size=(4, 3))
    for mine, its in zip(found.forests, swapped.forests, strict=True):
        width = 3 if mine is found.forests[0] else 6
        rows = np.resize(features, (4, width))
        np.testing.assert_array_equal(
            mine.scores(rows, np.array([0, 2, 0, 2])), its.scores(rows, np.array([0, 1, 0, 1]))
        )
        assert np.isnan(mine.scores(rows, np.array([1, 1, 1, 1]))).all()
