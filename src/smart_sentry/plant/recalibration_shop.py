"""Opens what a recalibration is carried forward with, by the settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from smart_sentry.config import Settings
from smart_sentry.plant.open import load_asset_types
from smart_sentry.plant.recalibration_run import Workshop
from smart_sentry.service_client import ServiceClient
from smart_sentry.stores.store import Store


@contextmanager
def open_workshop(
    settings: Settings, author: str, lookback_minutes: float | None = None, service: str | None = None
) -> Iterator[Workshop]:
    """A connection to the database and one to the service, for as long as the block lasts.

    Args:
        settings: where they are.
        author: who recalibrates, for the record.
        lookback_minutes: None: that of the settings.
        service: its address; None: this machine, at the port of the settings.

    Raises:
        ConfigurationError, StoreUnavailable, ServiceRefused: of settings, database and address.
    """
    key = None if settings.api_key is None else settings.api_key.get_secret_value()
    address = service or settings.service_address
    with ServiceClient(address, key) as client, Store(settings.database_url) as store:
        yield Workshop(
            store, load_asset_types(settings), settings.models_folder, client, author,
            lookback_minutes or settings.recalibration_lookback_minutes, settings.recalibration_most_move_sigma, time.time,
        )  # fmt: skip
