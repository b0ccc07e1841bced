import json
import shutil
from pathlib import Path

import pytest
from tiny_project import TINY

from smart_sentry.champion import bundle_folder, load_champion, package_file
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable


@pytest.fixture
def home(packaged_home: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return shutil.copytree(packaged_home, tmp_path / "home")


def test_packaged_champion_is_loaded_by_its_registered_checksum(home: Path) -> None:
    registered = json.loads(package_file(home, TINY).read_text())
    bundle = load_champion(home, TINY)
    assert bundle.checksum == registered["bundle_sha256"]
    assert bundle.version == registered["version"] == f"tiny-{bundle.checksum[:12]}"


def test_champion_without_name_is_the_first_that_is_packaged(home: Path) -> None:
    other = package_file(home, "zebra")
    other.parent.mkdir()
    other.write_text("{}")
    assert load_champion(home).manifest.dataset == TINY


@pytest.mark.parametrize("dataset", [None, "FD009"])
def test_home_without_package_is_told_what_to_do(tmp_path: Path, dataset: str | None) -> None:
    with pytest.raises(ModelUnavailable, match=r"package\.json\. Package one with `smart-sentry train <dataset>`"):
        load_champion(tmp_path, dataset)


def test_package_that_lacks_the_checksum_is_refused_with_the_key(home: Path) -> None:
    package_file(home, TINY).write_text('{"dataset": "tiny", "version": "tiny-1"}')
    with pytest.raises(ModelUnavailable, match="bundle_sha256: Field required"):
        load_champion(home, TINY)


def test_bundle_other_than_the_registered_one_is_refused(home: Path) -> None:
    manifest = bundle_folder(home, TINY) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threshold": 0.5', '"threshold": 0.9'))
    with pytest.raises(ChecksumMismatch, match=r"manifest\.json: expected SHA-256"):
        load_champion(home, TINY)


@pytest.mark.parametrize("name", ["failure.onnx", "rul.onnx", "features.npz"])
def test_changed_file_of_the_bundle_is_refused_by_name(home: Path, name: str) -> None:
    file = bundle_folder(home, TINY) / name
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(ChecksumMismatch, match=rf"{name}: expected SHA-256"):
        load_champion(home, TINY)
