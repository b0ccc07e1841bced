"""Which stages a flow runs, and what it clears before."""

from pathlib import Path, PurePosixPath

import pytest

from smart_sentry.errors import ConfigurationError, VersioningFailed
from smart_sentry.stages import STAGE_NAMES
from smart_sentry.versioning import PipelineStage, Versions, clear_outputs, load_pipeline, stages_to_run

ROOT = Path(__file__).parents[2]

PIPELINE = """
stages:
  get:
    foreach: ${datasets}
    do:
      cmd: get ${item}
      deps: [configs/assets]
      outs: ["data/interim/${item}"]
  tune:
    foreach: ${datasets}
    do:
      cmd: tune ${item}
      deps: ["data/interim/${item}/train.parquet"]
      metrics: ["data/${item}/choice.json"]
      plots:
        - data/${item}/trials.csv:
            x: number
"""


def stage(name: str, deps: str = "", outs: str = "") -> PipelineStage:
    def paths(text: str) -> tuple[PurePosixPath, ...]:
        return tuple(PurePosixPath(part) for part in text.split())

    return PipelineStage(name, f"{name}@FD001", paths(deps), paths(outs))


def test_load_pipeline_fills_in_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    get, tune = load_pipeline(tmp_path, "FD003")
    assert (get.name, get.target, get.outs) == ("get", "get@FD003", (PurePosixPath("data/interim/FD003"),))
    assert tune.deps == (PurePosixPath("data/interim/FD003/train.parquet"),)
    assert tune.outs == (PurePosixPath("data/FD003/choice.json"), PurePosixPath("data/FD003/trials.csv"))


def test_load_pipeline_outside_a_project_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"dvc\.yaml: no such file"):
        load_pipeline(tmp_path, "FD001")


def test_pipeline_of_the_project_has_every_stage_in_order() -> None:
    assert tuple(found.name for found in load_pipeline(ROOT, "FD001")) == STAGE_NAMES


def test_pipeline_of_the_project_depends_on_code_that_exists() -> None:
    made = [out for found in load_pipeline(ROOT, "FD001") for out in found.outs]
    missing = [
        str(dep)
        for found in load_pipeline(ROOT, "FD001")
        for dep in found.deps
        if not (ROOT / dep).exists() and dep not in made
    ]
    assert missing == []


def test_stage_reads_from_a_folder_that_holds_its_dependency() -> None:
    writer = stage("get", outs="data/interim")
    assert stage("tune", deps="data/interim/train.parquet").reads_from(writer)
    assert stage("tune", deps="data").reads_from(writer)
    assert not stage("tune", deps="data/interim2").reads_from(writer)


def test_stages_to_run_after_a_change_are_it_and_its_readers_only() -> None:
    pipeline = [
        stage("get", outs="raw"),
        stage("features", deps="raw", outs="features"),
        stage("tune", deps="features", outs="choice"),
        stage("evaluate", deps="choice raw", outs="figures"),
        stage("export", deps="choice", outs="bundle"),
    ]
    assert stages_to_run(pipeline, ["tune"]) == ("tune", "evaluate", "export")
    assert stages_to_run(pipeline, ["evaluate"]) == ("evaluate",)
    assert stages_to_run(pipeline, []) == ()
    assert stages_to_run(pipeline, ["get"]) == ("get", "features", "tune", "evaluate", "export")


def test_clear_outputs_removes_files_and_folders_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    for name in ("bundle/stale.onnx", "figures.json", "kept.json"):
        (tmp_path / name).write_text("old")
    clear_outputs(tmp_path, stage("export", outs="bundle figures.json never_written.json"))
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


def test_versions_outside_a_repository_tells_what_dvc_said(tmp_path: Path) -> None:
    with pytest.raises(
        VersioningFailed, match=r"`dvc status --json get@FD001` ended with exit code 253.*not inside"
    ) as e:
        Versions(tmp_path).changed([stage("get")])
    assert e.value.exit_code == 253
