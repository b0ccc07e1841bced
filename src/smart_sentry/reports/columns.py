"""Many readings as the few points of a chart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Edges = NDArray[np.int64]


def stretches(seconds: FloatArray, start: float, end: float, most: int) -> tuple[FloatArray, Edges]:
    """Cuts start..end into equal stretches.

    Args:
        seconds: (rows,) ascending.
        start, end: seconds. most: stretches at most; fewer where there are fewer rows.

    Returns:
        (points,) middle of each stretch that has rows, and (points + 1,) where its rows begin.
    """
    if not len(seconds):
        return np.empty(0), np.zeros(1, dtype=np.int64)
    if len(seconds) <= most:
        return seconds.copy(), np.arange(len(seconds) + 1, dtype=np.int64)
    width = max(end - start, 1e-9) / most
    place = np.clip(((seconds - start) / width).astype(np.int64), 0, most - 1)
    first = np.flatnonzero(np.r_[True, np.diff(place) > 0])
    middle = np.asarray(start + (place[first] + 0.5) * width, dtype=np.float64)
    return middle, np.append(first, len(seconds)).astype(np.int64)


def summarised(values: FloatArray, edges: Edges) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Least, mean and greatest value (points,) of each stretch; NaN where it has no number."""
    if len(edges) < 2:
        return np.empty(0), np.empty(0), np.empty(0)
    known, first = np.isfinite(values), edges[:-1]
    count = np.add.reduceat(known.astype(np.float64), first)
    total = np.add.reduceat(np.where(known, values, 0.0), first)
    low = np.minimum.reduceat(np.where(known, values, np.inf), first)
    high = np.maximum.reduceat(np.where(known, values, -np.inf), first)
    empty = count == 0
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=~empty)
    return np.where(empty, np.nan, low), mean, np.where(empty, np.nan, high)
