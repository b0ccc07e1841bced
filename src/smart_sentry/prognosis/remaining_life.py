"""Remaining useful life: gradient boosting on the capped truth, with intervals of measured coverage (life_interval)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.files import write_json, write_whole
from smart_sentry.prognosis.life_interval import LifeInterval

FloatArray = NDArray[np.float64]

_ESTIMATE, _INTERVAL = "rul_estimate.json", "rul_interval.json"


@dataclass(frozen=True)
class RemainingLifeModel:
    """An estimate and an interval.

    Attributes:
        estimate: xgboost.Booster that gives cycles.
        interval: the ends that belong to an estimate.
        cap_cycles: remaining life above this is all the same.
    """

    estimate: Any
    interval: LifeInterval
    cap_cycles: float

    def predict(self, features: NDArray[Any]) -> FloatArray:
        """(rows, 3) cycles within 0..cap: estimate, lower end, upper end, from (rows, features).

        The interval holds its estimate; an upper end at the cap means "or more".
        """
        estimate = capped_estimate(self.estimate, features, self.cap_cycles)
        return np.column_stack([estimate, *self.interval.ends(estimate)])

    def save(self, folder: Path) -> None:
        """Writes the booster in XGBoost's own format and the interval as JSON."""
        write_whole(folder / _ESTIMATE, self.estimate.save_model)
        interval = {
            "cap_cycles": self.cap_cycles,
            "level": self.interval.level,
            "estimate_cycles": self.interval.estimate_cycles.tolist(),
            "lower_cycles": self.interval.lower_cycles.tolist(),
            "upper_cycles": self.interval.upper_cycles.tolist(),
        }
        write_json(folder / _INTERVAL, interval)

    @classmethod
    def load(cls, folder: Path) -> RemainingLifeModel:
        """Reads what `save` wrote."""
        import json

        import xgboost

        parts = json.loads((folder / _INTERVAL).read_text(encoding="utf-8"))
        ends = {f"{name}_cycles": np.array(parts[f"{name}_cycles"]) for name in ("estimate", "lower", "upper")}
        booster = xgboost.Booster(model_file=folder / _ESTIMATE)
        return cls(booster, LifeInterval(**ends, level=parts["level"]), parts["cap_cycles"])


def fit_estimate(features: NDArray[Any], rul_cycles: FloatArray, *, cap_cycles: float, trees: int, seed: int) -> Any:
    """Fits the estimate by squared error to the capped truth.

    Args:
        features: (rows, features)
        rul_cycles: (rows,) true remaining life.
        cap_cycles: remaining life above this is all the same: wear has not begun to show (Heimes, 2008, "Recurrent neural
            networks for remaining useful life estimation").
        trees: boosting rounds.
        seed: of the trees.

    Returns:
        An xgboost.Booster.
    """
    import xgboost

    return xgboost.XGBRegressor(
        n_estimators=trees, tree_method="hist", max_bin=64, n_jobs=1, random_state=seed, learning_rate=0.05, max_depth=4,
        subsample=0.6, colsample_bytree=0.25, min_child_weight=10.0, reg_lambda=5.0, objective="reg:squarederror",
    ).fit(features, np.minimum(rul_cycles, cap_cycles)).get_booster()  # fmt: skip


def capped_estimate(estimate: Any, features: NDArray[Any], cap_cycles: float) -> FloatArray:
    """(rows,) cycles within 0..cap, from (rows, features)."""
    raw = estimate.inplace_predict(np.ascontiguousarray(features, dtype=np.float32))
    return np.clip(np.asarray(raw, dtype=np.float64), 0.0, cap_cycles)
