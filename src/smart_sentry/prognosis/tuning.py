"""Tuning with Optuna: the same seed gives the same choice, however many processes or machines run the trials.

Trials are asked for in batches of a fixed size and told back in the order of their numbers, so the sampler's history never
depends on which process finished first. A trial is pruned after a fold when its mean so far is below the median of what all
trials of earlier batches had reached there. The study lives in Optuna storage: an interrupted search goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from smart_sentry.files import write_whole
from smart_sentry.prognosis.candidates import CANDIDATES, Hyperparameters
from smart_sentry.prognosis.row_metrics import average_precision

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BATCH = 2
"""Trials asked for at a time. Part of the result (it shapes the sampler's history), so not a setting."""
_STARTUP_TRIALS = 4
_HYPER = "hyperparameters"


@dataclass(frozen=True)
class FoldData:
    """One cross-validation fold on disk, so that every process maps the same pages instead of receiving copies.

    Attributes:
        features: .npy file of (rows, features) float32, all rows of the fleet, features learnt on the fold's fitted assets.
        fitted: (rows,) rows to fit to. validated: (rows,) rows to predict.
    """

    features: Path
    fitted: BoolArray
    validated: BoolArray


@dataclass(frozen=True)
class TrialTask:
    """What a worker process needs to run one trial.

    Attributes:
        target: (rows,) soft labels. positive: (rows,) hard labels. weight: (rows,) monitoring weights.
        floors: by fold, the mean average precision below which the trial is pruned.
    """

    candidate: str
    hyper: Hyperparameters
    folds: Sequence[FoldData]
    target: FloatArray
    positive: BoolArray
    weight: FloatArray
    seed: int
    floors: Sequence[float]


@dataclass(frozen=True)
class TrialOutcome:
    """Average precision by fold that was run, and out-of-fold probabilities where the trial was not pruned."""

    by_fold: tuple[float, ...]
    out_of_fold: FloatArray | None


def run_trial(task: TrialTask) -> TrialOutcome:
    """Cross-validates one set of hyperparameters; pure but for reading the folds' files."""
    candidate, probability, by_fold = CANDIDATES[task.candidate], np.zeros(len(task.target)), []
    for number, fold in enumerate(task.folds):
        features = np.load(fold.features, mmap_mode="r")
        model = candidate.fit(features[fold.fitted], task.target[fold.fitted], task.hyper, task.seed)
        probability[fold.validated] = model.probability(features[fold.validated])
        rows = fold.validated
        by_fold.append(average_precision(probability[rows], task.positive[rows], task.weight[rows]))
        if number + 1 < len(task.folds) and np.mean(by_fold) < task.floors[number]:
            return TrialOutcome(tuple(by_fold), None)
    return TrialOutcome(tuple(by_fold), probability)


@dataclass(frozen=True)
class Trial:
    """A finished trial, for records and plots."""

    number: int
    candidate: str
    hyper: Hyperparameters
    value: float | None
    pruned: bool


@dataclass(frozen=True)
class Tuned:
    """The best trial of one candidate.

    Attributes:
        value: w-weighted average precision of its out-of-fold predictions.
        out_of_fold: (rows,) probabilities.
    """

    candidate: str
    hyper: Hyperparameters
    value: float
    out_of_fold: FloatArray
    trials: tuple[Trial, ...]


def storage_for(url: str | None, folder: Path) -> optuna.storages.BaseStorage:
    """Shared storage by SQL URL, or a journal file in `folder` (several times faster than SQLite)."""
    if url is not None:
        return optuna.storages.RDBStorage(url)
    folder.mkdir(parents=True, exist_ok=True)
    return optuna.storages.JournalStorage(JournalFileBackend(str(folder / "journal.log")))


def tune_candidate(
    task: TrialTask, trials: int, study_name: str, storage: optuna.storages.BaseStorage, folder: Path, executor: Executor,
    progress: Callable[[Trial], None],
) -> Tuned:  # fmt: skip
    """Searches one candidate's hyperparameters, going on with what the storage already holds.

    Args:
        task: everything but hyperparameters and floors.
        trials: trials in all, finished ones of an interrupted search included.
        study_name: changes with data and parameters, so that results never mix.
        storage: of the study.
        folder: keeps the out-of-fold predictions of finished trials.
        executor: runs `run_trial`: a process pool or a Dask client's executor.
        progress: called after each trial.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=storage, study_name=study_name, direction="maximize", load_if_exists=True)
    for interrupted in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(interrupted.number, state=TrialState.FAIL)
    while len(finished := _finished(study)) < trials:
        study.sampler = optuna.samplers.TPESampler(seed=task.seed + len(finished), n_startup_trials=_STARTUP_TRIALS)
        if not finished:
            study.enqueue_trial(dict(CANDIDATES[task.candidate].defaults))
        asked = [study.ask() for _ in range(min(BATCH, trials - len(finished)))]
        hypers = [CANDIDATES[task.candidate].suggest(trial) for trial in asked]
        floors = _floors(finished, len(task.folds))
        futures: list[Future[TrialOutcome]] = [
            executor.submit(run_trial, _with(task, hyper, floors)) for hyper in hypers
        ]
        for trial, hyper, future in zip(asked, hypers, futures, strict=True):
            progress(_tell(study, trial, hyper, future.result(), task, folder, study_name))
    return _best(study, task, folder, study_name)


def _with(task: TrialTask, hyper: Hyperparameters, floors: Sequence[float]) -> TrialTask:
    return TrialTask(task.candidate, hyper, task.folds, task.target, task.positive, task.weight, task.seed, floors)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _floors(finished: Iterable[FrozenTrial], folds: int) -> list[float]:
    """Median of the running means that earlier trials had after each fold; minus infinity where none got there."""
    reached = [
        [trial.intermediate_values[fold] for trial in finished if fold in trial.intermediate_values]
        for fold in range(folds)
    ]
    return [float(np.median(values)) if values else -np.inf for values in reached]


def _tell(
    study: optuna.Study, trial: optuna.Trial, hyper: Hyperparameters, outcome: TrialOutcome, task: TrialTask, folder: Path,
    study_name: str,
) -> Trial:  # fmt: skip
    for fold, running_mean in enumerate(np.cumsum(outcome.by_fold) / np.arange(1, len(outcome.by_fold) + 1)):
        trial.report(float(running_mean), fold)
    trial.set_user_attr(_HYPER, hyper)
    if outcome.out_of_fold is None:
        study.tell(trial, state=TrialState.PRUNED)
        return Trial(trial.number, task.candidate, hyper, float(np.mean(outcome.by_fold)), pruned=True)
    predictions = outcome.out_of_fold
    write_whole(_predictions_file(folder, study_name, trial.number), lambda part: _save(part, predictions))
    value = average_precision(predictions, task.positive, task.weight)
    study.tell(trial, value)
    return Trial(trial.number, task.candidate, hyper, value, pruned=False)


def _best(study: optuna.Study, task: TrialTask, folder: Path, study_name: str) -> Tuned:
    best = study.best_trial
    rows = tuple(
        Trial(
            trial.number, task.candidate, trial.user_attrs[_HYPER],
            trial.value if trial.state == TrialState.COMPLETE else trial.intermediate_values[max(trial.intermediate_values)],
            pruned=trial.state == TrialState.PRUNED,
        )
        for trial in _finished(study)
    )  # fmt: skip
    path = _predictions_file(folder, study_name, best.number)
    if path.is_file():
        predictions = np.load(path, allow_pickle=False)
    else:  # a study resumed on another machine: its storage is shared, its files are not
        predictions = run_trial(_with(task, best.user_attrs[_HYPER], [-np.inf] * len(task.folds))).out_of_fold
    assert predictions is not None
    assert best.value is not None
    return Tuned(task.candidate, best.user_attrs[_HYPER], best.value, predictions, rows)


def _predictions_file(folder: Path, study_name: str, number: int) -> Path:
    return folder / study_name / f"trial_{number}.npy"


def _save(path: Path, values: FloatArray) -> None:
    with path.open("wb") as file:
        np.save(file, values)
