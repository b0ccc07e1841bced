"""The MLflow run of a training: one parent run, which all stages log into, whether they share a process or not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smart_sentry.datasets.interim import data_version
from smart_sentry.environment import prepare_environment
from smart_sentry.stages.stage import StageContext

if TYPE_CHECKING:
    from smart_sentry.tracking.mlflow_tracking import Tracker, TrainingRun


def training_id(context: StageContext) -> str:
    """Names the inputs of a training: data and every parameter. Equal inputs are the same training and log into the same run."""
    inputs = data_version(context.interim) + context.params.model_dump_json(exclude={"datasets"})
    return hashlib.sha256(inputs.encode()).hexdigest()[:16]


def tracker(context: StageContext) -> Tracker:
    """The tracking store that the settings name."""
    prepare_environment(context.settings)
    from smart_sentry.tracking.mlflow_tracking import Tracker

    return Tracker(context.settings.mlruns_folder, context.settings.mlflow_tracking_uri)


@contextmanager
def tracked_training(context: StageContext) -> Iterator[TrainingRun]:
    """The parent run of this training, found or made, with the parameters that it was made with."""
    version = data_version(context.interim)
    with tracker(context).training_run(training_id(context), context.dataset, {"data_version": version}) as training:
        training.log_params(_flat(context.params.model_dump(mode="json", exclude={"datasets"})))
        training.log_dataset(f"{context.dataset} train", version, str(context.interim), "training")
        yield training


def _flat(node: object, key: str = "") -> dict[str, object]:
    if not isinstance(node, dict):
        return {key: node}
    parts = (_flat(value, f"{key}.{name}" if key else name) for name, value in node.items())
    return {name: value for part in parts for name, value in part.items()}
