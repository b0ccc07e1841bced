"""What was said of a batch of readings, ready to be stored: to judge needs no database, and to store needs no monitor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.health.degradation import RISKS, health, risk
from smart_sentry.phases import PHASES
from smart_sentry.plant.parts import Part
from smart_sentry.plant.watch import Judged, Watch
from smart_sentry.stores.alarm_log import STANDS_SINCE, AlarmState
from smart_sentry.stores.assessments import AssessmentRows
from smart_sentry.stores.predictions import PredictionRows
from smart_sentry.stores.readings import ReadingRows
from smart_sentry.stores.store import Batch

_PHASE_NAMES = tuple(phase.value for phase in PHASES)


@dataclass(frozen=True)
class Verdict:
    """What was said of a part.

    Attributes:
        part: the readings.
        signals: names of the columns of their values.
        assessments: (rows) of all of them.
        predictions: of those that a failure model judged; None: there is no such model.
        alarms: every alarm that moved, as it stands now.
        transitions: of those alarms.
    """

    part: Part
    signals: tuple[str, ...]
    assessments: AssessmentRows
    predictions: PredictionRows | None
    alarms: tuple[AlarmState, ...]
    transitions: tuple[AlarmTransition, ...]

    def write(self, batch: Batch, source: str, now: float) -> None:
        """Stores the readings, which must be unknown, and what was said of them.

        Raises:
            AlreadyStored: one of them is there.
        """
        part = self.part
        rows = ReadingRows(part.assets, part.reading_ids, part.seconds, part.values, self.signals, source, now)
        batch.readings.append(rows, self.assessments, self.predictions)
        if self.transitions:
            batch.alarms.record(self.alarms, self.transitions)


def judge(watch: Watch, part: Part, now: float) -> Verdict:
    """Takes readings, each once, and says what is to be stored of them.

    Args:
        watch: of their type; its state advances.
        part: the readings; each asset's in the order of arrival.
        now: when they came, where the part does not say, seconds since 1970 UTC.
    """
    received = np.full(len(part.assets), now) if part.received is None else part.received
    judged, transitions = watch.assess(part.assets, part.seconds, part.values, received)
    scores = health(judged.degradation)
    assessments = AssessmentRows(
        part.assets, part.reading_ids, part.seconds, [_PHASE_NAMES[code] for code in judged.phase.tolist()],
        judged.score, judged.flag, judged.votes, scores, [RISKS[code] for code in risk(scores).tolist()],
        judged.degradation, judged.reasons(),
    )  # fmt: skip
    return Verdict(
        part, watch.asset_type.signal_names, assessments, _predictions(watch, part, judged), alarm_states(watch, transitions),
        tuple(transitions),
    )  # fmt: skip


def _predictions(watch: Watch, part: Part, judged: Judged) -> PredictionRows | None:
    found = judged.predicted
    if found is None or not found.rows.size:
        return None
    model = watch.judge_of(part.assets[int(found.rows[0])]) or ""
    return PredictionRows(
        found.rows, found.probability, found.rul_cycles, found.warming, found.restored, model, found.regime
    )


def alarm_states(watch: Watch, transitions: Sequence[AlarmTransition]) -> tuple[AlarmState, ...]:
    """Every alarm that has just moved, as it stands now; one that was over within the batch, as it ended."""
    last = {(found.asset_id, found.key): found for found in transitions}
    states = []
    for (asset, key), found in last.items():
        status = watch.alarms.status(asset, key)
        assert status is not None
        since = status.since if math.isfinite(status.since) else found.time  # a remark on an alarm that never rose
        details = {
            "score": found.score, "shelved_until": status.shelved_until, "active": status.active, STANDS_SINCE: since,
        }  # fmt: skip
        states.append(AlarmState(
            status.alarm_id, asset, key, status.priority.value, status.state.value, found.time, found.reason, details
        ))  # fmt: skip
    known = {state.alarm_id for state in states}
    for found in reversed(transitions):
        if found.alarm_id not in known:
            known.add(found.alarm_id)
            states.append(AlarmState(
                found.alarm_id, found.asset_id, found.key, found.priority.value, found.to_state.value, found.time, found.reason
            ))  # fmt: skip
    return tuple(states)
