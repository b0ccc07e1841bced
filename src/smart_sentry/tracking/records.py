"""What tracking is told, without a word of MLflow: importing this module costs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from smart_sentry.detection.baseline import Acceptance


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


@dataclass(frozen=True)
class CalibrationOutcome:
    """What became of one asset's calibration: a baseline's version and its acceptance report, or why there is none."""

    asset_id: str
    version: str | None
    acceptance: Acceptance | None
    refusal: str | None


@dataclass(frozen=True)
class CalibrationRecord:
    """One calibration of one or many assets of a type.

    Attributes:
        asset_type: its name.
        data: what it was learnt from, e.g. a file's name.
        data_sha256: of the file, or of the readings' bytes.
        seed: of the forests.
        outcomes: one an asset.
        metrics: further figures; those that are not finite are left out.
    """

    asset_type: str
    data: str
    data_sha256: str
    seed: int
    outcomes: Sequence[CalibrationOutcome]
    metrics: Mapping[str, float | None] = field(default_factory=dict)


def experiment_name(dataset: str) -> str:
    """MLflow's experiment for the trainings of one data set, and the name of its registered model."""
    return f"smart-sentry-{dataset}"
