"""What is promoted is watched, by a thread of the service: it needs no flow to be taken back."""

from __future__ import annotations

import logging

import numpy as np

from smart_sentry.contracts.alarms import AlarmTransition
from smart_sentry.errors import ActionRefused, SmartSentryError, UnknownAsset
from smart_sentry.plant.condition_watch import ANOMALY, ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.recalibration_rules import POLICY
from smart_sentry.plant.recalibrations import Recalibrations
from smart_sentry.plant.rounds import Rounds
from smart_sentry.recalibration.watching import Watched, objections
from smart_sentry.stores.recalibrations import Recalibration
from smart_sentry.stores.span import Span

RECALIBRATION = "recalibration"
"""Key of the alarm that says that a recalibration was taken back by itself."""
EVERY_SECONDS = 2.0
_MOST_ASSESSMENTS = 50_000
_log = logging.getLogger(__name__)


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
                against = self._against(found)  # which reads much, while readings go on being judged
                with self._plant.lock:
                    self._act(found, against)
            except UnknownAsset:
                continue  # it was purged since
            except ActionRefused as moved:
                _log.info("recalibration %d: %s", found.number, moved)

    def _against(self, found: Recalibration) -> list[str]:
        kind = self._plant.calibrated_watch_of(found.asked.asset_id).asset_type
        return objections(self._since(found), kind.detection.false_alarm_budget)

    def _act(self, found: Recalibration, against: list[str]) -> None:
        plant, asset = self._plant, found.asked.asset_id
        with plant.store.view() as batch:
            active = batch.baselines.active(asset)
            newest = batch.readings.newest(asset)
        if active is None or active.version != found.candidate_version:
            back = active is not None and active.version == found.asked.active_version
            author = POLICY if active is None else active.author
            why = f"baseline {'none' if active is None else active.version} was made active"
            end = ("ROLLED_BACK", "rolled back") if back else ("WITHDRAWN", "withdrawn")
            self._recalibrations.settled(found, *end, author, why)  # type: ignore[arg-type]  # mypy widens the literals
            return
        if newest is None or not plant.is_switched(asset):
            return
        if against:
            self._take_back(found, against)
        elif found.watch_until is not None and newest >= found.watch_until:
            why = "nothing spoke against it during the watch period"
            self._recalibrations.settled(found, "KEPT", "kept", POLICY, why)
            plant.state_condition(asset, RECALIBRATION, False, POLICY, why)

    def _take_back(self, found: Recalibration, against: list[str]) -> None:
        kept = dict(found.checks or {})
        kept["watch"] = kept.get("watch", {}) | {"objections": against}
        try:
            self._recalibrations.taken_back(found, kept, against, POLICY)
            told = f"recalibration {found.number} was rolled back: {' '.join(against)}"
        except ActionRefused:
            raise
        except SmartSentryError as problem:
            told = f"recalibration {found.number} should be rolled back ({' '.join(against)}) and cannot be: {problem}"
        self._plant.state_condition(found.asked.asset_id, RECALIBRATION, True, POLICY, told)

    def _since(self, found: Recalibration) -> Watched:
        asset, begins = found.asked.asset_id, float((found.checks or {})["watch"]["from"])
        with self._plant.store.view() as batch:
            span = Span(start=begins, limit=_MOST_ASSESSMENTS, newest_first=True)
            steps = [one for one in batch.assessments.history(asset, span)[::-1] if one.time > begins]
            alarms: list[AlarmTransition] = [
                one
                for one in batch.alarms.transitions(Span(start=begins), asset_id=asset)
                if one.key == ANOMALY and one.time > begins
            ]
        judged = [one for one in steps if one.score is not None]
        return Watched(
            np.array([one.flag for one in judged], dtype=np.bool_),
            np.array([one.degradation for one in steps], dtype=np.float64), tuple(alarms),
        )  # fmt: skip


def settle_recalibrations(plant: Plant) -> None:
    """A stop between a promotion's (or a rollback's) files and its transaction leaves them apart: the database is right."""
    with plant.lock:
        with plant.store.view() as batch:
            opened = batch.recalibrations.history(open_only=True)
            active = {one.asked.asset_id: batch.baselines.active(one.asked.asset_id) for one in opened}
        apart = False
        for found in opened:
            right, mine = active[found.asked.asset_id], {found.asked.active_version, found.candidate_version}
            watch = plant.watch_of(found.asked.asset_id)
            if right is None or right.version not in mine or not isinstance(watch, ConditionWatch):
                continue
            history = watch.baselines.history(found.asked.asset_id)
            if history and history[-1] != right.version and history[-1] in mine:
                _log.warning(
                    "%s: baseline %s is active again, as a stop cut off its end", right.asset_id, right.version
                )
                apart = True
                if right.version in history:
                    watch.baselines.roll_back(right.asset_id)
                else:
                    watch.baselines.put_back(right.asset_id, right.version)
        if apart:
            plant.restore()
