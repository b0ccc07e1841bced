"""Stage train: the chosen failure model and the remaining-life model, fitted on every training asset."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence

import numpy as np

from smart_sentry.datasets.interim import load_interim
from smart_sentry.files import write_json, write_whole
from smart_sentry.prognosis.candidates import BLEND, CANDIDATES
from smart_sentry.prognosis.evaluation import NEAR_FAILURE_CYCLES
from smart_sentry.prognosis.failure_models import BlendModel, FailureModel
from smart_sentry.prognosis.labels import soft_labels
from smart_sentry.prognosis.life_interval import IntervalPolicy, Unseen, calibrate_interval, cross_validated_ends
from smart_sentry.prognosis.remaining_life import RemainingLifeModel, fit_estimate
from smart_sentry.prognosis.row_metrics import monitoring_weight
from smart_sentry.prognosis.rul_metrics import interval_coverage, root_mean_square_error
from smart_sentry.stages.cross_validation import life_out_of_fold, load_folds, workers
from smart_sentry.stages.stage import StageContext, StageResult
from smart_sentry.stages.tracked import tracked_training

LIFE_METRICS = "life_metrics.json"


def run(context: StageContext) -> StageResult:
    """Writes models/<dataset>/trained (feature model, failure model, remaining-life model, the choice) and life_metrics.json."""
    params, failure = context.params, load_interim(context.interim).asset_type.failure
    choice = json.loads((context.processed / "choice.json").read_text(encoding="utf-8"))
    features = np.load(context.processed / "features" / "features.npy", mmap_mode="r")
    with np.load(context.processed / "features" / "rows.npz", allow_pickle=False) as rows:
        slot, cycle, rul_cycles, usable, misleading = (
            rows[name] for name in ("slot", "cycle", "rul_cycles", "usable", "misleading")
        )
    cap = float(failure.rul_cap_cycles)
    with workers(context.settings) as executor:
        target = soft_labels(rul_cycles, failure.horizon_cycles, params.train.soft_label_cycles)
        estimate = executor.submit(
            fit_estimate, features[usable], rul_cycles[usable],
            cap_cycles=cap, trees=params.train.rul_trees, seed=params.seed,
        )  # fmt: skip
        model = executor.submit(_fit, choice, features[usable], target[usable], params.seed)
        out_of_fold = life_out_of_fold(context, rul_cycles, cap, executor)
    unseen = Unseen(out_of_fold, rul_cycles, monitoring_weight(rul_cycles, cycle + rul_cycles)).take(~misleading)
    policy = IntervalPolicy(cap, params.train.interval_coverage, params.seed)
    life = RemainingLifeModel(estimate.result(), calibrate_interval(unseen, policy), cap)
    figures = _life_figures(unseen, [fold.validated[~misleading] for fold in load_folds(context)], policy)
    shutil.rmtree(context.trained, ignore_errors=True)  # another candidate's files would outlive their model
    model.result().save(context.trained / "failure")
    life.save(context.trained / "remaining_life")
    features_file = context.processed / "features" / "feature_model.npz"
    write_whole(context.trained / features_file.name, features_file.read_bytes())
    keys = ("candidate", "hyperparameters", "threshold")
    write_json(context.trained / "choice.json", {key: choice[key] for key in keys})
    write_json(context.processed / LIFE_METRICS, figures)
    with tracked_training(context) as training:
        training.log_metrics(figures, prefix="cv_")
    return StageResult(
        f"{context.dataset}: {choice['candidate']} fitted to {int(usable.sum())} rows of {np.unique(slot).size} assets;"
        f" remaining life: cross-validated intervals hold {figures['rul_interval_coverage']:.1%} of the rows at a mean width"
        f" of {figures['rul_interval_mean_width_cycles']:.1f} cycles",
        {
            "fitted_rows": int(usable.sum()),
            "interval_level": life.interval.level,
            **{f"cv_{name}": value for name, value in figures.items()},
        },
        (context.trained, context.processed / LIFE_METRICS),
    )


def _life_figures(unseen: Unseen, folds: Sequence[np.ndarray], policy: IntervalPolicy) -> dict[str, float]:
    """What the remaining life is worth on assets that neither the estimate nor its interval has seen."""
    lower, upper = cross_validated_ends(unseen, folds, policy)
    truth, weight = np.minimum(unseen.rul_cycles, policy.cap_cycles), unseen.weight
    near = truth <= NEAR_FAILURE_CYCLES
    figures = {
        "rul_rmse_capped_all_rows_cycles": root_mean_square_error(unseen.estimate, truth, weight),
        "rul_interval_coverage": interval_coverage(truth, lower, upper, weight),
        "rul_interval_coverage_near_failure": interval_coverage(truth, lower, upper, weight * near),
        "rul_interval_mean_width_cycles": float(np.average(upper - lower, weights=weight)),
    }
    return {name: round(value, 6) for name, value in figures.items()}


def _fit(choice: dict[str, object], features: np.ndarray, target: np.ndarray, seed: int) -> FailureModel:
    hyper = choice["hyperparameters"]
    assert isinstance(hyper, dict)
    members = {name: CANDIDATES[name].fit(features, target, its, seed) for name, its in hyper.items()}
    return BlendModel(members) if choice["candidate"] == BLEND else next(iter(members.values()))
