"""The model bundle: everything that scoring needs, in one folder of JSON, NumPy arrays and ONNX. No pickle.

    manifest.json   asset type, parameters, threshold, and the SHA-256 of the other files
    features.npz    regimes, healthy behaviour, condition indicators
    failure.onnx    features -> failure probability
    rul.onnx        features -> remaining life: estimate, lower and upper end of its interval

A bundle's checksum is the SHA-256 of its manifest, which holds those of all its files: who knows the one number knows all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smart_sentry.assets import AssetType, explain_validation
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.features.pipeline import FeatureModel
from smart_sentry.features.storage import load_feature_model, save_feature_model
from smart_sentry.files import sha256_of, write_json, write_whole

if TYPE_CHECKING:
    import pandas as pd  # two seconds that the service and the edge need not wait

FloatArray = NDArray[np.float64]
Features = NDArray[np.float64] | NDArray[np.float32]
"""The models take single precision: who asks both of them converts once."""

MANIFEST, FEATURES, FAILURE, RUL = "manifest.json", "features.npz", "failure.onnx", "rul.onnx"
_TRAIN_AGAIN = "Train one with `smart-sentry train <dataset>` or restore it with `dvc checkout`."


class Manifest(BaseModel):
    """What a bundle says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = 1
    dataset: str
    asset_type: AssetType
    candidate: str = Field(description="kind of the failure model, e.g. 'xgboost'")
    threshold: float = Field(ge=0, le=1, description="failure probability from which a reading counts as alarm")
    alarm_k: int = Field(ge=1, description="an alarm stands when k of the last n readings are above the threshold")
    alarm_n: int = Field(ge=1)
    interval_coverage: float = Field(default=0.9, gt=0, lt=1)
    data_version: str = Field(description="checksum of the training data")
    files: dict[str, str] = Field(default_factory=dict, description="file name -> SHA-256")


@dataclass(frozen=True)
class Bundle:
    """A loaded, verified bundle."""

    folder: Path
    manifest: Manifest
    checksum: str
    feature_model: FeatureModel

    @property
    def version(self) -> str:
        """Short name of exactly this model."""
        return f"{self.manifest.dataset}-{self.checksum[:12]}"

    @cached_property
    def _sessions(self) -> tuple[Any, Any]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        first, second = (
            onnxruntime.InferenceSession(self._verified(name), options, providers=["CPUExecutionProvider"])
            for name in (FAILURE, RUL)
        )
        return first, second

    def _verified(self, name: str) -> bytes:
        """A file's bytes: they are read later than the manifest, and a training may have written new ones since."""
        content, expected = (self.folder / name).read_bytes(), self.manifest.files[name]
        if (found := hashlib.sha256(content).hexdigest()) != expected:
            raise ChecksumMismatch(self.folder / name, expected, found, _TRAIN_AGAIN)
        return content

    def failure_probability(self, features: Features) -> FloatArray:
        """(rows,) probability of a failure within the horizon, from (rows, features)."""
        (probability,) = self._sessions[0].run(None, {"features": features.astype(np.float32, copy=False)})
        return np.asarray(probability, dtype=np.float64).reshape(-1)

    def remaining_life(self, features: Features) -> FloatArray:
        """(rows, 3) remaining life in cycles within 0..cap: estimate, lower end, upper end, from (rows, features)."""
        (life,) = self._sessions[1].run(None, {"features": features.astype(np.float32, copy=False)})
        return np.asarray(life, dtype=np.float64)

    def predict_frame(self, readings: pd.DataFrame) -> pd.DataFrame:
        """Scores a table of readings from the first row on.

        Args:
            readings: asset_id, cycle and one column a signal; rows of one asset in the order of time.

        Returns:
            One row for each row in, same index: asset_id, cycle, failure_probability, alarm, rul_cycles, rul_lower_cycles,
            rul_upper_cycles, regime, warming, restored.
        """
        from smart_sentry.monitor import Monitor

        return Monitor(self).assess_frame(readings)


def write_bundle(folder: Path, manifest: Manifest, model: FeatureModel, failure_onnx: bytes, rul_onnx: bytes) -> str:
    """Writes a bundle and returns its checksum. The manifest is written last: without it there is no bundle."""
    (folder / MANIFEST).unlink(missing_ok=True)
    write_whole(folder / FAILURE, failure_onnx)
    write_whole(folder / RUL, rul_onnx)
    save_feature_model(folder / FEATURES, model)
    files = {name: sha256_of(folder / name) for name in (FEATURES, FAILURE, RUL)}
    write_json(folder / MANIFEST, manifest.model_copy(update={"files": files}).model_dump(mode="json"))
    return sha256_of(folder / MANIFEST)


def load_bundle(folder: Path, expected_sha256: str | None = None) -> Bundle:
    """Loads a bundle after checking every byte of it.

    Args:
        folder: what `write_bundle` wrote.
        expected_sha256: checksum from the registry; None takes the folder's own word for its manifest.

    Raises:
        ModelUnavailable: no bundle is there, or its manifest cannot be understood.
        ChecksumMismatch: a file is not the one that was registered.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelUnavailable(folder, _TRAIN_AGAIN)
    checksum = sha256_of(path)
    if expected_sha256 is not None and checksum != expected_sha256:
        raise ChecksumMismatch(path, expected_sha256, checksum, _TRAIN_AGAIN)
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelUnavailable(
            path, f"Its manifest is not valid: {explain_validation(error)}. {_TRAIN_AGAIN}"
        ) from error
    if unnamed := [name for name in (FEATURES, FAILURE, RUL) if name not in manifest.files]:
        raise ModelUnavailable(path, f"Its manifest names no checksum of {', '.join(unnamed)}. {_TRAIN_AGAIN}")
    for name, expected in manifest.files.items():
        found = sha256_of(folder / name) if (folder / name).is_file() else "no file"
        if found != expected:
            raise ChecksumMismatch(folder / name, expected, found, _TRAIN_AGAIN)
    return Bundle(folder, manifest, checksum, load_feature_model(folder / FEATURES))
