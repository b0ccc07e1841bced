"""After a restart: readings that came after the state was stored go through the same code again."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from smart_sentry.plant.watch import Watch
from smart_sentry.stores.store import Batch

_log = logging.getLogger(__name__)
_ROWS = 5000


def catch_up(batch: Batch, watch: Watch, type_of: Mapping[str, str], number: int, through: int) -> None:
    """Has a watch take again what came after a reading's number; up to `through` only windows are built anew.

    Args:
        batch: a view of the store.
        watch: of one type.
        type_of: asset -> name of its type.
        number: of the last reading that the watch has seen.
        through: of the last reading of which alarms and degradation are known.
    """
    name, total = watch.asset_type.name, 0
    while True:
        last, assets, history = batch.readings.after(number, _ROWS, through if number < through else None)
        if last == number:
            break
        again, number = number < through, last
        mine = np.array([type_of.get(asset) == name for asset in assets])
        if mine.any():
            column = {signal: place for place, signal in enumerate(history.signals)}
            order = [column.get(signal) for signal in watch.asset_type.signal_names]
            values = np.column_stack([
                np.full(len(assets), np.nan) if place is None else history.values[:, place] for place in order
            ])  # fmt: skip
            take = watch.remember if again else watch.assess
            take(
                [asset for asset, its in zip(assets, mine, strict=True) if its], history.seconds[mine], values[mine],
                history.received[mine],
            )  # fmt: skip
            total += int(mine.sum())
    if total:
        _log.info("%s: caught up with %d readings", name, total)
