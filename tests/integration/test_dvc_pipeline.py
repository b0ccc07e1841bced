"""dvc.yaml on a tiny fleet: it agrees with the flow, rebuilds the same bytes on a second clone, and reruns only what it must."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_project import TINY, Training, environment_of, run_program

from smart_sentry.versioning import Versions, load_pipeline, stages_to_run

UNTIL_TRAIN = ("get", "validate", "features", "tune", "train")


def dvc(checkout: Path, *arguments: str) -> str:
    return run_program(["dvc", *arguments], checkout, environment_of(checkout))


def locked(checkout: Path) -> dict[str, Any]:
    """Stage -> what dvc.lock says of it."""
    found: dict[str, Any] = yaml.safe_load((checkout / "dvc.lock").read_text())["stages"]
    return {target.partition("@")[0]: entry for target, entry in found.items()}


def run_in(output: str) -> tuple[str, ...]:
    """Names of the stages that a `dvc repro` really ran."""
    return tuple(re.findall(rf"Running stage '(\w+)@{TINY}'", output))


@pytest.fixture(scope="module")
def clone(training: Training, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A second clone that has the raw data only, and what the first `dvc repro` in it printed."""
    assert training.flow_run["state"]["type"] == "COMPLETED", training.worker_log
    folder = tmp_path_factory.mktemp("second") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(training.checkout), str(folder)], check=True)
    shutil.copytree(training.checkout / "data" / "raw", folder / "data" / "raw")
    return folder, dvc(folder, "repro", f"train@{TINY}")


def test_repro_after_the_flow_does_nothing(training: Training) -> None:
    assert training.flow_run["state"]["type"] == "COMPLETED", training.worker_log
    output = dvc(training.checkout, "repro")
    assert run_in(output) == ()
    assert "Data and pipelines are up to date." in output


def test_repro_on_a_second_clone_gives_the_hashes_of_the_flow(training: Training, clone: tuple[Path, str]) -> None:
    folder, output = clone
    assert run_in(output) == UNTIL_TRAIN
    first, second = locked(training.checkout), locked(folder)
    assert {name: second[name]["outs"] for name in UNTIL_TRAIN} == {name: first[name]["outs"] for name in UNTIL_TRAIN}


def test_repro_twice_does_nothing_the_second_time(clone: tuple[Path, str]) -> None:
    output = dvc(clone[0], "repro", f"train@{TINY}")
    assert run_in(output) == ()
    assert output.count("didn't change, skipping") == len(UNTIL_TRAIN)


def test_repro_brings_a_deleted_output_back_and_making_it_anew_gives_the_same_hash(clone: tuple[Path, str]) -> None:
    folder, _ = clone
    before, trained = (folder / "dvc.lock").read_bytes(), folder / "models" / TINY / "trained"
    files = sorted(path.relative_to(trained) for path in trained.rglob("*"))
    shutil.rmtree(trained)
    assert run_in(dvc(folder, "repro", f"train@{TINY}")) == ()
    assert sorted(path.relative_to(trained) for path in trained.rglob("*")) == files
    shutil.rmtree(trained)
    assert run_in(dvc(folder, "repro", "--force", "--single-item", f"train@{TINY}")) == ("train",)
    assert (folder / "dvc.lock").read_bytes() == before


def test_changed_trials_make_tune_and_what_follows_stale_only(training: Training, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(training.checkout, folder, ignore=shutil.ignore_patterns("mlruns"))
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["tune"]["trials"] += 1
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    pipeline = load_pipeline(folder, TINY)
    changed = Versions(folder).changed(pipeline)
    assert changed == ("tune",)
    assert stages_to_run(pipeline, changed) == ("tune", "train", "evaluate", "export", "package")


def test_changed_training_parameter_leaves_the_choice_alone(training: Training, tmp_path: Path) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(training.checkout, folder, ignore=shutil.ignore_patterns("mlruns"))
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["train"]["rul_trees"] += 1
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    output = dvc(folder, "repro", f"train@{TINY}")
    assert run_in(output) == ("train",)


@pytest.mark.long
def test_experiment_with_other_trials_runs_tune_alone_and_compares(clone: tuple[Path, str]) -> None:
    folder, _ = clone
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
    subprocess.run(
        ["git", *identity, "commit", "--quiet", "--allow-empty", "--all", "--message", "lock"], cwd=folder, check=True
    )
    output = dvc(folder, "exp", "run", "--name", "more-trials", "--set-param", "tune.trials=2", f"tune@{TINY}")
    assert run_in(output) == ("tune",)
    shown = json.loads(dvc(folder, "exp", "show", "--json"))
    assert "more-trials" in json.dumps(shown)


def test_metrics_and_plots_are_shown(training: Training, tmp_path: Path) -> None:
    assert training.flow_run["state"]["type"] == "COMPLETED", training.worker_log
    metrics = json.loads(dvc(training.checkout, "metrics", "show", "--json"))[""]["data"]
    test_metrics = metrics[f"data/processed/{TINY}/test_metrics.json"]["data"]
    evaluation = json.loads((training.checkout / "data" / "processed" / TINY / "evaluation.json").read_text())
    assert test_metrics["f1"] == evaluation["champion"]["row"]["f1"]["value"]
    dvc(training.checkout, "plots", "show", "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    for title in ("Tuning trials", "Precision and recall", "Calibration", "Confusion", "Lead time"):
        assert f"{title}, {TINY}" in page


def test_push_to_a_remote_of_a_setting_lets_another_clone_pull(clone: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = clone
    made = load_pipeline(folder, TINY)[: len(UNTIL_TRAIN)]
    remote = tmp_path / "bucket"
    Versions(folder).push(made, str(remote))
    assert "config.local" not in subprocess.check_output(["git", "status", "--porcelain"], cwd=folder, text=True)
    other = tmp_path / "other"
    subprocess.run(["git", "clone", "--quiet", str(folder), str(other)], check=True)
    shutil.copyfile(folder / "dvc.lock", other / "dvc.lock")
    Versions(other).use_remote(str(remote))
    dvc(other, "pull", f"train@{TINY}")
    pulled, original = (home / "models" / TINY / "trained" / "choice.json" for home in (other, folder))
    assert pulled.read_bytes() == original.read_bytes()
