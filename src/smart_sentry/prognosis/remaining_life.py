"""Remaining useful life with intervals whose coverage is measured: gradient boosting, conformalised by MAPIE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.errors import InsufficientData
from smart_sentry.files import write_json, write_whole

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_ROUNDS_SHARE_OF_QUANTILES = 0.5
"""The quantile models need fewer rounds than the estimate: an interval's ends are smoother than its middle."""


_MISS_FROM_ABOVE = 0.25
"""Part of the allowed misses that the upper model starts from. Most rows of a monitored fleet have an open interval and can be
missed from below alone, so the lower model starts from all of them; the conformal margin then settles the sum."""
_OPEN_SHARE_OF_CAP = 0.96
_FAR_AWAY = 1e6
_ROWS_TO_CALIBRATE = 100
_MOST_EXCESS = 0.1
"""The nominal level sinks at most this far below the coverage that was asked for: near the failure the intervals need it."""


@dataclass(frozen=True)
class RemainingLifeModel:
    """An estimate and an interval.

    Attributes:
        estimate, lower, upper: xgboost.Boosters that give cycles.
        closed_margin_cycles: conformal calibration moves both ends of a closed interval outwards by this (inwards where
            negative).
        open_margin_cycles: the same for the lower end of an open interval. The two kinds are calibrated apart (Mondrian
            conformal prediction; Vovk et al., 2005), so that the few worn assets get the coverage that the many healthy ones do.
        cap_cycles: remaining life above this is all the same.
        open_above_cycles: where the upper model reaches this, the interval is open: its end is the cap, meaning "or more".
    """

    estimate: Any
    lower: Any
    upper: Any
    closed_margin_cycles: float
    open_margin_cycles: float
    cap_cycles: float
    open_above_cycles: float

    def predict(self, features: NDArray[Any]) -> FloatArray:
        """(rows, 3) cycles: estimate, lower end, upper end; neither clipped nor ordered yet (`ordered_life` does both)."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        estimate, lower, upper = (model.inplace_predict(rows) for model in (self.estimate, self.lower, self.upper))
        is_open = upper >= self.open_above_cycles
        begin = lower - np.where(is_open, self.open_margin_cycles, self.closed_margin_cycles)
        end = np.where(is_open, self.cap_cycles, upper + self.closed_margin_cycles)
        return np.column_stack([estimate, begin, end]).astype(np.float64)

    def save(self, folder: Path) -> None:
        """Writes the boosters in XGBoost's own format and the margins as JSON."""
        for name in ("estimate", "lower", "upper"):
            write_whole(folder / f"rul_{name}.json", getattr(self, name).save_model)
        numbers = ("closed_margin_cycles", "open_margin_cycles", "cap_cycles", "open_above_cycles")
        write_json(folder / "rul_interval.json", {name: getattr(self, name) for name in numbers})

    @classmethod
    def load(cls, folder: Path) -> RemainingLifeModel:
        """Reads what `save` wrote."""
        import json

        import xgboost

        parts: dict[str, Any] = json.loads((folder / "rul_interval.json").read_text(encoding="utf-8"))
        for name in ("estimate", "lower", "upper"):
            parts[name] = xgboost.Booster(model_file=folder / f"rul_{name}.json")
        return cls(**parts)


def ordered_life(raw: NDArray[Any], cap_cycles: float) -> FloatArray:
    """Clips (rows, 3) estimate, lower, upper to 0..cap and lets the interval hold its estimate.

    >>> ordered_life(np.array([[130.0, 90.0, 120.0]]), 125).tolist()
    [[125.0, 90.0, 125.0]]
    """
    life = np.clip(np.asarray(raw, dtype=np.float64), 0.0, cap_cycles)
    life[:, 1] = np.minimum(life[:, 1], life[:, 0])
    life[:, 2] = np.maximum(life[:, 2], life[:, 0])
    return life


def fit_remaining_life(
    features: NDArray[Any], rul_cycles: FloatArray, slot: IntArray, weight: FloatArray, fitted: BoolArray,
    *, cap_cycles: float, trees: int, coverage: float, calibration_share: float, seed: int,
) -> RemainingLifeModel:  # fmt: skip
    """Fits the estimate on all assets, the interval's ends on most of them, and calibrates the ends on the others.

    Args:
        features: (rows, features)
        rul_cycles: (rows,) true remaining life.
        slot: (rows,) asset numbers; an asset either fits or calibrates the interval.
        weight: (rows,) how often a row is seen in a monitored fleet (row_metrics.monitoring_weight): calibration rows are
            drawn by it, so that coverage holds for the rows that a monitored fleet shows.
        fitted: (rows,) which rows models are fitted to (labels.thinned); calibration knows no such choice.
        cap_cycles: remaining life above this is all the same.
        trees: boosting rounds of the estimate.
        coverage: share of rows that the interval shall hold.
        calibration_share: share of assets that calibrate.
        seed: of the split, the draw and the trees.

    Raises:
        InsufficientData: fewer than two assets, so that none is left to calibrate with.
    """
    target = np.minimum(rul_cycles, cap_cycles)
    generator = np.random.default_rng(seed)
    assets = generator.permutation(np.unique(slot))
    if len(assets) < 2:
        raise InsufficientData("train assets for the remaining-life interval", len(assets), 2)
    held_out = min(max(1, round(calibration_share * len(assets))), len(assets) - 1)
    calibrates = np.isin(slot, assets[:held_out])
    estimate = _boost(features[fitted], target[fitted], trees, seed, {"objective": "reg:squarederror"})
    miss = 1.0 - coverage
    rounds, rows = max(1, round(trees * _ROUNDS_SHARE_OF_QUANTILES)), fitted & ~calibrates
    # They start from the middle: from its own quantile, which is the cap, the upper model would see all rows on one side, and
    # a gradient that is the same everywhere splits nothing.
    quantile = {"objective": "reg:quantileerror", "base_score": cap_cycles / 2}
    lower, upper = (
        _boost(features[rows], target[rows], rounds, seed, {**quantile, "quantile_alpha": level})
        for level in (miss, 1.0 - miss * _MISS_FROM_ABOVE)
    )
    drawn = generator.choice(
        np.flatnonzero(calibrates), size=int(calibrates.sum()), p=weight[calibrates] / weight[calibrates].sum()
    )
    open_above = _OPEN_SHARE_OF_CAP * cap_cycles
    # Judged with an estimate that has not seen the calibrating assets either: an interval that is shown holds its estimate.
    unseen = _boost(features[rows], target[rows], trees, seed, {"objective": "reg:squarederror"})
    is_open = upper.predict(features[drawn]) >= open_above
    kinds = (_enough(drawn, ~is_open), _enough(drawn, is_open))

    def calibrated(level: float, shown_estimate: Any) -> RemainingLifeModel:
        closed_margin, open_margin = (
            _conformal_margin(lower, upper, unseen, features[kind], target[kind], level, open_above) for kind in kinds
        )
        return RemainingLifeModel(
            shown_estimate.get_booster(),
            lower.get_booster(),
            upper.get_booster(),
            closed_margin,
            open_margin,
            cap_cycles,
            open_above,
        )

    def covered(level: float) -> float:
        life = ordered_life(calibrated(level, unseen).predict(features[drawn]), cap_cycles)
        return float(np.mean((life[:, 1] <= target[drawn]) & (target[drawn] <= life[:, 2])))

    return calibrated(_level_that_covers(covered, coverage), estimate)


def _level_that_covers(covered: Callable[[float], float], coverage: float) -> float:
    """The lowest nominal level, in steps of 1 %, at which the intervals as they are shown cover what was asked.

    Clipping at the cap and holding the estimate add coverage that the conformal margins know nothing of: most rows of a
    monitored fleet stand at the cap and are hit for certain.
    """
    low, high = round(100 * max(coverage - _MOST_EXCESS, 0.5)), round(100 * coverage)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if covered(middle / 100) >= coverage else (middle + 1, high)
    return low / 100


def _enough(drawn: IntArray, kind: BoolArray) -> IntArray:
    """The calibration rows of one kind of interval; all of them where there are too few of that kind."""
    return drawn[kind] if kind.sum() >= _ROWS_TO_CALIBRATE else drawn


def _boost(features: NDArray[Any], target: FloatArray, rounds: int, seed: int, objective: dict[str, Any]) -> Any:
    import xgboost

    return xgboost.XGBRegressor(
        n_estimators=rounds, tree_method="hist", n_jobs=1, random_state=seed, learning_rate=0.05, max_depth=4, subsample=0.6,
        colsample_bytree=0.25, min_child_weight=10.0, reg_lambda=5.0, **objective,
    ).fit(features, target)  # fmt: skip


def _conformal_margin(
    lower: Any,
    upper: Any,
    estimate: Any,
    features: NDArray[Any],
    target: FloatArray,
    coverage: float,
    open_above: float,
) -> float:
    """Cycles by which both ends move outwards (Romano, Patterson and Candes, 2019), read off MAPIE's intervals.

    Where the interval is open it cannot be missed from above; MAPIE sees that as an end far away.
    """
    from mapie.regression import ConformalizedQuantileRegressor
    from sklearn.base import BaseEstimator, RegressorMixin

    class OpenAbove(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        fitted_ = True

        def fit(self, rows: NDArray[Any], cycles: FloatArray) -> OpenAbove:
            upper.fit(rows, cycles)
            return self

        def predict(self, rows: NDArray[Any]) -> FloatArray:
            end = np.asarray(upper.predict(rows), dtype=np.float64)
            return np.where(end >= open_above, _FAR_AWAY, end)

    conformal = ConformalizedQuantileRegressor([lower, OpenAbove(), estimate], confidence_level=coverage, prefit=True)
    conformal.conformalize(features, target)
    _, interval = conformal.predict_interval(features[:1], symmetric_correction=True)
    return float(lower.predict(features[:1])[0]) - float(interval[0, 0, 0])
