"""The plant as the service sees it where a stream's workers judge its readings.

What stands is read from the database. What operators ask of a machine's state is written down there, and done by the worker that
watches the machine: there is one memory of each asset, and it is the worker's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from smart_sentry.contracts.alarms import AlarmAction, AlarmTransition
from smart_sentry.errors import NoWorker, UnknownAsset
from smart_sentry.plant.commands import ACT, BEGIN_WORK, CONDITION, END_WORK, FORGET, MAINTAIN, SWITCH, raise_again
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.watch import Watch
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.05


class WorkedPlant(Plant):
    """As a `Plant`, but it judges nothing itself."""

    patience_seconds = PATIENCE_SECONDS
    """How long it waits for a worker."""

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

    def maintain(self, asset_id: str, author: str, reason: str) -> None:
        """As `Plant.maintain`, by the worker.

        Raises:
            UnknownAsset. NoWorker: none answered in time.
        """
        self.watch_of(asset_id)
        self._ask(asset_id, MAINTAIN, {"author": author, "reason": reason})

    def begin_work(self, asset_id: str, author: str, reason: str, until: float) -> None:
        """As `Plant.begin_work`, by the worker.

        Raises:
            UnknownAsset, ActionRefused. NoWorker: none answered in time.
        """
        self.watch_of(asset_id)
        self._ask(asset_id, BEGIN_WORK, {"author": author, "reason": reason, "until": until})

    def end_work(self, asset_id: str, author: str, reason: str) -> None:
        """As `Plant.end_work`, by the worker.

        Raises:
            UnknownAsset, ActionRefused. NoWorker: none answered in time.
        """
        self.watch_of(asset_id)
        self._ask(asset_id, END_WORK, {"author": author, "reason": reason})

    def pass_time(self) -> None:
        """Nothing: alarms are the workers'."""

    def act(
        self, asset_id: str, key: str, action: AlarmAction, author: str, reason: str, until: float | None
    ) -> AlarmTransition:
        """As `Plant.act`, by the worker.

        Raises:
            UnknownAsset, ActionRefused. NoWorker: none answered in time.
        """
        self.watch_of(asset_id)
        told = {"key": key, "action": action.value, "author": author, "reason": reason, "until": until}
        self._ask(asset_id, ACT, told)
        with self.store.view() as batch:
            steps = batch.alarms.transitions(Span(limit=50, newest_first=True), asset_id=asset_id)
        return next(step for step in steps if step.key == key and step.author == author)

    def tell_switched(self, batch: Batch, asset_id: str) -> None:
        """The worker takes the new baseline when it comes to it."""
        batch.commands.ask(asset_id, SWITCH, {}, self.clock())

    def is_switched(self, asset_id: str) -> bool:
        """Whether the worker has come to it."""
        with self.store.view() as batch:
            waiting = batch.commands.waiting()
        return not any(one.asset_id == asset_id and one.action == SWITCH for one in waiting)

    def state_condition(self, asset_id: str, key: str, holds: bool, author: str, text: str) -> bool:
        """As `Plant.state_condition`, by the worker when it comes to it."""
        self.watch_of(asset_id)
        with self.store.view() as batch:
            stands = any(alarm.kind == key and alarm.details.get("active") for alarm in batch.alarms.current(asset_id))
        if stands != holds:
            self._write_down(asset_id, CONDITION, {"key": key, "holds": holds, "author": author, "text": text})
        return stands != holds

    def tell_forgotten(self, batch: Batch, assets: Sequence[str]) -> None:
        """The workers forget what was purged when they come to it, also those that do not run just now."""
        for asset in assets:
            batch.commands.ask(asset, FORGET, {}, self.clock())

    def _ask(self, asset_id: str, action: str, arguments: Mapping[str, Any]) -> None:
        number = self._write_down(asset_id, action, arguments)
        deadline = time.monotonic() + self.patience_seconds
        while time.monotonic() < deadline:
            with self.store.view() as batch:
                outcome = batch.commands.outcome(number)
            if outcome is None:
                time.sleep(_POLL_SECONDS)
                continue
            if outcome.refusal is not None:
                raise_again(outcome.refusal, asset_id, action)
            return
        with self.store.transaction() as batch:
            withdrawn = batch.commands.settle(number, {"problem": "withdrawn"}, self.clock())
        if withdrawn:
            raise NoWorker(asset_id, self.patience_seconds)

    def _write_down(self, asset_id: str, action: str, arguments: Mapping[str, Any]) -> int:
        with self.store.transaction() as batch:
            return batch.commands.ask(asset_id, action, arguments, self.clock())
