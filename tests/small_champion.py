"""A small, real model: every part is fitted and exported by the project's own code, on a few engines of C-MAPSS FD001."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from small_life import fit_small_life

from smart_sentry.assets import load_asset_type
from smart_sentry.bundle import Bundle, Manifest, load_bundle, write_bundle
from smart_sentry.datasets.cmapss import ENVIRONMENT_VARIABLE, Cmapss
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.edge.onnx_export import failure_onnx, rul_onnx
from smart_sentry.features.pipeline import FeatureModel, FeatureParams, Fleet
from smart_sentry.fleets import compute_features, fleet_of, learn_features
from smart_sentry.prognosis.candidates import CANDIDATES
from smart_sentry.prognosis.failure_models import BlendModel
from smart_sentry.prognosis.labels import soft_labels, thinned
from smart_sentry.prognosis.remaining_life import RemainingLifeModel
from smart_sentry.prognosis.row_metrics import best_threshold, monitoring_weight

PROJECT = Path(__file__).parents[1]
SEED = 20
TRAIN_ENGINES, TEST_ENGINES = 20, 8
PARAMS = FeatureParams(half_lives=(4, 15), trends=(10, 30), own_baseline=5, warm_after=10)
QUICK = {"logistic_regression": {}, "xgboost": {"rounds": 30, "learning_rate": 0.2}}
"""Members of the blend, and how they differ from their defaults."""


@dataclass(frozen=True)
class SmallChampion:
    """A bundle beside the models that it was exported from and the readings that they were fitted to.

    Attributes:
        bundle: written to `bundle.folder` and loaded from there.
        data: 20 train and 8 test engines of FD001.
        fleet: the train engines as arrays. features: (rows, features) of them, float32.
    """

    bundle: Bundle
    data: RunToFailure
    fleet: Fleet
    features: np.ndarray
    feature_model: FeatureModel
    failure: BlendModel
    life: RemainingLifeModel


def few_engines(raw_folder: Path, train: int = TRAIN_ENGINES, test: int = TEST_ENGINES) -> RunToFailure:
    """The first engines of FD001, from the zip or folder that $SMART_SENTRY_CMAPSS names."""
    turbofan = load_asset_type(PROJECT / "configs" / "assets" / "turbofan.yaml")
    source = Cmapss("FD001", turbofan, local=Path(os.environ[ENVIRONMENT_VARIABLE]), url="")
    source.fetch(raw_folder)
    whole = source.load(raw_folder)
    assert whole.test_final_rul_cycles is not None
    return replace(
        whole,
        train=whole.train[whole.train["asset_id"] <= train],
        test=whole.test[whole.test["asset_id"] <= test],
        test_final_rul_cycles=whole.test_final_rul_cycles.loc[:test],
    )


def train_small_champion(folder: Path) -> SmallChampion:
    """Fits and exports all parts; a few seconds."""
    data = few_engines(folder / "raw")
    kind = data.asset_type.failure
    fleet = fleet_of(data.train, data.train_truth(), data.asset_type)
    model = learn_features(fleet, data.asset_type, PARAMS, SEED)
    features = compute_features(model, fleet).features.astype(np.float32)
    usable = thinned(fleet.cycle, fleet.rul_cycles, kind.horizon_cycles)
    target = soft_labels(fleet.rul_cycles, kind.horizon_cycles, width_cycles=4)
    failure = BlendModel({
        name: CANDIDATES[name].fit(features[usable], target[usable], CANDIDATES[name].defaults | quick, SEED)
        for name, quick in QUICK.items()
    })  # fmt: skip
    weight = monitoring_weight(fleet.rul_cycles, fleet.life_cycles)
    life = fit_small_life(
        features, fleet.rul_cycles, fleet.cycle, fleet.slot, usable,
        cap_cycles=kind.rul_cap_cycles, trees=30, seed=SEED,
    )  # fmt: skip
    threshold = best_threshold(failure.probability(features), fleet.rul_cycles <= kind.horizon_cycles, weight)
    manifest = Manifest(
        dataset="FD001", asset_type=data.asset_type, candidate="blend", threshold=threshold, alarm_k=2, alarm_n=3,
        interval_coverage=0.9, data_version="0" * 64,
    )  # fmt: skip
    width = features.shape[1]
    checksum = write_bundle(folder / "bundle", manifest, model, failure_onnx(failure, width), rul_onnx(life, width))
    return SmallChampion(load_bundle(folder / "bundle", checksum), data, fleet, features, model, failure, life)
