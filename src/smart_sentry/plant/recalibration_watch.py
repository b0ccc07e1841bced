"""What is promoted is watched, by a thread of the service: it needs no flow to be taken back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smart_sentry.errors import ActionRefused, SmartSentryError, UnknownAsset
from smart_sentry.features.steps import window_length
from smart_sentry.plant.condition_watch import ANOMALY
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.recalibration_rules import POLICY
from smart_sentry.plant.recalibrations import Recalibrations
from smart_sentry.plant.rounds import Rounds
from smart_sentry.recalibration.watching import LEAST_STEPS, Watched, objections, rows_of_steps
from smart_sentry.stores.recalibrations import Recalibration
from smart_sentry.stores.span import Span

RECALIBRATION = "recalibration"
"""Key of the alarm that says that a recalibration was taken back by itself."""
EVERY_SECONDS = 2.0
_MOST_ASSESSMENTS = 50_000
"""Newest readings of which the steps are judged, but for machines so fast that these would be few steps."""
_FEWEST_STEPS = 2 * LEAST_STEPS
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seen:
    """What has come since a promotion, up to one and the same reading.

    Attributes:
        newest: time of that reading, on the clock of the readings.
        steps: how many were judged.
        resumed: time of the first reading after the watch period; `newest` where none was assessed since.
        against: what speaks against the baseline, in sentences.
    """

    newest: float
    steps: int
    resumed: float
    against: tuple[str, ...]


class RecalibrationWatch(Rounds):
    """Watches promoted baselines until their watch period ends.

    Args:
        plant: whose.
        recalibrations: of it.
        every_seconds: between two rounds.
    """

    def __init__(self, plant: Plant, recalibrations: Recalibrations, every_seconds: float = EVERY_SECONDS) -> None:
        super().__init__("recalibration watch", "what was promoted is not watched", every_seconds)
        self._plant, self._recalibrations = plant, recalibrations

    def round(self) -> None:
        """Looks at every baseline under watch, once.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        with self._plant.store.view() as batch:
            watched = [one for one in batch.recalibrations.history(open_only=True) if one.state == "WATCHING"]
        for found in watched:
            try:
                seen = self._seen(found)  # which reads much, while readings go on being judged
                with self._plant.lock:
                    self._act(found, seen)
            except UnknownAsset:
                continue  # it was purged since
            except ActionRefused as moved:
                _log.info("recalibration %d: %s", found.number, moved)

    def _seen(self, found: Recalibration) -> _Seen:
        asset, begins = found.asked.asset_id, float((found.checks or {})["watch"]["from"])
        kind = self._plant.calibrated_watch_of(asset).asset_type
        step_readings = window_length(kind)
        with self._plant.store.view() as batch:
            newest = batch.readings.newest(asset) or begins
            after, until = float(np.nextafter(begins, np.inf)), float(np.nextafter(newest, np.inf))
            first = batch.assessments.history(asset, Span(after, until, 1))
            most = max(_MOST_ASSESSMENTS, _FEWEST_STEPS * step_readings)
            carried = batch.assessments.history(asset, Span(after, until, most, newest_first=True))[::-1]
            alarms = tuple(
                one
                for one in batch.alarms.transitions(Span(begins, until), asset_id=asset)
                if one.key == ANOMALY and one.time > begins
            )
        steps = rows_of_steps(np.array([one.score is not None for one in carried], dtype=np.bool_), step_readings)
        watched = Watched(
            np.array([carried[row].flag for row in steps.tolist()], dtype=np.bool_),
            np.array([one.degradation for one in (*first, *carried[-1:])], dtype=np.float64), alarms,
        )  # fmt: skip
        late = (one.time for one in carried if found.watch_until is not None and one.time >= found.watch_until)
        return _Seen(
            newest, len(steps), next(late, newest), tuple(objections(watched, kind.detection.false_alarm_budget))
        )

    def _act(self, found: Recalibration, seen: _Seen) -> None:
        plant, asset = self._plant, found.asked.asset_id
        with plant.store.view() as batch:
            active = batch.baselines.active(asset)
        if active is None or active.version != found.candidate_version:
            back = active is not None and active.version == found.asked.active_version
            author = POLICY if active is None else active.author
            why = f"baseline {'none' if active is None else active.version} was made active"
            end = ("ROLLED_BACK", "rolled back") if back else ("WITHDRAWN", "withdrawn")
            self._recalibrations.settled(found, *end, author, why)  # type: ignore[arg-type]  # mypy widens the literals
            return
        if not plant.is_switched(asset):
            return
        if seen.against:
            self._take_back(found, seen.against)
        elif found.watch_until is None or seen.newest < found.watch_until:
            return
        elif seen.steps < LEAST_STEPS:
            why = f"only {seen.steps} steps were judged during the watch period: {LEAST_STEPS} or more show something"
            self._recalibrations.watched_on(found, seen.resumed, why)
        else:
            why = "nothing spoke against it during the watch period"
            self._recalibrations.settled(found, "KEPT", "kept", POLICY, why)
            plant.alarms.state_condition(asset, RECALIBRATION, False, POLICY, why)

    def _take_back(self, found: Recalibration, against: Sequence[str]) -> None:
        kept = dict(found.checks or {})
        kept["watch"] = kept.get("watch", {}) | {"objections": list(against)}
        try:
            self._recalibrations.taken_back(found, kept, against, POLICY)
            told = f"recalibration {found.number} was rolled back: {' '.join(against)}"
        except ActionRefused:
            raise
        except SmartSentryError as problem:
            told = f"recalibration {found.number} should be rolled back ({' '.join(against)}) and cannot be: {problem}"
        self._plant.alarms.state_condition(found.asked.asset_id, RECALIBRATION, True, POLICY, told)
