"""The pipeline's stages, in order. `dvc repro` and the Prefect flow run these same functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from smart_sentry.stages.stage import StageContext, StageResult

STAGE_NAMES = ("get", "validate", "features", "tune", "train", "evaluate", "export", "package")


def _lazy(name: str) -> Callable[[StageContext], StageResult]:
    def run(context: StageContext) -> StageResult:
        result: StageResult = import_module(f"smart_sentry.stages.{name}").run(context)
        return result

    return run


STAGES: Mapping[str, Callable[[StageContext], StageResult]] = {name: _lazy(name) for name in STAGE_NAMES}
"""Stage name -> function; a stage's heavy libraries are imported when it runs."""
