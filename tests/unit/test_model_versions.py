"""Promotion and rollback of a failure model, cut off between the registry and what serves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tiny_project import TINY

from smart_sentry import model_versions
from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.champion import bundle_folder, load_champion, make_champion
from smart_sentry.config import Settings
from smart_sentry.model_versions import ModelVersions
from smart_sentry.prognosis.promotion import ValidationFigures
from smart_sentry.tracking.model_registry import RegisteredVersion
from smart_sentry.tracking.records import LoggedModel

FIGURES = ValidationFigures(validated_on="tiny", f1=0.5, average_precision=0.5)


class Killed(Exception):
    """The process ends here."""


@dataclass
class Stop:
    """Lets the first of two things happen, and ends the process before the second; later nothing is stopped."""

    seen: int = 0

    def step(self) -> None:
        self.seen += 1
        if self.seen == 2:
            raise Killed


@dataclass
class Registry:
    """Three versions in a row, the last one champion; of each the checksum of its bundle."""

    checksums: tuple[str, ...]
    stop: Stop
    champion_at: int = field(default=2)

    def before_champion(self) -> RegisteredVersion:
        return self._version(self.champion_at - 1)

    def rollback(self, reason: str, author: str) -> RegisteredVersion:
        self.stop.step()
        self.champion_at -= 1
        return self._version(self.champion_at)

    def _version(self, place: int) -> RegisteredVersion:
        model = LoggedModel(f"models:/m-{place}", "run", self.checksums[place])
        return RegisteredVersion(str(place + 1), model, FIGURES, "", "")


@pytest.fixture
def home(packaged_home: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return shutil.copytree(packaged_home, tmp_path / "home")


def another(home: Path) -> Bundle:
    """A bundle that differs by its threshold."""
    folder = shutil.copytree(bundle_folder(home, TINY), home / "another")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threshold": 0.5', '"threshold": 0.9'))
    return load_bundle(folder)


def test_rollback_that_is_cut_off_in_the_middle_goes_back_no_further_when_it_is_repeated(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = load_champion(home, TINY), another(home)
    for bundle in (second, first):  # both are kept, and the first one serves, as the third version
        make_champion(home, bundle)
    stop = Stop()
    registry = Registry((first.checksum, second.checksum, first.checksum), stop)
    versions = ModelVersions(Settings(home=home), TINY)
    versions.registry = registry  # type: ignore[assignment]

    def serve(where: Path, bundle: Bundle) -> None:
        stop.step()
        make_champion(where, bundle)

    monkeypatch.setattr(model_versions, "make_champion", serve)
    with pytest.raises(Killed):
        versions.rollback("Ada", "false alarms")
    assert versions.rollback("Ada", "false alarms").version == "2"
    assert registry.champion_at == 1
    assert load_champion(home, TINY).checksum == second.checksum
