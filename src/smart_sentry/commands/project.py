"""What commands of a data set share: its name, its stages' context, and the project's flows on Python's path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from smart_sentry.stages.stage import StageContext

Dataset = Annotated[str, typer.Argument(help="FD001..FD004, motor_fleet, or your own asset type", metavar="DATASET")]


@contextmanager
def project_on_path(home: Path) -> Iterator[None]:
    """`import pipelines.<flow>` works for the length of the block: flows are found in the project, not installed."""
    folder = str(home.resolve())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def stage_context(dataset: str) -> StageContext:
    """Settings, parameters and folders of a data set, with the libraries' telemetry off."""
    from smart_sentry.config import load_settings
    from smart_sentry.environment import prepare_environment
    from smart_sentry.params import load_params
    from smart_sentry.stages.stage import StageContext

    settings = load_settings()
    prepare_environment(settings)
    return StageContext(dataset, load_params(settings.home / "params.yaml"), settings)
