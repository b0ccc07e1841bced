"""A batch that was judged and waits to be stored: the monitors are needed no more, and may judge the next one meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from smart_sentry.plant.judged_anew import AlarmChanges
from smart_sentry.plant.plant import Taken
from smart_sentry.plant.verdicts import Verdict
from smart_sentry.plant.watches import Watches
from smart_sentry.stores.store import Batch


@dataclass(frozen=True)
class Pending:
    """What is to be stored.

    Attributes:
        verdicts: what was said of its readings.
        next_offset: of the first message after the batch.
        state: a copy of the state after it; None: it is not stored this time.
        now: when it was judged, seconds since 1970 UTC.
        followed: changes of alarms that no reading of it made.
    """

    verdicts: tuple[Verdict, ...]
    next_offset: int
    state: dict[str, Any] | None
    now: float
    followed: tuple[AlarmChanges, ...] = ()

    def write(self, batch: Batch, watches: Watches, source: str) -> None:
        """Writes readings, what was said of them, and assets that are new, within a transaction.

        Raises:
            AlreadyStored: another way than this partition has brought one of its readings.
        """
        for its in self.followed:
            batch.alarms.record(its.states, its.transitions)
        for verdict in self.verdicts:
            verdict.write(batch, source, self.now)
            watches.meet(batch, verdict.part.asset_type, verdict.part.assets, self.now)

    def taken(self) -> Taken:
        """What became of it, once it is stored: all of its readings were new."""
        flags = [verdict.assessments.flags for verdict in self.verdicts]
        flag = np.concatenate(flags) if flags else np.zeros(0, dtype=np.bool_)
        moved = tuple(one for verdict in self.verdicts for one in verdict.transitions)
        return Taken(np.ones(len(flag), dtype=np.bool_), flag, moved)
