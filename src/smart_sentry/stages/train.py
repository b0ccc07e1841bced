"""Stage train: the chosen failure model and the remaining-life model, fitted on every training asset."""

from __future__ import annotations

import json
import shutil

import numpy as np

from smart_sentry.datasets.interim import load_interim
from smart_sentry.files import write_json, write_whole
from smart_sentry.prognosis.candidates import BLEND, CANDIDATES
from smart_sentry.prognosis.failure_models import BlendModel, FailureModel
from smart_sentry.prognosis.labels import soft_labels
from smart_sentry.prognosis.remaining_life import fit_remaining_life
from smart_sentry.prognosis.row_metrics import monitoring_weight
from smart_sentry.stages.stage import StageContext, StageResult


def run(context: StageContext) -> StageResult:
    """Writes models/<dataset>/trained: feature model, failure model, remaining-life model and what was chosen."""
    params, failure = context.params, load_interim(context.interim).asset_type.failure
    choice = json.loads((context.processed / "choice.json").read_text(encoding="utf-8"))
    features = np.load(context.processed / "features" / "features.npy", mmap_mode="r")
    with np.load(context.processed / "features" / "rows.npz", allow_pickle=False) as rows:
        slot, cycle, rul_cycles, usable, misleading = (
            rows[name] for name in ("slot", "cycle", "rul_cycles", "usable", "misleading")
        )
    target = soft_labels(rul_cycles, failure.horizon_cycles, params.train.soft_label_cycles)
    model = _fit(choice, features[usable], target[usable], params.seed)
    truthful = ~misleading
    life = fit_remaining_life(
        features[truthful], rul_cycles[truthful], slot[truthful],
        monitoring_weight(rul_cycles, cycle + rul_cycles)[truthful], usable[truthful],
        cap_cycles=failure.rul_cap_cycles, trees=params.train.rul_trees, coverage=params.train.interval_coverage,
        calibration_share=params.train.calibration_share, seed=params.seed,
    )  # fmt: skip
    shutil.rmtree(context.trained, ignore_errors=True)  # another candidate's files would outlive their model
    model.save(context.trained / "failure")
    life.save(context.trained / "remaining_life")
    features_file = context.processed / "features" / "feature_model.npz"
    write_whole(context.trained / features_file.name, features_file.read_bytes())
    keys = ("candidate", "hyperparameters", "threshold")
    write_json(context.trained / "choice.json", {key: choice[key] for key in keys})
    return StageResult(
        f"{context.dataset}: {choice['candidate']} fitted to {int(usable.sum())} rows of {np.unique(slot).size} assets; interval"
        f" margins {life.closed_margin_cycles:+.1f} (closed) and {life.open_margin_cycles:+.1f} (open) cycles",
        {
            "fitted_rows": int(usable.sum()),
            "closed_margin_cycles": life.closed_margin_cycles,
            "open_margin_cycles": life.open_margin_cycles,
        },
        (context.trained,),
    )


def _fit(choice: dict[str, object], features: np.ndarray, target: np.ndarray, seed: int) -> FailureModel:
    hyper = choice["hyperparameters"]
    assert isinstance(hyper, dict)
    members = {name: CANDIDATES[name].fit(features, target, its, seed) for name, its in hyper.items()}
    return BlendModel(members) if choice["candidate"] == BLEND else next(iter(members.values()))
