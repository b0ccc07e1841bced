"""From a name to its source."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smart_sentry.config import Settings
from smart_sentry.datasets.catalog import known_names, source_for
from smart_sentry.datasets.cmapss import Cmapss
from smart_sentry.datasets.motor_fleet import MotorFleet
from smart_sentry.datasets.user_files import UserFiles
from smart_sentry.errors import ConfigurationError

PUMP = """
name: pump
signals:
  - {name: pressure_bar, unit: bar, limits: [0, 400]}
files: {asset_column: pump, cycle_column: run}
"""


@pytest.fixture
def settings(tmp_path: Path, assets_folder: Path) -> Settings:
    """A project with the built-in asset types, and a pump whose train file stands in data/raw."""
    home = Settings(home=tmp_path, cmapss=tmp_path / "nasa.zip", cmapss_url="https://example.org/cmapss.zip")
    shutil.copytree(assets_folder, home.configs_folder / "assets")
    (home.configs_folder / "assets" / "pump.yaml").write_text(PUMP)
    (home.raw_folder / "pump").mkdir(parents=True)
    (home.raw_folder / "pump" / "train.csv").write_text("pump,run,pressure_bar\na,1,5\na,2,6\nb,1,5\nb,2,6\n")
    return home


def find(name: str, settings: Settings, **seed: int):
    return source_for(name, settings, settings.configs_folder / "assets", **seed)


def test_known_names_are_the_built_in_sets_and_types_with_files(settings):
    names = known_names(settings, settings.configs_folder / "assets")
    assert names == ("FD001", "FD002", "FD003", "FD004", "motor_fleet", "pump")


@pytest.mark.parametrize("name", ["FD001", "FD002", "FD003", "FD004"])
def test_source_of_cmapss_takes_its_origins_from_the_settings(settings, name):
    source = find(name, settings)
    assert isinstance(source, Cmapss)
    assert (source.name, source.local, source.url) == (name, settings.cmapss, settings.cmapss_url)
    assert source.asset_type.name == "turbofan"


def test_source_of_motor_fleet_takes_its_seed(settings):
    source = find("motor_fleet", settings, seed=4)
    assert isinstance(source, MotorFleet)
    assert (source.seed, source.train_motors, source.test_motors) == (4, 60, 40)


def test_source_of_a_users_type_reads_its_files(settings):
    source = find("pump", settings)
    assert isinstance(source, UserFiles)
    assert source.load(settings.raw_folder).train["pressure_bar"].tolist() == [5.0, 6.0]


@pytest.mark.parametrize("name", ["FD005", "turbofan", "../pump", "", "PUMP"])
def test_source_of_unknown_name_names_the_known_ones(settings, name):
    with pytest.raises(ConfigurationError, match="known: FD001, FD002, FD003, FD004, motor_fleet, pump"):
        find(name, settings)


def test_source_of_a_type_named_unlike_its_file_is_refused(settings):
    shutil.copy(settings.configs_folder / "assets" / "pump.yaml", settings.configs_folder / "assets" / "fan.yaml")
    with pytest.raises(ConfigurationError, match="its name is 'pump', not 'fan'"):
        find("fan", settings)
