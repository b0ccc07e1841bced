"""Remaining-life models fitted in memory, with intervals from folds that share their features."""

from __future__ import annotations

import numpy as np

from smart_sentry.prognosis.labels import asset_folds
from smart_sentry.prognosis.life_interval import IntervalPolicy, Unseen, calibrate_interval
from smart_sentry.prognosis.remaining_life import RemainingLifeModel, capped_estimate, fit_estimate
from smart_sentry.prognosis.row_metrics import monitoring_weight


def fit_small_life(
    features: np.ndarray, rul_cycles: np.ndarray, cycle: np.ndarray, slot: np.ndarray, fitted: np.ndarray,
    *, cap_cycles: float, trees: int, coverage: float = 0.9, seed: int = 1, folds: int = 2,
) -> RemainingLifeModel:  # fmt: skip
    """The estimate on all rows that fit, the interval on estimates of assets held out."""

    def fit(rows: np.ndarray) -> object:
        return fit_estimate(features[rows], rul_cycles[rows], cap_cycles=cap_cycles, trees=trees, seed=seed)

    out_of_fold = np.zeros(len(features))
    for seen, held_out in asset_folds(slot, folds, seed):
        out_of_fold[held_out] = capped_estimate(fit(fitted & seen), features[held_out], cap_cycles)
    unseen = Unseen(out_of_fold, rul_cycles, monitoring_weight(rul_cycles, cycle + rul_cycles))
    interval = calibrate_interval(unseen, IntervalPolicy(cap_cycles, coverage, seed))
    return RemainingLifeModel(fit(fitted), interval, cap_cycles)
