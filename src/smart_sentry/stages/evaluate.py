"""Stage evaluate: the test set, scored once for this champion, beside the seed's own method.

Where the truth of the test set is not known the predictions are written all the same, and evaluation.json says what is missing.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.datasets.interim import load_interim
from smart_sentry.datasets.run_to_failure import NAME_COLUMN, RunToFailure
from smart_sentry.errors import TruthMissing
from smart_sentry.features.pipeline import FeatureBatch
from smart_sentry.features.storage import load_feature_model
from smart_sentry.files import write_json, write_whole
from smart_sentry.fleets import compute_features, fleet_of
from smart_sentry.prognosis.evaluation import evaluate
from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.prognosis.event_metrics import asset_outcomes
from smart_sentry.prognosis.failure_models import load_failure_model
from smart_sentry.prognosis.labels import before_restoration
from smart_sentry.prognosis.remaining_life import RemainingLifeModel
from smart_sentry.prognosis.row_metrics import calibration_curve, confusion, precision_recall_curve
from smart_sentry.prognosis.scored_fleet import ScoredFleet
from smart_sentry.results import CHAMPION, EVALUATION_FILE, SEED_METHOD, TEST_METRICS, UNSCORED, headline_metrics
from smart_sentry.stages.judging import alarm_policy, bootstrap_policy
from smart_sentry.stages.seed_baseline import seed_forest_on_test
from smart_sentry.stages.stage import StageContext, StageResult
from smart_sentry.stages.tracked import tracked_training
from smart_sentry.tracking.plot_data import write_calibration, write_confusion, write_lead_times, write_precision_recall

PREDICTIONS = "test_predictions.parquet"
_NOTHING = "nothing_scored\n"


def run(context: StageContext) -> StageResult:
    """Writes data/processed/<dataset>/evaluation.json, test_predictions.parquet and the plots' data."""
    data = load_interim(context.interim)
    threshold = json.loads((context.trained / "choice.json").read_text(encoding="utf-8"))["threshold"]
    predictions, batch = _predict(context, data)
    write_whole(context.processed / PREDICTIONS, lambda part: predictions.to_parquet(part, index=False))
    try:
        truth = data.test_truth()
    except TruthMissing as error:
        write_json(context.processed / EVALUATION_FILE, {UNSCORED: str(error)})
        write_json(context.processed / TEST_METRICS, {})
        _write_plots(context, None, threshold)
        return StageResult(
            f"{len(predictions)} test rows predicted, none scored: {error}", {"predicted_rows": len(predictions)}
        )
    scored = _scored(predictions, truth)
    report = _judge(context, scored, threshold, "test")
    seed_scores = seed_forest_on_test(context)
    seed = _judge(
        context, _scored(predictions.assign(failure_probability=seed_scores), truth, with_life=False), 0.5, "test"
    )
    content = {CHAMPION: report.model_dump(mode="json"), SEED_METHOD: seed.model_dump(mode="json")}
    slot = pd.factorize(data.test[ASSET_COLUMN])[0]
    misleading = before_restoration(slot.astype(np.int64), batch.restored)
    if misleading.any():
        kept = _scored(predictions[~misleading], truth[~misleading])
        content["without_rows_before_restoration"] = _judge(context, kept, threshold, "test").model_dump(mode="json")
    write_whole(context.processed / EVALUATION_FILE, json.dumps(_rounded(content), indent=1, sort_keys=True) + "\n")
    write_json(context.processed / TEST_METRICS, headline_metrics(report))
    _write_plots(context, scored, threshold)
    _track(context, scored, report, seed, threshold)
    return StageResult(
        f"{context.dataset}: test F1 {report.row.f1}, average precision {report.row.average_precision}; the seed's method:"
        f" F1 {seed.row.f1}",
        {"test_f1": report.row.f1.value or 0.0, "test_average_precision": report.row.average_precision.value or 0.0,
         "seed_method_test_f1": seed.row.f1.value or 0.0},
        (context.processed / EVALUATION_FILE, context.processed / PREDICTIONS),
    )  # fmt: skip


def _predict(context: StageContext, data: RunToFailure) -> tuple[pd.DataFrame, FeatureBatch]:
    choice = json.loads((context.trained / "choice.json").read_text(encoding="utf-8"))
    model = load_failure_model(choice["candidate"], context.trained / "failure")
    life_model = RemainingLifeModel.load(context.trained / "remaining_life")
    nobody_knows = pd.Series(np.zeros(len(data.test)), index=data.test.index)
    fleet = fleet_of(data.test, nobody_knows, data.asset_type)
    batch = compute_features(load_feature_model(context.trained / "feature_model.npz"), fleet)
    features = batch.features.astype(np.float32)
    life = life_model.predict(features)
    predictions = pd.DataFrame({
        ASSET_COLUMN: data.test[ASSET_COLUMN].to_numpy(),
        CYCLE_COLUMN: data.test[CYCLE_COLUMN].to_numpy(),
        "failure_probability": np.clip(model.probability(features), 0.0, 1.0),
        "rul_cycles": life[:, 0],
        "rul_lower_cycles": life[:, 1],
        "rul_upper_cycles": life[:, 2],
    })  # fmt: skip
    if data.asset_names is not None:
        predictions.insert(1, NAME_COLUMN, data.test[ASSET_COLUMN].map(data.asset_names).to_numpy())
    return predictions, batch


def _scored(predictions: pd.DataFrame, truth: pd.Series, with_life: bool = True) -> ScoredFleet:
    estimate, lower, upper = (predictions[f"rul_{part}cycles"].to_numpy() for part in ("", "lower_", "upper_"))
    life = (estimate, lower, upper) if with_life else None
    return ScoredFleet.of(
        predictions[ASSET_COLUMN],
        predictions[CYCLE_COLUMN],
        truth.to_numpy(),
        predictions["failure_probability"],
        rul=life,
    )


def _judge(context: StageContext, scored: ScoredFleet, threshold: float, split: str) -> EvaluationReport:
    cap = load_interim(context.interim).asset_type.failure.rul_cap_cycles
    return evaluate(
        scored, threshold, dataset=context.dataset, split=split, policy=alarm_policy(context), rul_cap_cycles=cap,
        bootstrap=bootstrap_policy(context),
    )  # fmt: skip


def _rounded(node: object) -> object:
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    return round(node, 6) if isinstance(node, float) else node


def _write_plots(context: StageContext, scored: ScoredFleet | None, threshold: float) -> None:
    names = ("precision_recall.csv", "calibration.csv", "confusion.csv", "lead_times.csv")
    paths = [context.processed / name for name in names]
    if scored is None:
        for path in paths:
            write_whole(path, _NOTHING)
        return
    policy = alarm_policy(context)
    positive = scored.positive(policy.horizon_cycles)
    if positive.any():
        write_precision_recall(paths[0], precision_recall_curve(scored.probability, positive))
    else:  # nothing is near its failure: recall has no meaning
        write_whole(paths[0], _NOTHING)
    write_calibration(paths[1], calibration_curve(scored.probability, positive))
    write_confusion(paths[2], confusion(scored.probability >= threshold, positive))
    write_lead_times(paths[3], asset_outcomes(scored, threshold, policy))


def _track(
    context: StageContext, scored: ScoredFleet, report: EvaluationReport, seed: EvaluationReport, threshold: float
) -> None:
    from smart_sentry.stages.evaluation_figures import evaluation_figures

    figures = evaluation_figures(context, scored, report, threshold)
    with tracked_training(context) as training:
        training.log_metrics(report.flat(), prefix="test_")
        training.log_metrics(
            {"f1": seed.row.f1.value, "average_precision": seed.row.average_precision.value}, prefix="seed_method_test_"
        )
        training.log_figures(figures)
        training.log_dict(report.model_dump(mode="json"), "evaluation.json")
