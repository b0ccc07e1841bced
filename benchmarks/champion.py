"""What the measurements work on: the packaged champion (of FD001 where there are several) and the readings of its test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.bundle import Bundle
from smart_sentry.champion import load_champion, package_file
from smart_sentry.config import Settings, load_settings
from smart_sentry.datasets.interim import load_interim
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.environment import prepare_environment


@dataclass(frozen=True)
class Subject:
    """A champion and its data set."""

    settings: Settings
    bundle: Bundle
    data: RunToFailure

    @property
    def name(self) -> str:
        return self.bundle.manifest.dataset


def subject() -> Subject:
    """Loads both.

    Raises:
        ModelUnavailable: nothing is packaged yet.
    """
    settings = load_settings()
    prepare_environment(settings)
    preferred = settings.served or ("FD001" if package_file(settings.home, "FD001").is_file() else None)
    bundle = load_champion(settings.home, preferred)
    return Subject(settings, bundle, load_interim(settings.home / "data" / "interim" / bundle.manifest.dataset))


def request_body(of: Subject, assets: int, readings: int) -> dict[str, Any]:
    """A request about the newest readings of the first assets of the test set that have so many, in columns."""
    names = of.data.asset_type.signal_names
    histories = [rows for _, rows in of.data.test.groupby(ASSET_COLUMN, sort=True) if len(rows) >= readings]
    return {
        "assets": [
            {
                "asset_id": f"asset-{number}",
                "cycles": rows[CYCLE_COLUMN].tail(readings).tolist(),
                "signals": {name: rows[name].tail(readings).tolist() for name in names},
            }
            for number, rows in enumerate(histories[:assets])
        ]
    }
