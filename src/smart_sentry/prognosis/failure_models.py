"""Fitted failure models: features in, failure probability out. Saved without pickle, and each able to become ONNX (edge/)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.features.storage import write_arrays
from smart_sentry.files import write_json, write_whole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


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
    """A random forest that averages soft labels, as plain arrays: equal forests give equal bytes, and none runs code when loaded.

    Attributes:
        first_node: (trees,) where each tree's nodes begin.
        left, right: (nodes,) a node's children, counted from its tree's first node; -1 at a leaf.
        feature, threshold: (nodes,) a row goes left where the feature is at most the threshold.
        value: (nodes,) mean label of the rows that reached a node.
    """

    first_node: IntArray
    left: IntArray
    right: IntArray
    feature: IntArray
    threshold: FloatArray
    value: FloatArray

    @classmethod
    def of(cls, forest: Any) -> ForestModel:
        """Takes the trees of a fitted sklearn.ensemble.RandomForestRegressor."""
        trees = [estimator.tree_ for estimator in forest.estimators_]

        def joined(read: Callable[[Any], NDArray[Any]]) -> NDArray[Any]:
            return np.concatenate([read(tree) for tree in trees])

        return cls(
            np.cumsum([0, *(tree.node_count for tree in trees[:-1])]),
            joined(lambda tree: tree.children_left),
            joined(lambda tree: tree.children_right),
            joined(lambda tree: tree.feature),
            joined(lambda tree: tree.threshold),
            joined(lambda tree: tree.value[:, 0, 0]),
        )

    def probability(self, features: NDArray[Any]) -> FloatArray:
        """(rows,) in [0, 1]."""
        out = np.empty(len(features))
        rows = np.ascontiguousarray(features, dtype=np.float32)
        _mean_of_trees(rows, self.first_node, self.left, self.right, self.feature, self.threshold, self.value, out)
        return out

    def save(self, folder: Path) -> None:
        """Writes forest.npz."""
        write_arrays(folder / "forest.npz", {field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, folder: Path) -> ForestModel:
        """Reads what `save` wrote."""
        with np.load(folder / "forest.npz", allow_pickle=False) as arrays:
            return cls(**arrays)


@njit(cache=True, nogil=True)
def _mean_of_trees(
    rows: Any, first_node: Any, left: Any, right: Any, feature: Any, threshold: Any, value: Any, out: Any
) -> None:
    for row in range(rows.shape[0]):
        total = 0.0
        for first in first_node:
            node = first
            while left[node] >= 0:
                node = first + (left[node] if rows[row, feature[node]] <= threshold[node] else right[node])
            total += value[node]
        out[row] = total / first_node.size


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
