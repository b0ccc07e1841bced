"""What the assets of a type have in common at the same time: a season, a tariff, a grid; against what one asset does alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.drift.case import Moves
from smart_sentry.drift.shifts import SignalShift, Windows, residual_segments

FloatArray = NDArray[np.float64]

LEAST_NEIGHBOURS = 3
"""Assets beside the one in question from which a fleet has something in common."""
_ALIKE = 0.35
"""Largest relative spread of the assets' shifts that still counts as one cause."""
_SCATTER = 2.0
"""Robust standard deviations that they may differ by beside it."""
_AT_LEAST = 0.7
"""Share of the neighbours that must move the same way."""


@dataclass(frozen=True)
class Fleet:
    """What the neighbours did.

    Attributes:
        common, common_before: (segments, signals) their median residual in the recent window and in the reference, in the
            signals' units; 0 where they have nothing in common.
        alike: (signals,) whether they moved together, by nearly the same amount.
        moved: (signals,) share of the neighbours that moved the way the asset did.
        count: how many neighbours there are.
    """

    common: FloatArray
    common_before: FloatArray
    alike: NDArray[np.bool_]
    moved: FloatArray
    count: int


def moves_of(windows: Windows) -> Moves:
    """What a fleet is told of an asset."""
    return Moves(*residual_segments(windows))


def fleet_of(own: Windows, shifts: Sequence[SignalShift], neighbours: Sequence[Moves]) -> Fleet | None:
    """Compares an asset's shifts with its neighbours'; None with fewer than three of them.

    Args:
        own: the asset's windows.
        shifts: its response shifts.
        neighbours: what other assets did over the same time.
    """
    if len(neighbours) < LEAST_NEIGHBOURS:
        return None
    length = min(len(one.before) for one in neighbours)
    rows = len(residual_segments(own)[0])
    stacked = np.stack([one.now for one in neighbours])
    earlier = np.stack([one.before[-length:] for one in neighbours])
    signals = own.asset_type.signal_names
    alike, share = np.zeros(len(signals), dtype=np.bool_), np.zeros(len(signals))
    common, common_before = np.zeros(stacked.shape[1:]), np.zeros((rows, len(signals)))
    for shift in shifts:
        column = signals.index(shift.name)
        if not (shift.moved or shift.trends):
            continue
        since = min(shift.change.onset + 2, stacked.shape[1] - 3)
        sizes = _late_means(stacked[:, since:, column]) - _late_means(earlier[:, :, column])
        mine = shift.size * shift.unit_size
        share[column] = float(np.mean(sizes * np.sign(mine) > 0.5 * abs(mine)))
        middle = float(np.median(sizes))
        spread = float(np.max(np.abs(sizes - middle)))
        alike[column] = share[column] >= _AT_LEAST and spread <= _ALIKE * abs(middle) + _SCATTER * shift.unit_size
        if alike[column]:
            common[:, column] = _medians(stacked[:, :, column])
            level = _medians(earlier[:, :, column])
            common_before[-len(level) :, column] = level[-rows:]
    return Fleet(common, common_before, alike, share, len(neighbours))


def _late_means(values: FloatArray) -> FloatArray:
    """(assets,) means of what is known; 0 where nothing is."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _medians(values: FloatArray) -> FloatArray:
    """(segments,) medians over the assets (assets, segments); 0 where none is known."""
    out, known = np.zeros(values.shape[1]), np.isfinite(values).any(axis=0)
    out[known] = np.nanmedian(values[:, known], axis=0)
    return out
