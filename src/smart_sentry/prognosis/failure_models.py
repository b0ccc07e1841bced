"""Fitted failure models: features in, failure probability out. Saved without pickle, and each able to become ONNX (edge/)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smart_sentry.files import write_json, write_whole

FloatArray = NDArray[np.float64]


class FailureModel(Protocol):
    """A fitted model of any kind."""

    def probability(self, features: NDArray[Any]) -> FloatArray:
        """(rows,) in [0, 1] from (rows, features)."""
        ...

    def save(self, folder: Path) -> None:
        """Writes the model into its own folder."""
        ...


@dataclass(frozen=True)
class LogisticModel:
    """Logistic regression on standardised features.

    Attributes:
        centre, scale: (features,) of the standardisation.
        weights: (features,) on standardised features.
        bias: log-odds of the average row.
    """

    centre: FloatArray
    scale: FloatArray
    weights: FloatArray
    bias: float

    def log_odds(self, features: NDArray[Any]) -> FloatArray:
        """(rows,) before the logistic function."""
        return np.asarray((features - self.centre) / self.scale @ self.weights + self.bias, dtype=np.float64)

    def probability(self, features: NDArray[Any]) -> FloatArray:
        """(rows,) in [0, 1]."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.log_odds(features), -50, 50))))

    def save(self, folder: Path) -> None:
        """Writes logistic.json."""
        arrays = {name: getattr(self, name).tolist() for name in ("centre", "scale", "weights")}
        write_json(folder / "logistic.json", arrays | {"bias": self.bias})

    @classmethod
    def load(cls, folder: Path) -> LogisticModel:
        """Reads what `save` wrote."""
        saved = json.loads((folder / "logistic.json").read_text(encoding="utf-8"))
        centre, scale, weights = (np.array(saved[name]) for name in ("centre", "scale", "weights"))
        return cls(centre, scale, weights, saved["bias"])


@dataclass(frozen=True)
class BoostedModel:
    """Gradient-boosted trees (an xgboost.Booster) with logistic output."""

    booster: Any

    def probability(self, features: NDArray[Any]) -> FloatArray:
        """(rows,) in [0, 1]."""
        return np.asarray(
            self.booster.inplace_predict(np.ascontiguousarray(features, dtype=np.float32)), dtype=np.float64
        )

    def save(self, folder: Path) -> None:
        """Writes boosted.json in XGBoost's own format."""
        write_whole(folder / "boosted.json", lambda part: self.booster.save_model(part))

    @classmethod
    def load(cls, folder: Path) -> BoostedModel:
        """Reads what `save` wrote."""
        import xgboost

        return cls(xgboost.Booster(model_file=folder / "boosted.json"))


@dataclass(frozen=True)
class ForestModel:
    """A random forest that averages soft labels (an sklearn RandomForestRegressor)."""

    forest: Any

    def probability(self, features: NDArray[Any]) -> FloatArray:
        """(rows,) in [0, 1]."""
        return np.asarray(self.forest.predict(np.asarray(features, dtype=np.float32)), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Writes forest.skops, a format whose loading runs no code."""
        import skops.io

        write_whole(folder / "forest.skops", skops.io.dumps(self.forest))

    @classmethod
    def load(cls, folder: Path) -> ForestModel:
        """Reads what `save` wrote."""
        import skops.io

        return cls(skops.io.load(folder / "forest.skops", trusted=["sklearn.tree._tree.Tree"]))


@dataclass(frozen=True)
class BlendModel:
    """The mean of several models: their errors differ, so it ranks a little better than each."""

    members: dict[str, FailureModel]

    def probability(self, features: NDArray[Any]) -> FloatArray:
        """(rows,) in [0, 1]."""
        return np.asarray(np.mean([member.probability(features) for member in self.members.values()], axis=0))

    def save(self, folder: Path) -> None:
        """Writes each member into a folder of its name."""
        for name, member in self.members.items():
            member.save(folder / name)


def load_failure_model(candidate: str, folder: Path) -> FailureModel:
    """Reads a saved model of a candidate's kind."""
    match candidate:
        case "logistic_regression":
            return LogisticModel.load(folder)
        case "xgboost":
            return BoostedModel.load(folder)
        case "random_forest":
            return ForestModel.load(folder)
        case "blend":
            return BlendModel(
                {path.name: load_failure_model(path.name, path) for path in sorted(folder.iterdir()) if path.is_dir()}
            )
    raise ValueError(f"no such kind of failure model: {candidate}")
