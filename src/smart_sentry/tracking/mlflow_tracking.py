"""MLflow runs: one parent run a training, whose stages may be separate processes, with the tuning trials nested in it.

With mlflow_models.py the only file that imports MLflow, which takes seconds: it waits until a `Tracker` is made.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smart_sentry.errors import ModelUnavailable
from smart_sentry.tracking.pyfunc_loader import CHECKSUM_KEY
from smart_sentry.tracking.records import LoggedModel, TrialRecord, experiment_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Run
    from mlflow.pyfunc import PyFuncModel

PARENT_TAG = "mlflow.parentRunId"
TRAINING_TAG = "smart_sentry.training_id"
TRIAL_TAG = "smart_sentry.trial"
STATE_TAG = "smart_sentry.trial_state"
MODEL_TAG = "smart_sentry.model_uri"
CHECKSUM_TAG = f"smart_sentry.{CHECKSUM_KEY}"
PARAMS_A_CALL = 100
"""MLflow takes at most this many parameters in one call."""


class Tracker:
    """Where runs are kept: SQLite and files under `mlruns_folder`, or an MLflow server.

    Args:
        mlruns_folder: holds mlflow.db and artifacts/; MLflow stores absolute paths, so the folder cannot be moved.
        tracking_uri: an MLflow server or database; None for SQLite in the folder.
    """

    def __init__(self, mlruns_folder: Path, tracking_uri: str | None = None) -> None:
        self._folder = mlruns_folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._local = tracking_uri is None
        self.uri = tracking_uri or f"sqlite:///{self._folder / 'mlflow.db'}"
        # Both are read when MLflow is imported or first used. DO_NOT_TRACK=1, which others obey, is not enough for it.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow

        with self._alone():  # two processes must not create the tables of one new database at the same time
            self.client: MlflowClient = mlflow.MlflowClient(self.uri, self.uri)

    @contextmanager
    def training_run(
        self, training_id: str, dataset: str, tags: Mapping[str, str] | None = None
    ) -> Iterator[TrainingRun]:
        """The one parent run of a training: found by its id, or made. It is running inside and terminated after the
        block.

        Several stages in separate processes log into the same run, and a repeated stage does not make a second one.

        Args:
            training_id: names the training's inputs, e.g. a hash of data version, parameters and code.
            dataset: e.g. "FD001"; its experiment is smart-sentry-FD001.
            tags: set on the run, new or found.
        """
        with self._alone():
            found = self._find(training_id, dataset)
            run = found or self._new_run(training_id, dataset)
        for key, value in (tags or {}).items():
            self.client.set_tag(run.info.run_id, key, value)
        if found:
            self.client.update_run(run.info.run_id, status="RUNNING")
        outcome = "FAILED"
        try:
            yield TrainingRun(self.client, self.uri, run.info.run_id, run.info.experiment_id)
            outcome = "FINISHED"
        finally:
            self.client.set_terminated(run.info.run_id, outcome)

    @contextmanager
    def new_run(self, experiment: str, name: str) -> Iterator[TrainingRun]:
        """A run of its own, whatever ran before. It is running inside and terminated after the block.

        Args:
            experiment: made where it is new.
            name: of the run.
        """
        with self._alone():
            run = self.client.create_run(self._experiment(experiment), run_name=name)
        outcome = "FAILED"
        try:
            yield TrainingRun(self.client, self.uri, run.info.run_id, run.info.experiment_id)
            outcome = "FINISHED"
        finally:
            self.client.set_terminated(run.info.run_id, outcome)

    def find_training_run(self, training_id: str, dataset: str) -> TrainingRun | None:
        """The parent run of a training as it stands, without touching its status; None where there is none."""
        run = self._find(training_id, dataset)
        return None if run is None else TrainingRun(self.client, self.uri, run.info.run_id, run.info.experiment_id)

    def load_model(self, uri: str) -> PyFuncModel:
        """A logged bundle as a function of readings: `load_model(uri).predict(readings)` gives `PREDICTION_COLUMNS`.

        Args:
            uri: a logged model ("models:/m-...") or a registered one ("models:/smart-sentry-FD001@champion").

        Raises:
            ChecksumMismatch: the files are not those that were logged.
        """
        from smart_sentry.tracking.mlflow_models import load_bundle_model

        return load_bundle_model(self.uri, uri)

    def fetch_bundle(self, uri: str, folder: Path) -> Path:
        """Brings the files of a logged bundle ("models:/m-...") into a folder; where they are, unchecked.

        Raises:
            ModelUnavailable: MLflow does not have them any more.
        """
        from mlflow.exceptions import MlflowException

        from smart_sentry.tracking.mlflow_models import fetch_bundle

        try:
            return fetch_bundle(self.uri, uri, folder)
        except (MlflowException, OSError, StopIteration) as problem:
            raise ModelUnavailable(uri, f"MLflow cannot bring it ({problem}); promote another version.") from problem

    def _find(self, training_id: str, dataset: str) -> Run | None:
        experiment = self.client.get_experiment_by_name(experiment_name(dataset))
        if experiment is None:
            return None
        wanted = f"tags.`{TRAINING_TAG}` = '{training_id}'"
        oldest = self.client.search_runs(
            [experiment.experiment_id], wanted, max_results=1, order_by=["attributes.start_time ASC"]
        )
        return oldest[0] if oldest else None

    def _new_run(self, training_id: str, dataset: str) -> Run:
        return self.client.create_run(
            self._experiment(experiment_name(dataset)),
            tags={TRAINING_TAG: training_id},
            run_name=f"{dataset} {training_id[:12]}",
        )

    def _experiment(self, name: str) -> str:
        """Id of an experiment, which is made where it is new."""
        experiment = self.client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        place = (self._folder / "artifacts" / name).as_uri() if self._local else None
        return self.client.create_experiment(name, artifact_location=place)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other processes of this machine out of the block."""
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class TrainingRun:
    """A parent run that is open for logging. Every call may be repeated."""

    client: MlflowClient
    uri: str
    run_id: str
    experiment_id: str

    def log_params(self, params: Mapping[str, object]) -> None:
        """Logs inputs of the training; MLflow refuses to change one later, so outcomes belong into metrics or tags."""
        from mlflow.entities import Param

        entries = [Param(key, str(value)) for key, value in params.items()]
        for first in range(0, len(entries), PARAMS_A_CALL):
            self.client.log_batch(self.run_id, params=entries[first : first + PARAMS_A_CALL])

    def log_metrics(self, metrics: Mapping[str, float | None], prefix: str = "") -> None:
        """Logs figures under prefix + key; those without a finite value are left out."""
        self.client.log_batch(self.run_id, metrics=_metrics(metrics, prefix))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Sets tags, replacing older values."""
        for key, value in tags.items():
            self.client.set_tag(self.run_id, key, value)

    def log_dataset(self, name: str, data_version: str, source: str, context: str) -> None:
        """Shows the data with its version in the run's inputs.

        Args:
            name: e.g. "FD001 train".
            data_version: checksum of the data; MLflow shows its first 36 characters.
            source: where it came from.
            context: what it was for, e.g. "training" or "test".
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(name=name, digest=data_version[:36], source_type="dvc", source=source)
        self.client.log_inputs(
            self.run_id, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", context)])]
        )

    def log_figures(self, figures: Mapping[str, Figure], folder: str = "plots") -> None:
        """Logs matplotlib figures as folder/name.png."""
        for name, figure in figures.items():
            self.client.log_figure(self.run_id, figure, f"{folder}/{name}.png")

    def log_files(self, path: Path, folder: str | None = None) -> None:
        """Logs a file, or everything in a folder."""
        if path.is_dir():
            self.client.log_artifacts(self.run_id, str(path), folder)
        else:
            self.client.log_artifact(self.run_id, str(path), folder)

    def log_text(self, text: str, name: str) -> None:
        """Logs a text, such as a model card, as an artifact; MLflow shows Markdown as it is meant."""
        self.client.log_text(self.run_id, text, name)

    def log_dict(self, content: Mapping[str, object], name: str) -> None:
        """Logs a mapping as a .json or .yaml artifact."""
        self.client.log_dict(self.run_id, dict(content), name)

    def log_table(self, columns: Mapping[str, Sequence[object]], name: str) -> None:
        """Logs a table (column -> one value a row) as a .json artifact, which MLflow shows as a table."""
        self.client.log_table(self.run_id, {key: list(values) for key, values in columns.items()}, name)

    def log_description(self, markdown: str) -> None:
        """Sets what stands at the head of the run's page."""
        self.client.set_tag(self.run_id, "mlflow.note.content", markdown)

    def log_trials(self, trials: Sequence[TrialRecord]) -> None:
        """Logs tuning trials as nested runs; those that are already there are left as they are.

        Several processes may log different trials at the same time. Where it can be chosen, let the process that ran
        the study log all of them after it: importing MLflow costs a worker more than many trials.
        """
        known = self._known_trials()
        for trial in trials:
            if trial.number not in known:
                self._log_trial(trial)

    def _known_trials(self) -> set[int]:
        nested: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], f"tags.`{PARENT_TAG}` = '{self.run_id}'", max_results=1000, page_token=token
            )
            nested += page
            token = page.token
            if not token:
                return {int(run.data.tags[TRIAL_TAG]) for run in nested if TRIAL_TAG in run.data.tags}

    def _log_trial(self, trial: TrialRecord) -> None:
        from mlflow.entities import Param

        tags = {PARENT_TAG: self.run_id, TRIAL_TAG: str(trial.number), STATE_TAG: trial.state}
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=f"trial {trial.number:03d}")
        params = [Param(key, str(value)) for key, value in trial.params.items()]
        self.client.log_batch(run.info.run_id, params=params, metrics=_metrics(trial.metrics))
        self.client.set_terminated(run.info.run_id, "FAILED" if trial.state == "failed" else "FINISHED")

    def log_model(
        self, bundle: Path, sha256: str, input_example: pd.DataFrame, predictions: pd.DataFrame
    ) -> LoggedModel:
        """Logs a bundle as a model with signature and input example; one that the run already holds is kept.

        Args:
            bundle: the bundle's folder.
            sha256: its checksum, which is checked on every load.
            input_example: a few readings: asset_id, cycle and one column a signal.
            predictions: what the bundle answers to them, for the signature.
        """
        from smart_sentry.tracking.mlflow_models import log_bundle

        tags = self.client.get_run(self.run_id).data.tags
        if tags.get(CHECKSUM_TAG) == sha256:
            return LoggedModel(tags[MODEL_TAG], self.run_id, sha256)
        model = log_bundle(self, bundle, sha256, input_example, predictions)
        self.log_tags({MODEL_TAG: model.uri, CHECKSUM_TAG: sha256})
        return model


def _metrics(metrics: Mapping[str, float | None], prefix: str = "") -> list[Metric]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(prefix + key, float(value), now, 0)
        for key, value in metrics.items()
        if value is not None and math.isfinite(value)
    ]
