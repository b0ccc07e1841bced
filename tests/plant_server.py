"""The plant of pumps as a server process of its own: uvicorn --factory plant_server:application, to be killed by a test."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from plant_fixture import no_model, open_pumps

from smart_sentry.api.prediction import create_app
from smart_sentry.config import Settings
from smart_sentry.plant import snapshots
from smart_sentry.stores import snapshots as stored

HOME = "PLANT_SERVER_HOME"
SNAPSHOT_READINGS = 1500
"""Few enough that snapshots are stored between two kills, and that a restart has to catch up with what came after one."""


def application() -> FastAPI:
    """The application on the folder that the environment names."""
    home = Path(os.environ[HOME])
    snapshots.SNAPSHOT_READINGS = SNAPSHOT_READINGS
    stored.BASE_FROM_BYTES = 0  # also a small state is stored as what differs from a base
    return create_app(no_model, Settings(home=home), open_plant=lambda: open_pumps(home))
