"""Stage tune: candidate, hyperparameters and alarm threshold, chosen on out-of-fold predictions of the training set."""

from __future__ import annotations

import csv
import hashlib
import io
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
from rich.progress import Progress

from smart_sentry.datasets.interim import data_version, load_interim
from smart_sentry.features.storage import write_arrays
from smart_sentry.files import sha256_of, write_json, write_whole
from smart_sentry.params import Params
from smart_sentry.prognosis.candidates import BLEND, BLEND_MEMBERS
from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.prognosis.labels import soft_labels
from smart_sentry.prognosis.row_metrics import average_precision, best_threshold, monitoring_weight
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.prognosis.tuning import Trial, TrialTask, Tuned, storage_for, tune_candidate
from smart_sentry.results import CROSS_VALIDATION_METRICS, headline_metrics
from smart_sentry.stages.cross_validation import load_folds, workers
from smart_sentry.stages.judging import alarm_policy, bootstrap_policy
from smart_sentry.stages.seed_baseline import seed_forest_out_of_fold
from smart_sentry.stages.stage import StageContext, StageResult
from smart_sentry.stages.tracked import tracked_training

CHOICE, TRIALS, OUT_OF_FOLD = "choice.json", "trials.csv", "out_of_fold.npz"
VALUE = "average_precision"
_PACKAGE = Path(__file__).parents[1]
_TRIAL_CODE = (
    "features/*.py", "fleets.py", "prognosis/candidates.py", "prognosis/failure_models.py", "prognosis/labels.py",
    "prognosis/row_metrics.py", "prognosis/tuning.py", "stages/features.py",
)  # fmt: skip
"""What a trial's features, fit and figure are computed by."""


def run(context: StageContext) -> StageResult:
    """Writes data/processed/<dataset>/choice.json, trials.csv and out_of_fold.npz."""
    task, rul_cycles, slot, cycle = _task(context)
    with workers(context.settings) as executor:
        tuned = _search(context, task, executor)
        seed_probability = seed_forest_out_of_fold(context, task.folds, executor)
    candidate, hyper, probability = _choose(tuned, task)
    threshold = round(best_threshold(probability, task.positive, task.weight), 6)
    seed_threshold = 0.5  # the seed's own: the forest's majority

    def judge(scores: np.ndarray, alarm_from: float) -> EvaluationReport:
        scored = ScoredFleet.of(slot, cycle, rul_cycles, scores, weight=task.weight)
        policy = alarm_policy(context)
        return evaluate(scored, alarm_from, dataset=context.dataset, split="cross-validation", policy=policy,
                        bootstrap=bootstrap_policy(context))  # fmt: skip

    report, seed_report = judge(probability, threshold), judge(seed_probability, seed_threshold)
    choice = {
        "candidate": candidate,
        "hyperparameters": hyper,
        "threshold": threshold,
        "average_precision_by_candidate": {name: round(found.value, 6) for name, found in tuned.items()},
        "cross_validation": report.model_dump(mode="json"),
        "seed_method": seed_report.model_dump(mode="json"),
    }
    write_json(context.processed / CHOICE, _rounded(choice))
    write_json(context.processed / CROSS_VALIDATION_METRICS, headline_metrics(report))
    write_whole(context.processed / TRIALS, _trials_csv(tuned))
    write_arrays(context.processed / OUT_OF_FOLD, {"probability": probability, "seed_method": seed_probability})
    _track(context, tuned, choice, report)
    return StageResult(
        f"{context.dataset}: {candidate} wins with cross-validated F1 {report.row.f1.value:.3f} and average precision"
        f" {report.row.average_precision.value:.3f} at threshold {threshold:.3f}",
        {"cv_f1": report.row.f1.value or 0.0, "cv_average_precision": report.row.average_precision.value or 0.0,
         "threshold": threshold, "candidate": candidate},
        tuple(context.processed / name for name in (CHOICE, TRIALS, OUT_OF_FOLD)),
    )  # fmt: skip


def _task(context: StageContext) -> tuple[TrialTask, np.ndarray, np.ndarray, np.ndarray]:
    horizon = load_interim(context.interim).asset_type.failure.horizon_cycles
    with np.load(context.processed / "features" / "rows.npz", allow_pickle=False) as rows:
        rul_cycles, slot, cycle = rows["rul_cycles"], rows["slot"], rows["cycle"]
    params = context.params
    task = TrialTask(
        candidate="",
        hyper={},
        folds=load_folds(context),
        target=soft_labels(rul_cycles, horizon, params.train.soft_label_cycles),
        positive=rul_cycles <= horizon,
        weight=monitoring_weight(rul_cycles, cycle + rul_cycles),
        seed=params.seed,
        floors=(),
    )
    return task, rul_cycles, slot, cycle


def _search(context: StageContext, task: TrialTask, executor: Executor) -> dict[str, Tuned]:
    tune = context.params.tune
    folder = context.settings.mlruns_folder / "optuna" / context.dataset
    storage = storage_for(context.settings.study_storage, folder)
    names = [name for name in tune.candidates if name != BLEND]
    version = study_version(context.params, data_version(context.interim))
    found: dict[str, Tuned] = {}
    with Progress(transient=True) as progress:
        bar = progress.add_task(f"tuning {context.dataset}", total=len(names) * tune.trials)

        def tick(trial: Trial) -> None:
            outcome = "pruned" if trial.pruned else f"average precision {trial.value:.4f}"
            progress.update(bar, advance=1, description=f"{trial.candidate} {trial.number}: {outcome}")

        for name in names:
            its_task = TrialTask(name, {}, task.folds, task.target, task.positive, task.weight, task.seed, ())
            study = f"{context.dataset}-{name}-{version}"
            found[name] = tune_candidate(its_task, tune.trials, study, storage, folder, executor, tick)
            progress.update(bar, completed=(names.index(name) + 1) * tune.trials)
    return found


def study_version(params: Params, version: str) -> str:
    """Changes with everything that a trial's result depends on but its number, so that studies are resumed and never mixed.

    The code is part of it: a study that older code began must not answer for newer code.
    """
    inputs = (
        version,
        params.seed,
        params.features.model_dump_json(),
        params.tune.folds,
        params.train.soft_label_cycles,
        [sha256_of(path) for pattern in _TRIAL_CODE for path in sorted(_PACKAGE.glob(pattern))],
    )
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]


def _choose(tuned: dict[str, Tuned], task: TrialTask) -> tuple[str, dict[str, object], np.ndarray]:
    """The best single candidate, or the blend of two where its out-of-fold predictions rank better."""
    best = max(tuned.values(), key=lambda found: found.value)
    if all(name in tuned for name in BLEND_MEMBERS):
        members = [tuned[name] for name in BLEND_MEMBERS]
        blended = np.mean([member.out_of_fold for member in members], axis=0)
        value = average_precision(blended, task.positive, task.weight)
        if value > best.value:
            return BLEND, {member.candidate: member.hyper for member in members}, blended
    return best.candidate, {best.candidate: best.hyper}, best.out_of_fold


def _rounded(node: object) -> object:
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_rounded(value) for value in node]
    return round(node, 6) if isinstance(node, float) else node


def _trials_csv(tuned: dict[str, Tuned]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "candidate", VALUE, "pruned"])
    for number, trial in enumerate(trial for found in tuned.values() for trial in found.trials):
        writer.writerow([number, trial.candidate, f"{trial.value:.6f}", int(trial.pruned)])
    return text.getvalue()


def _track(context: StageContext, tuned: dict[str, Tuned], choice: dict[str, object], report: EvaluationReport) -> None:
    from smart_sentry.tracking.plots import tuning_figure
    from smart_sentry.tracking.records import TrialRecord

    trials = [trial for found in tuned.values() for trial in found.trials]
    records = [
        TrialRecord(number, {"candidate": trial.candidate, **trial.hyper}, {VALUE: trial.value or 0.0},
                    "pruned" if trial.pruned else "complete")
        for number, trial in enumerate(trials)
    ]  # fmt: skip
    with tracked_training(context) as training:
        training.log_trials(records)
        training.log_metrics(report.flat(), prefix="cv_")
        training.log_dict(choice, "choice.json")
        values = {number: None if trial.pruned else trial.value for number, trial in enumerate(trials)}
        training.log_figures({"tuning": tuning_figure(values, "average precision")})
