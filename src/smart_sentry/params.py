"""params.yaml: everything that changes results. DVC tracks it, so a changed value reruns only what depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smart_sentry.assets import explain_validation
from smart_sentry.errors import ConfigurationError
from smart_sentry.features.pipeline import FeatureParams

CandidateName = Literal["logistic_regression", "random_forest", "xgboost", "blend"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TuneParams(_Strict):
    """How the failure model is chosen."""

    candidates: tuple[CandidateName, ...] = Field(
        default=("logistic_regression", "random_forest", "xgboost", "blend"), min_length=1
    )
    trials: int = Field(default=8, ge=1, description="trials of each candidate")
    folds: int = Field(default=5, ge=2, description="cross-validation folds; an engine's rows stay together")


class TrainParams(_Strict):
    """How the chosen model and the remaining-life model are fitted."""

    soft_label_cycles: float = Field(default=4, gt=0, description="width of the soft label around the horizon")
    rul_trees: int = Field(default=300, ge=1)
    interval_coverage: float = Field(
        default=0.9, gt=0.5, lt=1, description="share of rows that the remaining-life interval shall hold"
    )


class EvaluateParams(_Strict):
    """How the champion is judged."""

    alarm_k: int = Field(
        default=2, ge=1, description="an alarm stands when k of the last n readings are above the threshold"
    )
    alarm_n: int = Field(default=3, ge=1)
    bootstrap_replicates: int = Field(default=1000, ge=100)


class Params(_Strict):
    """The whole of params.yaml."""

    datasets: tuple[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")], ...] = Field(min_length=1)
    seed: int = Field(default=20, ge=0)
    features: FeatureParams = FeatureParams()
    tune: TuneParams = TuneParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()


def load_params(path: Path) -> Params:
    """Reads params.yaml.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or holds a wrong key or value; every mistake is named.
    """
    try:
        return Params.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigurationError(
            path, "no such file", "Run the command in the project's folder or set SMART_SENTRY_HOME."
        ) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(path, f"not valid YAML: {error}", "Mend the file's indentation or quoting.") from error
    except ValidationError as error:
        raise ConfigurationError(path, explain_validation(error), "Mend these keys.") from error
