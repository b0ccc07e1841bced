import json
import shutil
from pathlib import Path

import pytest
from tiny_project import TINY

from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.champion import (
    bundle_folder,
    champion_file,
    champion_folder,
    last_trained_serves,
    load_champion,
    make_champion,
    package_file,
    serving_folder,
    watched_champion,
)
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


def another(home: Path) -> Bundle:
    """A bundle that differs from the packaged one in its threshold alone."""
    folder = shutil.copytree(bundle_folder(home, TINY), home / "other")
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threshold": 0.5', '"threshold": 0.25'))
    return load_bundle(folder)


def test_promoted_bundle_serves_whatever_is_packaged_afterwards(home: Path) -> None:
    packaged = load_champion(home, TINY)
    promoted = another(home)
    make_champion(home, promoted)
    shutil.rmtree(promoted.folder)
    shutil.rmtree(bundle_folder(home, TINY))
    package_file(home, TINY).unlink()
    assert load_champion(home).checksum == promoted.checksum != packaged.checksum


def test_folder_that_serves_is_the_champions_and_not_that_of_a_challenger_that_was_trained_since(home: Path) -> None:
    promoted = another(home)
    make_champion(home, promoted)
    assert serving_folder(home, TINY) == champion_folder(home, TINY, promoted.checksum)


def test_figures_are_the_champions_only_while_the_model_trained_last_serves(home: Path) -> None:
    assert last_trained_serves(home, TINY)
    make_champion(home, another(home))
    assert not last_trained_serves(home, TINY)
    make_champion(home, load_bundle(bundle_folder(home, TINY)))
    assert last_trained_serves(home, TINY)
    package_file(home, TINY).unlink()
    assert last_trained_serves(home, TINY)


def test_folder_that_serves_is_the_exported_bundle_where_nothing_is_packaged(home: Path) -> None:
    package_file(home, TINY).unlink()
    assert serving_folder(home, TINY) == bundle_folder(home, TINY)


def test_kept_bundle_that_was_spoilt_is_renewed_by_the_next_promotion(home: Path) -> None:
    promoted = another(home)
    make_champion(home, promoted)
    spoilt = champion_folder(home, TINY, promoted.checksum) / "rul.onnx"
    spoilt.write_bytes(b"x")
    make_champion(home, promoted)
    assert load_champion(home, TINY).checksum == promoted.checksum


def test_bundle_that_was_changed_since_it_was_loaded_is_not_made_champion(home: Path) -> None:
    promoted = another(home)
    (promoted.folder / "rul.onnx").write_bytes(b"x")
    with pytest.raises(ChecksumMismatch):
        make_champion(home, promoted)
    assert not champion_file(home, TINY).exists()
    assert list(champion_folder(home, TINY, "x").parent.iterdir()) == []


def test_watched_champion_takes_a_promotion_and_a_rollback(home: Path) -> None:
    watched = watched_champion(home, TINY)
    assert watched.look()
    first = watched.bundle
    assert first is not None
    assert not watched.look()
    promoted = another(home)
    make_champion(home, promoted)
    assert watched.look()
    assert watched.bundle is not None
    assert watched.bundle.checksum == promoted.checksum
    make_champion(home, first)
    assert watched.look()
    assert watched.bundle.checksum == first.checksum


def test_watched_champion_refuses_a_spoilt_one_keeps_the_last_good_and_takes_the_mended(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watched = watched_champion(home, TINY)
    watched.look()
    good = watched.bundle
    assert good is not None
    promoted = another(home)
    make_champion(home, promoted)
    file = champion_folder(home, TINY, promoted.checksum) / "failure.onnx"
    content = file.read_bytes()
    file.write_bytes(content + b"x")
    assert not watched.look()
    assert watched.bundle is good
    assert isinstance(watched.problem, ChecksumMismatch)
    assert f"a new model is refused, {good.version} stays" in caplog.text
    assert not watched.look()  # nothing has changed: it is not read again
    assert caplog.text.count("is refused") == 1
    file.write_bytes(content)
    assert watched.look()
    assert watched.problem is None


def test_watched_champion_of_an_empty_home_takes_the_first_that_comes(home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    watched = watched_champion(empty)
    assert not watched.look()
    assert isinstance(watched.problem, ModelUnavailable)
    make_champion(empty, load_champion(home, TINY))
    assert watched.look()
    assert watched.problem is None
