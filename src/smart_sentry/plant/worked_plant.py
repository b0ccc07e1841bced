"""The plant as the service sees it where a stream's workers judge its readings.

What stands is read from the database. What operators ask of a machine's state is written down there, and done by the worker that
watches the machine: there is one memory of each asset, and it is the worker's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from smart_sentry.contracts.alarms import AlarmAction, AlarmTransition
from smart_sentry.errors import UnknownAsset
from smart_sentry.plant.alarm_actions import AlarmActions
from smart_sentry.plant.commands import ACT, BEGIN_WORK, CONDITION, END_WORK, FORGET, MAINTAIN, SWITCH
from smart_sentry.plant.maintenance import Maintenance
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.watch import Watch
from smart_sentry.plant.workers import Workers
from smart_sentry.stores.store import Batch


class WorkedPlant(Plant):
    """As a `Plant`, but it judges nothing itself."""

    @cached_property
    def workers(self) -> Workers:
        """Who judges."""
        return Workers(self.store, self.clock)

    @cached_property
    def alarms(self) -> AlarmActions:
        """As `Plant.alarms`, by the workers."""
        return AskedAlarmActions(self)

    @cached_property
    def maintenance(self) -> Maintenance:
        """As `Plant.maintenance`, by the workers."""
        return AskedMaintenance(self)

    def restore(self) -> None:
        """Learns which assets there are; what is remembered of them is the workers'."""
        with self.lock, self.store.view() as batch:
            self.watches.begin(batch.states.all())

    def save(self, batch: Batch) -> None:
        """Nothing: the workers store what they remember."""

    def renew(self, batch: Batch, name: str) -> None:
        """The workers remember; here is only what the type is judged by."""
        self.watches.drop(name)

    def watch_of(self, asset_id: str) -> Watch:
        """As `Plant.watch_of`; an asset that has come since the start is looked up."""
        if asset_id not in self.watches.type_of:
            with self.store.view() as batch:
                state = batch.states.find(asset_id)
            if state is None or state.asset_type not in self.asset_types:
                raise UnknownAsset(asset_id, None if state is None else state.asset_type)
            self.watches.type_of[asset_id] = state.asset_type
        return super().watch_of(asset_id)

    def tell_switched(self, batch: Batch, asset_id: str) -> None:
        """The worker takes the new baseline when it comes to it."""
        batch.commands.ask(asset_id, SWITCH, {}, self.clock())

    def is_switched(self, asset_id: str) -> bool:
        """Whether the worker has come to it."""
        with self.store.view() as batch:
            waiting = batch.commands.waiting()
        return not any(one.asset_id == asset_id and one.action == SWITCH for one in waiting)

    def tell_forgotten(self, batch: Batch, assets: Sequence[str]) -> None:
        """The workers forget what was purged when they come to it, also those that do not run just now."""
        for asset in assets:
            batch.commands.ask(asset, FORGET, {}, self.clock())


class AskedAlarmActions:
    """What is done to alarms by the worker that watches the machine.

    Args:
        plant: whose workers are asked.
    """

    def __init__(self, plant: WorkedPlant) -> None:
        self._plant = plant

    def act(
        self, asset_id: str, key: str, action: AlarmAction, author: str, reason: str, until: float | None
    ) -> AlarmTransition:
        """As `AlarmActions.act`; the answer is what the database has of it."""
        self._plant.watch_of(asset_id)
        with self._plant.store.view() as batch:
            before = batch.alarms.last_number()
        told = {"key": key, "action": action.value, "author": author, "reason": reason, "until": until}
        self._plant.workers.ask(asset_id, ACT, told)
        with self._plant.store.view() as batch:
            steps = batch.alarms.transitions(asset_id=asset_id, after=before)
        for step in steps:
            if (step.key, step.author, step.reason) == (key, author, reason):
                return step
        raise UnknownAsset(asset_id)  # it was done, and purged since

    def state_condition(self, asset_id: str, key: str, holds: bool, author: str, text: str) -> bool:
        """As `AlarmActions.state_condition`, when the worker comes to it."""
        self._plant.watch_of(asset_id)
        with self._plant.store.view() as batch:
            stands = any(alarm.kind == key and alarm.details.get("active") for alarm in batch.alarms.current(asset_id))
        if stands != holds:
            told = {"key": key, "holds": holds, "author": author, "text": text}
            self._plant.workers.write_down(asset_id, CONDITION, told)
        return stands != holds

    def advance(self, asset_id: str) -> None:
        """Nothing: the worker does before it does anything else that is asked."""

    def pass_time(self) -> None:
        """Nothing: the workers do."""


class AskedMaintenance:
    """The maintenance of machines, noted by the worker that watches the machine.

    Args:
        plant: whose workers are asked.
    """

    def __init__(self, plant: WorkedPlant) -> None:
        self._plant = plant

    def record(self, asset_id: str, author: str, reason: str) -> None:
        """As `Maintenance.record`."""
        self._plant.watch_of(asset_id)
        self._plant.workers.ask(asset_id, MAINTAIN, {"author": author, "reason": reason})

    def begin(self, asset_id: str, author: str, reason: str, until: float) -> None:
        """As `Maintenance.begin`."""
        self._plant.watch_of(asset_id)
        self._plant.workers.ask(asset_id, BEGIN_WORK, {"author": author, "reason": reason, "until": until})

    def end(self, asset_id: str, author: str, reason: str) -> None:
        """As `Maintenance.end`."""
        self._plant.watch_of(asset_id)
        self._plant.workers.ask(asset_id, END_WORK, {"author": author, "reason": reason})
