"""Calibration: from readings of a healthy asset to a baseline, with a report on whether it may be believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.contracts.derived_features import Ratio
from smart_sentry.detection.adaptation import adaptation_rates, slow_means
from smart_sentry.detection.baseline import Acceptance, Baseline, FeatureStatistics, PhaseBaseline
from smart_sentry.detection.covariance import few_and_short, fit_detector, fit_normal
from smart_sentry.detection.isolation import Forest, fit_forest
from smart_sentry.detection.settings import Settings
from smart_sentry.detection.statistics import smooth
from smart_sentry.detection.wander import offsets
from smart_sentry.errors import ContaminatedCalibration, InsufficientData
from smart_sentry.features.derived import derived_features
from smart_sentry.features.steps import StepMaker, Steps, channel_names, window_feature_names, window_length
from smart_sentry.phase_machine import UNKNOWN, PhaseMachine, PhaseNumbers, learn_phase_numbers
from smart_sentry.phases import PHASES, Phase
from smart_sentry.quality import GOOD, QualityLane, are_switches, longest_runs, spike_limits

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LEAST_READINGS = 100
MOST_OUTSIDE = 0.05
"""Share of the calibration outside 3 standard deviations above which it is refused: it holds readings of a faulty machine."""
GAP_FACTOR = 5.0
"""A pause of more than this many sampling intervals begins a new stretch."""
_LEAST_STEPS = 8
_STEPS_OF_A_FOREST = 30
_GRADES = ((0.9, "A"), (0.75, "B"), (0.6, "C"), (0.4, "D"))


@dataclass(frozen=True)
class Readings:
    """Readings of one asset in the order of time.

    Attributes:
        seconds: (rows,) time since any origin.
        values: (rows, signals) in the asset type's order and units; NaN where there is no number.
    """

    seconds: FloatArray
    values: FloatArray

    def part(self, rows: slice | NDArray[np.bool_]) -> Readings:
        """Those rows, or those where (rows,) is True."""
        return Readings(self.seconds[rows], self.values[rows])


@dataclass(frozen=True)
class HealthySteps:
    """What a calibration is made of: steps with their phase.

    Attributes:
        steps: as features.steps makes them.
        phase: (steps,) indices into PHASES.
        restarts: (steps,) True where a stretch of one phase begins. pauses: where it begins after a gap.
        starts: transitions into STARTUP.
        numbers: what the phase rule learnt, None without one.
        missing: share of values that were missing or masked.
        values: (rows, signals) readings, NaN where masked.
    """

    steps: Steps
    phase: IntArray
    restarts: BoolArray
    pauses: BoolArray
    starts: int
    numbers: PhaseNumbers | None
    missing: float
    values: FloatArray


def calibrate(asset_id: str, asset_type: AssetType, readings: Readings, *, created: str, seed: int) -> Baseline:
    """Learns what is normal for one asset.

    Args:
        asset_id: whose readings they are.
        asset_type: its signals, phase rule and false-alarm budget.
        readings: of a healthy machine; at least 100.
        created: ISO 8601 time to write into the baseline.
        seed: of the forests.

    Raises:
        InsufficientData: too few readings, or no phase with enough of them.
        ContaminatedCalibration: more than 5 % of a channel's steps stand outside 3 standard deviations.
    """
    rows = len(readings.seconds)
    if rows < LEAST_READINGS:
        raise InsufficientData(f"readings to calibrate {asset_id}", rows, LEAST_READINGS)
    healthy, channels = healthy_steps(asset_type, readings), channel_names(asset_type)
    settings = Settings.of(healthy.steps.settings, asset_type, seed)
    healthy = _without(healthy, settings.unknown(healthy.steps.settings))
    terms = settings.terms(healthy.steps.settings)
    names, shown = shown_features(asset_type, healthy, readings.seconds)
    rates = np.zeros(len(channels)) if asset_type.phase is not None else adaptation_rates(_rest(healthy, terms))
    switches = are_switches(healthy.steps.channels)
    healthy = _around_slow_means(healthy, rates)
    steps = healthy.steps
    phases: dict[str, PhaseBaseline] = {}
    held_out: list[FloatArray] = []
    deviations = np.full(steps.channels.shape, np.nan)
    wandering = _Wandering(healthy, terms, seed)
    for name, of_phase in _phases(healthy.phase):
        values, restarts = steps.channels[of_phase], healthy.restarts[of_phase]
        normal, detector, held = fit_detector(
            values, terms[of_phase], restarts, asset_type.detection.false_alarm_budget, window_length(asset_type),
            wandering.offsets(of_phase),
        )  # fmt: skip
        deviations[of_phase] = normal.deviations(values, terms[of_phase])
        phases[name] = PhaseBaseline(
            normal, detector, FeatureStatistics.of(names, shown[of_phase]), int(of_phase.sum())
        )
        held_out.append(held.score)
    if not phases:
        raise InsufficientData(f"steps of one phase to calibrate {asset_id}", len(steps.row), _LEAST_STEPS)
    worst = _outside(channels, np.where(switches, np.nan, deviations))
    if worst[0][1] > MOST_OUTSIDE:
        raise ContaminatedCalibration(asset_id, worst[0][1], MOST_OUTSIDE, [name for name, _ in worst])
    covered = np.isfinite(deviations).any(axis=1)
    forests = _forests(deviations[covered], healthy.restarts[covered], asset_type.detection.contamination, seed)
    unsettled = [name for name, rate in zip(channels, rates, strict=True) if rate > 0]
    commanded = np.isin(asset_type.signal_names, asset_type.setting_names)  # a setting that is held or jumps is no flaw
    span = float(readings.seconds[-1] - readings.seconds[0])
    acceptance = _acceptance(rows, span, healthy, np.concatenate(held_out), worst[0][1], asset_type, unsettled)
    have = {name for part in phases.values() for name in part.statistics.names}
    derived = [feature for feature in asset_type.derived_features if feature.name in have]
    acceptance = replace(acceptance, derived=tuple(feature.name for feature in derived))
    return Baseline(
        asset_id=asset_id, asset_type=asset_type.name, sampling_seconds=asset_type.sampling_seconds, channels=channels,
        settings=settings, phases=phases, phase_rule=None if healthy.numbers is None else healthy.numbers._asdict(),
        reading_forest=forests[0], window_forest=forests[1],
        longest_run=np.where(commanded, 0, longest_runs(readings.values)),
        spike_limit=np.where(commanded, np.inf, spike_limits(healthy.values, asset_type.sampling_seconds)),
        adaptation=rates, acceptance=acceptance, created=created,
        ratios=tuple(one for one in derived if isinstance(one, Ratio) and {*one.signals} <= {*asset_type.sensor_names}),
        signals=asset_type.signal_names,
    )  # fmt: skip


def healthy_steps(asset_type: AssetType, readings: Readings) -> HealthySteps:
    """Masks, phases and steps of a calibration, by the code that later scores live readings."""
    rows = len(readings.seconds)
    slots = np.zeros(rows, dtype=np.int64)
    never_stuck = np.full((1, readings.values.shape[1]), np.iinfo(np.int64).max)
    flaws = QualityLane(asset_type).update(readings.values, slots, never_stuck)
    values = np.where(flaws == GOOD, readings.values, np.nan)
    phase, numbers = _phase_of(asset_type, values)
    gap = np.diff(readings.seconds, prepend=readings.seconds[0]) > GAP_FACTOR * asset_type.sampling_seconds
    changed = np.diff(phase, prepend=phase[0]) != 0
    steps = StepMaker(asset_type).update(values, slots, gap | changed)
    broken = np.cumsum(gap | changed)[steps.row]
    restarts = np.diff(broken, prepend=-1) != 0
    pauses = np.diff(np.cumsum(gap)[steps.row], prepend=-1) != 0
    starts = int(np.sum((np.diff(phase) != 0) & (phase[1:] == PHASES.index(Phase.STARTUP))))
    return HealthySteps(
        steps, phase[steps.row], restarts, pauses, starts, numbers, float(np.mean(flaws != GOOD)), values
    )


def shown_features(
    asset_type: AssetType, healthy: HealthySteps, seconds: FloatArray
) -> tuple[tuple[str, ...], FloatArray]:
    """What a baseline shows of its steps: names, and (steps, features).

    Those of single readings are the sensors and the derived features, those of windows the windows' and the ratios of means.

    Args:
        seconds: (rows,) time of each reading.
    """
    derived, steps = asset_type.derived_features, healthy.steps
    names = tuple(feature.name for feature in derived)
    if not asset_type.is_fast:
        found = derived_features(derived, asset_type.signal_names, healthy.values, seconds)[steps.row]
        return channel_names(asset_type) + names, np.hstack([steps.channels, found])
    means = np.hstack([steps.channels[:, : len(asset_type.sensor_names)], steps.settings])
    found = derived_features(derived, asset_type.sensor_names + asset_type.setting_names, means, seconds[steps.row])
    return window_feature_names(asset_type) + names, np.hstack([steps.window, found])


def _phase_of(asset_type: AssetType, values: FloatArray) -> tuple[IntArray, PhaseNumbers | None]:
    if asset_type.phase is None:
        return np.full(len(values), UNKNOWN, dtype=np.int64), None
    rule, names = asset_type.phase, asset_type.signal_names
    load = values[:, names.index(rule.load_signal)]
    speed = values[:, names.index(rule.speed_signal or rule.load_signal)]
    numbers = learn_phase_numbers(rule, load, speed, asset_type.sampling_seconds)
    machine = PhaseMachine(rule, asset_type.sampling_seconds)
    machine.set_numbers(0, numbers)
    return machine.update(load, speed, np.zeros(len(values), dtype=np.int64)).astype(np.int64), numbers


class _Wandering:
    """What the longest phase of a calibration says about the others, of which it saw few and short stretches."""

    def __init__(self, healthy: HealthySteps, terms: FloatArray, seed: int) -> None:
        self._healthy, self._terms, self._seed = healthy, terms, seed
        self._longest = max((rows for _, rows in _phases(healthy.phase)), key=np.sum, default=None)

    def offsets(self, of_phase: BoolArray) -> FloatArray | None:
        """(copies, stretches, channels) as `fit_detector` takes them; None for the longest phase and those like it."""
        restarts = self._healthy.restarts[of_phase]
        if self._longest is None or np.array_equal(of_phase, self._longest) or not few_and_short(restarts):
            return None
        longest = _rest(self._healthy, self._terms, self._longest), self._healthy.restarts[self._longest]
        return offsets(_rest(self._healthy, self._terms, of_phase), restarts, *longest, self._seed)


def _rest(healthy: HealthySteps, terms: FloatArray, rows: BoolArray | slice = slice(None)) -> FloatArray:
    """(steps, channels) what the settings do not explain."""
    values, its = healthy.steps.channels[rows], terms[rows]
    return fit_normal(values, its).rest(values, its)


def _without(healthy: HealthySteps, unknown: BoolArray) -> HealthySteps:
    """Says nothing of the channels of some steps (steps,)."""
    channels = np.where(unknown[:, None], np.nan, healthy.steps.channels)
    return replace(healthy, steps=replace(healthy.steps, channels=channels))


def _around_slow_means(healthy: HealthySteps, rates: FloatArray) -> HealthySteps:
    steps = healthy.steps
    means = slow_means(steps.channels, healthy.pauses, rates)
    return replace(healthy, steps=replace(steps, channels=steps.channels - means))


def _phases(phase: IntArray) -> Iterator[tuple[str, BoolArray]]:
    for code in np.unique(phase):
        of_phase = phase == code
        if of_phase.sum() >= _LEAST_STEPS:
            yield PHASES[code].value, of_phase


def _outside(channels: tuple[str, ...], deviations: FloatArray) -> list[tuple[str, float]]:
    """The three channels of which the largest shares of all steps stand outside 3 standard deviations, with their shares."""
    known = np.isfinite(deviations)
    share = np.sum(known & (np.abs(np.where(known, deviations, 0.0)) > 3.0), axis=0) / np.maximum(known.sum(axis=0), 1)
    return [(channels[place], float(share[place])) for place in np.argsort(-share, kind="stable")[:3]]


def _forests(
    deviations: FloatArray, restarts: BoolArray, contamination: float, seed: int
) -> tuple[Forest | None, Forest | None]:
    """The forest of single steps and the forest of the last ten, on standardised deviations."""
    if len(deviations) < _STEPS_OF_A_FOREST:
        return None, None
    windows = window_features(deviations, restarts)
    known = np.isfinite(windows).all(axis=1)
    reading = fit_forest(np.nan_to_num(deviations), contamination, seed)
    if known.sum() < _STEPS_OF_A_FOREST:
        return reading, None
    return reading, fit_forest(windows[known], contamination, seed)


def window_features(deviations: FloatArray, restarts: BoolArray) -> FloatArray:
    """(steps, 2 * channels) means and log spreads over ten steps; NaN before the fifth."""
    smoothed = smooth(deviations, restarts)
    return np.hstack([smoothed.level[:, 2], smoothed.spread[:, 0]])


def _acceptance(
    rows: int, span: float, healthy: HealthySteps, scores: FloatArray, outside: float, asset_type: AssetType,
    unsettled: list[str],
) -> Acceptance:  # fmt: skip
    from scipy import stats

    alarms, steps = int(np.sum(scores >= 1.0)), len(scores)
    low = float(stats.beta.ppf(0.025, alarms, steps - alarms + 1)) if alarms else 0.0
    high = float(stats.beta.ppf(0.975, alarms + 1, steps - alarms)) if alarms < steps else 1.0
    codes, counts = np.unique(healthy.phase, return_counts=True)
    by_phase = {PHASES[code].value: int(count) for code, count in zip(codes, counts, strict=True)}
    marks, remarks, flagged = 1.0, [], alarms / steps
    for missing, worth, remark in (
        (steps < 100, 0.15, f"{steps} steps: 100 or more give surer limits"),
        (steps < 30, 0.15, f"only {steps} steps: spreads and forests are not judged"),
        (outside > 0.02, 0.15, f"{outside:.1%} of a channel outside 3 standard deviations"),
        (flagged > 5 * asset_type.detection.false_alarm_budget, 0.3, f"{flagged:.1%} of held-out steps above the limit"),
        (healthy.missing > 0.05, 0.2, f"{healthy.missing:.1%} of the values missing or impossible"),
        (bool(unsettled), 0.0, f"never settled, so that jumps are seen and drifts are not: {', '.join(unsettled)}"),
        (healthy.numbers is not None and not healthy.starts, 0.1, "no start-up was seen: start-ups will not be judged"),
    ):  # fmt: skip
        if missing:
            marks -= worth
            remarks.append(remark)
    grade = next((letter for least, letter in _GRADES if marks >= least - 1e-9), "F")
    return Acceptance(
        rows,
        steps,
        span,
        by_phase,
        healthy.starts,
        outside,
        alarms / steps,
        low,
        high,
        healthy.missing,
        grade,
        tuple(remarks),
    )


def with_version(baseline: Baseline, version: str) -> Baseline:
    """The baseline as its store knows it."""
    return replace(baseline, version=version)
