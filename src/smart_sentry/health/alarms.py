"""The life of alarms after ISA-18.2 / IEC 62682: observations, operators' actions and passing time in, transitions out.

`AlarmBook` is pure (no clock, no network, no disk) and its state can be snapshotted and restored. The same observations in any
split into batches give the same transitions. docs/alarms.md draws the states.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AlarmRules
from smart_sentry.contracts.alarms import SYSTEM, AlarmAction, AlarmEvent, AlarmState, AlarmStatus, AlarmTransition
from smart_sentry.errors import ActionRefused
from smart_sentry.health import alarm_conditions as conditions
from smart_sentry.health.alarm_lives import AlarmLives
from smart_sentry.health.alarm_memory import plain, remembered
from smart_sentry.health.alarm_states import allowed_actions
from smart_sentry.phases import PHASES, Phase

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_Number = TypeVar("_Number", np.float64, np.int64, np.bool_)
_UNKNOWN = PHASES.index(Phase.UNKNOWN)


class AlarmBook:
    """The alarms of the assets of one type.

    Args:
        rules: the asset type's alarm policy.
    """

    def __init__(self, rules: AlarmRules) -> None:
        self.rules = rules
        self._rule = conditions.ConditionRule(
            rules.needed, rules.window, 1.0 - rules.deadband, rules.on_delay_seconds, rules.off_delay_seconds,
            np.array([phase.value in rules.suppress_in_phases for phase in PHASES], dtype=np.bool_),
        )  # fmt: skip
        self._lives = AlarmLives(rules)
        self._slots_by_key: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def slots(self, alarms: Sequence[tuple[str, str]]) -> IntArray:
        """(rows,) numbers of alarms, each given as (asset id, key); a new alarm gets the next free number."""
        return np.array([self._slot(*alarm) for alarm in alarms], dtype=np.int64)

    def slots_of_key(self, asset_ids: Sequence[str], key: str) -> IntArray:
        """(rows,) numbers of the alarms of this key, one an asset; as `slots`."""
        of_asset = self._slots_by_key[key]
        slots = list(map(of_asset.get, asset_ids))
        if None in slots:
            return self.slots([(asset, key) for asset in asset_ids])
        return np.array(slots, dtype=np.int64)

    def _slot(self, asset_id: str, key: str) -> int:
        of_asset = self._slots_by_key[key]
        if asset_id not in of_asset:
            of_asset[asset_id] = self._lives.add(asset_id, key)
        return of_asset[asset_id]

    def _known_slot(self, asset_id: str, key: str) -> int | None:
        return self._slots_by_key.get(key, {}).get(asset_id)

    def observe(
        self, slots: IntArray, seconds: FloatArray, score: FloatArray, flag: BoolArray | None = None,
        phase: IntArray | None = None, maintenance: BoolArray | None = None, received: FloatArray | None = None,
        severity: FloatArray | None = None,
    ) -> list[AlarmTransition]:  # fmt: skip
        """Takes observations in arrival order, one a step and alarm; k of n counts them.

        Args:
            slots: (rows,) from `slots`.
            seconds: (rows,) on any clock, the same for all inputs. An observation older than the alarm's newest is passed over.
            score: (rows,) as a multiple of its limit; NaN without a flag says nothing, and everything stays as it is.
            flag: (rows,) whether the observation speaks for the alarm; None: from a score of 1 on.
            phase: (rows,) indices into `phases.PHASES`; None: unknown.
            maintenance: (rows,) whether the machine is being worked on; None: it is not.
            received: (rows,) when each came, seconds by the clock that `advance_silent` is told; None: nobody says.
                One that is passed over breaks no silence.
            severity: (rows,) 0..1, by which an alarm gets its priority where the score does not tell how bad it is; NaN says
                nothing; None: the score tells.

        Returns:
            Transitions in the order of the rows.

        Raises:
            ValueError: arrays of different length, a slot that `slots` did not give, or a phase that does not exist.
        """
        rows = len(slots)
        scores = _column(score, np.float64, rows)
        flags = _column(scores >= 1.0 if flag is None else flag, np.bool_, rows)
        severities = _column(np.full(rows, np.nan) if severity is None else severity, np.float64, rows)
        phases = _column(np.full(rows, _UNKNOWN) if phase is None else phase, np.int64, rows)
        at_work = _column(np.zeros(rows, dtype=np.bool_) if maintenance is None else maintenance, np.bool_, rows)
        heard = _column(np.full(rows, np.nan) if received is None else received, np.float64, rows)
        times, slots = _column(seconds, np.float64, rows), _column(slots, np.int64, rows)
        _expect_within(slots, len(self._lives.memories), "slots")
        _expect_within(phases, len(PHASES), "phase")
        transitions: list[AlarmTransition] = []
        row = 0
        while row < rows:
            row, change = conditions.watch(
                row, slots, times, heard, scores, severities, flags, phases, at_work, self._rule, self._lives.conditions
            )
            if change == conditions.NOTHING:
                break
            slot, now = int(slots[row]), float(times[row])
            if change == conditions.TIME_PASSED:
                transitions += self._lives.pass_time(slot, now)
                continue
            why = "the machine is in maintenance" if at_work[row] else f"the machine is in phase {PHASES[phases[row]]}"
            transitions += self._lives.apply(slot, change, now, why)
            row += 1
        return transitions

    def advance(self, now: float) -> list[AlarmTransition]:
        """Lets time pass for all alarms: off-delays end, shelves expire, what nobody acknowledged is raised again.

        Observations do the same for their own alarm. A transition carries the time at which it was due, whenever it is noticed.

        Returns:
            Transitions in the order of time.

        Raises:
            ValueError: `now` is no time: not a number, or 30,000 years away.
        """
        return self._advance(now, np.full(len(self._lives.conditions.clock), now))

    def advance_silent(self, now: float, silent_seconds: float) -> list[AlarmTransition]:
        """Lets time pass for alarms of which nothing was heard for a while, each by the clock of its own observations.

        Observations may be dated behind the clock of who receives them: a file that is sent again, a gateway that was cut off.
        What is as far behind stays as far behind, so that the observations that follow are not too old. A shelf ends by
        `now`: an operator set its end by the clock on the wall.

        Args:
            now: seconds by the clock of `observe`'s `received`.
            silent_seconds: an alarm whose newest observation came less than so long ago is left to the next one.

        Returns:
            As of `advance`.

        Raises:
            ValueError: as of `advance`.
        """
        heard = self._lives.conditions.heard
        behind = np.nan_to_num(heard - self._lives.conditions.clock)
        times = np.where(now - heard < silent_seconds, -np.inf, now - behind)
        shelved = [slot for slot, alarm in enumerate(self._lives.memories) if alarm.state is AlarmState.SHELVED]
        times[shelved] = now
        return self._advance(now, times)

    def _advance(self, now: float, times: FloatArray) -> list[AlarmTransition]:
        """Lets time pass for each alarm until its own time, (alarms,) seconds."""
        if not abs(now) < conditions.FARTHEST_SECONDS:
            raise ValueError(f"now must be a time in seconds, found {now}")
        due = np.flatnonzero(np.minimum(self._lives.conditions.clear_due, self._lives.conditions.timer) <= times)
        found = [step for slot in due.tolist() for step in self._lives.pass_time(slot, float(times[slot]))]
        return sorted(found, key=lambda transition: transition.time)

    def acknowledge(self, asset_id: str, key: str, author: str, time: float, reason: str = "") -> AlarmTransition:
        """An operator has seen the alarm. This and every other action raises `ActionRefused` where the state forbids it."""
        slot = self._permit(AlarmAction.ACKNOWLEDGE, asset_id, key, author, time)
        return self._lives.follow(slot, AlarmEvent.ACKNOWLEDGED, time, author, reason)

    def shelve(self, asset_id: str, key: str, author: str, time: float, reason: str, until: float) -> AlarmTransition:
        """Sets the alarm aside until `until` (seconds), at most the policy's longest shelf away."""
        slot = self._permit(AlarmAction.SHELVE, asset_id, key, author, time, reason)
        longest = self.rules.longest_shelf_hours
        if not time < until <= time + longest * 3600.0:
            why = f"the shelf must end within {longest:g} hours from now, not after {(until - time) / 3600.0:.4g}"
            raise self._refusal(AlarmAction.SHELVE, slot, why)
        transition = self._lives.follow(slot, AlarmEvent.SHELVED, time, author, reason)
        self._lives.conditions.timer[slot] = until
        return transition

    def unshelve(self, asset_id: str, key: str, author: str, time: float, reason: str = "") -> AlarmTransition:
        """Takes the alarm back before its shelf expires; it rises anew if its condition stands."""
        slot = self._permit(AlarmAction.UNSHELVE, asset_id, key, author, time)
        return self._lives.enter(slot, AlarmEvent.UNSHELVED, self._lives.state_by_condition(slot), time, author, reason)

    def take_out_of_service(self, asset_id: str, key: str, author: str, time: float, reason: str) -> AlarmTransition:
        """Switches the alarm off, for as long as nobody returns it."""
        slot = self._permit(AlarmAction.TAKE_OUT_OF_SERVICE, asset_id, key, author, time, reason)
        return self._lives.follow(slot, AlarmEvent.TAKEN_OUT_OF_SERVICE, time, author, reason)

    def return_to_service(self, asset_id: str, key: str, author: str, time: float, reason: str = "") -> AlarmTransition:
        """Switches the alarm on again; it rises anew if its condition stands."""
        slot = self._permit(AlarmAction.RETURN_TO_SERVICE, asset_id, key, author, time)
        return self._lives.enter(
            slot, AlarmEvent.RETURNED_TO_SERVICE, self._lives.state_by_condition(slot), time, author, reason
        )

    def comment(self, asset_id: str, key: str, author: str, time: float, text: str) -> AlarmTransition:
        """Writes a remark beside the alarm; its state stays."""
        slot = self._permit(AlarmAction.COMMENT, asset_id, key, author, time, text)
        return self._lives.follow(slot, AlarmEvent.COMMENTED, time, author, text)

    def status(self, asset_id: str, key: str) -> AlarmStatus | None:
        """Where an alarm stands; None where no such alarm is known."""
        slot = self._known_slot(asset_id, key)
        return None if slot is None else self._lives.status(slot)

    def statuses(self) -> list[AlarmStatus]:
        """All alarms, in the order of their numbers."""
        return [self._lives.status(slot) for slot in range(len(self._lives.memories))]

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain JSON values; `restore` puts it into a book of the same rules."""
        return plain(self._lives.memories, self._lives.conditions)

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Puts a snapshot back."""
        self._lives.memories, self._lives.conditions = remembered(snapshot)
        self._slots_by_key = defaultdict(dict)
        for slot, alarm in enumerate(self._lives.memories):
            self._slots_by_key[alarm.key][alarm.asset_id] = slot

    def _permit(
        self, action: AlarmAction, asset_id: str, key: str, author: str, time: float, reason: str = "not needed"
    ) -> int:
        """The alarm's number, if the action is allowed."""
        slot = self._known_slot(asset_id, key)
        if slot is None:
            raise ActionRefused(action, f"alarm {key} of {asset_id}", "not known", ())
        alarm = self._lives.memories[slot]
        if action not in allowed_actions(alarm.state, alarm.unread):
            raise self._refusal(action, slot)
        if not author.strip() or author == SYSTEM:
            raise self._refusal(action, slot, f"an action needs its author's name, not {author!r}")
        if not reason.strip():
            raise self._refusal(action, slot, "it needs a reason in words")
        if not abs(time) < conditions.FARTHEST_SECONDS:
            raise self._refusal(action, slot, f"it needs a time in seconds, not {time}")
        return slot

    def _refusal(self, action: AlarmAction, slot: int, why: str = "") -> ActionRefused:
        alarm = self._lives.memories[slot]
        allowed = allowed_actions(alarm.state, alarm.unread)
        return ActionRefused(action, f"alarm {alarm.key} of {alarm.asset_id}", alarm.state, allowed, why)


def _column(values: NDArray[Any], kind: type[_Number], rows: int) -> NDArray[_Number]:
    column = np.ascontiguousarray(values, dtype=kind)
    if column.shape != (rows,):
        raise ValueError(f"expected one value a row, shape ({rows},), found {column.shape}")
    return column


def _expect_within(codes: IntArray, limit: int, what: str) -> None:
    if not conditions.are_within(codes, limit):
        raise ValueError(f"{what} must be in 0..{limit - 1}, found {codes.min()}..{codes.max()}")
