"""What distributions are compared on: rows of one phase, as many of each operating regime from either window.

Raw columns drift with every change of load. Rows that the machine spent in the same phase and regime are alike in operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings
from smart_sentry.detection.settings import Settings
from smart_sentry.drift.blocks import phase_numbers, phases_of, within_limits
from smart_sentry.features.derived import derived_features
from smart_sentry.phases import PHASES, Phase

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_ROWS, LEAST_ROWS = 2000, 200
"""Rows of one window in a comparison."""
_REGIME_ROWS = 500
"""Rows that regimes are looked for in."""
COMPARED_PHASES = (Phase.STEADY, Phase.STARTUP, Phase.SHUTDOWN)


@dataclass(frozen=True)
class PhaseSample:
    """Rows of one phase, matched by regime.

    Attributes:
        phase: of all rows.
        names: of the columns.
        reference, recent: (rows, columns) of equal length, evenly spread over their windows.
        regimes: how many regimes both windows have.
        unmatched: share of the recent window's rows of this phase in regimes that the reference does not have.
    """

    phase: Phase
    names: tuple[str, ...]
    reference: FloatArray
    recent: FloatArray
    regimes: int
    unmatched: float


def steady_sample(asset_type: AssetType, reference: Readings, recent: Readings) -> PhaseSample | None:
    """Signals of steady operation; None where there is too little of it to compare."""
    return next((one for one in phase_samples(asset_type, reference, recent) if one.phase is Phase.STEADY), None)


def phase_samples(
    asset_type: AssetType, reference: Readings, recent: Readings, *, with_features: bool = False
) -> Iterator[PhaseSample]:
    """A sample of every phase that has enough rows in both windows; all is steady without a phase rule.

    Args:
        asset_type: of the asset.
        reference, recent: its windows.
        with_features: derived features stand beside the signals.
    """
    numbers = phase_numbers(asset_type, reference)
    windows = (reference, recent)
    phases = [phases_of(asset_type, within_limits(asset_type, one.values), numbers) for one in windows]
    tables = [_table(asset_type, one, with_features) for one in windows]
    columns = [asset_type.signal_names.index(name) for name in asset_type.setting_names]
    names = asset_type.signal_names + tuple(one.name for one in asset_type.derived_features if with_features)
    for phase in COMPARED_PHASES:
        rows = [np.flatnonzero(found == PHASES.index(phase)) for found in phases]
        if min(len(found) for found in rows) < LEAST_ROWS:
            continue
        settings = [one.values[found][:, columns] for one, found in zip(windows, rows, strict=True)]
        regimes = _regimes(asset_type, *settings)
        chosen, shared = _matched(*regimes)
        if min(len(found) for found in chosen) < LEAST_ROWS:
            continue
        before, now = (
            table[found[places]] for table, found, places in zip(tables, rows, chosen, strict=True)
        )  # fmt: skip
        outside = float(np.mean(~np.isin(regimes[1], shared)))
        yield PhaseSample(phase, names, before, now, len(shared), outside)


def _table(asset_type: AssetType, readings: Readings, with_features: bool) -> FloatArray:
    if not with_features:
        return readings.values
    features = derived_features(
        asset_type.derived_features, asset_type.signal_names, readings.values, readings.seconds
    )  # fmt: skip
    return np.column_stack([readings.values, features])


def _regimes(asset_type: AssetType, before: FloatArray, now: FloatArray) -> tuple[IntArray, IntArray]:
    """(rows,) regime of each row, as learnt on the reference; -1 between regimes, 0 where there are none."""
    settings = Settings.of(before[_spread(np.arange(len(before)), min(len(before), _REGIME_ROWS))], asset_type, seed=0)
    if not len(settings.regimes):
        return np.zeros(len(before), dtype=np.int64), np.zeros(len(now), dtype=np.int64)
    return _assigned(settings, before), _assigned(settings, now)


def _assigned(settings: Settings, values: FloatArray) -> IntArray:
    near = np.asarray((np.abs(values[:, None, :] - settings.regimes[None]) <= settings.reach).all(axis=2))
    return np.where(near.any(axis=1), near.argmax(axis=1), -1).astype(np.int64)


def _matched(before: IntArray, now: IntArray) -> tuple[tuple[IntArray, IntArray], IntArray]:
    """Places of rows, as many of each regime from either window, at most `MOST_ROWS`; and the regimes that both have."""
    shared = np.intersect1d(before, now)
    counts = np.array([min((before == one).sum(), (now == one).sum()) for one in shared], dtype=np.float64)
    share = min(1.0, MOST_ROWS / max(float(counts.sum()), 1.0))
    wanted = np.floor(counts * share).astype(np.int64)
    first, second = (
        np.sort(np.concatenate([_spread(np.flatnonzero(codes == one), many) for one, many in zip(shared, wanted, strict=True)]
                               or [np.empty(0, dtype=np.int64)]))
        for codes in (before, now)
    )  # fmt: skip
    return (first, second), shared


def _spread(places: IntArray, many: int) -> IntArray:
    """So many of the places, evenly spread."""
    return places[np.linspace(0, len(places) - 1, many).round().astype(np.int64)] if many else places[:0]
