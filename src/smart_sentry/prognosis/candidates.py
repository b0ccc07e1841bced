"""The kinds of failure model that compete, each with its search space beside its fit. A new one is one class and one line.

All are fitted to soft labels (labels.py) by cross-entropy. SMOTE is offered to every one of them as a choice of the tuner: it
needs hard labels, so a trial that takes it is fitted to the labels' rounded values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from smart_sentry.prognosis.failure_models import BoostedModel, FailureModel, ForestModel, LogisticModel

FloatArray = NDArray[np.float64]
Hyperparameters = dict[str, Any]


class Suggester(Protocol):
    """The part of an optuna.Trial that a search space needs."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...
    def suggest_categorical(self, name: str, choices: list[Any]) -> Any: ...


class Candidate(Protocol):
    """A kind of failure model."""

    defaults: ClassVar[Hyperparameters]
    """Where the search begins: its first trial, and what a training without tuning uses."""

    def suggest(self, trial: Suggester) -> Hyperparameters:
        """Draws hyperparameters from the search space."""
        ...

    def fit(self, features: NDArray[Any], target: FloatArray, hyper: Hyperparameters, seed: int) -> FailureModel:
        """Fits to (rows, features) and (rows,) targets in [0, 1]. One thread, so that equal seeds give equal models."""
        ...


@dataclass(frozen=True)
class LogisticCandidate:
    """Logistic regression with an L2 penalty."""

    defaults: ClassVar[Hyperparameters] = {"c": 0.3, "smote": False}

    def suggest(self, trial: Suggester) -> Hyperparameters:
        """`c` is the inverse penalty."""
        return {
            "c": trial.suggest_float("c", 0.01, 30, log=True),
            "smote": trial.suggest_categorical("smote", [False, True]),
        }

    def fit(self, features: NDArray[Any], target: FloatArray, hyper: Hyperparameters, seed: int) -> LogisticModel:
        """Each row counts as a failure with weight `target` and as healthy with the rest: cross-entropy on soft labels."""
        from sklearn.linear_model import LogisticRegression

        rows, label = _maybe_smote(features, target, hyper, seed)
        centre, scale = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
        scale[scale < 1e-9] = 1.0
        standard = (rows - centre) / scale
        model = LogisticRegression(C=hyper["c"], tol=1e-4, max_iter=500)
        fails, lives = label > _NEGLIGIBLE, label < 1.0 - _NEGLIGIBLE
        model.fit(
            np.vstack([standard[fails], standard[lives]]),
            np.repeat([1, 0], [fails.sum(), lives.sum()]),
            sample_weight=np.concatenate([label[fails], 1.0 - label[lives]]),
        )
        return LogisticModel(centre, scale, model.coef_[0], float(model.intercept_[0]))


@dataclass(frozen=True)
class BoostedCandidate:
    """XGBoost with logistic loss."""

    defaults: ClassVar[Hyperparameters] = {
        "rounds": 200, "learning_rate": 0.06, "max_depth": 4, "subsample": 0.7, "colsample": 0.3,
        "min_child_weight": 5.0, "l2": 5.0, "smote": False,
    }  # fmt: skip

    def suggest(self, trial: Suggester) -> Hyperparameters:
        """Shallow, strongly regularised trees: few engines, many rows of each."""
        return {
            "rounds": trial.suggest_int("rounds", 100, 300),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.15, log=True),
            "max_depth": trial.suggest_int("max_depth", 2, 5),
            "subsample": trial.suggest_float("subsample", 0.4, 0.9),
            "colsample": trial.suggest_float("colsample", 0.1, 0.5),
            "min_child_weight": trial.suggest_float("min_child_weight", 2, 50, log=True),
            "l2": trial.suggest_float("l2", 0.5, 30, log=True),
            "smote": trial.suggest_categorical("smote", [False, True]),
        }

    def fit(self, features: NDArray[Any], target: FloatArray, hyper: Hyperparameters, seed: int) -> BoostedModel:
        """Histogram trees on soft labels."""
        import xgboost

        rows, label = _maybe_smote(features, target, hyper, seed)
        parameters = {
            "objective": "reg:logistic", "tree_method": "hist", "base_score": 0.5, "nthread": 1, "seed": seed,
            "learning_rate": hyper["learning_rate"], "max_depth": hyper["max_depth"], "subsample": hyper["subsample"],
            "colsample_bytree": hyper["colsample"], "min_child_weight": hyper["min_child_weight"], "lambda": hyper["l2"],
        }  # fmt: skip
        return BoostedModel(xgboost.train(parameters, xgboost.DMatrix(rows, label, nthread=1), hyper["rounds"]))


@dataclass(frozen=True)
class ForestCandidate:
    """A random forest whose leaves average the soft labels."""

    defaults: ClassVar[Hyperparameters] = {
        "trees": 60,
        "max_features": 0.06,
        "min_samples_leaf": 5,
        "max_samples": 0.25,
        "smote": False,
    }

    def suggest(self, trial: Suggester) -> Hyperparameters:
        """Rows of one engine are alike, so each tree sees a part of them."""
        return {
            "trees": trial.suggest_int("trees", 50, 120),
            "max_features": trial.suggest_float("max_features", 0.03, 0.12, log=True),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 20, log=True),
            "max_samples": trial.suggest_float("max_samples", 0.15, 0.4),
            "smote": trial.suggest_categorical("smote", [False, True]),
        }

    def fit(self, features: NDArray[Any], target: FloatArray, hyper: Hyperparameters, seed: int) -> ForestModel:
        """Squared error on labels in [0, 1] is Brier's score: leaves hold probabilities."""
        from sklearn.ensemble import RandomForestRegressor

        rows, label = _maybe_smote(features, target, hyper, seed)
        forest = RandomForestRegressor(
            hyper["trees"], max_features=hyper["max_features"], min_samples_leaf=hyper["min_samples_leaf"],
            max_samples=hyper["max_samples"], random_state=seed, n_jobs=1,
        )  # fmt: skip
        return ForestModel.of(forest.fit(rows.astype(np.float32), label))


CANDIDATES: dict[str, Candidate] = {
    "logistic_regression": LogisticCandidate(),
    "xgboost": BoostedCandidate(),
    "random_forest": ForestCandidate(),
}
BLEND = "blend"
"""Not tuned on its own: the mean of the two members, each as tuned, competes with every single model."""
BLEND_MEMBERS = ("logistic_regression", "xgboost")


_NEGLIGIBLE = 1e-3
"""A soft label this close to 0 or 1 is taken for it."""


def _maybe_smote(
    features: NDArray[Any], target: FloatArray, hyper: Hyperparameters, seed: int
) -> tuple[NDArray[Any], FloatArray]:
    if not hyper["smote"]:
        return features, target
    from imblearn.over_sampling import SMOTE

    rows, label = SMOTE(random_state=seed).fit_resample(features, target >= 0.5)
    return rows, np.asarray(label, dtype=np.float64)
