"""Data that several unit tests read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smart_sentry.assets import load_asset_type
from smart_sentry.datasets.cmapss import ENVIRONMENT_VARIABLE, Cmapss
from smart_sentry.datasets.run_to_failure import RunToFailure

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def fd001(tmp_path_factory: pytest.TempPathFactory) -> RunToFailure:
    """C-MAPSS FD001 as the project loads it, from the zip or folder that $SMART_SENTRY_CMAPSS names."""
    turbofan = load_asset_type(PROJECT / "configs" / "assets" / "turbofan.yaml")
    source = Cmapss("FD001", turbofan, local=Path(os.environ[ENVIRONMENT_VARIABLE]), url="")
    raw_folder = tmp_path_factory.mktemp("raw")
    source.fetch(raw_folder)
    return source.load(raw_folder)
