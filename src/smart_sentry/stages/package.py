"""Stage package: the Bento that serves the bundle; the model in MLflow's registry; champion or challenger."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np

from smart_sentry.answers import AssetHistory, answer_histories
from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.champion import make_champion
from smart_sentry.datasets.interim import load_interim
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.environment import prepare_environment
from smart_sentry.files import write_json
from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.prognosis.promotion import Decision, PromotionPolicy, ValidationFigures, decide_promotion
from smart_sentry.results import CHAMPION, EVALUATION_FILE, SEED_METHOD
from smart_sentry.stages.stage import StageContext, StageResult
from smart_sentry.stages.tracked import tracked_training, tracker

PACKAGE = "package.json"
_EXAMPLE_ROWS = 5
_EXPLAINED_ASSETS = 40


def run(context: StageContext) -> StageResult:
    """Writes data/processed/<dataset>/package.json, builds the Bento, and registers the model in MLflow."""
    prepare_environment(context.settings)
    from smart_sentry.serving_package import build_bento

    bundle = load_bundle(context.bundle)
    bento = build_bento(context.bundle, context.settings)
    decision = _register(context, bundle)
    content = {"dataset": context.dataset, "bundle_sha256": bundle.checksum, "version": bundle.version, "bento": bento}
    write_json(context.processed / PACKAGE, content)
    serve_after(context, bundle, decision)
    verdict = "champion" if decision.promote else "challenger, not promoted"
    return StageResult(
        f"{context.dataset}: {bento} is built; {verdict}: {decision.reason}",
        {"bento": bento, "version": bundle.version},
        (context.processed / PACKAGE,),
    )


def serve_after(context: StageContext, bundle: Bundle, decision: Decision) -> None:
    """Has the bundle serve where it was promoted. A challenger that lost is packaged, and the registry's champion serves on.

    Raises:
        ModelUnavailable, ChecksumMismatch: the champion's files cannot be had whole.
    """
    from smart_sentry.model_versions import ModelVersions

    if decision.promote:
        make_champion(context.settings.home, bundle)
    else:
        ModelVersions(context.settings, context.dataset).serve_champion()


def _register(context: StageContext, bundle: Bundle) -> Decision:
    from smart_sentry.tracking.model_registry import ModelRegistry
    from smart_sentry.tracking.plots import importance_figure

    data = load_interim(context.interim)
    choice = json.loads((context.processed / "choice.json").read_text(encoding="utf-8"))
    cross_validation, seed = (
        EvaluationReport.model_validate(choice[key]) for key in ("cross_validation", "seed_method")
    )
    protocol = (
        f"data {bundle.manifest.data_version[:12]}, {context.params.tune.folds} folds, seed {context.params.seed}"
    )
    challenger, baseline = (ValidationFigures.from_report(report, protocol) for report in (cross_validation, seed))
    example = data.test.head(_EXAMPLE_ROWS)
    with tracked_training(context) as training:
        model = training.log_model(context.bundle, bundle.checksum, example, bundle.predict_frame(example))
        registry = ModelRegistry(tracker(context), context.dataset)
        version = registry.register_challenger(model, challenger)
        champion = registry.champion()
        verdict = decide_promotion(challenger, champion.figures if champion else None, PromotionPolicy(), baseline)
        decision = registry.apply(version, verdict)
        names, sizes = mean_contributions(bundle, data)
        training.log_figures({"importance": importance_figure(names, sizes, "mean absolute contribution (log-odds)")})
        card = _card(context, bundle, data, choice, decision)
        training.log_text(card, "model_card.md")
        training.log_description(card)
    return decision


def mean_contributions(bundle: Bundle, data: RunToFailure) -> tuple[list[str], np.ndarray]:
    """Signals and their mean absolute contribution, over train assets seen until the failure horizon."""
    asset_type = data.asset_type
    near = data.train[data.train_truth() >= asset_type.failure.horizon_cycles]
    histories = [
        AssetHistory(str(asset), int(rows[CYCLE_COLUMN].iloc[-1]), rows[list(asset_type.signal_names)].to_numpy(np.float64),
                     top=len(asset_type.sensor_names))
        for asset, rows in list(near.groupby(ASSET_COLUMN, sort=True))[:_EXPLAINED_ASSETS]
    ]  # fmt: skip
    total: dict[str, float] = {}
    for answer in answer_histories(bundle, histories):
        for part in answer.top_contributions:
            total[part.signal] = total.get(part.signal, 0.0) + abs(part.contribution) / len(histories)
    return list(total), np.array(list(total.values()))


def _card(
    context: StageContext, bundle: Bundle, data: RunToFailure, choice: dict[str, object], decision: Decision
) -> str:
    from smart_sentry.tracking.model_card import ModelCardFacts, model_card

    path = context.processed / EVALUATION_FILE
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    test, baseline = (
        EvaluationReport.model_validate(content[key]) if key in content else None for key in (CHAMPION, SEED_METHOD)
    )
    cross_validation = EvaluationReport.model_validate(choice["cross_validation"])
    return model_card(ModelCardFacts(
        dataset=context.dataset,
        asset=data.asset_type.description,
        cycle_meaning=data.asset_type.cycle_meaning,
        candidate=bundle.manifest.candidate,
        bundle_sha256=bundle.checksum,
        data_version=bundle.manifest.data_version,
        code_version=_code_version(context),
        train_rows=len(data.train),
        train_assets=int(data.train[ASSET_COLUMN].nunique()),
        params={"hyperparameters": choice["hyperparameters"], **context.params.train.model_dump()},
        cross_validation=cross_validation,
        test=test,
        baseline=baseline or EvaluationReport.model_validate(choice["seed_method"]),
        decision=decision.reason,
        reproduce=[f"smart-sentry train {context.dataset}", f"smart-sentry evaluate {context.dataset}"],
    ))  # fmt: skip


def _code_version(context: StageContext) -> str:
    """The commit, or the release where the project is no git checkout."""
    from smart_sentry import __version__

    git = shutil.which("git")
    if git is None:
        return __version__
    command = [git, "rev-parse", "--short", "HEAD"]
    asked = subprocess.run(command, cwd=context.settings.home, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or __version__
