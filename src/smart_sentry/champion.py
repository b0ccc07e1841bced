"""Finds the packaged champion of a data set and loads it by its registered checksum."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from smart_sentry.assets import explain_validation
from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.errors import ModelUnavailable

PACKAGE_FILE = "package.json"
_PACKAGE_IT = "Package one with `smart-sentry train <dataset>`."
_log = logging.getLogger(__name__)


class Package(BaseModel):
    """What the `package` stage registers: which bundle is the data set's champion."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dataset: str
    bundle_sha256: str
    version: str


def package_file(home: Path, dataset: str) -> Path:
    """Where a data set's package is registered."""
    return home / "data" / "processed" / dataset / PACKAGE_FILE


def bundle_folder(home: Path, dataset: str) -> Path:
    """Where a data set's bundle stands."""
    return home / "models" / dataset / "bundle"


def load_champion(home: Path, dataset: str | None = None) -> Bundle:
    """Loads a packaged bundle after checking every byte of it against the registered checksum.

    Args:
        home: the project's folder, or that of a Bento's sources.
        dataset: None takes the first by name that is packaged.

    Raises:
        ModelUnavailable: nothing is packaged there, or the package cannot be read.
        ChecksumMismatch: a file is not the one that was registered.
    """
    path = package_file(home, dataset) if dataset else _first_package(home)
    if not path.is_file():
        raise ModelUnavailable(path, _PACKAGE_IT)
    try:
        package = Package.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelUnavailable(path, f"It is not valid: {explain_validation(error)}. {_PACKAGE_IT}") from error
    bundle = load_bundle(bundle_folder(home, package.dataset), package.bundle_sha256)
    _log.info("serving %s, verified by its checksum %s", bundle.version, bundle.checksum)
    return bundle


def _first_package(home: Path) -> Path:
    found = sorted(package_file(home, "*").parent.parent.glob(f"*/{PACKAGE_FILE}"))
    return found[0] if found else package_file(home, "<dataset>")
