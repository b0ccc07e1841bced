"""The condition of calibrated assets, live: readings in, assessments out, in one pass.

`ConditionMonitor.assess` is pure (no clock, no network, no disk), takes readings of many assets of one type in arrival order, and
remembers what it must; its state can be snapshotted and restored. A reading's assessment never depends on its neighbours in the
batch.

    reading -> quality masks -> phase -> step -> detectors -> vote -> degradation
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from smart_sentry.assets import AssetType
from smart_sentry.detection.adaptation import follow_slowly
from smart_sentry.detection.baseline import Baseline
from smart_sentry.detection.calibration import GAP_FACTOR
from smart_sentry.detection.stack import BaselineStack
from smart_sentry.detection.statistics import Scored, StepState, find_entries, score_steps
from smart_sentry.features.slots import empty_place, is_empty_place, slots_of
from smart_sentry.features.steps import StepMaker, Steps, channel_names
from smart_sentry.health.degradation import accumulate
from smart_sentry.health.explanations import RatioRange, in_words, ratio_ranges
from smart_sentry.phase_machine import UNKNOWN, PhaseMachine, PhaseNumbers
from smart_sentry.phases import PHASES
from smart_sentry.quality import QualityLane

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_NONE, _CHANGE, _PAUSE = 0, 1, 2
"""What breaks a stretch: nothing, another phase, or a pause (also a maintenance and a new baseline)."""
VOTE_FROM = 0.9
"""Both forests together may flag a step that the covariance detector scores this close to its limit."""
HELD = ("score", "flag", "votes", "degradation")
"""What readings carry of their asset's newest step."""


class Step(NamedTuple):
    """What explains a step: its leading statistic, and of each channel (channels,) what `Condition` and `Scored` say.

    Lists of plain numbers: to take one out of an array costs as much as all that is done with it.
    """

    statistic: int
    effect: list[float]
    moved: list[float]
    channels: list[float]
    expected: list[float]
    scale: list[float]


@dataclass(frozen=True)
class Condition:
    """Assessments of a batch, one element a reading, in the order of arrival.

    A fast machine is judged by the second: its readings carry what the newest whole second said.

    Attributes:
        slot: (rows,) the asset's number in this monitor.
        phase: (rows,) index into phases.PHASES.
        score: (rows,) 1 is the limit of the false-alarm budget; NaN where nothing was calibrated for.
        flag: (rows,) whether the machine is anomalous.
        votes: (rows,) how many of the three detectors say so; the forests are asked from a score of VOTE_FROM on.
        degradation: (rows,) 0..1.
        flaws: (rows, signals) what is wrong with the sensors, indices into quality.FLAWS.
        step: (rows,) the step that a reading's assessment is taken from, -1 where that was in an earlier batch or never.
        scored: the steps, for explanations.
        channels: (steps, channels) their channels.
        expected, scale: (steps, channels) what is normal of them in this phase and at these settings: value and deviation.
        carried: (slot, Step) of assets whose newest step before this batch was flagged; its readings go on carrying it.
    """

    slot: IntArray
    phase: IntArray
    score: FloatArray
    flag: BoolArray
    votes: IntArray
    degradation: FloatArray
    flaws: NDArray[np.int8]
    step: IntArray
    scored: Scored
    channels: FloatArray
    expected: FloatArray
    scale: FloatArray
    carried: Mapping[int, Step]

    def steps(self, chosen: IntArray) -> dict[int, Step]:
        """Some of the steps (chosen,), by their numbers: all at once, a few microseconds each."""
        scored = self.scored
        columns = (scored.statistic, scored.effect, scored.moved, self.channels, self.expected, self.scale)
        listed = (column[chosen].tolist() for column in columns)
        return {number: Step(*parts) for number, *parts in zip(chosen.tolist(), *listed, strict=True)}


class ConditionMonitor:
    """Watches the assets of one type.

    Args:
        asset_type: their type.
        baselines: asset id -> what is normal for it.
    """

    def __init__(self, asset_type: AssetType, baselines: Mapping[str, Baseline]) -> None:
        self.asset_type = asset_type
        self.baselines = dict(baselines)
        self._names = list(self.baselines)
        self._slot_of = {name: slot for slot, name in enumerate(self._names)}
        names = asset_type.signal_names
        rule = asset_type.phase
        self._load, self._speed = (
            (names.index(rule.load_signal), names.index(rule.speed_signal or rule.load_signal)) if rule else (0, 0)
        )
        self._quality = QualityLane(asset_type)
        self._phases = None if rule is None else PhaseMachine(rule, asset_type.sampling_seconds)
        self._steps = StepMaker(asset_type)
        self._layout = [
            *(f"{signal.name} {signal.role}" for signal in asset_type.signals), *channel_names(asset_type),
            f"every {asset_type.sampling_seconds:g} s", f"steps of {self._steps.length}",
            "" if rule is None else f"{rule.load_signal} {rule.speed_signal}",
        ]  # fmt: skip
        self._learnt = self._stacked()
        self._ratio_ranges: dict[tuple[int, int], list[RatioRange]] = {}
        self.channels_in_words = in_words(asset_type, channel_names(asset_type))
        """(channels,) of a step, as reasons name them."""
        channels = len(self.channels_in_words)
        self._state = StepState.empty(len(self._names), channels)
        self._memory = _Memory.empty(len(self._names), channels)
        self._tell_phase_numbers()

    def slots(self, asset_ids: Sequence[str]) -> IntArray:
        """(rows,) numbers of assets; one that was never calibrated gets the next free number."""
        slots = slots_of(asset_ids, self._slot_of)
        if len(self._names) < len(self._slot_of):
            self._names += islice(self._slot_of, len(self._names), None)
        return slots

    def assess(self, slots: IntArray, seconds: FloatArray, values: FloatArray) -> Condition:
        """Takes readings in arrival order.

        Args:
            slots: (rows,) from `slots`.
            seconds: (rows,) time of each reading since any origin.
            values: (rows, signals) in the asset type's order and units; NaN where there is no number.
        """
        self._reserve(int(slots.max(initial=-1)) + 1)
        flaws = self._quality.update(values, slots, self._learnt.run_limits, self._learnt.spike_limits)
        known = np.where(flaws, np.nan, values)
        if self._phases is None:
            phase = np.full(len(slots), UNKNOWN, dtype=np.int64)
        else:
            phase = self._phases.update(known[:, self._load], known[:, self._speed], slots).astype(np.int64)
        breaks = np.empty(len(slots), dtype=np.int64)
        longest = GAP_FACTOR * self.asset_type.sampling_seconds
        _find_breaks(slots, seconds, phase, longest, self._memory.last_seconds, self._memory.last_phase, breaks)
        steps = self._steps.update(known, slots, breaks != _NONE)
        broken = np.zeros(len(steps.row), dtype=np.int64)
        _carry_breaks(slots, breaks, steps.row, self._memory.broken, broken)
        of_step = phase[steps.row]
        slow = np.zeros(steps.channels.shape)
        follow_slowly(
            steps.channels, steps.slot, broken == _PAUSE, self._learnt.adaptation, self._memory.slow_seen,
            self._memory.slow_mean, slow,
        )  # fmt: skip
        read = steps.channels
        steps = Steps(steps.row, steps.slot, read - slow, steps.settings, steps.window)
        expected = self._learnt.expect(steps, of_step)
        deviations = expected.deviation
        entered_from = np.empty(len(steps.row), dtype=np.int64)
        by_earlier = deviations
        if find_entries(steps.slot, of_step, broken == _PAUSE, self._memory.step_phase, entered_from):
            by_earlier = self._learnt.expect(steps, np.where(entered_from >= 0, entered_from, of_step)).deviation
        scored = Scored.empty(*deviations.shape)
        score_steps(
            deviations, steps.slot, of_step, broken != _NONE, entered_from, by_earlier, self._memory.step_phase, self._state,
            self._learnt.detectors, scored,
        )  # fmt: skip
        votes, flag = self._vote(scored, deviations, steps.slot)
        hours = self.asset_type.sampling_seconds * self._steps.length / 3600.0
        rate = self.asset_type.health.damage_rate_per_hour
        degradation = accumulate(self._memory.degradation, steps.slot, scored.score, flag, hours, rate)
        carried = self._carried(slots)
        told, of_row = np.empty((len(slots), len(HELD))), np.empty(len(slots), dtype=np.int64)
        _hold(
            slots, breaks, steps.row, scored.score, flag, votes, degradation, self._memory.held, told, of_row
        )  # fmt: skip
        found = Condition(
            slots, phase, told[:, 0], told[:, 1] > 0, told[:, 2].astype(np.int64), told[:, 3], flaws, of_row, scored,
            read, slow + expected.centre, expected.scale, carried,
        )  # fmt: skip
        self._carry(found, steps.slot, flag)
        return found

    def ratio_ranges(self, slot: int, phase: int) -> list[RatioRange]:
        """What a calibrated asset's ratios were in a phase (index into phases.PHASES) of its calibration."""
        if (slot, phase) not in self._ratio_ranges:
            baseline = self.baselines[self._names[slot]]
            self._ratio_ranges[slot, phase] = ratio_ranges(self.asset_type, baseline, PHASES[phase].value)
        return self._ratio_ranges[slot, phase]

    def name_of(self, slot: int) -> str:
        """The asset's name."""
        return self._names[slot]

    def maintain(self, asset_id: str) -> None:
        """Records a maintenance: the degradation index and all windows begin anew."""
        slot = int(self.slots([asset_id])[0])
        self._reserve(slot + 1)
        self._memory.degradation[slot] = self._memory.held[slot, 3] = 0.0
        self._memory.broken[slot] = _PAUSE

    @property
    def learnt_bytes(self) -> int:
        """Bytes of what was learnt of all assets, as it is laid out for scoring."""
        return self._learnt.nbytes

    def snapshot(self) -> dict[str, Any]:
        """A copy of the whole state; `restore` puts it back into a monitor of the same asset type."""
        parts: dict[str, Any] = {
            "layout": self._layout,
            "names": list(self._names),
            "baselines": [self.baselines[name].version if name in self.baselines else "" for name in self._names],
            "quality": self._quality.snapshot(),
            "steps": self._steps.snapshot(),
        }
        parts["state"] = {name: array.copy() for name, array in self._state._asdict().items()}
        parts["memory"] = {name: array.copy() for name, array in self._memory._asdict().items()}
        parts["phases"] = None if self._phases is None else self._phases.snapshot()
        return parts

    def fits(self, snapshot: Mapping[str, Any]) -> bool:
        """Whether a snapshot is of a monitor of the same signals, steps and phases; an older version did not say."""
        return bool(snapshot.get("layout", self._layout) == self._layout)

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Puts a snapshot back that `fits`. This monitor's baselines stay: they may be newer than the snapshot. Windows of assets
        that another baseline judges now begin anew.
        """
        known = dict.fromkeys(snapshot["names"])
        names = [*known, *(name for name in self.baselines if name not in known)]
        if names != self._names:
            self._names, self._slot_of = names, {name: slot for slot, name in enumerate(names)}
            self._learnt = self._stacked()
            self._ratio_ranges = {}
        self._quality.restore(snapshot["quality"])
        self._steps.restore(snapshot["steps"])
        self._state = StepState(**{name: array.copy() for name, array in snapshot["state"].items()})
        self._memory = _Memory(**{name: array.copy() for name, array in snapshot["memory"].items()})
        if self._phases is not None:
            self._phases.restore(snapshot["phases"])
            self._tell_phase_numbers()
        self._reserve(len(self._names))
        for slot, (name, version) in enumerate(zip(snapshot["names"], snapshot.get("baselines", ()), strict=False)):
            baseline = self.baselines.get(name)
            if version != ("" if baseline is None else baseline.version):
                self._memory.broken[slot] = _PAUSE
                self._memory.held[slot, :3] = np.nan, 0.0, 0.0  # damage stays

    def restore_degradation(self, snapshot: Mapping[str, Any]) -> None:
        """Takes the degradation alone out of a snapshot, which need not fit."""
        places = [place for place, name in enumerate(snapshot["names"]) if not is_empty_place(name)]
        slots = self.slots([snapshot["names"][place] for place in places])
        self._reserve(len(self._names))
        self._memory.degradation[slots] = self._memory.held[slots, 3] = snapshot["memory"]["degradation"][places]

    def with_baseline(self, asset_id: str, baseline: Baseline) -> ConditionMonitor:
        """A monitor that goes on where this one stands, with another baseline for one asset, whose windows begin anew; until its
        next step its readings carry what the newest one said.
        """
        monitor = ConditionMonitor(self.asset_type, self.baselines | {asset_id: baseline})
        monitor.restore(self.snapshot() | {"baselines": ()})
        monitor._memory.broken[monitor._slot_of[asset_id]] = _PAUSE
        return monitor

    def without(self, asset_id: str | None) -> ConditionMonitor:
        """A monitor that has forgotten one asset, or all of them (None); the others go on."""
        if asset_id is None:
            return ConditionMonitor(self.asset_type, {})
        monitor = ConditionMonitor(
            self.asset_type, {name: its for name, its in self.baselines.items() if name != asset_id}
        )
        state = self.snapshot()
        if (slot := self._slot_of.get(asset_id)) is not None:
            state["names"][slot] = empty_place(slot)
        monitor.restore(state)
        return monitor

    def _carried(self, slots: IntArray) -> dict[int, Step]:
        """Of the assets in a batch, those that are flagged as it begins. A slow machine's readings are steps themselves."""
        if self._steps.length == 1:
            return {}
        flagged = np.unique(slots[self._memory.held[slots, 1] > 0])
        kept = self._memory.carried
        return {slot: Step(int(kept[slot, 0, 0]), *kept[slot, 1:].tolist()) for slot in flagged.tolist()}

    def _carry(self, found: Condition, slots: IntArray, flag: BoolArray) -> None:
        """Remembers the newest flagged step of each asset."""
        if self._steps.length == 1 or not np.count_nonzero(flag):
            return
        rows = np.flatnonzero(flag)
        statistic = np.broadcast_to(found.scored.statistic[:, None], found.channels.shape)
        parts = (statistic, found.scored.effect, found.scored.moved, found.channels, found.expected, found.scale)
        self._memory.carried[slots[rows]] = np.stack([part[rows] for part in parts], axis=1)

    def _stacked(self) -> BaselineStack:
        stack = BaselineStack.of(self.asset_type, list(self.baselines.values()))
        if self._names == list(self.baselines):
            return stack
        place = {name: number for number, name in enumerate(self.baselines)}
        return stack.arranged(np.array([place.get(name, -1) for name in self._names], dtype=np.int64))

    def _tell_phase_numbers(self) -> None:
        for name, baseline in self.baselines.items():
            if self._phases is not None and baseline.phase_rule is not None:
                self._phases.set_numbers(self._slot_of[name], PhaseNumbers(**baseline.phase_rule))

    def _vote(self, scored: Scored, deviations: FloatArray, slots: IntArray) -> tuple[IntArray, BoolArray]:
        """The forests are asked where their vote can count: walking them costs more than all else together."""
        leading = scored.score >= 1.0
        votes = leading.astype(np.int64)
        asks = scored.score >= VOTE_FROM
        if not np.count_nonzero(asks):
            return votes, leading
        asked = np.flatnonzero(asks)
        reading, window = self._learnt.forests
        its, windows_of = slots[asked], scored.window[asked]
        readings = reading.scores(np.nan_to_num(deviations[asked]), its) > reading.limit[its]
        windows = window.scores(np.nan_to_num(windows_of), its) > window.limit[its]
        windows &= np.isfinite(windows_of[:, -1])
        votes[asked] += readings.astype(np.int64) + windows
        flag = leading.copy()
        flag[asked] |= readings & windows
        return votes, flag

    def _reserve(self, slots: int) -> None:
        have = len(self._memory.last_seconds)
        more = have if slots <= have else max(slots, 2 * have)
        if len(self._learnt.run_limits) < more:
            self._learnt = self._learnt.grown(more)
        if more == have:
            return
        channels = self._state.seen.shape[1]
        self._memory = _Memory(
            *(_grown(old, new) for old, new in zip(self._memory, _Memory.empty(more, channels), strict=True))
        )
        empty = StepState.empty(more, channels)
        self._state = StepState(*(_grown(old, new) for old, new in zip(self._state, empty, strict=True)))


def _grown(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    new[: len(old)] = old
    return new


class _Memory(NamedTuple):
    """What is remembered of each asset beside its windows; the first axis is the asset.

    Attributes:
        last_seconds, last_phase: of the newest reading; NaN and -1 before the first.
        step_phase: phase of the newest step.
        broken: what has broken its stretch since the newest step.
        degradation: the index.
        held: `HELD` as the newest step left them.
        slow_seen, slow_mean: (assets, channels) as adaptation.follow_slowly keeps them.
        carried: (assets, 6, channels) the newest flagged `Step`, its statistic repeated.
    """

    last_seconds: FloatArray
    last_phase: IntArray
    step_phase: IntArray
    broken: IntArray
    degradation: FloatArray
    held: FloatArray
    slow_seen: FloatArray
    slow_mean: FloatArray
    carried: FloatArray

    @classmethod
    def empty(cls, assets: int, channels: int) -> _Memory:
        never = np.full(assets, -1, dtype=np.int64)
        return cls(
            np.full(assets, np.nan), never, never.copy(), np.zeros(assets, dtype=np.int64), np.zeros(assets),
            np.tile([np.nan, 0.0, 0.0, 0.0], (assets, 1)), np.zeros((assets, channels)), np.zeros((assets, channels)),
            np.zeros((assets, len(Step._fields), channels)),
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _find_breaks(
    slots: Any, seconds: Any, phase: Any, longest: float, last_seconds: Any, last_phase: Any, breaks: Any
) -> None:
    """A new stretch begins after a pause, and with a new phase. A reading from the past begins none."""
    for row in range(slots.size):
        slot = slots[row]
        pause = seconds[row] - last_seconds[slot]
        changed = last_phase[slot] >= 0 and phase[row] != last_phase[slot]
        breaks[row] = _PAUSE if pause > longest else (_CHANGE if changed else _NONE)
        last_phase[slot] = phase[row]
        if np.isnan(last_seconds[slot]) or pause > 0.0:
            last_seconds[slot] = seconds[row]


@njit(cache=True, nogil=True)
def _carry_breaks(slots: Any, breaks: Any, step_rows: Any, broken: Any, of_steps: Any) -> None:
    """Tells each step how a stretch has been broken since its asset's last one; a pause counts for more."""
    step = 0
    for row in range(slots.size):
        slot = slots[row]
        broken[slot] = max(broken[slot], breaks[row])
        if step < step_rows.size and step_rows[step] == row:
            of_steps[step] = broken[slot]
            broken[slot] = _NONE
            step += 1


@njit(cache=True, nogil=True)
def _hold(
    slots: Any, breaks: Any, step_rows: Any, score: Any, flag: Any, votes: Any, degradation: Any, held: Any, told: Any,
    of_row: Any,
) -> None:  # fmt: skip
    """Gives every reading what its asset's newest step said (`HELD`); a new stretch begins with no score and no flag."""
    step = 0
    for row in range(slots.size):
        slot = slots[row]
        if breaks[row] != _NONE:
            held[slot, 0], held[slot, 1], held[slot, 2] = np.nan, 0.0, 0.0
        if step < step_rows.size and step_rows[step] == row:
            held[slot, 0], held[slot, 1], held[slot, 2] = score[step], flag[step], votes[step]
            held[slot, 3] = degradation[step]
            of_row[row] = step
            step += 1
        else:
            of_row[row] = -1
        told[row] = held[slot]
