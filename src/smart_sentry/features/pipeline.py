"""From raw readings to the failure model's features: the one path that training, evaluation and live scoring all take.

settings -> regime -> residuals -> condition indicators -> restoration? -> windows -> feature vector
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from smart_sentry.assets import AssetType
from smart_sentry.features.health_index import HealthIndex, fit_health_index, terms_of
from smart_sentry.features.regimes import Regimes, find_regimes
from smart_sentry.features.residuals import ResidualModel, fit_residuals
from smart_sentry.features.restoration import RestorationDetector
from smart_sentry.features.windows import WindowBank, WindowSpec

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class FeatureParams(BaseModel):
    """The `features` section of params.yaml. Half-lives and windows count cycles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    most_regimes: int = Field(default=8, ge=1)
    healthy_share_of_life: float = Field(
        default=0.6, gt=0, le=1, description="rows with RUL > min(rul cap, share * life) are healthy"
    )
    wear_factors: int = Field(default=2, ge=1)
    half_lives: tuple[float, ...] = Field(
        default=(2, 4, 8, 15, 30, 60, 120, 240), min_length=1, description="exponential averages"
    )
    trends: tuple[int, ...] = Field(
        default=(8, 15, 30, 45, 60, 80, 100, 130, 160, 200, 260), description="least-squares lines: level and slope"
    )
    own_baseline: int = Field(
        default=15, ge=1, description="an asset's first readings that its later ones are compared with"
    )
    warm_after: int = Field(default=25, ge=1, description="readings after which a score no longer counts as warming up")

    def windows(self) -> WindowSpec:
        """The same windows for indicators and sensors, so that an indicator's windows are the sum of its sensors' windows."""
        return WindowSpec(self.half_lives, self.trends, (), self.own_baseline, min(2, len(self.half_lives) - 1))


@dataclass(frozen=True)
class Fleet:
    """Readings of many assets as arrays, asset by asset, each in the order of time.

    Attributes:
        slot: (rows,) asset number from 0.
        cycle: (rows,)
        values: (rows, signals) in the order of the asset type's signals, in their units.
        rul_cycles: (rows,) true remaining life.
    """

    slot: IntArray
    cycle: IntArray
    values: FloatArray
    rul_cycles: FloatArray

    @property
    def life_cycles(self) -> FloatArray:
        """(rows,) whole life of the row's asset."""
        return self.cycle + self.rul_cycles

    def take(self, rows: BoolArray | IntArray) -> Fleet:
        return Fleet(self.slot[rows], self.cycle[rows], self.values[rows], self.rul_cycles[rows])


@dataclass(frozen=True)
class FeatureModel:
    """Everything about the features that is learnt from a fleet; stateless and immutable.

    Attributes:
        sensor_columns, setting_columns: positions in the asset type's signals.
        moving: positions among the sensors of those that are not constant; only they get windows.
    """

    params: FeatureParams
    signal_names: tuple[str, ...]
    sensor_columns: IntArray
    setting_columns: IntArray
    moving: IntArray
    regimes: Regimes
    residual_model: ResidualModel
    health_index: HealthIndex

    @cached_property
    def window_spec(self) -> WindowSpec:
        return self.params.windows()

    @cached_property
    def moving_sensors(self) -> tuple[str, ...]:
        return tuple(self.signal_names[self.sensor_columns[position]] for position in self.moving)

    @cached_property
    def term_columns(self) -> IntArray:
        """Columns of the moving sensors among the terms: their residuals, then their signed squares."""
        return np.concatenate([self.moving, self.moving + len(self.sensor_columns)])

    def stream(self, explain: bool = False) -> FeatureStream:
        """A fresh stream: no asset has been seen. `explain` keeps what `FeatureStream.without_each_sensor` needs."""
        return FeatureStream(self, explain)

    @property
    def feature_names(self) -> list[str]:
        spec = self.params.windows()
        return [name for channel in self.health_index.names for name in spec.feature_names(channel)]

    def without_each_sensor(self, features: FloatArray, term_windows: FloatArray, regime: int) -> FloatArray:
        """What a row's features would be had each moving sensor in turn stayed at its healthy expectation.

        Windows and indicators are linear in the terms (residuals and their signed squares), so a sensor's part of an indicator's
        window is its two weights times its own two windows. With several regimes the newest reading's weights stand for the
        whole window.

        Args:
            features: (features,) of one row.
            term_windows: (2 * moving sensors, features per channel) of the same asset at the same time: residuals, squares.
            regime: of that row.

        Returns:
            (moving sensors, features), row i without moving sensor i.
        """
        weights = self.health_index.weights[regime, self.term_columns]
        part = (weights[:, :, None] * term_windows[:, None, :]).reshape(2, len(self.moving), -1).sum(axis=0)
        return np.asarray(features[None, :] - part)


@dataclass(frozen=True)
class FeatureBatch:
    """What the feature stage says of a batch of rows.

    Attributes:
        features: (rows, features)
        regime: (rows,)
        regime_distance: (rows,) distance to the regime's centre as a share of the settings' range.
        restored: (rows,) True where the asset was found restored and its filters began anew.
        readings_seen: (rows,) readings of this asset since it began (anew), this one included.
    """

    features: FloatArray
    regime: IntArray
    regime_distance: FloatArray
    restored: BoolArray
    readings_seen: IntArray


class FeatureStream:
    """Window state of many assets in front of a `FeatureModel`."""

    def __init__(self, model: FeatureModel, explain: bool = False) -> None:
        self.model = model
        self._restoration = RestorationDetector()
        self._indicators = WindowBank(model.health_index.names, model.window_spec)
        self._sensors = WindowBank(2 * model.moving_sensors, model.window_spec) if explain else None
        self._seen = np.zeros(0, dtype=np.int64)

    def update(self, values: FloatArray, slots: IntArray) -> FeatureBatch:
        """Takes rows in arrival order.

        Args:
            values: (rows, signals) in the order of the asset type's signals, in their units.
            slots: (rows,) asset numbers from 0.
        """
        model = self.model
        settings = np.ascontiguousarray(values[:, model.setting_columns])
        regime = model.regimes.assign(settings)
        residuals = model.residual_model.residuals(
            np.ascontiguousarray(values[:, model.sensor_columns]), settings, regime
        )
        terms = terms_of(residuals)
        indicators = model.health_index.indicators(terms, regime)
        restored = self._restoration.update(np.ascontiguousarray(indicators[:, 0]), slots)
        features = self._indicators.update(indicators, slots, restored)
        if self._sensors is not None:
            self._sensors.advance(terms[:, model.term_columns], slots, restored)
        seen = self._count(slots, restored)
        return FeatureBatch(features, regime, model.regimes.distance(settings), restored, seen)

    def _count(self, slots: IntArray, restored: BoolArray) -> IntArray:
        if slots.size and (missing := int(slots.max()) + 1 - len(self._seen)) > 0:
            self._seen = np.concatenate([self._seen, np.zeros(max(missing, len(self._seen)), dtype=np.int64)])
        counted: IntArray = _count_readings(slots, restored, self._seen)
        return counted

    def without_each_sensor(self, slot: int, features: FloatArray, regime: int) -> FloatArray:
        """`FeatureModel.without_each_sensor` for an asset's newest row. The stream must have been made with `explain`."""
        if self._sensors is None:
            raise ValueError("this stream keeps no sensor windows: make it with explain=True")
        return self.model.without_each_sensor(features, self._sensors.now(slot), regime)

    def _parts(self) -> dict[str, RestorationDetector | WindowBank]:
        parts: dict[str, RestorationDetector | WindowBank] = {
            "restoration": self._restoration,
            "indicators": self._indicators,
        }
        return parts if self._sensors is None else parts | {"sensors": self._sensors}

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the whole state, as named arrays; `restore` puts it back."""
        parts = self._parts().items()
        state = {f"{part}.{name}": array for part, owner in parts for name, array in owner.snapshot().items()}
        return state | {"seen": self._seen.copy()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back that a stream of the same model gave.

        Raises:
            ValueError: the snapshot was taken with other channels or windows, or lacks the sensor windows that explaining needs.
        """
        if self._sensors is not None and "sensors.count" not in snapshot:
            raise ValueError("the snapshot holds no sensor windows: it was taken of a stream made with explain=False")
        for part, owner in self._parts().items():
            prefix = f"{part}."
            owner.restore(
                {name.removeprefix(prefix): array for name, array in snapshot.items() if name.startswith(prefix)}
            )
        self._seen = snapshot["seen"].copy()


@njit(cache=True, nogil=True)
def _count_readings(slots: Any, restored: Any, seen: Any) -> Any:
    out = np.empty(slots.size, dtype=np.int64)
    for row in range(slots.size):
        seen[slots[row]] = 1 if restored[row] else seen[slots[row]] + 1
        out[row] = seen[slots[row]]
    return out


def fit_features(fleet: Fleet, asset_type: AssetType, params: FeatureParams, seed: int) -> FeatureModel:
    """Learns regimes, healthy behaviour and condition indicators from a run-to-failure fleet.

    Args:
        fleet: every asset runs to its failure.
        asset_type: signals, limits, failure horizon.
        params: what changes results.
        seed: of the clustering.
    """
    position = {name: place for place, name in enumerate(asset_type.signal_names)}
    sensor_columns = np.array([position[name] for name in asset_type.sensor_names], dtype=np.int64)
    setting_columns = np.array([position[name] for name in asset_type.setting_names], dtype=np.int64)
    limits = np.array([asset_type.signals[column].limits for column in setting_columns], dtype=np.float64).reshape(
        -1, 2
    )
    sensors, settings = fleet.values[:, sensor_columns], fleet.values[:, setting_columns]
    regimes = find_regimes(settings, limits[:, 0], limits[:, 1], params.most_regimes, seed)
    regime = regimes.assign(settings)
    cap, horizon = float(asset_type.failure.rul_cap_cycles), float(asset_type.failure.horizon_cycles)
    healthy = fleet.rul_cycles > np.minimum(cap, params.healthy_share_of_life * fleet.life_cycles)
    residual_model = fit_residuals(sensors, settings, regime, healthy, regimes.count)
    residuals = residual_model.residuals(np.ascontiguousarray(sensors), np.ascontiguousarray(settings), regime)
    health_index = fit_health_index(
        residuals, regime, fleet.slot, fleet.rul_cycles, regimes.count, cap, horizon, params.wear_factors
    )
    return FeatureModel(
        params, asset_type.signal_names, sensor_columns, setting_columns,
        np.flatnonzero(residual_model.moving), regimes, residual_model, health_index,
    )  # fmt: skip
