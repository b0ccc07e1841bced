"""What tracking is told, without a word of MLflow: importing this module costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TrialRecord:
    """One tried set of hyperparameters.

    Attributes:
        number: its number in the study, from 0.
        params: what was tried.
        metrics: validation figures; those that are not finite are left out.
        state: how it ended.
    """

    number: int
    params: Mapping[str, object]
    metrics: Mapping[str, float] = field(default_factory=dict)
    state: Literal["complete", "pruned", "failed"] = "complete"


@dataclass(frozen=True)
class LoggedModel:
    """A bundle that MLflow holds.

    Attributes:
        uri: "models:/m-..." for `mlflow.pyfunc.load_model`.
        run_id: the training that made it.
        sha256: the bundle's checksum.
    """

    uri: str
    run_id: str
    sha256: str

    @property
    def model_id(self) -> str:
        return self.uri.removeprefix("models:/")


def experiment_name(dataset: str) -> str:
    """MLflow's experiment for the trainings of one data set, and the name of its registered model."""
    return f"smart-sentry-{dataset}"
