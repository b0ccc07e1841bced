"""What MLflow calls to make a logged bundle answer `mlflow.pyfunc.load_model(...).predict(readings)`.

MLflow finds this module by its name, which stands in the logged model's MLmodel file, and hands it the bundle's folder
and the checksum that was logged with it. It imports nothing of MLflow and unpickles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

CHECKSUM_KEY = "bundle_sha256"
PREDICTION_COLUMNS = (
    "asset_id",
    "cycle",
    "failure_probability",
    "alarm",
    "rul_cycles",
    "rul_lower_cycles",
    "rul_upper_cycles",
)
"""What a logged model answers, one row a reading."""


class FrameScorer(Protocol):
    """Anything that scores a table of readings; a `Bundle` does."""

    def predict_frame(self, readings: pd.DataFrame) -> pd.DataFrame: ...


class ReadingsModel:
    """A bundle behind the interface that MLflow expects of a model."""

    def __init__(self, scorer: FrameScorer) -> None:
        self._scorer = scorer

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Scores readings: asset_id, cycle and one column a signal, rows of an asset in the order of cycles.

        Args:
            model_input: the readings.
            params: MLflow passes it; a bundle has no inference parameters.
        """
        return self._scorer.predict_frame(model_input)[list(PREDICTION_COLUMNS)]


def _load_pyfunc(data_path: str, model_config: Mapping[str, Any] | None = None) -> ReadingsModel:
    """Loads a bundle for MLflow, which fixes this name.

    Raises:
        ChecksumMismatch: the folder is not the bundle that was logged.
    """
    from smart_sentry.bundle import load_bundle

    return ReadingsModel(load_bundle(Path(data_path), (model_config or {}).get(CHECKSUM_KEY)))
