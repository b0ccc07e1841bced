"""Assets of one type under watch: what judges them, and their alarms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.assets import AlarmRules, AssetType
from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.detection.baseline import Baseline
from smart_sentry.health.alarms import AlarmBook
from smart_sentry.quality import GOOD

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SENSOR, CLOCK = "sensor:", "timestamp"
"""Beginning of the keys of alarms that speak for a signal's sensor, and what stands there for the clock of who sends readings."""
MAINTENANCE, WORK_BEGUN, WORK_ENDED = "maintenance", "maintenance begun", "maintenance ended"
"""In the audit log: a maintenance that was done; people at work on a machine, whose alarms call nobody meanwhile."""
CLOCK_AHEAD_SECONDS = 10.0
"""A reading from further in the future has a clock that is wrong, though not so wrong that the reading is refused."""
_FLAWED_SCORE = 2.0


@dataclass(frozen=True)
class Predicted:
    """What a failure model says of the readings that it could judge.

    Attributes:
        rows: (predicted,) which readings of the batch.
        probability: (predicted,) of a failure within the horizon.
        rul_cycles: (predicted, 3) remaining life: estimate, lower and upper end.
        warming, restored: (predicted,) as in `Assessments`.
        regime: (predicted,) operating regime, from 0.
    """

    rows: IntArray
    probability: FloatArray
    rul_cycles: FloatArray
    warming: BoolArray
    restored: BoolArray
    regime: IntArray


@dataclass(frozen=True)
class Judged:
    """What was said of a batch, one element a reading in the order of arrival; the same for every kind of asset.

    Attributes:
        phase: (rows,) index into phases.PHASES.
        score: (rows,) 1 is the limit; NaN where nothing was judged.
        flag: (rows,) whether the machine is anomalous, or near its failure.
        votes: (rows,) how many detectors say so.
        degradation: (rows,) 0..1.
        reasons: says why, (rows,) in words, empty where all is well; it costs time, and a catch-up needs none.
        predicted: by a failure model, for assets that have one.
    """

    phase: IntArray
    score: FloatArray
    flag: BoolArray
    votes: IntArray
    degradation: FloatArray
    reasons: Callable[[], list[str]]
    predicted: Predicted | None = None


class Watch(ABC):
    """What is remembered of the assets of one type.

    Args:
        asset_type: their type.
        rules: of their alarms.
        key: of the alarm that speaks for a machine.
    """

    def __init__(self, asset_type: AssetType, rules: AlarmRules, key: str) -> None:
        self.asset_type = asset_type
        self.alarms = AlarmBook(rules)
        self._key = key
        self._columns = {name: column for column, name in enumerate((*asset_type.signal_names, CLOCK))}
        """Of what is looked at in every reading: the sensors and the sender's clock."""
        self._troubled: set[tuple[str, str]] = set()
        self.worked_on: dict[str, float] = {}
        """Asset -> until when people work on it at most, seconds since 1970 UTC."""
        self.broken: dict[str, str] = {}
        """Asset -> what is wrong with the files of its active baseline; an earlier one judges it, or nothing."""

    @abstractmethod
    def assess(
        self, asset_ids: Sequence[str], seconds: FloatArray, values: FloatArray, received: FloatArray
    ) -> tuple[Judged, list[AlarmTransition]]:
        """Takes readings in arrival order.

        Args:
            asset_ids: (rows,)
            seconds: (rows,) since 1970 UTC.
            values: (rows, signals), NaN where there is no number.
            received: (rows,) when each came, since 1970 UTC.
        """

    @abstractmethod
    def judge_of(self, asset_id: str) -> str | None:
        """Version of what judges an asset: its baseline, or the failure model; None where nothing does yet."""

    @abstractmethod
    def maintain(self, asset_id: str) -> None:
        """Records a maintenance: damage and windows begin anew."""

    @abstractmethod
    def _forget(self, asset_id: str | None) -> None:
        """Forgets windows and damage of an asset, or of all (None)."""

    @abstractmethod
    def _snapshot(self) -> dict[str, Any]:
        """What is remembered beside the alarms."""

    @abstractmethod
    def _restore(self, kept: dict[str, Any]) -> bool:
        """Puts it back; False where it is of no use any more."""

    def baseline_of(self, asset_id: str) -> Baseline | None:
        """The asset's baseline, for assets that are calibrated."""
        return None

    def forget(self, asset_id: str | None) -> None:
        """Forgets an asset, or all of them (None): windows, damage and alarms. Its files are the caller's to remove."""
        self._forget(asset_id)
        kept = self.alarms.snapshot()
        stays = [asset_id is not None and life["asset_id"] != asset_id for life in kept["alarms"]]
        kept["alarms"] = [life for life, stay in zip(kept["alarms"], stays, strict=True) if stay]
        kept["conditions"] = {
            name: [value for value, stay in zip(values, stays, strict=True) if stay]
            for name, values in kept["conditions"].items()
        }
        self.alarms.restore(kept)
        self.worked_on = {} if asset_id is None else {k: v for k, v in self.worked_on.items() if k != asset_id}
        self._remember_trouble()

    def begin_work(self, asset_id: str, until: float) -> None:
        """People work on a machine from now on, until then at most (seconds since 1970 UTC): it calls nobody meanwhile."""
        self.worked_on[asset_id] = until

    def end_work(self, asset_id: str) -> bool:
        """The machine is handed back; whether anybody had been at work."""
        return self.worked_on.pop(asset_id, None) is not None

    def pass_time(self, now: float, silent_seconds: float) -> list[AlarmTransition]:
        """What time alone does to the alarms of assets that have been silent for so long: as `AlarmBook.advance_silent`."""
        return self.alarms.advance_silent(now, silent_seconds)

    def snapshot(self) -> dict[str, Any]:
        """A copy of the whole state."""
        return {"monitor": self._snapshot(), "alarms": self.alarms.snapshot(), "worked_on": dict(self.worked_on)}

    def restore(self, snapshot: dict[str, Any]) -> bool:
        """Puts a snapshot back; the baselines and the model are those that are active now.

        Returns:
            False where only the alarms could be put back: what was remembered was another model's, or of other signals, and
            `remember` may build it anew from all readings.
        """
        self.alarms.restore(snapshot["alarms"])
        self.worked_on = dict(snapshot.get("worked_on", {}))  # an older version knew of no such thing
        self._remember_trouble()
        return self._restore(snapshot["monitor"])

    def keep_degradation(self, snapshot: dict[str, Any]) -> None:  # noqa: B027  most are told it by each reading
        """Takes the damage out of a snapshot of which the windows are of no use any more, where readings do not tell it."""

    def remember(self, asset_ids: Sequence[str], seconds: FloatArray, values: FloatArray, received: FloatArray) -> None:
        """Takes readings as `assess` does, without a word and without alarms."""
        kept = self.alarms.snapshot()
        self.assess(asset_ids, seconds, values, received)
        self.alarms.restore(kept)
        self._remember_trouble()

    def state_condition(
        self, asset_id: str, key: str, holds: bool, now: float, author: str, text: str
    ) -> list[AlarmTransition]:
        """Raises or returns an alarm about something that no reading says: at once, with the reason beside it.

        Args:
            asset_id, key: of the alarm.
            holds: whether its condition stands.
            now: seconds since 1970 UTC.
            author: who says so, not "system".
            text: the reason, in words.
        """
        before = self.alarms.status(asset_id, key)
        if (before is not None and before.active) == holds:
            return []
        rules = self.alarms.rules
        # k of n has held for as long as the policy asks; a return is dated to the end of its delay.
        delay = rules.on_delay_seconds if holds else rules.off_delay_seconds
        first = max(now - delay if holds else now, -np.inf if before is None else before.since)
        rows = rules.window + 1
        slots = self.alarms.slots([(asset_id, key)] * rows)
        seconds = np.append(np.full(rules.window, first), first + delay)
        found = self.alarms.observe(slots, seconds, np.full(rows, _FLAWED_SCORE * holds), np.full(rows, holds))
        if found and holds:
            found.append(self.alarms.comment(asset_id, key, author, now, text))
        return found

    def _remember_trouble(self) -> None:
        self._troubled = {
            (status.asset_id, status.key.removeprefix(SENSOR))
            for status in self.alarms.statuses()
            if status.key.startswith(SENSOR)
        }

    def _observe(
        self, asset_ids: Sequence[str], seconds: FloatArray, received: FloatArray, judged: Judged, steps: IntArray,
        flaws: NDArray[np.int8],
    ) -> list[AlarmTransition]:  # fmt: skip
        """Alarms of machines, sensors and clocks.

        Args:
            steps: rows that are observations: k of n counts steps, and a reading of a fast machine is none.
            flaws: (rows, signals) indices into `quality.FLAWS`.
        """
        at_work = self._at_work(asset_ids, received)
        observed = asset_ids if len(steps) == len(asset_ids) else [asset_ids[row] for row in steps.tolist()]
        slots = self.alarms.slots_of_key(observed, self._key)
        found = self.alarms.observe(
            slots, seconds[steps], judged.score[steps], judged.flag[steps], judged.phase[steps],
            None if at_work is None else at_work[steps], received[steps], self._severity(judged, steps),
        )  # fmt: skip
        ahead = seconds - received > CLOCK_AHEAD_SECONDS
        if not (self._troubled or np.count_nonzero(flaws) or np.count_nonzero(ahead)):
            return found
        bad = np.column_stack([flaws != GOOD, ahead])
        return found + self._observe_sensors(asset_ids, seconds, received, judged.phase, bad, at_work)

    def _severity(self, judged: Judged, steps: IntArray) -> FloatArray | None:
        """(steps,) 0..1, how bad it is; None: the score tells."""
        return None

    def _at_work(self, asset_ids: Sequence[str], received: FloatArray) -> BoolArray | None:
        """(rows,) whether people worked on the machine when the reading came; None: on no machine at all."""
        if not self.worked_on:
            return None
        until = np.array([self.worked_on.get(asset, -np.inf) for asset in asset_ids], dtype=np.float64)
        return received < until

    def _observe_sensors(
        self, asset_ids: Sequence[str], seconds: FloatArray, received: FloatArray, phase: IntArray, bad: BoolArray,
        at_work: BoolArray | None,
    ) -> list[AlarmTransition]:  # fmt: skip
        """Only sensors that are or were in trouble are observed: the others cost nothing."""
        names = list(self._columns)
        for row, column in zip(*(part.tolist() for part in np.nonzero(bad)), strict=True):
            self._troubled.add((asset_ids[row], names[column]))
        of_asset: dict[str, list[int]] = {}
        for asset, name in sorted(self._troubled):
            of_asset.setdefault(asset, []).append(self._columns[name])
        seen = [(row, column) for row, asset in enumerate(asset_ids) for column in of_asset.get(asset, ())]
        if not seen:
            return []
        rows, watched = np.array(seen, dtype=np.int64).T
        flags = bad[rows, watched]
        slots = self.alarms.slots([(asset_ids[row], SENSOR + names[column]) for row, column in seen])
        return self.alarms.observe(
            slots, seconds[rows], np.where(flags, _FLAWED_SCORE, 0.0), flags, phase[rows],
            None if at_work is None else at_work[rows], received[rows],
        )  # fmt: skip
