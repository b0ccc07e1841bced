"""Predictions next to their truth, in the one order that every figure of the evaluation expects."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smart_sentry.errors import InvalidPredictions

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RulPredictions:
    """Predicted remaining life of every row in cycles, with its interval; three arrays of shape (rows,)."""

    predicted: FloatArray
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, eq=False)
class ScoredFleet:
    """Rows of a fleet, asset by asset in the order of cycles; build it with `of`, which sorts and checks.

    Attributes:
        asset: asset number, int64 (rows,).
        cycle: cycle from 1, int64 (rows,).
        rul_cycles: true remaining life, >= 0, float64 (rows,).
        probability: predicted probability of failure within the horizon, 0..1, float64 (rows,).
        weight: what a row counts for in row-level figures, >= 0, float64 (rows,).
        rul: predicted remaining life, or None where no such model ran.
    """

    asset: IntArray
    cycle: IntArray
    rul_cycles: FloatArray
    probability: FloatArray
    weight: FloatArray
    rul: RulPredictions | None = None

    @classmethod
    def of(
        cls,
        asset: ArrayLike,
        cycle: ArrayLike,
        rul_cycles: ArrayLike,
        probability: ArrayLike,
        *,
        weight: ArrayLike | None = None,
        rul: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    ) -> ScoredFleet:
        """Sorts the rows by asset and cycle and checks them.

        Args:
            asset, cycle, rul_cycles, probability: see the attributes; any order of rows, all of one length.
            weight: defaults to 1 for every row.
            rul: predicted remaining life, lower and upper end of its interval, in cycles, each of shape (rows,).

        Raises:
            InvalidPredictions: lengths differ, a value is not finite or out of its range, or a row stands twice.
        """
        assets, cycles = np.asarray(asset, dtype=np.int64), np.asarray(cycle, dtype=np.int64)
        columns = {
            "rul_cycles": np.asarray(rul_cycles, dtype=np.float64),
            "probability": np.asarray(probability, dtype=np.float64),
            "weight": np.ones(len(assets)) if weight is None else np.asarray(weight, dtype=np.float64),
        }
        if rul is not None:
            names = (field.name for field in fields(RulPredictions))
            columns |= {name: np.asarray(part, dtype=np.float64) for name, part in zip(names, rul, strict=True)}
        _check_columns(len(assets), {"cycle": cycles.astype(np.float64), **columns})
        order = np.lexsort((cycles, assets))
        assets, cycles = assets[order], cycles[order]
        _check_unique(assets, cycles)
        ordered = {name: values[order] for name, values in columns.items()}
        parts = {field.name: ordered.pop(field.name) for field in fields(RulPredictions) if field.name in ordered}
        return cls(assets, cycles, rul=RulPredictions(**parts) if parts else None, **ordered)

    def __len__(self) -> int:
        return len(self.asset)

    def positive(self, horizon_cycles: int) -> BoolArray:
        """The label that is to be predicted: remaining life of at most the horizon."""
        return self.rul_cycles <= horizon_cycles


def segment_starts(asset: IntArray) -> IntArray:
    """Position of each asset's first row, for rows that stand asset by asset.

    >>> segment_starts(np.array([7, 7, 9, 9, 9])).tolist()
    [0, 2]
    """
    return np.flatnonzero(np.r_[True, asset[1:] != asset[:-1]]).astype(np.int64)


def _check_columns(rows: int, columns: dict[str, FloatArray]) -> None:
    if rows == 0:
        raise InvalidPredictions("asset", "at least one row", "none")
    for name, values in columns.items():
        if values.shape != (rows,):
            raise InvalidPredictions(name, f"an array of shape ({rows},) like asset", f"shape {values.shape}")
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InvalidPredictions(name, "finite numbers", f"{values[bad[0]]} at row {bad[0]}")
    for name, low, high in (("rul_cycles", 0.0, np.inf), ("probability", 0.0, 1.0), ("weight", 0.0, np.inf)):
        outside = np.flatnonzero((columns[name] < low) | (columns[name] > high))
        if len(outside):
            found = f"{columns[name][outside[0]]} at row {outside[0]}"
            raise InvalidPredictions(name, f"values in [{low:g}, {high:g}]", found)


def _check_unique(asset: IntArray, cycle: IntArray) -> None:
    twice = np.flatnonzero((asset[1:] == asset[:-1]) & (cycle[1:] == cycle[:-1]))
    if len(twice):
        found = f"asset {asset[twice[0]]} cycle {cycle[twice[0]]} twice"
        raise InvalidPredictions("cycle", "one row a cycle of an asset", found)
