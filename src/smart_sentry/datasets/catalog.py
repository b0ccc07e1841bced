"""Which data sets there are: an explicit map from a name to the source that brings it."""

from __future__ import annotations

from pathlib import Path

from smart_sentry.assets import AssetType, load_asset_type
from smart_sentry.config import Settings
from smart_sentry.datasets.cmapss import Cmapss
from smart_sentry.datasets.cmapss_files import SETS
from smart_sentry.datasets.motor_fleet import NAME as MOTOR_FLEET
from smart_sentry.datasets.motor_fleet import MotorFleet
from smart_sentry.datasets.run_to_failure import Source
from smart_sentry.datasets.user_files import SUFFIXES, UserFiles
from smart_sentry.errors import ConfigurationError

DEFAULT_SEED = 20
"""Of the simulated fleet, and of the split of users' files: the default of params.yaml."""
_TURBOFAN = "turbofan"


def known_names(settings: Settings, asset_types_folder: Path) -> tuple[str, ...]:
    """Names of all data sets: the built-in ones, then every asset type with files in data/raw/<type>."""
    own = sorted(path.stem for path in asset_types_folder.glob("*.yaml"))
    with_files = (name for name in own if _has_files(settings.raw_folder / name) and name != MOTOR_FLEET)
    return (*SETS, MOTOR_FLEET, *with_files)


def source_for(name: str, settings: Settings, asset_types_folder: Path, seed: int = DEFAULT_SEED) -> Source:
    """The source of a data set.

    Args:
        name: FD001..FD004, motor_fleet, or a user's asset type.
        settings: where C-MAPSS is looked for, and where data/raw is.
        asset_types_folder: configs/assets.
        seed: of the simulated fleet and of the split of users' files.

    Raises:
        ConfigurationError: no data set has this name (the known ones are named), or its asset type's file is wrong.
    """
    if name in SETS:
        return Cmapss(
            name, load_asset_type(asset_types_folder / f"{_TURBOFAN}.yaml"), settings.cmapss, settings.cmapss_url
        )
    if name == MOTOR_FLEET:
        return MotorFleet(load_asset_type(asset_types_folder / f"{MOTOR_FLEET}.yaml"), seed=seed)
    # Looked up in the listing, so that no name can lead out of the folder.
    own = {path.stem: path for path in asset_types_folder.glob("*.yaml")}
    if name not in own or (name == _TURBOFAN and not _has_files(settings.raw_folder / name)):
        known = ", ".join(known_names(settings, asset_types_folder))
        remedy = f"Name one of them, or write {asset_types_folder}/<name>.yaml and put files into data/raw/<name>."
        raise ConfigurationError("data set", f"{name!r} is not known (known: {known})", remedy)
    return UserFiles(_named_like_its_file(own[name]), seed=seed)


def _named_like_its_file(path: Path) -> AssetType:
    asset_type = load_asset_type(path)
    if asset_type.name != path.stem:
        raise ConfigurationError(
            path, f"its name is {asset_type.name!r}, not {path.stem!r}", "Make file and name agree."
        )
    return asset_type


def _has_files(folder: Path) -> bool:
    return any((folder / f"train{suffix}").is_file() for suffix in SUFFIXES)
