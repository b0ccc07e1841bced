"""All stages of one data set, one after the other, where no orchestrator is wanted."""

from __future__ import annotations

from collections.abc import Callable

from smart_sentry.results import EVALUATION_FILE
from smart_sentry.stages import STAGES
from smart_sentry.stages.stage import StageContext

TO_EVALUATION = ("get", "validate", "features", "tune", "train", "evaluate")


def run_missing(context: StageContext, announce: Callable[[str], object]) -> None:
    """Trains and evaluates a data set that has not been evaluated yet; says so, because it takes minutes."""
    if (context.processed / EVALUATION_FILE).is_file():
        return
    announce(f"{context.dataset} has not been evaluated yet: training it now, which takes some minutes")
    for name in TO_EVALUATION:
        announce(f"  {name}: {STAGES[name](context).summary}")
