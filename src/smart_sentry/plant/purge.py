"""Deleting what is known of an asset, or of all: rows, baselines and what the monitors remember, in one piece."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.errors import NotConfirmed, StateForbids, UnknownAsset
from smart_sentry.files import write_json
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.audit import PURGE
from smart_sentry.stores.retention import Purge
from smart_sentry.stores.span import Span
from smart_sentry.stores.store import Batch

EVERYTHING = "ALL"
_MARK = ".purge.json"
"""In the folder of the models while baselines are put aside: which purge it was, for whoever starts after a stop in between."""


def purge(plant: Plant, asset_id: str | None, confirm: str, archive: Path | None, author: str) -> dict[str, Any]:
    """Archives to Parquet, then deletes.

    Args:
        asset_id: None: everything.
        confirm: the asset's name once more, or ALL.
        archive: folder for the Parquet files; None: nothing is archived.
        author: who asks.

    Raises:
        NotConfirmed: `confirm` is something else. UnknownAsset: nobody knows the asset.
        StateForbids: a calibration is running.
    """
    expected = EVERYTHING if asset_id is None else asset_id
    if confirm != expected:
        raise NotConfirmed(expected, confirm)
    with plant.lock:
        with plant.store.view() as batch:
            states = batch.states.all()
        if asset_id is not None and asset_id not in states:
            raise UnknownAsset(asset_id)
        named = list(states) if asset_id is None else [asset_id]
        busy = [name for name in named if states[name].state == "CALIBRATING"]
        if busy:
            raise StateForbids("purge", busy[0], "CALIBRATING", ["calibration/status"])
        judged = [name for name in named if states[name].asset_type in plant.asset_types]
        kept = _baselines_of(plant, judged, everything=asset_id is None)
        asked, mark = Purge(asset_id, archive, author, plant.clock()), plant.watches.models_folder / _MARK
        try:
            write_json(mark, {"asset_id": asset_id, "time": asked.time})
            for store, name in kept:
                store.put_aside(name)
            with plant.store.transaction(assets=named) as batch:
                done = batch.purge(asked)
                plant.forget(asset_id)
                plant.save(batch)
                plant.tell_forgotten(batch, named)
        except BaseException:
            for store, name in kept:
                store.take_back(name)
            mark.unlink(missing_ok=True)
            plant.recover()
            raise
        if plant.publisher is not None:
            plant.publisher.forget(asset_id)
        for store, name in kept:
            store.remove_aside(name)
        mark.unlink(missing_ok=True)
    return {"deleted": done.rows, "archive": None if done.archive is None else str(done.archive)}


def forget_purged(plant: Plant, asset_id: str) -> None:
    """Forgets an asset that somebody else purged, also where the database has forgotten it already.

    Raises:
        StoreUnavailable: the database cannot be reached.
    """
    with plant.changing():
        plant.forget(asset_id)


def _baselines_of(plant: Plant, judged: list[str], everything: bool) -> list[tuple[BaselineStore, str]]:
    """What is kept of assets of known types in files; with everything, also of those that were calibrated from a file alone."""
    watches = {name: plant.watch_of(name) for name in judged}
    found = [(watch.baselines, name) for name, watch in watches.items() if isinstance(watch, ConditionWatch)]
    if everything:
        types = [watch for watch in map(plant.watch, plant.asset_types) if isinstance(watch, ConditionWatch)]
        found += [
            (watch.baselines, name) for watch in types for name in watch.baselines.assets() if name not in watches
        ]
    return found


def settle_purges(plant: Plant) -> None:
    """A purge that a stop cut off is undone where its transaction did not end, and finished where it did."""
    mark = plant.watches.models_folder / _MARK
    with plant.lock, plant.store.view() as batch:
        known, back = batch.states.all(), False
        ended = _ended(batch, mark) if mark.is_file() else None
        for watch in map(plant.watch, plant.asset_types):
            if not isinstance(watch, ConditionWatch):
                continue
            for name in watch.baselines.assets_aside():
                if name in known if ended is None else not ended:
                    watch.baselines.take_back(name)
                    back = True
                watch.baselines.remove_aside(name)
        if back:
            plant.restore()
    mark.unlink(missing_ok=True)


def _ended(batch: Batch, mark: Path) -> bool:
    """Whether the transaction of the purge that left this mark ended: then the audit log has it."""
    asked = json.loads(mark.read_text(encoding="utf-8"))
    then = Span(asked["time"], math.nextafter(asked["time"], math.inf))
    return any(entry.action == PURGE and entry.asset_id == asked["asset_id"] for entry in batch.audit.history(then))
