"""Several simulated machines in one process, each at its pace, that people may break and repair while they run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from smart_sentry.errors import ConfigurationError, SmartSentryError
from smart_sentry.simulation.asset import AssetPlan, SimulatedAsset
from smart_sentry.simulation.orders import OrderBook
from smart_sentry.simulation.sinks import Sink

ORDERS_EVERY_S = 0.1
_TOLD_EVERY_S = 1.0
_BATCH = 1000
_LOG = logging.getLogger(__name__)


@dataclass
class Sent:
    """Readings that arrived and that did not."""

    sent: int = 0
    failed: int = 0


class PastNotSent(SmartSentryError):
    """The readings that machines are to be calibrated on did not arrive."""

    def __init__(self, asset_id: str, destination: str, problem: str) -> None:
        self.asset_id, self.destination, self.problem = asset_id, destination, problem
        super().__init__(f"the past of {asset_id} did not arrive at {destination}: {problem}. See the service's log.")


class SimulatedPlant:
    """Machines, where each one's readings go, and what people ask of them. For one thread.

    Args:
        home: the project's folder; orders are left in it (`simulation.orders`).
        plans: the machines.
        sinks: asset -> where its readings go; `close` closes them.
        maintain: records at the service that something (in words) was done to an asset.
        announce: shows a line for people: what becomes the matter with a machine.
        now: seconds since 1970-01-01 UTC.

    Raises:
        ConfigurationError: a machine cannot be simulated as planned.
    """

    def __init__(
        self, home: Path, plans: Sequence[AssetPlan], sinks: Mapping[str, Sink], maintain: Callable[[str, str], object],
        announce: Callable[[str], object] = lambda _: None, now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        begin = now()
        self._assets = {plan.asset_id: SimulatedAsset(plan, begin) for plan in plans}
        self._sinks, self._maintain, self._announce, self._now = sinks, maintain, announce, now
        self._book = OrderBook(home, now)
        self._told_at = self._begin = begin
        self._silent: set[str] = set()
        self._conditions = {asset_id: asset.state().condition for asset_id, asset in self._assets.items()}
        self.count = Sent()

    @property
    def asset_ids(self) -> tuple[str, ...]:
        """The machines' names."""
        return tuple(self._assets)

    @property
    def past_readings(self) -> int:
        """How many readings the machines' past has."""
        return sum(asset.due_by(self._begin) for asset in self._assets.values())

    def send_past(self, progress: Callable[[int], object] = lambda _: None) -> int:
        """Sends what the machines did before the simulation, as fast as it is taken.

        Args:
            progress: told how many readings were sent just now.

        Returns:
            How many readings that were.

        Raises:
            PastNotSent: some did not arrive.
        """
        total = 0
        for asset_id, asset in self._assets.items():
            while len(events := asset.readings(self._begin, _BATCH)):
                if problem := self._sinks[asset_id].send(events):
                    raise PastNotSent(asset_id, self._sinks[asset_id].destination, problem)
                total += len(events)
                progress(len(events))
        return total

    def run(self, stopped: threading.Event, play_faults: bool = True) -> None:
        """Runs every machine at its pace until the event is set. What a service does not take is counted and left out.

        Args:
            stopped: ends it, within a moment.
            play_faults: whether the scripts' faults happen; else only those that somebody orders.
        """
        if play_faults:
            for asset in self._assets.values():
                asset.play_faults(self._now())
        self._tell()
        while not stopped.is_set():
            changed = self._obey()
            for asset_id, asset in self._assets.items():
                changed |= self._advance(asset_id, asset)
            if changed or self._now() - self._told_at >= _TOLD_EVERY_S:
                self._tell()
            due = min(asset.due_at for asset in self._assets.values())
            stopped.wait(min(max(due - self._now(), 0.0), ORDERS_EVERY_S))

    def close(self) -> None:
        """No machine is simulated any more."""
        self._book.close()
        for sink in self._sinks.values():
            sink.close()

    def _obey(self) -> bool:
        """Does what was asked; whether something was."""
        asked = self._book.take()
        for one in asked:
            if (asset := self._assets.get(one.asset_id)) is None:
                _LOG.warning("an order to %s was dropped: it is not simulated here", one.asset_id)
                continue
            try:
                asset.obey(one.order, self._now())
            except ConfigurationError as problem:
                _LOG.warning("an order to %s was dropped: %s", one.asset_id, problem)
        return bool(asked)

    def _advance(self, asset_id: str, asset: SimulatedAsset) -> bool:
        """Sends what is due of an asset; whether it stands otherwise than before."""
        if asset.due_at > (now := self._now()):
            return False
        before = asset.state()
        events = asset.readings(now, _BATCH)
        problem = self._sinks[asset_id].send(events)
        if problem:
            self.count.failed += len(events)
        else:
            self.count.sent += len(events)
        self._say_once(asset_id, problem)
        for done in asset.maintained():
            self._record(asset_id, done)
        after = asset.state()
        if after.condition != self._conditions[asset_id]:
            self._conditions[asset_id] = after.condition
            self._announce(f"{datetime.now():%H:%M:%S} {asset_id}: {after.condition}")
        return after != before

    def _say_once(self, asset_id: str, problem: str | None) -> None:
        if problem and asset_id not in self._silent:
            _LOG.warning(
                "%s: its readings do not arrive at %s: %s", asset_id, self._sinks[asset_id].destination, problem
            )
            self._silent.add(asset_id)
        elif not problem and asset_id in self._silent:
            _LOG.warning("%s: its readings arrive again", asset_id)
            self._silent.discard(asset_id)

    def _record(self, asset_id: str, done: str) -> None:
        try:
            self._maintain(asset_id, done)
            self._announce(f"{datetime.now():%H:%M:%S} {asset_id}: maintenance recorded: {done}")
        except SmartSentryError as problem:
            _LOG.warning("the maintenance of %s was not recorded: %s", asset_id, problem)

    def _tell(self) -> None:
        self._book.tell([asset.state() for asset in self._assets.values()])
        self._told_at = self._now()
