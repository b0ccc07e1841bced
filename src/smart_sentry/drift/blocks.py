"""Readings as blocks of a minute: what a machine showed at work, what it was told to do, and what it showed at rest.

Phases come from the phase rule with numbers learnt on the reference, so that both windows are cut alike. Only steady operation
makes blocks; rests are kept apart, for what moves while a machine stands still is not the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings
from smart_sentry.phase_machine import OFF, STEADY, PhaseMachine, PhaseNumbers, learn_phase_numbers

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

BLOCK_SECONDS = 60.0
_LEAST_BLOCKS = 100
_LEAST_STEADY = 0.5
_OFTEN_TOLD = 0.5
"""Share of the steady blocks from which a setting that is missing is lost, not unchanged."""
_NEAR_BLOCKS, _SETTLING_BLOCKS = 5.0, 30


@dataclass(frozen=True)
class Blocks:
    """One window of one asset.

    Attributes:
        seconds: (blocks,) middle of each block.
        level: (blocks, signals) means over its steady readings; NaN where a signal said nothing.
        duty: (blocks,) share of the block's readings at which the machine was at work; 1 without a phase rule.
        command: (blocks, settings) means of the settings over all readings that tell them, rests included; NaN where none does.
            command_square: of their squares.
        square: (blocks, settings, settings) means of the products of the settings over steady readings that tell both; NaN
            where none does.
        steady: (blocks,) whether the block is steady enough to be compared, and its settings are told.
        rest: (rests, signals) means over each stretch of standing still. rest_seconds: (rests,) its middle.
        scatter: (blocks, signals) mean absolute difference of neighbouring steady readings, as a standard deviation.
        before: (earlier blocks, 1 + 2 settings) `driven` of the window right before, where there was one.
    """

    seconds: FloatArray
    level: FloatArray
    duty: FloatArray
    command: FloatArray
    command_square: FloatArray
    square: FloatArray
    steady: BoolArray
    rest: FloatArray
    rest_seconds: FloatArray
    scatter: FloatArray
    before: FloatArray | None = None

    @property
    def driven(self) -> FloatArray:
        """(blocks, 1 + 2 settings) what a slow signal follows: duty, command and its square."""
        return np.column_stack([self.duty, self.command, self.command_square])

    def following(self, earlier: Blocks) -> Blocks:
        """These blocks, with what a window that ended right before them was driven by; unchanged after a pause."""
        span = float(np.median(np.diff(self.seconds))) if len(self.seconds) > 1 else BLOCK_SECONDS
        near = 0.0 < self.seconds[0] - earlier.seconds[-1] <= _NEAR_BLOCKS * span
        return replace(self, before=earlier.driven) if near else self.settled()

    def settled(self) -> Blocks:
        """These blocks without the first, before which nobody knows what happened: half an hour, an eighth at most."""
        steady = self.steady.copy()
        steady[: min(_SETTLING_BLOCKS, len(steady) // 8)] = False
        return replace(self, steady=steady)


def block_rows(asset_type: AssetType, reference: Readings) -> int:
    """Readings in a block: a minute's, fewer where the reference would give less than a hundred blocks, at least one."""
    minute = round(BLOCK_SECONDS / asset_type.sampling_seconds)
    return int(max(1, min(minute, len(reference.seconds) // _LEAST_BLOCKS)))


def phase_numbers(asset_type: AssetType, reference: Readings) -> PhaseNumbers | None:
    """What the phase rule learns from a reference; None without a rule."""
    if asset_type.phase is None:
        return None
    load, speed = _load_and_speed(asset_type, within_limits(asset_type, reference.values))
    return learn_phase_numbers(asset_type.phase, load, speed, asset_type.sampling_seconds)


def within_limits(asset_type: AssetType, values: FloatArray) -> FloatArray:
    """(rows, signals) with NaN where a value is outside its physical limits."""
    low, high = np.array([signal.limits for signal in asset_type.signals], dtype=np.float64).T
    with np.errstate(invalid="ignore"):
        return np.where((values >= low) & (values <= high), values, np.nan)


def blocks_of(asset_type: AssetType, readings: Readings, numbers: PhaseNumbers | None, rows: int) -> Blocks:
    """Cuts a window into blocks.

    Args:
        asset_type: names the signals.
        readings: of the window.
        numbers: from `phase_numbers` of the reference.
        rows: readings in a block, from `block_rows`.
    """
    values = within_limits(asset_type, readings.values)
    phase = phases_of(asset_type, values, numbers)
    at_work = phase == STEADY
    span = rows * asset_type.sampling_seconds
    number = np.floor((readings.seconds - readings.seconds[0]) / span + 1e-9).astype(np.int64)
    block = np.unique(number, return_inverse=True)[1].astype(np.int64)
    count = int(block[-1]) + 1
    size = np.bincount(block, minlength=count)
    columns = [asset_type.signal_names.index(name) for name in asset_type.setting_names]
    told = values[:, columns]
    products = (told[:, :, None] * told[:, None, :]).reshape(len(told), -1)
    duty = _means(at_work[:, None].astype(np.float64), block, count)[:, 0]
    rest, rest_seconds = _rests(values, phase == OFF, readings.seconds)
    level = _means(np.where(at_work[:, None], values, np.nan), block, count)
    steady = (duty >= _LEAST_STEADY) & (2 * size >= min(rows, size.max()))
    return Blocks(
        seconds=_means(readings.seconds[:, None], block, count)[:, 0],
        level=level,
        duty=duty,
        command=_means(told, block, count),
        command_square=_means(told**2, block, count),
        square=_means(np.where(at_work[:, None], products, np.nan), block, count).reshape(
            count, len(columns), len(columns)
        ),
        steady=steady & _is_told(level[:, columns], steady),
        rest=rest, rest_seconds=rest_seconds, scatter=_scatter(values, at_work, block, count),
    )  # fmt: skip


def _is_told(settings: FloatArray, steady: BoolArray) -> BoolArray:
    """(blocks,) whether every setting (blocks, settings) is known; one of few steady blocks holds until it is told anew."""
    known = np.isfinite(settings)
    often = known[steady].sum(axis=0) >= _OFTEN_TOLD * steady.sum()
    return np.asarray((known | ~often).all(axis=1))


def _load_and_speed(asset_type: AssetType, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    rule, names = asset_type.phase, asset_type.signal_names
    assert rule is not None
    return values[:, names.index(rule.load_signal)], values[:, names.index(rule.speed_signal or rule.load_signal)]


def phases_of(asset_type: AssetType, values: FloatArray, numbers: PhaseNumbers | None) -> IntArray:
    """(rows,) index into phases.PHASES; all of it steady without a phase rule.

    Args:
        asset_type: names the signals.
        values: (rows, signals) within their limits, in the order of time.
        numbers: from `phase_numbers` of the reference.
    """
    if asset_type.phase is None or numbers is None:
        return np.full(len(values), STEADY, dtype=np.int64)
    machine = PhaseMachine(asset_type.phase, asset_type.sampling_seconds)
    machine.set_numbers(0, numbers)
    load, speed = _load_and_speed(asset_type, values)
    return machine.update(load, speed, np.zeros(len(values), dtype=np.int64)).astype(np.int64)


def _means(values: FloatArray, block: IntArray, count: int) -> FloatArray:
    """(count, columns) means of what is known; NaN where nothing is."""
    out = np.full((count, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column])
        counts = np.bincount(block[known], minlength=count)
        sums = np.bincount(block[known], weights=values[known, column], minlength=count)
        np.divide(sums, counts, out=out[:, column], where=counts > 0)
    return out


def _rests(values: FloatArray, at_rest: BoolArray, seconds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of each stretch at rest."""
    rows = np.flatnonzero(at_rest)
    if not rows.size:
        return np.empty((0, values.shape[1])), np.empty(0)
    stretch = np.cumsum(np.diff(rows, prepend=rows[0]) > 1).astype(np.int64)
    count = int(stretch[-1]) + 1
    return _means(values[rows], stretch, count), _means(seconds[rows][:, None], stretch, count)[:, 0]


def _scatter(values: FloatArray, at_work: BoolArray, block: IntArray, count: int) -> FloatArray:
    """Of white noise the mean absolute difference is 2 / sqrt(pi) standard deviations."""
    within = np.zeros(len(values), dtype=np.bool_)
    within[1:] = at_work[1:] & at_work[:-1] & (block[1:] == block[:-1])
    change = np.full(values.shape, np.nan)
    change[1:] = np.abs(np.diff(values, axis=0)) * (np.sqrt(np.pi) / 2.0)
    return _means(np.where(within[:, None], change, np.nan), block, count)
