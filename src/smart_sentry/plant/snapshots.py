"""The monitors' state in the database: how often it is stored, and how it comes back after a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from smart_sentry.plant.catching_up import catch_up
from smart_sentry.plant.watches import Watches
from smart_sentry.stores.snapshots import Base
from smart_sentry.stores.store import Batch

SNAPSHOT_READINGS, SNAPSHOT_SECONDS, SNAPSHOT_PAUSE_SECONDS = 20_000, 30.0, 5.0
"""The monitors' state is stored after so many readings or seconds, whichever comes first, with such a pause in between."""
SNAPSHOT_REST = 9.0
"""A pause is at least so many times as long as the last storing took: a tenth of the time goes into it at most, however many
machines there are, and a restart reads again what came in the pause."""


class SnapshotPace:
    """Says when the monitors' state is stored again.

    Args:
        now: the state begins, seconds since 1970 UTC.

    Attributes:
        unsaved: new readings that the stored state has not seen.
        saved_at: when a state to store was taken last, seconds since 1970 UTC.
    """

    def __init__(self, now: float) -> None:
        self.unsaved, self.saved_at = 0, now
        self._storing_seconds = 0.0
        self._bases: dict[str, Base | None] = {}

    def is_due(self, more: int, now: float) -> bool:
        """Whether the state must be stored, after `more` readings."""
        age = now - self.saved_at
        pause = max(SNAPSHOT_PAUSE_SECONDS, SNAPSHOT_REST * self._storing_seconds)
        many = self.unsaved + more >= SNAPSHOT_READINGS and age >= pause
        return many or age >= max(SNAPSHOT_SECONDS, pause)

    def begin_anew(self, now: float) -> None:
        """A state to store was taken just now, or one was restored."""
        self.unsaved, self.saved_at = 0, now

    def store(self, batch: Batch, states: Mapping[str, dict[str, Any]], clock: Callable[[], float]) -> None:
        """Stores states by the names of their snapshots, within a transaction, and notes how long it took."""
        began = time.perf_counter()
        for name, state in states.items():
            self._bases[name] = batch.snapshots.save(name, state, clock(), self._bases.get(name))
        self._storing_seconds = time.perf_counter() - began


def snapshot_name(asset_type: str) -> str:
    """Name of the snapshot of a type's watch, where a plant judges by itself."""
    return f"watch:{asset_type}"


def states_of(watches: Watches, through: int) -> dict[str, dict[str, Any]]:
    """Snapshot's name -> a copy of what a watch remembers, with the number of the last reading in it."""
    return {snapshot_name(name): {"watch": state, "through": through} for name, state in watches.snapshots().items()}


def restore_watches(batch: Batch, watches: Watches) -> None:
    """Takes the watches' states from the store and has them catch up with the readings that came after.

    Args:
        batch: a view of the store.
        watches: know the assets, and remember nothing of them.
    """
    for name in sorted(set(watches.type_of.values())):
        kept = batch.snapshots.load(snapshot_name(name))
        watch = watches.of_type(name)
        through = 0 if kept is None else int(kept["through"])
        whole = kept is None or watch.restore(kept["watch"])
        catch_up(batch, watch, watches.type_of, through if whole else 0, through)
