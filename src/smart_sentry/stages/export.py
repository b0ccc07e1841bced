"""Stage export: the bundle that serves, and an int8 logistic model for the edge, with what each of them loses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from smart_sentry.bundle import FAILURE, MANIFEST, Manifest, load_bundle, write_bundle
from smart_sentry.datasets.interim import data_version, load_interim
from smart_sentry.edge.int8 import latency_us, probability_of, quantise
from smart_sentry.edge.onnx_export import failure_onnx, rul_onnx
from smart_sentry.errors import ExportDiffers
from smart_sentry.features.storage import load_feature_model
from smart_sentry.files import write_json, write_whole
from smart_sentry.fleets import compute_features, fleet_of
from smart_sentry.prognosis.candidates import CANDIDATES
from smart_sentry.prognosis.failure_models import BlendModel, FailureModel, LogisticModel, load_failure_model
from smart_sentry.prognosis.labels import soft_labels
from smart_sentry.prognosis.remaining_life import RemainingLifeModel
from smart_sentry.prognosis.row_metrics import average_precision, best_threshold, confusion, monitoring_weight
from smart_sentry.stages.stage import StageContext, StageResult
from smart_sentry.stages.tracked import tracked_training

TOLERANCE = 1e-5
"""Largest difference in probability, or in remaining life as a share of its cap, between ONNX and the original."""
_LATENCIES = "latencies.json"


def run(context: StageContext) -> StageResult:
    """Writes models/<dataset>/bundle, models/<dataset>/edge and data/processed/<dataset>/export.json.

    Raises:
        ExportDiffers: the ONNX graphs do not answer like the original on the whole test set.
    """
    data = load_interim(context.interim)
    choice = json.loads((context.trained / "choice.json").read_text(encoding="utf-8"))
    features_model = load_feature_model(context.trained / "feature_model.npz")
    failure = load_failure_model(choice["candidate"], context.trained / "failure")
    life = RemainingLifeModel.load(context.trained / "remaining_life")
    width = len(features_model.feature_names)
    manifest = Manifest(
        dataset=context.dataset, asset_type=data.asset_type, candidate=choice["candidate"], threshold=choice["threshold"],
        alarm_k=context.params.evaluate.alarm_k, alarm_n=context.params.evaluate.alarm_n,
        interval_coverage=context.params.train.interval_coverage, data_version=data_version(context.interim),
    )  # fmt: skip
    write_bundle(context.bundle, manifest, features_model, failure_onnx(failure, width), rul_onnx(life, width))
    bundle = load_bundle(context.bundle)
    unknown = data.test["cycle"] * 0
    features = compute_features(features_model, fleet_of(data.test, unknown, data.asset_type)).features
    differences = {
        "failure_probability": _difference(
            bundle.failure_probability(features), failure.probability(features.astype(np.float32))
        ),
        "rul_share_of_cap": _difference(bundle.remaining_life(features), life.predict(features)) / life.cap_cycles,
    }
    for what, difference in differences.items():
        if not difference <= TOLERANCE:
            (context.bundle / MANIFEST).unlink()  # without it nobody takes this for a bundle
            raise ExportDiffers(what, difference, TOLERANCE)
    table = _edge_models(context, _logistic_of(context, choice, failure))
    figures = {"parity": {key: float(f"{value:.1e}") for key, value in differences.items()}, "models": table}
    write_json(context.processed / "export.json", figures)
    latencies = _latencies(context, features.astype(np.float32))
    with tracked_training(context) as training:
        training.log_dict(figures, "export.json")
        training.log_dict(latencies, _LATENCIES)
        training.log_metrics(latencies, prefix="latency_us_")
    int8 = table["int8"]
    measured = {f"parity_{key}": value for key, value in differences.items()}
    measured |= {f"latency_us_{key}": value for key, value in latencies.items()}
    return StageResult(
        f"{context.dataset}: ONNX answers like the original within {max(differences.values()):.0e} on {len(features)} test"
        f" rows; the int8 edge model has {int8['bytes']} bytes and F1 {int8['f1']:.3f} on train against"
        f" {table['champion']['f1']:.3f}",
        dict(measured),
        (context.bundle, context.edge, context.processed / "export.json"),
    )


def _difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).max())


def _logistic_of(context: StageContext, choice: dict[str, object], failure: FailureModel) -> LogisticModel:
    """The champion's own logistic part where it has one, else one fitted with the defaults."""
    if isinstance(failure, LogisticModel):
        return failure
    if isinstance(failure, BlendModel) and isinstance(
        part := failure.members.get("logistic_regression"), LogisticModel
    ):
        return part
    features, target, usable = _training_rows(context)
    candidate = CANDIDATES["logistic_regression"]
    fitted = candidate.fit(features[usable], target[usable], candidate.defaults, context.params.seed)
    assert isinstance(fitted, LogisticModel)
    return fitted


def _training_rows(context: StageContext) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features = np.load(context.processed / "features" / "features.npy", mmap_mode="r")
    horizon = load_interim(context.interim).asset_type.failure.horizon_cycles
    with np.load(context.processed / "features" / "rows.npz", allow_pickle=False) as rows:
        return (
            features,
            soft_labels(rows["rul_cycles"], horizon, context.params.train.soft_label_cycles),
            rows["usable"],
        )


def _models(context: StageContext) -> dict[str, Path]:
    return {
        "champion": context.bundle / FAILURE,
        "logistic": context.edge / "logistic.onnx",
        "int8": context.edge / "logistic_int8.onnx",
    }


def _edge_models(context: StageContext, logistic: LogisticModel) -> dict[str, dict[str, float]]:
    """Sizes, and monitoring-weighted figures on the training rows: the test set is not for choosing an edge model."""
    width = len(logistic.centre)
    write_whole(context.edge / "logistic.onnx", failure_onnx(logistic, width))
    write_whole(context.edge / "logistic_int8.onnx", lambda part: quantise(context.edge / "logistic.onnx", part))
    horizon = load_interim(context.interim).asset_type.failure.horizon_cycles
    features = np.load(context.processed / "features" / "features.npy")
    with np.load(context.processed / "features" / "rows.npz", allow_pickle=False) as rows:
        rul_cycles, cycle = rows["rul_cycles"], rows["cycle"]
    positive, weight = rul_cycles <= horizon, monitoring_weight(rul_cycles, cycle + rul_cycles)
    table = {}
    for name, path in _models(context).items():
        probability = probability_of(path, features)
        threshold = best_threshold(probability, positive, weight)
        table[name] = {
            "bytes": path.stat().st_size,
            "average_precision": round(average_precision(probability, positive, weight), 4),
            "f1": round(confusion(probability >= threshold, positive, weight).f1, 4),
        }
    return table


def _latencies(context: StageContext, features: np.ndarray) -> dict[str, float]:
    """Measured, so not part of export.json: DVC compares that between runs."""
    return {name: round(latency_us(path, features), 1) for name, path in _models(context).items()}
