"""Deleting what is known of an asset, or of all: rows, baselines and what the monitors remember, in one piece."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from smart_sentry.errors import NotConfirmed, StateForbids
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
        folders = [plant.watch_of(name).baselines.folder_of(name) for name in named]
        try:
            with plant.store.transaction(assets=named) as batch:
                done = batch.purge(Purge(asset_id, archive, author, plant.clock()))
                plant.forget(asset_id)
                plant.save(batch)
        except BaseException:
            plant.restore()
            raise
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return {"deleted": done.rows, "archive": None if done.archive is None else str(done.archive)}
