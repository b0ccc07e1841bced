"""Bundles as MLflow models: the bundle's own files beside an MLmodel file that names `pyfunc_loader`. No pickle."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from smart_sentry.bundle import MANIFEST
from smart_sentry.tracking.pyfunc_loader import CHECKSUM_KEY
from smart_sentry.tracking.records import LoggedModel

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import PyFuncModel

    from smart_sentry.tracking.mlflow_tracking import TrainingRun

MODEL_NAME = "bundle"
LOADER = "smart_sentry.tracking.pyfunc_loader"
REQUIREMENTS = ("numpy", "pandas", "numba", "onnxruntime")
"""What a bundle needs beside this package, which is on no index and must be installed where the model is loaded."""


def log_bundle(
    run: TrainingRun, bundle: Path, sha256: str, input_example: pd.DataFrame, predictions: pd.DataFrame
) -> LoggedModel:
    """Logs a bundle as a model of the run.

    Not by `mlflow.pyfunc.log_model`: that takes store and experiment from globals, and loads the model twice.

    Args:
        run: the training that made it.
        bundle: the bundle's folder.
        sha256: its checksum, which is checked on every load.
        input_example: a few readings: asset_id, cycle and one column a signal.
        predictions: what the bundle answers to them, for the signature.
    """
    from mlflow.entities import LoggedModelOutput

    held = run.client.create_logged_model(
        run.experiment_id, MODEL_NAME, source_run_id=run.run_id, tags={CHECKSUM_KEY: sha256}
    )
    outcome: Literal["READY", "FAILED"] = "FAILED"
    try:
        with TemporaryDirectory() as folder, _pyfunc(run.uri) as pyfunc:
            saved = Path(folder) / "model"
            pyfunc.save_model(
                saved,
                loader_module=LOADER,
                data_path=str(bundle),
                mlflow_model=pyfunc.Model(run_id=run.run_id, model_id=held.model_id, model_uuid=held.model_id),
                model_config={CHECKSUM_KEY: sha256},
                signature=_signature(input_example, predictions),
                input_example=input_example,
                pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
            )
            run.client.log_model_artifacts(held.model_id, str(saved))
        outcome = "READY"
    finally:
        run.client.finalize_logged_model(held.model_id, outcome)
    run.client.log_outputs(run.run_id, [LoggedModelOutput(held.model_id, 0)])
    return LoggedModel(held.model_uri, run.run_id, sha256)


def load_bundle_model(tracking_uri: str, uri: str) -> PyFuncModel:
    """Loads a logged or registered bundle as a function of readings.

    Raises:
        ChecksumMismatch: the files are not those that were logged.
    """
    with _pyfunc(tracking_uri) as pyfunc:
        model: PyFuncModel = pyfunc.load_model(uri)
    return model


def fetch_bundle(tracking_uri: str, uri: str, folder: Path) -> Path:
    """Brings the files of a logged bundle.

    Args:
        tracking_uri: where it was logged.
        uri: of the logged model ("models:/m-...").
        folder: takes them.

    Returns:
        The bundle's folder, within `folder`; its files are not checked.
    """
    from mlflow.artifacts import download_artifacts

    brought = Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=tracking_uri))
    return next(path.parent for path in sorted(brought.rglob(MANIFEST)))


@contextmanager
def _pyfunc(uri: str) -> Iterator[ModuleType]:
    """MLflow's model interface, which reads the store from a global, without its warning about its own type hints."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*Any type hint is inferred as AnyType", category=UserWarning)
        import mlflow
        from mlflow import pyfunc

        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        yield pyfunc


def _signature(readings: pd.DataFrame, predictions: pd.DataFrame) -> ModelSignature:
    """Column names and types as they are; MLflow's own inference warns about every column of whole numbers."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    kinds = {"b": DataType.boolean, "i": DataType.long, "f": DataType.double}

    def schema(table: pd.DataFrame) -> Schema:
        return Schema(
            [ColSpec(kinds.get(kind.kind, DataType.string), str(name)) for name, kind in table.dtypes.items()]
        )

    return ModelSignature(inputs=schema(readings), outputs=schema(predictions))
