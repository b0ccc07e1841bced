"""From readings to steps: what the detectors judge.

A slow machine's reading is a step; its channels are the sensors. A fast one (below 0.05 s between readings) is judged by the
second: a step is a window of one second, and its channels are each sensor's mean and the logarithm of its standard deviation. A
window also has the features that baselines show: mean, standard deviation, peak to peak and RMS of every sensor.

The windows are tumbling, carried reading by reading in one compiled pass: any split of a stream into batches gives the same
steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.assets import WINDOW_STATISTICS, AssetType

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_LOG_FLOOR = 1e-9


def window_length(asset_type: AssetType) -> int:
    """Readings in a step: 1, or a second's worth of a fast machine."""
    return max(2, round(1.0 / asset_type.sampling_seconds)) if asset_type.is_fast else 1


def channel_names(asset_type: AssetType) -> tuple[str, ...]:
    """Names of a step's channels."""
    if window_length(asset_type) == 1:
        return asset_type.sensor_names
    return tuple(f"{name}_{kind}" for kind in ("mean", "log_std") for name in asset_type.sensor_names)


def window_feature_names(asset_type: AssetType) -> tuple[str, ...]:
    """Names of the features of a window, e.g. voltage_v_peak_to_peak, sensor by sensor."""
    return tuple(f"{name}_{statistic}" for name in asset_type.sensor_names for statistic in WINDOW_STATISTICS)


@dataclass(frozen=True)
class Steps:
    """Steps in the order in which they ended.

    Attributes:
        row: (steps,) the reading that ended each.
        slot: (steps,) its asset.
        channels: (steps, channels) NaN where a sensor said nothing.
        settings: (steps, settings) mean over the step.
        window: (steps, 4 * sensors) features of each window; of single readings: none (steps, 0).
    """

    row: IntArray
    slot: IntArray
    channels: FloatArray
    settings: FloatArray
    window: FloatArray


class _Open(NamedTuple):
    """Windows that are being filled; the first axis is the asset, the second the signal (sensors, then settings)."""

    readings: IntArray
    known: IntArray
    mean: FloatArray
    squares: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def empty(cls, slots: int, signals: int) -> _Open:
        shape = (slots, signals)
        return cls(
            np.zeros(slots, dtype=np.int64), np.zeros(shape, dtype=np.int64), *(np.zeros(shape) for _ in range(4))
        )


class StepMaker:
    """Makes steps of the readings of many assets of one type."""

    def __init__(self, asset_type: AssetType) -> None:
        names = asset_type.signal_names
        self._sensors = np.array([names.index(name) for name in asset_type.sensor_names], dtype=np.int64)
        self._settings = np.array([names.index(name) for name in asset_type.setting_names], dtype=np.int64)
        self.length = window_length(asset_type)
        self._open = _Open.empty(0, len(names))

    def update(self, values: FloatArray, slots: IntArray, restarts: BoolArray) -> Steps:
        """Takes readings in arrival order.

        Args:
            values: (rows, signals), NaN where missing.
            slots: (rows,) assets.
            restarts: (rows,) True where the open window of the asset is thrown away first (a gap, a new phase).
        """
        if self.length == 1:
            nothing = np.empty((len(slots), 0))
            rows = np.arange(len(slots))
            return Steps(rows, slots, values[:, self._sensors], values[:, self._settings], nothing)
        self._reserve(int(slots.max(initial=-1)) + 1)
        order = np.concatenate([self._sensors, self._settings])
        signals = np.ascontiguousarray(values[:, order])
        ended = np.empty(len(slots), dtype=np.int64)
        statistics = np.empty((len(slots), signals.shape[1], 4))
        steps = _fill(signals, slots, restarts, self.length, self._open, ended, statistics)
        rows, found = ended[:steps], statistics[:steps]
        sensors = len(self._sensors)
        mean, std = found[:, :sensors, 0], found[:, :sensors, 1]
        channels = np.hstack([mean, np.log(std + _LOG_FLOOR)])
        return Steps(rows, slots[rows], channels, found[:, sensors:, 0], found[:, :sensors].reshape(steps, 4 * sensors))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the open windows, as named arrays."""
        return {name: array.copy() for name, array in self._open._asdict().items()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back."""
        self._open = _Open(**{name: snapshot[name].copy() for name in _Open._fields})

    def _reserve(self, slots: int) -> None:
        if slots <= len(self._open.readings):
            return
        grown = _Open.empty(max(slots, 2 * len(self._open.readings)), self._open.known.shape[1])
        for old, new in zip(self._open, grown, strict=True):
            new[: len(old)] = old
        self._open = grown


@njit(cache=True, nogil=True)
def _fill(signals: Any, slots: Any, restarts: Any, length: int, window: Any, ended: Any, statistics: Any) -> int:
    steps = 0
    for row in range(slots.size):
        slot = slots[row]
        if restarts[row]:
            window.readings[slot] = 0
            window.known[slot] = 0
        if window.readings[slot] == 0:
            window.known[slot] = 0
        window.readings[slot] += 1
        for i in range(signals.shape[1]):
            value = signals[row, i]
            if np.isnan(value):
                continue
            window.known[slot, i] += 1
            if window.known[slot, i] == 1:
                window.mean[slot, i], window.squares[slot, i] = value, 0.0
                window.low[slot, i] = window.high[slot, i] = value
                continue
            from_mean = value - window.mean[slot, i]
            window.mean[slot, i] += from_mean / window.known[slot, i]
            window.squares[slot, i] += from_mean * (value - window.mean[slot, i])
            window.low[slot, i] = min(window.low[slot, i], value)
            window.high[slot, i] = max(window.high[slot, i], value)
        if window.readings[slot] < length:
            continue
        for i in range(signals.shape[1]):
            if 2 * window.known[slot, i] < length:  # half of it is missing: it says too little
                statistics[steps, i] = np.nan
                continue
            mean, variance = window.mean[slot, i], window.squares[slot, i] / window.known[slot, i]
            statistics[steps, i, 0], statistics[steps, i, 1] = mean, np.sqrt(variance)
            statistics[steps, i, 2] = window.high[slot, i] - window.low[slot, i]
            statistics[steps, i, 3] = np.sqrt(mean * mean + variance)
        ended[steps] = row
        steps += 1
        window.readings[slot] = 0
    return steps
