"""Deleting what is known of an asset, or of all: rows, baselines and what the monitors remember, in one piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smart_sentry.baseline_store import BaselineStore
from smart_sentry.errors import NotConfirmed, StateForbids
from smart_sentry.plant.condition_watch import ConditionWatch
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.retention import Purge

EVERYTHING = "ALL"


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
        if asset_id is not None:
            plant.type_of(asset_id)
        with plant.store.view() as batch:
            states = batch.states.all()
        named = list(states) if asset_id is None else [asset_id]
        busy = [name for name in named if name in states and states[name].state == "CALIBRATING"]
        if busy:
            raise StateForbids("purge", busy[0], "CALIBRATING", ["calibration/status"])
        kept = _baselines_of(plant, named, everything=asset_id is None)
        try:
            for store, name in kept:
                store.put_aside(name)
            with plant.store.transaction(assets=named) as batch:
                done = batch.purge(Purge(asset_id, archive, author, plant.clock()))
                plant.forget(asset_id)
                plant.save(batch)
        except BaseException:
            for store, name in kept:
                store.take_back(name)
            plant.restore()
            raise
        if plant.publisher is not None:
            plant.publisher.forget(asset_id)
        plant.tell_forgotten(asset_id)
        for store, name in kept:
            store.remove_aside(name)
    return {"deleted": done.rows, "archive": None if done.archive is None else str(done.archive)}


def _baselines_of(plant: Plant, named: list[str], everything: bool) -> list[tuple[BaselineStore, str]]:
    """What is kept of these assets in files; with everything, also of those that were calibrated from a file alone."""
    watches = {name: plant.watch_of(name) for name in named}
    found = [(watch.baselines, name) for name, watch in watches.items() if isinstance(watch, ConditionWatch)]
    if everything:
        types = [watch for watch in map(plant.watch, plant.asset_types) if isinstance(watch, ConditionWatch)]
        found += [
            (watch.baselines, name) for watch in types for name in watch.baselines.assets() if name not in watches
        ]
    return found


def settle_purges(plant: Plant) -> None:
    """A purge that a stop cut off is undone where its transaction did not end, and finished where it did."""
    with plant.lock, plant.store.view() as batch:
        known, back = batch.states.all(), False
        for watch in map(plant.watch, plant.asset_types):
            if not isinstance(watch, ConditionWatch):
                continue
            for name in watch.baselines.assets_aside():
                if name in known:
                    watch.baselines.take_back(name)
                    back = True
                watch.baselines.remove_aside(name)
        if back:
            plant.restore()
