"""Old measurements leave the store, once an hour, in the background."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from smart_sentry.plant.plant import Plant
from smart_sentry.plant.rounds import Rounds
from smart_sentry.plant.snapshots import snapshot_name
from smart_sentry.stores.store import Store

_log = logging.getLogger(__name__)
_DAY_SECONDS = 86_400.0


class Retention(Rounds):
    """Deletes readings of a plant that are too old, and what was said of them.

    Args:
        plant: whose.
        days: how long they are kept, by the plant's clock.
        every_seconds: between two rounds.
    """

    def __init__(self, plant: Plant, days: float, every_seconds: float = 3600.0) -> None:
        super().__init__("retention", "nothing was deleted", every_seconds)
        self._plant, self._days = plant, days

    def round(self) -> int:
        """As `retire`."""
        return self.retire()

    def retire(self) -> int:
        """One round. What the stored state of the monitors does not hold yet stays: a restart would need it.

        Returns:
            How many readings were deleted.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        plant = self._plant
        before = plant.clock() - _DAY_SECONDS * self._days
        with plant.lock, plant.store.transaction() as batch:
            plant.save(batch)
            through = batch.readings.last_number()
        return _retire(plant.store, before, through, self._stop.is_set)


def retire_stored(store: Store, days: float, now: float, watched: Iterable[str] | None) -> int:
    """One round beside a service or workers, by the state that they have stored.

    Args:
        store: of the plant.
        days: how long measurements are kept.
        now: seconds since 1970 UTC.
        watched: asset types that a service judges: readings that came after the state of one that has readings stay, as a
            restart would need them. None: workers judge, who begin again at what Kafka has.

    Returns:
        How many readings were deleted.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    with store.view() as batch:
        through = batch.readings.last_number()
        if watched is not None:
            judged = {state.asset_type for state in batch.states.all().values()} & set(watched)
            kept = [batch.snapshots.load(snapshot_name(name)) for name in sorted(judged)]
            through = min([through, *(0 if state is None else int(state["through"]) for state in kept)])
    return _retire(store, now - _DAY_SECONDS * days, through, lambda: False)


def _retire(store: Store, before: float, through: int, stopped: Callable[[], bool]) -> int:
    deleted = store.retire(before, through=through, stopped=stopped)
    with store.transaction() as batch:
        batch.throughput.delete_older(before)
        batch.commands.delete_older(before)
    oldest = datetime.fromtimestamp(before, UTC).isoformat(timespec="seconds")
    _log.info("retention: deleted %d readings from before %s", deleted, oldest)
    return deleted
