"""What the libraries find in the environment."""

from pathlib import Path

import pytest

from smart_sentry.config import Settings
from smart_sentry.environment import library_environment, prepare_environment, work_in_place
from smart_sentry.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def test_prepare_environment_keeps_what_a_person_set(tmp_path: Path) -> None:
    environment = {"PREFECT_HOME": str(tmp_path / "mine"), "DO_NOT_TRACK": "0"}
    prepare_environment(Settings(home=tmp_path), environment)
    assert environment["PREFECT_HOME"] == str(tmp_path / "mine")
    assert environment["DO_NOT_TRACK"] == "0"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_prepare_environment_makes_prefects_folder_inside_the_project(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    prepare_environment(Settings(home=tmp_path), environment)
    assert environment["PREFECT_HOME"] == str(tmp_path.resolve() / ".home" / "prefect")
    assert Path(environment["PREFECT_HOME"]).is_dir()


def test_library_environment_gives_absolute_folders_for_a_relative_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert library_environment(Path())["BENTOML_HOME"] == str(tmp_path.resolve() / ".home" / "bentoml")


def test_work_in_place_without_setting_finds_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMART_SENTRY_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert work_in_place() == {"directory": str(ROOT)}
    assert Path.cwd() == ROOT


def test_work_in_place_in_a_folder_that_is_no_checkout_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMART_SENTRY_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"no prefect\.yaml.*Set SMART_SENTRY_HOME"):
        work_in_place()
