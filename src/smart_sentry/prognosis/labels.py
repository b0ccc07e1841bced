"""What the failure model is taught: soft labels around the horizon, and folds that keep an asset's rows together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from smart_sentry.errors import InsufficientData

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_LARGEST_EXPONENT = 700.0
"""Just below what a float64 can hold."""


def soft_labels(rul_cycles: FloatArray | IntArray, horizon_cycles: float, width_cycles: float) -> FloatArray:
    """Probability-like target: 1 near the failure, 0 far from it, 0.5 half a cycle beyond the horizon.

    1 / (1 + exp((rul - horizon - 0.5) / width)): a reading at RUL 31 is nearly as good an example of failure within 30 cycles
    as one at RUL 30, and cross-entropy against this target says so.

    Returns:
        (rows,) in (0, 1).

    >>> soft_labels(np.array([10.0, 30.5, 60.0]), 30, 4).round(3).tolist()
    [0.994, 0.5, 0.001]
    """
    beyond = (np.asarray(rul_cycles, dtype=np.float64) - horizon_cycles - 0.5) / width_cycles
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(beyond, _LARGEST_EXPONENT))))


def asset_folds(slot: IntArray, folds: int, seed: int) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Cross-validation folds in which all rows of an asset are on one side.

    Args:
        slot: (rows,) asset numbers.
        folds: how many.
        seed: of the order in which assets are dealt out.

    Yields:
        (rows,) which rows are fitted, (rows,) which are validated. Every row is validated once.

    Raises:
        InsufficientData: fewer assets than folds.
    """
    assets = np.random.default_rng(seed).permutation(np.unique(slot))
    if len(assets) < folds:
        raise InsufficientData("train assets for cross-validation (tune.folds in params.yaml)", len(assets), folds)
    for fold in range(folds):
        validated = np.isin(slot, assets[fold::folds])
        yield ~validated, validated


def before_restoration(slot: IntArray, restored: BoolArray) -> BoolArray:
    """(rows,) rows of an asset ahead of its (last) restoration: what they show did not end in the failure that is on record.

    Args:
        slot: (rows,) asset numbers, asset by asset in the order of time.
        restored: (rows,) True where the feature stage found the asset restored.

    >>> before_restoration(np.array([0, 0, 0, 1, 1]), np.array([False, True, False, False, False])).tolist()
    [True, False, False, False, False]
    """
    ahead = np.zeros(len(slot), dtype=np.bool_)
    for row in np.flatnonzero(restored):
        ahead |= (slot == slot[row]) & (np.arange(len(slot)) < row)
    return ahead


def thinned(cycle: IntArray, rul_cycles: FloatArray | IntArray, horizon_cycles: float) -> BoolArray:
    """(rows,) which rows a model is fitted to: all within three horizons of the failure, every third one before.

    Early rows are many and alike (neighbours share nearly their whole windows); leaving two of three out costs no accuracy in
    cross-validation and more than a third of the time.
    """
    return np.asarray((np.asarray(rul_cycles) <= 3 * horizon_cycles) | (np.asarray(cycle) % 3 == 0))
