"""Tuning with Optuna: the same seed gives the same choice, however many processes or machines run the trials.

Trials are asked for in batches of a fixed size and told back in the order of their numbers, so the sampler's history never
depends on which process finished first. A trial is pruned after a fold when its mean so far is below the median of what all
trials of earlier batches had reached there. The study lives in Optuna storage and holds finished trials only: an interrupted
search goes on where it stopped, and ends as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
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
    """A finished trial, for records and plots.

    Attributes:
        number: its place among the candidate's trials.
        value: average precision of all folds, or the mean of those that a pruned trial reached.
    """

    number: int
    candidate: str
    hyper: Hyperparameters
    value: float
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
        trials: trials in all, finished ones of an interrupted search included; further ones in the storage are left aside.
        study_name: changes with data and parameters, so that results never mix.
        storage: of the study.
        folder: keeps the out-of-fold predictions of finished trials.
        executor: runs `run_trial`: a process pool or a Dask client's executor.
        progress: called after each trial.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=storage, study_name=study_name, direction="maximize", load_if_exists=True)
    keeper = _Keeper(study, task, folder / study_name)
    while len(finished := _finished(study)) < trials:
        floors = _floors(finished[: _batch_start(finished)], len(task.folds))
        asked = _ask(finished, task)[: trials - len(finished)]
        futures: list[Future[TrialOutcome]] = [
            executor.submit(run_trial, _with(task, hyper, floors)) for _, hyper in asked
        ]
        for number, ((trial, hyper), future) in enumerate(zip(asked, futures, strict=True), start=len(finished)):
            progress(keeper.keep(number, trial, hyper, future.result()))
    return keeper.best(trials)


def _with(task: TrialTask, hyper: Hyperparameters, floors: Sequence[float]) -> TrialTask:
    return replace(task, hyper=hyper, floors=floors)


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _batch_start(finished: Sequence[FrozenTrial]) -> int:
    """Place of the running batch's first trial."""
    return len(finished) // BATCH * BATCH


def _ask(finished: Sequence[FrozenTrial], task: TrialTask) -> list[tuple[optuna.Trial, Hyperparameters]]:
    """The running batch's trials that have not finished.

    Asked of a rehearsal in memory that knows earlier batches only: what a batch tries does not depend on how much of it had
    finished when the search was interrupted.
    """
    start, candidate = _batch_start(finished), CANDIDATES[task.candidate]
    sampler = optuna.samplers.TPESampler(seed=task.seed + start, n_startup_trials=_STARTUP_TRIALS)
    rehearsal = optuna.create_study(sampler=sampler, direction="maximize")
    rehearsal.add_trials(finished[:start])
    if start == 0:
        rehearsal.enqueue_trial(dict(candidate.defaults))
    batch = [rehearsal.ask() for _ in range(BATCH)]
    return [(trial, candidate.suggest(trial)) for trial in batch][len(finished) - start :]


def _floors(finished: Iterable[FrozenTrial], folds: int) -> list[float]:
    """Median of the running means that earlier trials had after each fold; minus infinity where none got there."""
    reached = [
        [trial.intermediate_values[fold] for trial in finished if fold in trial.intermediate_values]
        for fold in range(folds)
    ]
    return [float(np.median(values)) if values else -np.inf for values in reached]


@dataclass(frozen=True)
class _Keeper:
    """Keeps finished trials: figures in the study, out-of-fold predictions in files beside it."""

    study: optuna.Study
    task: TrialTask
    folder: Path

    def keep(self, number: int, trial: optuna.Trial, hyper: Hyperparameters, outcome: TrialOutcome) -> Trial:
        """Adds a finished trial to the study in one step; its predictions are written first, so that none lacks them."""
        value = None
        if outcome.out_of_fold is not None:
            predictions = outcome.out_of_fold
            write_whole(self._file(number), lambda part: _save(part, predictions))
            value = average_precision(predictions, self.task.positive, self.task.weight)
        running_means = np.cumsum(outcome.by_fold) / np.arange(1, len(outcome.by_fold) + 1)
        finished = optuna.trial.create_trial(
            state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
            value=value,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={_HYPER: hyper},
            intermediate_values={fold: float(mean) for fold, mean in enumerate(running_means)},
        )
        self.study.add_trial(finished)
        return self._told(number, finished)

    def best(self, trials: int) -> Tuned:
        """The best of the first `trials` trials."""
        finished = _finished(self.study)[:trials]
        complete = [(number, trial) for number, trial in enumerate(finished) if trial.state == TrialState.COMPLETE]
        number, best = max(complete, key=lambda numbered: numbered[1].value or 0.0)
        hyper, predictions = best.user_attrs[_HYPER], self._predictions(number, best.user_attrs[_HYPER])
        assert best.value is not None
        records = tuple(self._told(place, trial) for place, trial in enumerate(finished))
        return Tuned(self.task.candidate, hyper, best.value, predictions, records)

    def _told(self, number: int, trial: FrozenTrial) -> Trial:
        reached = trial.intermediate_values[max(trial.intermediate_values)]
        value = reached if trial.value is None else trial.value
        pruned = trial.state == TrialState.PRUNED
        return Trial(number, self.task.candidate, trial.user_attrs[_HYPER], value, pruned)

    def _predictions(self, number: int, hyper: Hyperparameters) -> FloatArray:
        path = self._file(number)
        if path.is_file():
            return np.asarray(np.load(path, allow_pickle=False))
        # A study resumed on another machine: its storage is shared, its files are not.
        predictions = run_trial(_with(self.task, hyper, [-np.inf] * len(self.task.folds))).out_of_fold
        assert predictions is not None
        return predictions

    def _file(self, number: int) -> Path:
        return self.folder / f"trial_{number}.npy"


def _save(path: Path, values: FloatArray) -> None:
    with path.open("wb") as file:
        np.save(file, values)
