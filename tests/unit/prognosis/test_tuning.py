"""Tuning: the same choice for the same seed, however often it is interrupted.

tests/integration/test_stages.py runs it in one process, in two, and on a Dask cluster.
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from smart_sentry.prognosis.candidates import CANDIDATES
from smart_sentry.prognosis.labels import soft_labels
from smart_sentry.prognosis.row_metrics import average_precision
from smart_sentry.prognosis.tuning import FoldData, Trial, TrialTask, Tuned, run_trial, storage_for, tune_candidate

ROWS, FOLDS, TRIALS = 300, 3, 7
STUDY = "study"


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TrialTask:
    """Three folds of a small noisy problem on disk."""
    folder = tmp_path_factory.mktemp("folds")
    rng = np.random.default_rng(3)
    rul_cycles = rng.uniform(0, 120, ROWS)
    features = rng.normal(size=(ROWS, 12)).astype(np.float32)
    features[:, 0] -= rul_cycles / 40
    folds = []
    for number in range(FOLDS):
        np.save(folder / f"{number}.npy", features + np.float32(0.01 * number))
        validated = np.arange(ROWS) % FOLDS == number
        folds.append(FoldData(folder / f"{number}.npy", ~validated, validated))
    return TrialTask(
        "logistic_regression",
        {},
        folds,
        soft_labels(rul_cycles, 30, 4),
        rul_cycles <= 30,
        rng.uniform(0.2, 1, ROWS),
        20,
        (),
    )


def tuned_in(
    folder: Path, task: TrialTask, trials: int = TRIALS, executor: Executor | None = None, url: str | None = None
) -> Tuned:
    """Opens the storage of a folder, as a new process would, and tunes."""
    with executor or ThreadPoolExecutor(1) as pool:
        return tune_candidate(task, trials, STUDY, storage_for(url, folder), folder, pool, lambda trial: None)


def study_in(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name=STUDY, storage=storage_for(None, folder))


def assert_same(first: Tuned, second: Tuned) -> None:
    np.testing.assert_array_equal(first.out_of_fold, second.out_of_fold)
    blank = np.empty(0)
    assert replace(first, out_of_fold=blank).__dict__ | {"out_of_fold": 0} == second.__dict__ | {"out_of_fold": 0}


@pytest.fixture(scope="module")
def uninterrupted(task: TrialTask, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tuned_in(tmp_path_factory.mktemp("uninterrupted"), task)


class Interrupted(Exception):
    """Stands for a killed process."""


def tune_until(folder: Path, task: TrialTask, finished: int) -> None:
    """Tunes, and dies when so many trials of the study are finished."""
    told: list[Trial] = []

    def die(trial: Trial) -> None:
        told.append(trial)
        if trial.number + 1 == finished:
            raise Interrupted

    with ThreadPoolExecutor(1) as pool, pytest.raises(Interrupted):
        tune_candidate(task, TRIALS, STUDY, storage_for(None, folder), folder, pool, die)
    assert told[-1].number + 1 == finished


def test_trial_validates_every_row_with_a_model_that_has_not_seen_it(task: TrialTask) -> None:
    hyper = CANDIDATES[task.candidate].defaults
    outcome = run_trial(replace(task, hyper=hyper, floors=[0.0] * FOLDS))
    assert outcome.out_of_fold is not None
    for number, fold in enumerate(task.folds):
        features = np.load(fold.features)
        model = CANDIDATES[task.candidate].fit(features[fold.fitted], task.target[fold.fitted], hyper, task.seed)
        wanted = model.probability(features[fold.validated])
        np.testing.assert_array_equal(outcome.out_of_fold[fold.validated], wanted)
        rows = fold.validated
        assert outcome.by_fold[number] == average_precision(wanted, task.positive[rows], task.weight[rows])


@pytest.mark.parametrize(("floors", "folds_run"), [([2, 2, 2], 1), ([0, 2, 2], 2), ([0, 0, 2], 3), ([0, 0, 0], 3)])
def test_trial_below_the_floor_of_a_fold_stops_there(task: TrialTask, floors: list[float], folds_run: int) -> None:
    outcome = run_trial(replace(task, hyper=CANDIDATES[task.candidate].defaults, floors=floors))
    assert len(outcome.by_fold) == folds_run
    assert (outcome.out_of_fold is None) == (folds_run < FOLDS)  # after the last fold nothing is saved by stopping


def test_search_begins_with_the_defaults_and_keeps_the_best_trial(uninterrupted: Tuned) -> None:
    assert [trial.number for trial in uninterrupted.trials] == list(range(TRIALS))
    assert uninterrupted.trials[0].hyper == CANDIDATES["logistic_regression"].defaults
    complete = [trial for trial in uninterrupted.trials if not trial.pruned]
    best = max(complete, key=lambda trial: trial.value)
    assert (uninterrupted.hyper, uninterrupted.value) == (best.hyper, best.value)
    assert len({str(trial.hyper) for trial in uninterrupted.trials}) == TRIALS


def test_value_is_the_weighted_average_precision_of_the_out_of_fold_rows(task: TrialTask, uninterrupted: Tuned) -> None:
    assert uninterrupted.value == average_precision(uninterrupted.out_of_fold, task.positive, task.weight)


def test_trials_below_the_median_are_pruned_and_recorded(tmp_path: Path, task: TrialTask) -> None:
    tuned = tuned_in(tmp_path, task, trials=10)
    pruned = [trial for trial in tuned.trials if trial.pruned]
    assert 0 < len(pruned) < 8  # the first two have nothing to be compared with
    assert not any(trial.pruned for trial in tuned.trials[:2])
    stored = study_in(tmp_path).get_trials(states=(TrialState.PRUNED,))
    assert [trial.number for trial in stored] == [trial.number for trial in pruned]
    for trial, kept in zip(pruned, stored, strict=True):
        reached = len(kept.intermediate_values)
        assert reached < FOLDS
        floor = np.median([
            earlier.intermediate_values[reached - 1]
            for earlier in study_in(tmp_path).trials[: trial.number // 2 * 2]
            if reached - 1 in earlier.intermediate_values
        ])  # fmt: skip
        assert trial.value == kept.intermediate_values[reached - 1] < floor


@pytest.mark.parametrize("finished", range(1, TRIALS))
def test_search_interrupted_anywhere_ends_as_if_it_had_not_been(
    tmp_path: Path, task: TrialTask, uninterrupted: Tuned, finished: int
) -> None:
    tune_until(tmp_path, task, finished)
    assert len(study_in(tmp_path).trials) == finished
    assert_same(tuned_in(tmp_path, task), uninterrupted)


def test_search_interrupted_twice_ends_as_if_it_had_not_been(
    tmp_path: Path, task: TrialTask, uninterrupted: Tuned
) -> None:
    tune_until(tmp_path, task, 3)
    tune_until(tmp_path, task, 5)
    assert_same(tuned_in(tmp_path, task), uninterrupted)


def test_interrupted_search_leaves_no_trial_that_seems_to_run(tmp_path: Path, task: TrialTask) -> None:
    tune_until(tmp_path, task, 3)
    assert {trial.state for trial in study_in(tmp_path).trials} <= {TrialState.COMPLETE, TrialState.PRUNED}


def test_unfinished_trials_of_somebody_else_change_nothing(
    tmp_path: Path, task: TrialTask, uninterrupted: Tuned
) -> None:
    tune_until(tmp_path, task, 2)
    stranger = study_in(tmp_path)
    stranger.ask()
    stranger.enqueue_trial({"c": 1.0, "smote": True})
    assert_same(tuned_in(tmp_path, task), uninterrupted)


def test_finished_search_is_not_run_again(tmp_path: Path, task: TrialTask, uninterrupted: Tuned) -> None:
    tuned_in(tmp_path, task)
    pool = ThreadPoolExecutor(1)
    pool.shutdown()  # a trial given to it would be an error
    assert_same(tuned_in(tmp_path, task, executor=pool), uninterrupted)


def test_more_trials_than_before_go_on_where_the_search_ended(
    tmp_path: Path, task: TrialTask, uninterrupted: Tuned
) -> None:
    tuned_in(tmp_path, task, trials=3)
    assert_same(tuned_in(tmp_path, task, trials=TRIALS), uninterrupted)


def test_fewer_trials_than_before_choose_among_these_alone(
    tmp_path: Path, task: TrialTask, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tuned_in(tmp_path, task, trials=TRIALS)
    few = tuned_in(tmp_path_factory.mktemp("few"), task, trials=2)
    assert_same(tuned_in(tmp_path, task, trials=2), few)


def test_predictions_missing_on_another_machine_are_made_again(
    tmp_path: Path, task: TrialTask, uninterrupted: Tuned
) -> None:
    tuned_in(tmp_path, task)
    for file in (tmp_path / STUDY).iterdir():
        file.unlink()
    assert_same(tuned_in(tmp_path, task), uninterrupted)


def test_search_in_a_shared_database_gives_the_same(tmp_path: Path, task: TrialTask, uninterrupted: Tuned) -> None:
    assert_same(tuned_in(tmp_path, task, url=f"sqlite:///{tmp_path}/study.db"), uninterrupted)
    assert not (tmp_path / "journal.log").exists()


def test_search_with_another_seed_tries_other_hyperparameters(
    tmp_path: Path, task: TrialTask, uninterrupted: Tuned
) -> None:
    other = tuned_in(tmp_path, replace(task, seed=21))
    assert [trial.hyper for trial in other.trials[1:]] != [trial.hyper for trial in uninterrupted.trials[1:]]
