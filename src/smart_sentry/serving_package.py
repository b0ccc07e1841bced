"""Builds the Bento that serves one bundle: model, service, sources and locked requirements, able to start anywhere.

BentoML runs as a process of its own, because it imports the service from the folder that it builds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from smart_sentry.bundle import load_bundle
from smart_sentry.champion import Package, bundle_folder, package_file
from smart_sentry.config import Settings
from smart_sentry.environment import library_environment
from smart_sentry.errors import BentoNotBuilt, ConfigurationError
from smart_sentry.files import write_json

BENTO_NAME = "smart_sentry"
_BUILD_FILES = ("bentofile.yaml", "requirements-serve.lock", "serving/service.py")
_VERSION_DIGITS = 12
_SOURCES = Path(__file__).resolve().parents[1]


def build_bento(bundle: Path, settings: Settings) -> str:
    """Builds the Bento of a bundle in BentoML's store; one that is there already is replaced.

    Args:
        bundle: folder of a model bundle; it is verified first.
        settings: `home` has BentoML's store under it, where the environment does not name another.

    Returns:
        The Bento's tag, `smart_sentry:<first 12 digits of the bundle's checksum>`.

    Raises:
        ModelUnavailable, ChecksumMismatch: the folder holds no whole bundle.
        ConfigurationError: this package is not installed from a checkout, where the service stands.
        BentoNotBuilt: BentoML failed; the error holds what it said.
    """
    loaded = load_bundle(bundle)
    environment = _environment(settings)
    version = loaded.checksum[:_VERSION_DIGITS]
    shutil.rmtree(_stored(environment, version), ignore_errors=True)
    package = Package(dataset=loaded.manifest.dataset, bundle_sha256=loaded.checksum, version=loaded.version)
    with tempfile.TemporaryDirectory(prefix="smart-sentry-bento-") as folder:
        lay_out(Path(folder), bundle, package)
        command = [sys.executable, "-m", "bentoml", "build", "--version", version, "--output", "tag", folder]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BentoNotBuilt(str(bundle), (done.stderr or done.stdout).strip())
    return f"{BENTO_NAME}:{version}"


def serve_bento(bundle: Path, settings: Settings) -> None:
    """Serves the Bento of a bundle until it is stopped; builds it first where it is not in the store. Does not return.

    Raises:
        ModelUnavailable, ChecksumMismatch, ConfigurationError, BentoNotBuilt: as `build_bento`.
    """
    version = load_bundle(bundle).checksum[:_VERSION_DIGITS]
    environment = _environment(settings)
    there = (_stored(environment, version) / "bento.yaml").is_file()
    tag = f"{BENTO_NAME}:{version}" if there else build_bento(bundle, settings)
    address = ["--host", settings.host, "--port", str(settings.port)]
    command = [sys.executable, "-m", "bentoml", "serve", tag, *address]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted: signals go straight to the server


def serve_project(settings: Settings) -> None:
    """Serves the project's own sources until it is stopped: the plant, and the champion where one is packaged. Does not return.

    Raises:
        ConfigurationError: this package is not installed from a checkout, where the service stands.
    """
    root = _SOURCES.parent
    if not (root / "serving" / "service.py").is_file():
        raise ConfigurationError(root, "no serving/service.py there", "Run it from a checkout of the project.")
    address = ["--host", settings.host, "--port", str(settings.port)]
    service = "serving.service:PredictionService"
    command = [sys.executable, "-m", "bentoml", "serve", service, "--working-dir", str(root), *address]
    environment = {"SMART_SENTRY_HOME": str(settings.home.resolve()), **_environment(settings)}
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted: signals go straight to the server


def _environment(settings: Settings) -> dict[str, str]:
    """BentoML's own variables, and the sources on the path of the process that builds."""
    path = os.pathsep.join(filter(None, [str(_SOURCES), os.environ.get("PYTHONPATH")]))
    return {**library_environment(settings.home), **os.environ, "PYTHONPATH": path}


def _stored(environment: dict[str, str], version: str) -> Path:
    return Path(environment["BENTOML_HOME"]) / "bentos" / BENTO_NAME / version


def lay_out(folder: Path, bundle: Path, package: Package) -> None:
    """Puts what a Bento is made of into a folder that looks like the project: the service finds its model by the same rule."""
    root = _SOURCES.parent
    missing = [name for name in _BUILD_FILES if not (root / name).is_file()]
    if missing:
        raise ConfigurationError(root, f"no {', '.join(missing)} there", "Build Bentos from a checkout of the project.")
    for name in _BUILD_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    shutil.copytree(
        _SOURCES / "smart_sentry", folder / "src" / "smart_sentry", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(bundle, bundle_folder(folder, package.dataset))
    write_json(package_file(folder, package.dataset), package.model_dump())
