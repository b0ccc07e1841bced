"""Another failure model judges the assets of its type from now on, while the plant runs."""

from __future__ import annotations

import logging

from smart_sentry.bundle import Bundle
from smart_sentry.plant.plant import Plant

_log = logging.getLogger(__name__)


def judge_by(plant: Plant, model: Bundle) -> None:
    """Judges the assets of a model's type by it from now on; nothing happens where it does already.

    Alarms stand as they stood. Windows are built anew from the stored readings.

    Raises:
        StoreUnavailable: the database cannot be reached; the earlier model stays.
    """
    watches = plant.watches
    if watches.is_judging(model):
        return
    with plant.lock:
        before, watches.model = watches.model, model
        names = {one.manifest.asset_type.name for one in (before, model) if one is not None}
        try:
            with plant.store.transaction() as batch:
                for name in names & set(watches.begun):
                    plant.renew(batch, name)
                plant.save(batch)
        except BaseException:
            watches.model = before  # first: the monitors come back as those of this model
            plant.recover()
            raise
    _log.warning("%s judges from now on%s", model.version, "" if before is None else f", in place of {before.version}")
