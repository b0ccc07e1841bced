"""What shifted: each signal of one asset, conditional on phase and operation, against its reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.calibration import Readings
from smart_sentry.drift.blocks import Blocks, block_rows, blocks_of, phase_numbers
from smart_sentry.drift.change import SETTLING, Change, Shape, find_change, growth
from smart_sentry.drift.conditioning import Conditioned, Conditioning, fit_conditioning, robust_deviation
from smart_sentry.drift.trend import Trend, autocorrelation_time, mann_kendall

FloatArray = NDArray[np.float64]

SEGMENTS = 24
"""Parts that the recent window is cut into, and the reference by the same length."""
DUTY = "duty"
"""Name of the share of time at work, an operating signal of every asset type with a phase rule."""
LEAST_SHIFT = 0.5
"""Robust standard deviations (of a block) below which a shift is of no consequence."""
TREND_Z, TREND_CHANGE = 3.0, 0.75
"""Mann-Kendall statistic and change over the window, in robust standard deviations, from which a trend counts."""
_SURE = 2.8
"""Standard errors on either side of a shift: 99 % with some twenty degrees of freedom."""
_MISSPECIFIED = 2.0
"""Times the standard error of an explanation that is allowed for: it is not linear for ever."""
_MODEL_ALLOWANCE = 0.3
"""Share of what an explanation extrapolates beyond its reference that is put down to the explanation."""
_LEAST_SEGMENTS = 4

Role = Literal["operating", "response"]


@dataclass(frozen=True)
class SignalShift:
    """One signal's shift. Sizes are in robust standard deviations of the reference's blocks.

    Attributes:
        name: of the signal.
        role: operating signals are commanded (settings, duty), responses are what the machine makes of it.
        unit_size: robust standard deviation in the signal's unit.
        size, low, high: of the shift at the end of the window, with its 99 % interval.
        onset_seconds: when it began; NaN where nothing changed.
        change: shape and change point.
        trend: over the recent window, in robust standard deviations; its z is the weaker of Mann-Kendall's and of a regression
            that knows the reference's autocorrelation.
        allowed: what the explanation itself may err by, within `low` and `high`.
        effective_size: independent values that the recent blocks are worth.
        segments: (segments,) the recent window's means. reference: (segments,) the reference's.
    """

    name: str
    role: Role
    unit_size: float
    size: float
    low: float
    high: float
    onset_seconds: float
    change: Change
    trend: Trend
    allowed: float
    effective_size: float
    segments: FloatArray
    reference: FloatArray

    @property
    def moved(self) -> bool:
        """Whether the whole interval is at least `LEAST_SHIFT` from zero and the change point is sure."""
        return self.change.shape is not Shape.NONE and (self.low >= LEAST_SHIFT or self.high <= -LEAST_SHIFT)

    @property
    def judged(self) -> bool:
        """Whether there was enough to compare."""
        return bool(np.isfinite(self.low))

    @property
    def trends(self) -> bool:
        """Whether it rises or falls all along, more than the explanation may err by."""
        return is_trend(self.trend, self.allowed)

    def later(self, onset: int) -> Trend:
        """Trend of what came after a change (index of its segment) had settled, for slow signals follow it."""
        return robust_trend(self.reference, self.segments[onset + SETTLING :])

    def is_step_at(self, onset: int) -> bool:
        """Whether nothing sure is left of it without a step at an onset (index of its segment), whatever shape fits best."""
        after = np.arange(len(self.segments)) > onset
        if not (np.isfinite(self.segments[after]).any() and np.isfinite(self.segments[~after]).any()):
            return False
        step = np.nanmean(self.segments[after]) - np.nanmean(self.segments[~after])
        return find_change(self.reference, self.segments - step * after).shape is Shape.NONE

    def grows_on(self, onset: int) -> bool:
        """Whether it still moves long after a change."""
        return is_trend(self.later(onset), 0.0)


def is_trend(trend: Trend, allowed: float) -> bool:
    """Whether a trend is both sure and large enough."""
    return abs(trend.z) > TREND_Z and abs(trend.change) > TREND_CHANGE + allowed


def robust_trend(reference: FloatArray, values: FloatArray) -> Trend:
    """Mann-Kendall's trend, no surer than a regression that knows the reference's autocorrelation."""
    found, slope = mann_kendall(values), growth(reference, values)
    weaker = min(abs(found.z), abs(slope)) if found.z * slope > 0 else 0.0
    return Trend(float(np.copysign(weaker, found.change)), found.change)


@dataclass(frozen=True)
class Windows:
    """One asset's two windows, conditioned.

    Attributes:
        asset_type: of the asset.
        reference, recent: blocks.
        conditioning: fitted on the reference.
        fitted, followed: residuals of the reference and of the recent window.
        begins, ends: of the recent window, in seconds.
    """

    asset_type: AssetType
    reference: Blocks
    recent: Blocks
    conditioning: Conditioning
    fitted: Conditioned
    followed: Conditioned
    begins: float
    ends: float

    @property
    def segment_seconds(self) -> float:
        return (self.ends - self.begins) / SEGMENTS


def windows_of(asset_type: AssetType, reference: Readings, recent: Readings) -> Windows:
    """Cuts, phases and conditions an asset's two windows."""
    rows, numbers = block_rows(asset_type, reference), phase_numbers(asset_type, reference)
    before = blocks_of(asset_type, reference, numbers, rows).settled()
    now = blocks_of(asset_type, recent, numbers, rows).following(before)
    conditioning = fit_conditioning(asset_type, before, with_regimes=rows == 1)
    ends = float(recent.seconds[-1]) + asset_type.sampling_seconds
    return Windows(
        asset_type, before, now, conditioning, replace(conditioning.apply(before), residual=conditioning.held_out),
        conditioning.apply(now),
        float(recent.seconds[0]), ends,
    )  # fmt: skip


def response_shifts(
    windows: Windows, common: FloatArray | None = None, common_before: FloatArray | None = None
) -> list[SignalShift]:
    """Shifts of what the operation does not explain, one a sensor in the asset type's order.

    Args:
        windows: of the asset.
        common, common_before: (segments, signals) what the fleet has in common, in the signals' units, taken off first.
    """
    asset_type = windows.asset_type
    before, now = residual_segments(windows)
    if common is not None and common_before is not None:
        before, now = before - common_before[-len(before) :], now - common
    found = []
    for column, name in enumerate(asset_type.signal_names):
        if name in asset_type.sensor_names:
            scale = windows.conditioning.scale[column]
            residual = windows.fitted.residual[:, column]
            shift = _shift(windows, name, "response", before[:, column], now[:, column], scale, residual)
            found.append(_widened(shift, windows, column, scale))
    return found


def operating_shifts(windows: Windows) -> list[SignalShift]:
    """Shifts of the settings, and of the share of time at work where the asset type has a phase rule."""
    asset_type, found = windows.asset_type, []
    for name in asset_type.setting_names:
        column = asset_type.signal_names.index(name)
        parts = [blocks.level[blocks.steady, column] for blocks in (windows.reference, windows.recent)]
        times = [blocks.seconds[blocks.steady] for blocks in (windows.reference, windows.recent)]
        found.append(_operating(windows, name, times, parts))
    if asset_type.phase is not None:
        times = [windows.reference.seconds, windows.recent.seconds]
        found.append(_operating(windows, DUTY, times, [windows.reference.duty, windows.recent.duty]))
    return found


def _operating(windows: Windows, name: str, times: Sequence[FloatArray], parts: Sequence[FloatArray]) -> SignalShift:
    before, now = (
        _segment(at, part[:, None], grid)[:, 0] for at, part, grid in zip(times, parts, _grids(windows), strict=True)
    )
    scale = robust_deviation(before) or max(1e-3 * abs(float(np.nanmean(parts[0]))) if parts[0].size else 0.0, 1e-9)
    return _shift(windows, name, "operating", before, now, scale, parts[0])


def residual_segments(windows: Windows) -> tuple[FloatArray, FloatArray]:
    """(segments, signals) means of the residuals of the reference and of the recent window, in the signals' units."""
    before, now = _grids(windows)
    return (
        _segment(windows.fitted.seconds, windows.fitted.residual, before),
        _segment(windows.followed.seconds, windows.followed.residual, now),
    )


def _grids(windows: Windows) -> tuple[FloatArray, FloatArray]:
    length = windows.segment_seconds
    first, last = windows.reference.seconds[0], windows.reference.seconds[-1]
    count = max(int((last - first) / length), 1)
    edges = last - length * np.arange(count, -1.0, -1.0)
    return np.asarray(edges, dtype=np.float64), windows.begins + length * np.arange(SEGMENTS + 1.0)


def _segment(seconds: FloatArray, values: FloatArray, edges: FloatArray) -> FloatArray:
    """(segments, columns) means between the edges; NaN where less than a fifth of the usual number of values is known."""
    count = len(edges) - 1
    place = np.clip(np.searchsorted(edges, seconds, side="right") - 1, -1, count)
    inside = (place >= 0) & (place < count)
    out = np.full((count, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        rows = inside & np.isfinite(values[:, column])
        counts = np.bincount(place[rows], minlength=count)
        sums = np.bincount(place[rows], weights=values[rows, column], minlength=count)
        usual = np.median(counts[counts > 0]) if (counts > 0).any() else 1
        np.divide(sums, counts, out=out[:, column], where=counts >= max(0.2 * usual, 1))
    return out


def _shift(
    windows: Windows, name: str, role: Role, before: FloatArray, now: FloatArray, scale: float, residual: FloatArray
) -> SignalShift:  # fmt: skip
    scaled = before / scale, now / scale
    if min(np.isfinite(part).sum() for part in scaled) < _LEAST_SEGMENTS:
        nothing, flat = Change(Shape.NONE, 0, 0.0, np.inf, 0.0), Trend(0.0, 0.0)
        return SignalShift(
            name, role, scale, 0.0, -np.inf, np.inf, np.nan, nothing, flat, 0.0, 0.0, scaled[1], scaled[0]
        )
    change = find_change(*scaled)
    moved = change.shape is not Shape.NONE
    return SignalShift(
        name, role, scale, change.size, change.size - _SURE * change.error, change.size + _SURE * change.error,
        windows.begins + (change.onset + change.begun) * windows.segment_seconds if moved else np.nan, change,
        robust_trend(scaled[0], scaled[1]), 0.0,
        len(windows.followed.seconds) / autocorrelation_time(residual), scaled[1], scaled[0],
    )  # fmt: skip


def _widened(shift: SignalShift, windows: Windows, column: int, scale: float) -> SignalShift:
    """The interval with the error of the explanation itself: of its coefficients, and of its extrapolation."""
    dependence = autocorrelation_time(windows.fitted.residual[:, column])
    error = float(windows.followed.error[column]) * np.sqrt(dependence)
    beyond = windows.followed.beyond[:, column]
    farthest = float(np.quantile(beyond, 0.75)) if len(beyond) else 0.0
    allowed = _SURE * _MISSPECIFIED * error + _MODEL_ALLOWANCE * farthest / scale
    return replace(shift, low=shift.low - allowed, high=shift.high + allowed, allowed=allowed)
