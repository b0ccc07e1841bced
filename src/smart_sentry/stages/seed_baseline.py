"""The seed's own method (random forest with SMOTE on raw sensors), run beside every champion: everyone sees the distance."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smart_sentry.datasets.interim import load_interim
from smart_sentry.prognosis.seed_method import fit_seed_forest
from smart_sentry.prognosis.tuning import FoldData
from smart_sentry.stages.stage import StageContext

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def seed_forest_out_of_fold(context: StageContext, folds: Sequence[FoldData], executor: Executor) -> FloatArray:
    """(rows,) probability of the seed's method on the folds that the candidates were compared on."""
    futures = [
        executor.submit(_one_fold, context.interim.resolve(), fold.validated, context.params.seed) for fold in folds
    ]
    probability = np.zeros(len(folds[0].validated))
    for fold, future in zip(folds, futures, strict=True):
        probability[fold.validated] = future.result()
    return probability


def _one_fold(interim: Path, validated: BoolArray, seed: int) -> FloatArray:
    data = load_interim(interim)
    anomalous = (data.train_truth() <= data.asset_type.failure.horizon_cycles).to_numpy()
    names = data.asset_type.sensor_names
    forest = fit_seed_forest(data.train[~validated], anomalous[~validated], names, seed, workers=1)
    return forest.predict_proba(data.train[validated])


def seed_forest_on_test(context: StageContext) -> FloatArray:
    """(rows,) probability of the seed's method, fitted on all of train, on the test rows."""
    data = load_interim(context.interim)
    anomalous = (data.train_truth() <= data.asset_type.failure.horizon_cycles).to_numpy()
    forest = fit_seed_forest(
        data.train, anomalous, data.asset_type.sensor_names, context.params.seed, workers=context.settings.workers
    )
    return forest.predict_proba(data.test)
