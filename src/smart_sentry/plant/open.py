"""Opens the plant that the settings describe."""

from __future__ import annotations

import logging

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.bundle import Bundle
from smart_sentry.champion import load_champion
from smart_sentry.config import Settings
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.feed.open import open_publisher
from smart_sentry.plant.plant import Plant
from smart_sentry.plant.worked_plant import WorkedPlant
from smart_sentry.stores.store import Store

_log = logging.getLogger(__name__)


def open_plant(settings: Settings) -> Plant:
    """The plant with every asset type of configs/assets, the served champion, and the database and feed of the settings.

    Raises:
        ConfigurationError: an asset type, or the database's or Redis' address is wrong.
        StoreUnavailable: the database cannot be reached.
    """
    types, model, store = load_asset_types(settings), failure_model_of(settings), Store(settings.database_url)
    worked = settings.ingest == "kafka"
    publisher = open_publisher(settings, store, judges=not worked)
    if publisher is not None:
        publisher.start()
    plant = WorkedPlant if worked else Plant
    return plant(types, settings.models_folder, store, failure_model=model, publisher=publisher)


def load_asset_types(settings: Settings) -> dict[str, AssetType]:
    """Name -> asset type, of every file in configs/assets."""
    found = (load_asset_type(path) for path in sorted((settings.configs_folder / "assets").glob("*.yaml")))
    return {kind.name: kind for kind in found}


def failure_model_of(settings: Settings) -> Bundle | None:
    """The champion that /predict answers with, so that both say the same; None where there is none."""
    try:
        return load_champion(settings.home, settings.served)
    except ModelUnavailable:
        return None
    except ChecksumMismatch as problem:
        _log.error("no failure model watches: %s", problem)
        return None
