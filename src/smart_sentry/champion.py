"""Finds the champion of a data set and loads it by its registered checksum.

    data/processed/<dataset>/package.json    the bundle that the stage `package` made, in models/<dataset>/bundle
    models/<dataset>/champion.json           the bundle that serves, in models/<dataset>/champions/<beginning of its checksum>

Where there is no champion.json, what was packaged serves. A bundle under champions/ is never changed, and champion.json is
replaced as a whole: whoever looks finds the one champion or the other.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Hashable
from pathlib import Path
from tempfile import mkdtemp

from pydantic import BaseModel, ConfigDict, ValidationError

from smart_sentry.assets import explain_validation
from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable, SmartSentryError
from smart_sentry.files import write_json

PACKAGE_FILE, CHAMPION_FILE = "package.json", "champion.json"
_DIGITS = 12
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


def champion_file(home: Path, dataset: str) -> Path:
    """Names the bundle that serves, where a promotion chose one."""
    return home / "models" / dataset / CHAMPION_FILE


def champion_folder(home: Path, dataset: str, checksum: str) -> Path:
    """Where a bundle that was once promoted stands, whatever is trained meanwhile."""
    return home / "models" / dataset / "champions" / checksum[:_DIGITS]


def make_champion(home: Path, bundle: Bundle) -> None:
    """Has a bundle serve from now on: services and workers that run take it within seconds.

    Args:
        home: the project's folder.
        bundle: every byte of it is checked once more where it is kept.

    Raises:
        ChecksumMismatch: a file of it has been changed since it was loaded; the champion stays.
    """
    dataset = bundle.manifest.dataset
    folder = champion_folder(home, dataset, bundle.checksum)
    try:
        load_bundle(folder, bundle.checksum)
    except (ModelUnavailable, ChecksumMismatch):
        _keep(bundle, folder)
    package = Package(dataset=dataset, bundle_sha256=bundle.checksum, version=bundle.version)
    write_json(champion_file(home, dataset), package.model_dump())


def _keep(bundle: Bundle, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(dir=folder.parent, prefix="."))
    try:
        shutil.copytree(bundle.folder, part, dirs_exist_ok=True)
        part.chmod(0o755)
        load_bundle(part, bundle.checksum)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def load_champion(home: Path, dataset: str | None = None) -> Bundle:
    """Loads the bundle that serves after checking every byte of it against the registered checksum.

    Args:
        home: the project's folder, or that of a Bento's sources.
        dataset: None takes the first by name that has one.

    Raises:
        ModelUnavailable: nothing is packaged there, or the package cannot be read.
        ChecksumMismatch: a file is not the one that was registered.
    """
    path = _registration(home, dataset)
    if not path.is_file():
        raise ModelUnavailable(path, _PACKAGE_IT)
    try:
        package = Package.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelUnavailable(path, f"It is not valid: {explain_validation(error)}. {_PACKAGE_IT}") from error
    bundle = load_bundle(_folder_of(home, path, package), package.bundle_sha256)
    _log.info("serving %s, verified by its checksum %s", bundle.version, bundle.checksum)
    return bundle


def serving_folder(home: Path, dataset: str) -> Path:
    """Folder of the bundle that serves; where nothing is packaged yet, of the one that was exported last.

    Raises:
        ModelUnavailable, ChecksumMismatch: as `load_champion`, where one is registered.
    """
    if not _registration(home, dataset).is_file():
        return bundle_folder(home, dataset)
    return load_champion(home, dataset).folder


def last_trained_serves(home: Path, dataset: str) -> bool:
    """Whether the model that was trained last, which a data set's figures are of, is the champion: a challenger may have lost."""
    try:
        trained = Package.model_validate_json(package_file(home, dataset).read_bytes())
        serving = Package.model_validate_json(_registration(home, dataset).read_bytes())
    except (OSError, ValidationError):
        return True  # one of them is not there: nothing says that they differ
    return trained.bundle_sha256 == serving.bundle_sha256


def mark_of_champion(home: Path, dataset: str | None = None) -> Hashable:
    """Something that differs once `load_champion` may load something else: what is registered, and its files' sizes and times."""
    path = _registration(home, dataset)
    try:
        content = path.read_bytes()
        folder = _folder_of(home, path, Package.model_validate_json(content))
        files = sorted((file.name, file.stat()) for file in folder.iterdir())
    except (OSError, ValidationError) as problem:
        return str(path), type(problem).__name__
    return str(path), content, tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in files)


def _registration(home: Path, dataset: str | None) -> Path:
    if dataset is None:
        packaged = {path.parent.name for path in (home / "data" / "processed").glob(f"*/{PACKAGE_FILE}")}
        promoted = {path.parent.name for path in (home / "models").glob(f"*/{CHAMPION_FILE}")}
        dataset = min(packaged | promoted, default="<dataset>")
    promoted_one = champion_file(home, dataset)
    return promoted_one if promoted_one.is_file() else package_file(home, dataset)


def _folder_of(home: Path, registration: Path, package: Package) -> Path:
    if registration.name == CHAMPION_FILE:
        return champion_folder(home, package.dataset, package.bundle_sha256)
    return bundle_folder(home, package.dataset)


class WatchedModel:
    """The newest model that could be verified, while others are promoted, packaged or spoilt.

    Args:
        load: brings a verified bundle, or raises why it cannot.
        mark: something that differs once `load` may bring another one.
    """

    def __init__(self, load: Callable[[], Bundle], mark: Callable[[], Hashable]) -> None:
        self._load, self._mark = load, mark
        self._seen: Hashable = self  # like no mark
        self.bundle: Bundle | None = None
        self.problem: SmartSentryError | None = None
        """Why what is there now was refused; None: it was not. `bundle` is then the last one that was good."""

    def look(self) -> bool:
        """Loads what is there now, if something has changed; whether `bundle` is another one than before."""
        mark = self._mark()
        if mark == self._seen:
            return False
        try:
            found = self._load()
        except (SmartSentryError, OSError) as problem:
            self._refuse(problem)
            self._seen = mark
            return False
        self._seen, self.problem = mark, None
        if self.bundle is not None and found.checksum == self.bundle.checksum:
            return False
        self.bundle = found
        return True

    def _refuse(self, problem: SmartSentryError | OSError) -> None:
        self.problem = problem if isinstance(problem, SmartSentryError) else ModelUnavailable(
            str(problem.filename), f"{problem.strerror}. {_PACKAGE_IT}"
        )  # fmt: skip
        if self.bundle is not None:
            _log.error("a new model is refused, %s stays: %s", self.bundle.version, self.problem)


def watched_champion(home: Path, dataset: str | None = None) -> WatchedModel:
    """The champion of a home as it changes. Nothing is loaded before the first `look`."""
    return WatchedModel(lambda: load_champion(home, dataset), lambda: mark_of_champion(home, dataset))
