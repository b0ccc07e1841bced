"""A feature model on disk: NumPy arrays and one JSON text in a .npz, read without pickle; equal models give equal bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.features.health_index import HealthIndex
from smart_sentry.features.pipeline import FeatureModel, FeatureParams
from smart_sentry.features.regimes import Regimes
from smart_sentry.features.residuals import ResidualModel
from smart_sentry.files import write_whole


def save_feature_model(path: Path, model: FeatureModel) -> None:
    """Writes the model whole."""
    about = json.dumps({"params": model.params.model_dump(mode="json"), "signals": model.signal_names}, sort_keys=True)
    arrays = {
        "about": np.array(about),
        "sensor_columns": model.sensor_columns,
        "setting_columns": model.setting_columns,
        "moving": model.moving,
        "regime_low": model.regimes.low,
        "regime_high": model.regimes.high,
        "regime_centres": model.regimes.centres,
        "mean": model.residual_model.mean,
        "setting_mean": model.residual_model.setting_mean,
        "setting_effect": model.residual_model.setting_effect,
        "std": model.residual_model.std,
        "indicator_weights": model.health_index.weights,
        "indicator_offset": model.health_index.offset,
    }
    write_arrays(path, arrays)


def load_feature_model(path: Path) -> FeatureModel:
    """Reads what `save_feature_model` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        about = json.loads(str(arrays["about"]))
        return FeatureModel(
            FeatureParams.model_validate(about["params"]),
            tuple(about["signals"]),
            arrays["sensor_columns"],
            arrays["setting_columns"],
            arrays["moving"],
            Regimes(arrays["regime_low"], arrays["regime_high"], arrays["regime_centres"]),
            ResidualModel(arrays["mean"], arrays["setting_mean"], arrays["setting_effect"], arrays["std"]),
            HealthIndex(arrays["indicator_weights"], arrays["indicator_offset"]),
        )


def write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Writes named arrays as one whole .npz file."""

    def write(part: Path) -> None:
        with part.open("wb") as file:  # a file object: given a path, numpy would add its own ending
            np.savez(file, **arrays)  # type: ignore[arg-type]

    write_whole(path, write)
