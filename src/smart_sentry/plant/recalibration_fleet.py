"""One asset's recalibration from beginning to end, in a process of its own: what is done for many assets side by side."""

from __future__ import annotations

from dataclasses import dataclass

from smart_sentry.config import Settings
from smart_sentry.errors import ServiceRefused
from smart_sentry.plant.recalibration_run import carry_forward, open_or_ask
from smart_sentry.plant.recalibration_shop import open_workshop


@dataclass(frozen=True)
class FleetOutcome:
    """What became of one asset.

    Attributes:
        asset_id: which.
        state: of its recalibration; None where the service allowed none.
        number: of the recalibration; None likewise.
        why: what the service said, where it allowed none.
    """

    asset_id: str
    state: str | None
    number: int | None
    why: str = ""


def recalibrate_asset(settings: Settings, asset_id: str, reason: str, author: str) -> FleetOutcome:
    """Asks for a recalibration and takes every step of it that needs no person. An open one is taken up where it stands.

    Raises:
        ServiceRefused: nobody answers. StoreUnavailable, ConfigurationError: of database and settings.
    """
    with open_workshop(settings, author) as shop:
        try:
            number = int(open_or_ask(shop, asset_id, reason)["number"])
            return FleetOutcome(asset_id, str(carry_forward(shop, number)["state"]), number)
        except ServiceRefused as refusal:
            if not refusal.answered:
                raise
            return FleetOutcome(asset_id, None, None, str(refusal))
