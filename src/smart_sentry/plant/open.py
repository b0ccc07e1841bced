"""Opens the plant that the settings describe."""

from __future__ import annotations

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.config import Settings
from smart_sentry.plant.plant import Plant
from smart_sentry.stores.store import Store


def open_plant(settings: Settings) -> Plant:
    """The plant with every asset type of configs/assets and the database of the settings.

    Raises:
        ConfigurationError: an asset type or the database's address is wrong.
        StoreUnavailable: the database cannot be reached.
    """
    return Plant(load_asset_types(settings), settings.models_folder, Store(settings.database_url))


def load_asset_types(settings: Settings) -> dict[str, AssetType]:
    """Name -> asset type, of every file in configs/assets."""
    found = (load_asset_type(path) for path in sorted((settings.configs_folder / "assets").glob("*.yaml")))
    return {kind.name: kind for kind in found}
