"""The window kernel: one compiled pass over readings in arrival order, used alike by training and by live scoring.

A `WindowBank` holds the windows of many assets. `update` takes a batch of rows of any assets and returns, for each row,
the window features as they stood right after that row. Because the state is carried row by row, any split of a stream into
batches gives the same features (tests/unit/features/test_windows.py checks that property), and a row never sees its future.

A missing value (NaN) leaves that channel's windows as they were: nothing is repaired or guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_FIT_FROM = 3
"""A line is fitted once a trend window is a third full; before that its level is the mean and its slope 0."""


@dataclass(frozen=True)
class WindowSpec:
    """Which windows every channel gets. Lengths and half-lives count readings.

    Attributes:
        half_lives: exponential averages; a reading's weight halves after this many further readings.
        trends: least-squares lines over the last n readings: the line's value at the newest reading, and its slope.
        spreads: mean and population standard deviation over the last n readings.
        baseline: an asset's own first n readings; the feature is the `baseline_average`-th exponential average minus
            their mean. 0 switches it off.
        baseline_average: index into `half_lives`.
    """

    half_lives: tuple[float, ...] = ()
    trends: tuple[int, ...] = ()
    spreads: tuple[int, ...] = ()
    baseline: int = 0
    baseline_average: int = 0

    def __post_init__(self) -> None:
        if any(half_life <= 0 for half_life in self.half_lives):
            raise ValueError(f"half-lives must be positive, not {self.half_lives}")
        if any(length < 2 for length in (*self.trends, *self.spreads)):
            raise ValueError(f"windows must span at least 2 readings, not {(*self.trends, *self.spreads)}")
        if self.baseline and not 0 <= self.baseline_average < len(self.half_lives):
            raise ValueError("a baseline needs one of the exponential averages to compare with")

    @property
    def longest(self) -> int:
        """Readings that must be kept to slide every window."""
        return max((*self.trends, *self.spreads), default=1)

    def feature_names(self, channel: str) -> list[str]:
        """Names of one channel's features, in the order of the kernel's output.

        >>> WindowSpec(half_lives=(5,), trends=(30,), baseline=25).feature_names("t50")
        ['t50_ema5', 't50_level30', 't50_slope30', 't50_from_own_baseline']
        """
        names = [f"{channel}_ema{half_life:g}" for half_life in self.half_lives]
        names += [f"{channel}_{kind}{length}" for length in self.trends for kind in ("level", "slope")]
        names += [f"{channel}_{kind}{length}" for length in self.spreads for kind in ("mean", "std")]
        return names + ([f"{channel}_from_own_baseline"] if self.baseline else [])

    @property
    def features_per_channel(self) -> int:
        return len(self.half_lives) + 2 * len(self.trends) + 2 * len(self.spreads) + int(self.baseline > 0)


@dataclass
class _State:
    """Window state of `slots` assets; every array's first axis is the asset, its second the channel."""

    count: IntArray
    origin: FloatArray
    recent: FloatArray
    average: FloatArray
    average_weight: FloatArray
    total: FloatArray
    moment: FloatArray
    baseline_total: FloatArray

    @classmethod
    def empty(cls, slots: int, channels: int, spec: WindowSpec) -> _State:
        lengths, averages = len(spec.trends) + len(spec.spreads), len(spec.half_lives)
        per_channel = (slots, channels)
        return cls(
            count=np.zeros(per_channel, dtype=np.int64),
            origin=np.zeros(per_channel),
            recent=np.zeros((*per_channel, spec.longest)),
            average=np.zeros((*per_channel, averages)),
            average_weight=np.zeros((*per_channel, averages)),
            total=np.zeros((*per_channel, lengths)),
            moment=np.zeros((*per_channel, lengths)),
            baseline_total=np.zeros(per_channel),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


class WindowBank:
    """Windows of many assets over the same channels.

    Args:
        channels: names of the columns of every batch, in order.
        spec: the windows of each channel.
    """

    def __init__(self, channels: tuple[str, ...], spec: WindowSpec) -> None:
        self.channels = channels
        self.spec = spec
        self._decay = np.exp2(-1.0 / np.asarray(spec.half_lives, dtype=np.float64))
        self._trends = np.asarray(spec.trends, dtype=np.int64)
        self._spreads = np.asarray(spec.spreads, dtype=np.int64)
        self._state = _State.empty(0, len(channels), spec)
        self._assets = 0

    @property
    def feature_names(self) -> list[str]:
        return [name for channel in self.channels for name in self.spec.feature_names(channel)]

    @property
    def slots(self) -> int:
        """How many assets the bank has room for."""
        return int(self._state.count.shape[0])

    def reserve(self, slots: int) -> None:
        """Makes room for assets 0..slots-1, keeping those that are there. Grows by doubling, so many calls stay cheap."""
        self._assets = max(slots, self._assets)
        if slots <= self.slots:
            return
        grown = _State.empty(max(slots, 2 * self.slots), len(self.channels), self.spec)
        if not self.slots:  # the way of every request: a fresh bank, filled once
            self._state = grown
            return
        for name, array in self._state.arrays().items():
            getattr(grown, name)[: self.slots] = array
        self._state = grown

    def update(self, values: FloatArray, slots: IntArray, restarts: BoolArray | None = None) -> FloatArray:
        """Takes rows in arrival order and returns each row's features right after it.

        Args:
            values: (rows, channels); NaN where a value is missing.
            slots: (rows,) which asset a row belongs to, from 0; new ones are made room for.
            restarts: (rows,) True where the asset begins anew (restored, replaced): its windows are emptied first.

        Returns:
            (rows, channels * features_per_channel), in the order of `feature_names`; NaN before a channel's first value.
        """
        rows = values.shape[0]
        out = np.empty((rows, len(self.channels) * self.spec.features_per_channel))
        self._advance(values, slots, restarts, out)
        return out

    def advance(self, values: FloatArray, slots: IntArray, restarts: BoolArray | None = None) -> None:
        """Takes rows like `update` but writes no features: `now` tells them where they are wanted."""
        self._advance(values, slots, restarts, np.empty((0, 0)))

    def now(self, slot: int) -> FloatArray:
        """(channels, features_per_channel) features of one asset as they stand after its newest row."""
        out = np.empty((1, len(self.channels) * self.spec.features_per_channel))
        state = self._state
        _emit(
            slot, 0, self._trends, self._spreads, self.spec.baseline, self.spec.baseline_average, state.count, state.origin,
            state.average, state.average_weight, state.total, state.moment, state.baseline_total, out,
        )  # fmt: skip
        return out.reshape(len(self.channels), -1)

    def _advance(self, values: FloatArray, slots: IntArray, restarts: BoolArray | None, out: FloatArray) -> None:
        if not len(slots):
            return
        self.reserve(int(slots.max()) + 1)
        begin_anew = np.zeros(len(slots), dtype=np.bool_) if restarts is None else restarts
        state = self._state
        _advance(
            np.ascontiguousarray(values, dtype=np.float64), slots, begin_anew,
            self._decay, self._trends, self._spreads, self.spec.baseline, self.spec.baseline_average,
            state.count, state.origin, state.recent, state.average, state.average_weight,
            state.total, state.moment, state.baseline_total, out,
        )  # fmt: skip

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of the whole state, as named arrays, without the room for assets that have not come yet."""
        return {name: array[: self._assets].copy() for name, array in self._state.arrays().items()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Puts a snapshot back.

        Raises:
            ValueError: the snapshot was taken with other channels or windows.
        """
        empty = _State.empty(int(snapshot["count"].shape[0]), len(self.channels), self.spec).arrays()
        wrong = [name for name, array in empty.items() if snapshot[name].shape != array.shape]
        if wrong:
            raise ValueError(f"snapshot does not fit these windows: shapes of {', '.join(wrong)} differ")
        self._state = _State(**{name: snapshot[name].copy() for name in empty})
        self._assets = self.slots


@njit(cache=True, nogil=True, error_model="numpy")
def _advance(
    values: Any, slots: Any, restarts: Any,
    decay: Any, trends: Any, spreads: Any, baseline: int, baseline_average: int,
    count: Any, origin: Any, recent: Any, average: Any, average_weight: Any,
    total: Any, moment: Any, baseline_total: Any, out: Any,
) -> None:  # fmt: skip
    """One pass over the rows. Sums are kept about each channel's first value, so that large offsets cost no digits."""
    for row in range(values.shape[0]):
        slot = slots[row]
        if restarts[row]:
            count[slot, :] = 0
        for channel in range(values.shape[1]):
            if np.isfinite(values[row, channel]):
                _take(
                    values[row, channel], slot, channel, decay, trends, spreads, baseline, count, origin, recent, average,
                    average_weight, total, moment, baseline_total,
                )  # fmt: skip
        if out.shape[0]:
            _emit(
                slot, row, trends, spreads, baseline, baseline_average, count, origin,
                average, average_weight, total, moment, baseline_total, out,
            )  # fmt: skip


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _take(
    value: float, slot: int, channel: int, decay: Any, trends: Any, spreads: Any, baseline: int, count: Any, origin: Any,
    recent: Any, average: Any, average_weight: Any, total: Any, moment: Any, baseline_total: Any,
) -> None:  # fmt: skip
    """Moves all windows of one channel one reading on.

    Of a trend, `moment` is the sum of time * value with time 0 at the window's oldest reading; of a spread, the sum of squares.
    """
    capacity, seen = recent.shape[2], count[slot, channel]
    if seen == 0:
        origin[slot, channel] = value
        average[slot, channel, :] = 0.0
        average_weight[slot, channel, :] = 0.0
        total[slot, channel, :] = 0.0
        moment[slot, channel, :] = 0.0
        baseline_total[slot, channel] = 0.0
    shifted = value - origin[slot, channel]
    for k in range(decay.size):
        average[slot, channel, k] = decay[k] * average[slot, channel, k] + (1.0 - decay[k]) * shifted
        average_weight[slot, channel, k] = decay[k] * average_weight[slot, channel, k] + (1.0 - decay[k])
    if seen < baseline:
        baseline_total[slot, channel] += shifted
    head = seen % capacity
    for k in range(trends.size):
        length = trends[k]
        if seen >= length:
            place = head - length
            oldest = recent[slot, channel, place if place >= 0 else place + capacity]
            total[slot, channel, k] -= oldest
            moment[slot, channel, k] += (length - 1) * shifted - total[slot, channel, k]
        else:
            moment[slot, channel, k] += seen * shifted
        total[slot, channel, k] += shifted
    for k in range(spreads.size):
        length, j = spreads[k], trends.size + k
        if seen >= length:
            place = head - length
            oldest = recent[slot, channel, place if place >= 0 else place + capacity]
            total[slot, channel, j] -= oldest
            moment[slot, channel, j] -= oldest * oldest
        total[slot, channel, j] += shifted
        moment[slot, channel, j] += shifted * shifted
    recent[slot, channel, head] = shifted
    count[slot, channel] = seen + 1
    if head == capacity - 1:  # sliding sums gather rounding errors: take them afresh once a round
        _refresh(slot, channel, trends, spreads, recent, total, moment)


@njit(cache=True, nogil=True, error_model="numpy")
def _refresh(slot: int, channel: int, trends: Any, spreads: Any, recent: Any, total: Any, moment: Any) -> None:
    """Sums of every window anew; the newest reading stands at the ring's last place."""
    capacity = recent.shape[2]
    for j in range(trends.size + spreads.size):
        is_trend = j < trends.size
        length = trends[j] if is_trend else spreads[j - trends.size]
        sum_of_values, sum_of_moments = 0.0, 0.0
        for time in range(length):
            value = recent[slot, channel, capacity - length + time]
            sum_of_values += value
            sum_of_moments += time * value if is_trend else value * value
        total[slot, channel, j] = sum_of_values
        moment[slot, channel, j] = sum_of_moments


@njit(cache=True, nogil=True, error_model="numpy")
def _emit(
    slot: int, row: int, trends: Any, spreads: Any, baseline: int, baseline_average: int, count: Any, origin: Any,
    average: Any, average_weight: Any, total: Any, moment: Any, baseline_total: Any, out: Any,
) -> None:  # fmt: skip
    """Writes the features of one asset's channels as they stand now into a row of `out`."""
    averages, column = average.shape[2], 0
    width = averages + 2 * trends.size + 2 * spreads.size + (1 if baseline > 0 else 0)
    for channel in range(count.shape[1]):
        seen = count[slot, channel]
        if seen == 0:
            out[row, column : column + width] = np.nan
            column += width
            continue
        start = origin[slot, channel]
        for k in range(averages):
            out[row, column] = start + average[slot, channel, k] / average_weight[slot, channel, k]
            column += 1
        for k in range(trends.size):
            n = min(seen, trends[k])
            mean, slope = total[slot, channel, k] / n, 0.0
            if n * _FIT_FROM >= trends[k] and n >= 2:
                slope = (moment[slot, channel, k] - 0.5 * (n - 1) * total[slot, channel, k]) / (
                    n * (n * n - 1.0) / 12.0
                )
            out[row, column] = start + mean + slope * 0.5 * (n - 1)
            out[row, column + 1] = slope
            column += 2
        for k in range(spreads.size):
            j = trends.size + k
            n = min(seen, spreads[k])
            mean = total[slot, channel, j] / n
            out[row, column] = start + mean
            out[row, column + 1] = np.sqrt(max(moment[slot, channel, j] / n - mean * mean, 0.0))
            column += 2
        if baseline > 0:
            own = baseline_total[slot, channel] / min(seen, baseline)
            out[row, column] = (
                average[slot, channel, baseline_average] / average_weight[slot, channel, baseline_average] - own
            )
            column += 1
