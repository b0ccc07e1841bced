"""The folds that stage features wrote, and the processes that work on them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from smart_sentry.config import Settings
from smart_sentry.prognosis.remaining_life import capped_estimate, fit_estimate
from smart_sentry.prognosis.tuning import FoldData
from smart_sentry.stages.stage import StageContext

FloatArray = NDArray[np.float64]


@contextmanager
def workers(settings: Settings) -> Iterator[Executor]:
    """Local processes, or the Dask cluster that the setting names."""
    if settings.dask_scheduler is None:
        with ProcessPoolExecutor(settings.workers, mp_context=get_context("spawn")) as pool:
            yield pool
        return
    from distributed import Client

    with Client(settings.dask_scheduler) as client:  # type: ignore[no-untyped-call]
        yield client.get_executor(pure=False)


def load_folds(context: StageContext) -> list[FoldData]:
    """data/processed/<dataset>/folds: where each fold's features are, which rows it fits to and which it predicts."""
    folder, folds = context.processed / "folds", []
    for number in range(context.params.tune.folds):
        with np.load(folder / f"fold_{number}.npz", allow_pickle=False) as fold:
            folds.append(FoldData((folder / f"fold_{number}.npy").resolve(), fold["fitted"], fold["validated"]))
    return folds


def life_out_of_fold(
    context: StageContext, rul_cycles: FloatArray, cap_cycles: float, executor: Executor
) -> FloatArray:
    """(rows,) estimates of the remaining life, each by a model that has not seen the row's asset."""
    folds, train = load_folds(context), context.params.train
    futures = [
        executor.submit(_one_fold, fold, rul_cycles, cap_cycles, train.rul_trees, context.params.seed) for fold in folds
    ]
    estimate = np.zeros(len(rul_cycles))
    for fold, future in zip(folds, futures, strict=True):
        estimate[fold.validated] = future.result()
    return estimate


def _one_fold(fold: FoldData, rul_cycles: FloatArray, cap_cycles: float, trees: int, seed: int) -> FloatArray:
    features = np.load(fold.features, mmap_mode="r")
    model = fit_estimate(features[fold.fitted], rul_cycles[fold.fitted], cap_cycles=cap_cycles, trees=trees, seed=seed)
    return capped_estimate(model, features[fold.validated], cap_cycles)
