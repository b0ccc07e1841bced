"""Calibrations in a real MLflow on SQLite."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from condition_sample import baseline, pump, running
from mlflow.entities import Run

from smart_sentry.errors import TrackingFailed
from smart_sentry.tracking.calibration_runs import REPORT, log_calibration
from smart_sentry.tracking.mlflow_tracking import Tracker
from smart_sentry.tracking.records import CalibrationOutcome, CalibrationRecord

PROGRAM = Path(sys.executable).with_name("smart-sentry")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder: the tables of its MLflow take seconds to make, so the tests of this file share it."""
    return tmp_path_factory.mktemp("project")


def runs_of(home: Path, asset_type: str) -> Sequence[Run]:
    client = Tracker(home / "mlruns").client
    experiment = client.get_experiment_by_name(f"calibration-{asset_type}")
    return [] if experiment is None else client.search_runs([experiment.experiment_id])


def report_of(home: Path, run: Run) -> pd.DataFrame:
    client = Tracker(home / "mlruns").client
    table = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/{REPORT}")
    assert client is not None
    return pd.DataFrame(table["data"], columns=table["columns"])


def test_run_holds_parameters_figures_and_the_report_of_every_asset(home: Path) -> None:
    good = baseline()
    worst = baseline(seed=2, asset_id="pump 2")
    outcomes = (
        CalibrationOutcome("pump 1", "1a2b", good.acceptance, None),
        CalibrationOutcome("pump 2", "3c4d", worst.acceptance, None),
        CalibrationOutcome("pump 3", None, None, "too few readings"),
    )
    run_id = log_calibration(CalibrationRecord("fan", "train.csv", "ab" * 32, 7, outcomes), home / "mlruns")
    (run,) = runs_of(home, "fan")
    assert (run.info.run_id, run.info.status, run.info.run_name) == (run_id, "FINISHED", "train.csv")
    assert run.data.params == {
        "type": "fan", "data": "train.csv", "data_sha256": "ab" * 32, "assets": "3", "seed": "7",
    }  # fmt: skip
    found = sorted([good.acceptance.false_alarms, worst.acceptance.false_alarms])
    assert run.data.metrics == {
        "accepted": 2, "refused": 1, "false_alarms_median": pytest.approx(np.mean(found)),
        "false_alarms_worst": pytest.approx(found[1]),
    }  # fmt: skip
    report = report_of(home, run)
    assert report["asset_id"].tolist() == ["pump 1", "pump 2", "pump 3"]
    assert report["version"].tolist() == ["1a2b", "3c4d", ""]
    assert report["grade"].tolist() == [good.acceptance.grade, worst.acceptance.grade, None]
    assert report["refusal"].tolist() == ["", "", "too few readings"]
    assert report["phases"][0] == ", ".join(f"{phase} {steps}" for phase, steps in good.acceptance.phases.items())


def test_calibration_without_a_baseline_is_logged_too(home: Path) -> None:
    refused = CalibrationOutcome("lathe 1", None, None, "too few readings")
    log_calibration(CalibrationRecord("lathe", "few.csv", "cd" * 32, 7, (refused,)), home / "mlruns")
    (run,) = runs_of(home, "lathe")
    assert run.data.metrics == {"accepted": 0, "refused": 1}
    assert report_of(home, run)["refusal"].tolist() == ["too few readings"]


def test_mlflow_that_cannot_be_reached_is_named_with_a_remedy(tmp_path: Path) -> None:
    record = CalibrationRecord("fan", "train.csv", "ab" * 32, 7, ())
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TrackingFailed, match=r"0 fan assets was not logged .* SMART_SENTRY_MLFLOW_TRACKING_URI"):
        log_calibration(record, tmp_path / "mlruns", f"sqlite:///{tmp_path}/file/mlflow.db")


@pytest.fixture(scope="module")
def project(home: Path) -> Path:
    folder = home / "configs" / "assets"
    folder.mkdir(parents=True)
    (folder / "pump.yaml").write_text(pump().model_dump_json())
    values = pd.DataFrame(running(300, 1), columns=list(pump().signal_names))
    values.insert(0, "timestamp", pd.date_range("2026-01-01", periods=300, freq="s", tz="UTC"))
    tables = [values.assign(asset_id=name) for name in ("pump 1", "pump 2")]
    pd.concat([*tables, values.head(50).assign(asset_id="pump 3")]).to_csv(home / "train.csv", index=False)
    return home


def calibrate(project: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "calibrate", "--type", "pump", "--data", "train.csv", *options], cwd=project, text=True,
        capture_output=True, check=False, env={"PATH": "/usr/bin:/bin", **variables},
    )  # fmt: skip


def test_command_logs_one_run_for_all_its_assets_unless_told_not_to(project: Path) -> None:
    done = calibrate(project, "--seed", "3")
    assert done.returncode == 1  # an asset was refused
    assert "not logged" not in done.stderr
    checksum = hashlib.sha256((project / "train.csv").read_bytes()).hexdigest()
    (run,) = runs_of(project, "pump")
    assert run.data.params == {
        "type": "pump", "data": "train.csv", "data_sha256": checksum, "assets": "3", "seed": "3",
    }  # fmt: skip
    assert (run.data.metrics["accepted"], run.data.metrics["refused"]) == (2, 1)
    assert set(report_of(project, run)["asset_id"]) == {"pump 1", "pump 2", "pump 3"}
    calibrate(project, "--no-track")
    assert len(runs_of(project, "pump")) == 1


def test_command_that_cannot_log_has_calibrated_all_the_same(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    nowhere = f"sqlite:///{tmp_path}/file/mlflow.db"
    done = calibrate(project, SMART_SENTRY_MLFLOW_TRACKING_URI=nowhere)
    assert "pump 1: baseline" in done.stdout
    assert "the calibration of 3 pump assets was not logged in MLflow" in done.stderr
    assert "Traceback" not in done.stderr
