"""What is done to alarms beside judging readings: operators act, conditions are stated that no reading says, time passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from smart_sentry.contracts.alarms import AlarmAction, AlarmTransition
from smart_sentry.health.alarms import AlarmBook
from smart_sentry.plant.verdicts import alarm_states
from smart_sentry.plant.watch import Watch

if TYPE_CHECKING:
    from smart_sentry.plant.plant import Plant

SILENT_SECONDS = 60.0
"""After so long without a reading, time alone moves an asset's alarms."""


class AlarmActions(Protocol):
    """What can be done to a plant's alarms: by the plant, or by the workers that judge in its place."""

    def act(
        self, asset_id: str, key: str, action: AlarmAction, author: str, reason: str, until: float | None
    ) -> AlarmTransition:
        """Does what an operator asks of an alarm.

        Args:
            asset_id, key: of the alarm.
            action: what is asked.
            author, reason: who asks, and why.
            until: end of a shelving, seconds since 1970 UTC; None: now.

        Raises:
            UnknownAsset, ActionRefused. NoWorker: none answered in time.
        """

    def state_condition(self, asset_id: str, key: str, holds: bool, author: str, text: str) -> bool:
        """Raises or returns an alarm about something that no reading says, e.g. that a model's file is broken.

        What stands already stays as it is; the answer is whether anything changed.

        Args:
            asset_id, key: of the alarm.
            holds: whether its condition stands.
            author: who says so, not "system".
            text: the reason, in words.

        Raises:
            UnknownAsset.
        """

    def advance(self, asset_id: str) -> None:
        """Stores what time alone has done to the alarms of an asset's type, such as the end of a shelving.

        Raises:
            UnknownAsset.
        """

    def pass_time(self) -> None:
        """Stores what time alone has done to the alarms of assets that have fallen silent; others tell by their readings.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """


class OwnAlarmActions:
    """What a plant that judges does to its alarms.

    Args:
        plant: has the alarms and the database.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def act(
        self, asset_id: str, key: str, action: AlarmAction, author: str, reason: str, until: float | None
    ) -> AlarmTransition:
        """As `AlarmActions.act`."""
        plant = self._plant
        with plant.lock:
            self.advance(asset_id)
            watch = plant.watch_of(asset_id)
            done = _act(watch.alarms, asset_id, key, action, author, plant.clock(), reason, until)
            self._keep(watch, [done])
            return done

    def state_condition(self, asset_id: str, key: str, holds: bool, author: str, text: str) -> bool:
        """As `AlarmActions.state_condition`."""
        plant = self._plant
        with plant.lock:
            watch = plant.watch_of(asset_id)
            if moved := watch.state_condition(asset_id, key, holds, plant.clock(), author, text):
                self._keep(watch, moved)
            return bool(moved)

    def advance(self, asset_id: str) -> None:
        """As `AlarmActions.advance`."""
        plant = self._plant
        with plant.lock:
            watch = plant.watch_of(asset_id)
            if passed := watch.pass_time(plant.clock(), 0.0):
                self._keep(watch, passed)

    def pass_time(self) -> None:
        """As `AlarmActions.pass_time`."""
        plant = self._plant
        with plant.lock:
            now = plant.clock()
            if now - plant.began_at < SILENT_SECONDS:  # what was sent during a downtime may still be on its way
                return
            for name in plant.watches.begun:
                watch = plant.watch(name)
                if passed := watch.pass_time(now, SILENT_SECONDS):
                    self._keep(watch, passed)

    def _keep(self, watch: Watch, transitions: Sequence[AlarmTransition]) -> None:
        """Stores what has moved, and tells everybody."""
        plant = self._plant
        with plant.changing() as batch:
            batch.alarms.record(alarm_states(watch, transitions), transitions)
        if plant.publisher is not None:
            plant.publisher.publish([], transitions)


def _act(
    alarms: AlarmBook, asset_id: str, key: str, action: AlarmAction, author: str, now: float, reason: str,
    until: float | None,
) -> AlarmTransition:  # fmt: skip
    match action:
        case AlarmAction.ACKNOWLEDGE:
            return alarms.acknowledge(asset_id, key, author, now, reason)
        case AlarmAction.SHELVE:
            return alarms.shelve(asset_id, key, author, now, reason, now if until is None else until)
        case AlarmAction.UNSHELVE:
            return alarms.unshelve(asset_id, key, author, now, reason)
        case AlarmAction.TAKE_OUT_OF_SERVICE:
            return alarms.take_out_of_service(asset_id, key, author, now, reason)
        case AlarmAction.RETURN_TO_SERVICE:
            return alarms.return_to_service(asset_id, key, author, now, reason)
        case AlarmAction.COMMENT:
            return alarms.comment(asset_id, key, author, now, reason)
