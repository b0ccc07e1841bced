"""Settings: from the environment, with safe local defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_sentry.config import Settings, load_settings
from smart_sentry.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SMART_SENTRY_{name.upper()}", raising=False)


def test_settings_by_default_stay_on_this_machine_and_in_this_folder() -> None:
    settings = load_settings()
    assert settings.host == "127.0.0.1"
    assert settings.home == Path()
    assert settings.mlflow_tracking_uri is settings.study_storage is settings.dask_scheduler is None


def test_setting_is_taken_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_SENTRY_PORT", "4444")
    monkeypatch.setenv("SMART_SENTRY_CMAPSS", "some/where.zip")
    assert load_settings().port == 4444
    assert load_settings().cmapss == Path("some/where.zip")


def test_folders_stand_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMART_SENTRY_HOME", str(tmp_path))
    settings = load_settings()
    folders = (
        settings.configs_folder, settings.raw_folder, settings.processed_folder, settings.reports_folder,
        settings.models_folder, settings.mlruns_folder,
    )  # fmt: skip
    names = ("configs", "data/raw", "data/processed", "reports", "models", "mlruns")
    assert folders == tuple(tmp_path / name for name in names)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "many", "SMART_SENTRY_PORT: Input should be a valid integer.*'many'"),
        ("PORT", "70000", "SMART_SENTRY_PORT: Input should be less than or equal to 65535"),
        ("WORKERS", "0", "SMART_SENTRY_WORKERS: Input should be greater than or equal to 1"),
        ("ACCESS_LOG", "perhaps", "SMART_SENTRY_ACCESS_LOG: Input should be a valid boolean"),
    ],
)
def test_setting_with_a_wrong_value_is_refused_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"SMART_SENTRY_{name}", value)
    with pytest.raises(ConfigurationError, match=said):
        load_settings()


def test_settings_with_several_wrong_values_name_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMART_SENTRY_PORT", "many")
    monkeypatch.setenv("SMART_SENTRY_WORKERS", "0")
    with pytest.raises(ConfigurationError, match=r"SMART_SENTRY_WORKERS: .*SMART_SENTRY_PORT: "):
        load_settings()


def test_failure_outcomes_are_found_in_the_home_folder_unless_their_path_is_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings().failure_outcomes_file is None
    monkeypatch.setenv("SMART_SENTRY_HOME", str(tmp_path))
    monkeypatch.setenv("SMART_SENTRY_FAILURE_OUTCOMES", "data/failures.csv")
    assert load_settings().failure_outcomes_file == tmp_path / "data" / "failures.csv"
    monkeypatch.setenv("SMART_SENTRY_FAILURE_OUTCOMES", "/srv/failures.csv")
    assert load_settings().failure_outcomes_file == Path("/srv/failures.csv")
