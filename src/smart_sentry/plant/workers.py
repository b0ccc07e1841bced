"""The stream workers that watch a plant's assets, as the service reaches them: through the table of commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from smart_sentry.errors import NoWorker
from smart_sentry.plant.commands import raise_again
from smart_sentry.stores.commands import Outcome
from smart_sentry.stores.store import Store

PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.05


class Workers:
    """Asks whichever worker watches an asset.

    Args:
        store: which the workers look into, too.
        clock: seconds since 1970 UTC.

    Attributes:
        patience_seconds: how long an answer is waited for.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self.patience_seconds = PATIENCE_SECONDS

    def ask(self, asset_id: str, action: str, arguments: Mapping[str, Any]) -> None:
        """Has something done (an action of `commands`), and waits until it is.

        Raises:
            UnknownAsset, ActionRefused: the worker refused. NoWorker: none answered in time; it is not done any more.
        """
        number = self.write_down(asset_id, action, arguments)
        deadline = time.monotonic() + self.patience_seconds
        while (outcome := self._outcome(number)) is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if outcome is None:
            with self._store.transaction() as batch:
                withdrawn = batch.commands.settle(number, {"problem": "withdrawn"}, self._clock())
            if withdrawn:
                raise NoWorker(asset_id, self.patience_seconds)
            outcome = self._outcome(number)  # a worker was faster than the withdrawal
        if outcome is not None and outcome.refusal is not None:
            raise_again(outcome.refusal, asset_id, action)

    def write_down(self, asset_id: str, action: str, arguments: Mapping[str, Any]) -> int:
        """Has something done when the worker comes to it; returns the number of the command."""
        with self._store.transaction() as batch:
            return batch.commands.ask(asset_id, action, arguments, self._clock())

    def _outcome(self, number: int) -> Outcome | None:
        with self._store.view() as batch:
            return batch.commands.outcome(number)
