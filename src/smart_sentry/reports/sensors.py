"""Every signal over a span against the learnt baseline."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType, Signal
from smart_sentry.detection.baseline import Baseline, FeatureStatistics
from smart_sentry.detection.calibration import GAP_FACTOR
from smart_sentry.features.steps import StepMaker
from smart_sentry.phases import Phase
from smart_sentry.reports.columns import Edges, stretches, summarised
from smart_sentry.reports.content import Sensors, SignalFigures
from smart_sentry.stores.report_rows import JudgedColumns, ReadColumns

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

POINTS = 120
"""Of a signal's chart."""


def sensors_of(
    kind: AssetType, baseline: Baseline | None, read: ReadColumns, judged: JudgedColumns, span: tuple[float, float], whole: bool
) -> Sensors | None:  # fmt: skip
    """The figures of every signal.

    Args:
        kind: names the signals.
        baseline: what is compared with; None: nothing is.
        read: the readings, (rows, signals).
        judged: what was said of them, for their phases.
        span: start and end, seconds since 1970 UTC. whole: as in `Sensors`.
    """
    if not len(read.seconds):
        return None
    phase = None if baseline is None else _steady_name(baseline)
    columns = np.column_stack([_column(read, signal.name) for signal in kind.signals])
    in_phase = _in_phase(read.seconds, judged, phase)
    compared = _steps(kind, read.seconds[in_phase], columns[in_phase])
    statistics = None if baseline is None else baseline.steady.statistics
    points, edges = stretches(read.seconds, *span, POINTS)
    figures = tuple(
        _figures(signal, kind, statistics, columns[:, place], compared[signal.name], (points, edges))
        for place, signal in enumerate(kind.signals)
    )
    digest = hashlib.sha256(read.seconds.astype("<f8").tobytes())
    digest.update(np.ascontiguousarray(read.values, dtype="<f8").tobytes())
    return Sensors(*span, len(read.seconds), whole, phase, kind.is_fast, figures, digest.hexdigest())


def _steady_name(baseline: Baseline) -> str:
    return Phase.STEADY.value if Phase.STEADY in baseline.phases else next(iter(baseline.phases))


def _in_phase(seconds: FloatArray, judged: JudgedColumns, phase: str | None) -> BoolArray:
    """(rows,) which readings were in a phase, by what was said of them at that time."""
    if phase is None or not len(judged.seconds):
        return np.zeros(len(seconds), dtype=np.bool_)
    mine = np.asarray(np.array(judged.phases, dtype=np.str_) == phase)
    place = np.clip(np.searchsorted(judged.seconds, seconds, side="right") - 1, 0, None)
    return np.asarray(mine[place] & (judged.seconds[place] == seconds))


def _steps(kind: AssetType, seconds: FloatArray, values: FloatArray) -> dict[str, FloatArray]:
    """Signal -> (steps,) what a baseline is learnt of: readings, or of a fast machine means over a second.

    Single readings of a fast machine scatter ten times as wide as these means: most of a healthy one would be beyond them.
    """
    gap = np.diff(seconds, prepend=seconds[:1]) > GAP_FACTOR * kind.sampling_seconds
    steps = StepMaker(kind).update(values, np.zeros(len(seconds), dtype=np.int64), gap)
    sensors = zip(kind.sensor_names, steps.channels.T[: len(kind.sensor_names)], strict=True)
    return dict(sensors) | dict(zip(kind.setting_names, steps.settings.T, strict=True))


def _column(read: ReadColumns, name: str) -> FloatArray:
    if name in read.signals:
        return np.asarray(read.values[:, read.signals.index(name)])
    return np.full(len(read.seconds), np.nan)


def _figures(
    signal: Signal, kind: AssetType, statistics: FeatureStatistics | None, values: FloatArray, steps: FloatArray,
    chart: tuple[FloatArray, Edges],
) -> SignalFigures:  # fmt: skip
    known = values[np.isfinite(values)]
    mean, std, low, high = _moments(known)
    base = _baseline(statistics, f"{signal.name}_mean" if kind.is_fast else signal.name)
    compared = steps[np.isfinite(steps)]
    compared_mean = float(compared.mean()) if len(compared) else None
    deviation = outside = None
    if base is not None and compared_mean is not None:
        deviation = (compared_mean - base[0]) / base[1] if base[1] > 0 else None
        outside = float(np.mean((compared < base[2]) | (compared > base[3])))
    lowest, middle, highest = summarised(values, chart[1])
    base_mean, base_std, base_low, base_high = base or (None, None, None, None)
    return SignalFigures(
        signal, float(known[-1]) if len(known) else None, len(known), len(values) - len(known), mean, std, low, high,
        base_mean, base_std, base_low, base_high, len(compared), compared_mean, deviation, outside, chart[0], lowest, middle,
        highest,
    )  # fmt: skip


def _moments(known: FloatArray) -> tuple[float | None, float | None, float | None, float | None]:
    if not len(known):
        return None, None, None, None
    return float(known.mean()), float(known.std()), float(known.min()), float(known.max())


def _baseline(statistics: FeatureStatistics | None, feature: str) -> tuple[float, float, float, float] | None:
    if statistics is None or feature not in statistics.names:
        return None
    place = statistics.names.index(feature)
    columns = (statistics.mean, statistics.std, statistics.low, statistics.high)
    mean, std, low, high = (float(column[place]) for column in columns)
    return mean, std, low, high
