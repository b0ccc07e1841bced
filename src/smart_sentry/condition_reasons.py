"""Why each reading of a batch is flagged, in words."""

from __future__ import annotations

import numpy as np

from smart_sentry.condition_monitor import Condition, ConditionMonitor, IntArray, Step
from smart_sentry.health.explanations import Told, explain_ratio, explain_step
from smart_sentry.phases import PHASES
from smart_sentry.quality import FLAWS, GOOD

_PHASE_NAMES = tuple(phase.value for phase in PHASES)


def row_reasons(monitor: ConditionMonitor, condition: Condition) -> list[str]:
    """Why each reading is flagged, or why it could not be judged; empty where all is well."""
    uncovered = np.isnan(condition.score)
    out = [""] * len(condition.slot)
    if not (np.count_nonzero(condition.flag) or np.count_nonzero(uncovered) or np.count_nonzero(condition.flaws)):
        return out
    bad_sensor = (condition.flaws != GOOD).any(axis=1)
    spoken_of = (condition.flag | uncovered | bad_sensor).nonzero()[0]
    columns = (condition.slot, condition.step, condition.phase, condition.flag, bad_sensor, uncovered)
    names = monitor.asset_type.signal_names
    newest, steps = dict(condition.carried), condition.steps(_explained(condition))
    sentences: dict[int, tuple[Step, str]] = {}
    for row, slot, step, phase, is_flagged, is_bad, is_uncovered in zip(
        spoken_of.tolist(), *(column[spoken_of].tolist() for column in columns), strict=True
    ):
        parts = []
        if is_flagged:
            if step >= 0:
                newest[slot] = steps[step]
            if slot not in sentences or sentences[slot][0] is not newest[slot]:
                sentences[slot] = newest[slot], _step_reason(monitor, slot, phase, newest[slot])
            parts.append(sentences[slot][1])
        if is_bad:
            flawed = np.flatnonzero(condition.flaws[row] != GOOD)
            parts.append("sensor: " + ", ".join(f"{names[i]} {FLAWS[condition.flaws[row, i]]}" for i in flawed[:3]))
        elif is_uncovered and not parts:
            parts.append(_not_judged(monitor, slot, _PHASE_NAMES[phase]))
        out[row] = "; ".join(part for part in parts if part)
    return out


def _explained(condition: Condition) -> IntArray:
    """Numbers of the steps that explain a flagged reading."""
    return np.unique(condition.step[condition.flag & (condition.step >= 0)])


def _step_reason(monitor: ConditionMonitor, slot: int, phase: int, step: Step) -> str:
    told = Told(step.channels, step.expected, step.scale)
    reasons = explain_step(
        monitor.channels_in_words, step.statistic, step.effect, step.moved, told, _PHASE_NAMES[phase]
    )
    if (ratio := explain_ratio(monitor.ratio_ranges(slot, phase), told, _PHASE_NAMES[phase])) is not None:
        reasons.append(ratio)
    return "; ".join(reason.sentence for reason in reasons)


def _not_judged(monitor: ConditionMonitor, slot: int, phase: str) -> str:
    name = monitor.name_of(slot)
    if name not in monitor.baselines:
        return f"not judged: {name} was not calibrated"
    if phase not in monitor.baselines[name].phases:
        return f"not judged: {phase} was not calibrated"
    return "not judged yet: the first second is not over"
