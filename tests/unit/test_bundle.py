"""The model bundle: whole, verified, and the same bytes for the same content."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_champion import SmallChampion

from smart_sentry.bundle import FAILURE, FEATURES, MANIFEST, RUL, Bundle, load_bundle, write_bundle
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.files import sha256_of


@pytest.fixture
def folder(small_champion: SmallChampion, tmp_path: Path) -> Path:
    """A copy of the small bundle, to be spoilt."""
    return Path(shutil.copytree(small_champion.bundle.folder, tmp_path / "bundle"))


def answers(bundle: Bundle, champion: SmallChampion) -> np.ndarray:
    """(rows, 4) probability and remaining life of the training rows."""
    return np.column_stack([bundle.failure_probability(champion.features), bundle.remaining_life(champion.features)])


def test_bundle_comes_back_as_it_was_written(folder: Path, small_champion: SmallChampion) -> None:
    loaded = load_bundle(folder, small_champion.bundle.checksum)
    assert loaded.manifest == small_champion.bundle.manifest
    assert loaded.version == f"FD001-{small_champion.bundle.checksum[:12]}"
    np.testing.assert_array_equal(answers(loaded, small_champion), answers(small_champion.bundle, small_champion))
    again = loaded.feature_model.stream().update(small_champion.fleet.values, small_champion.fleet.slot)
    np.testing.assert_array_equal(again.features.astype(np.float32), small_champion.features)


def test_bundle_answers_within_the_meaning_of_its_figures(small_champion: SmallChampion) -> None:
    probability, estimate, lower, upper = answers(small_champion.bundle, small_champion).T
    cap = small_champion.data.asset_type.failure.rul_cap_cycles
    assert ((probability >= 0) & (probability <= 1)).all()
    assert ((lower >= 0) & (lower <= estimate) & (estimate <= upper) & (upper <= cap)).all()


def test_bundle_of_the_same_content_has_the_same_checksum(
    folder: Path, small_champion: SmallChampion, tmp_path: Path
) -> None:
    bundle = small_champion.bundle
    graphs = [(folder / name).read_bytes() for name in (FAILURE, RUL)]
    again = write_bundle(tmp_path / "again", bundle.manifest, bundle.feature_model, *graphs)
    assert again == bundle.checksum
    other = write_bundle(
        tmp_path / "other", bundle.manifest.model_copy(update={"threshold": 0.123}), bundle.feature_model, *graphs
    )
    assert other != bundle.checksum
    assert {path.name for path in (tmp_path / "again").iterdir()} == {MANIFEST, FEATURES, FAILURE, RUL}


def test_bundle_holds_no_pickle(folder: Path) -> None:
    assert {path.suffix for path in folder.iterdir()} == {".json", ".npz", ".onnx"}
    with np.load(folder / FEATURES, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


@pytest.mark.parametrize("name", [FEATURES, FAILURE, RUL])
def test_file_that_was_tampered_with_is_refused_by_name(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ChecksumMismatch) as caught:
        load_bundle(folder)
    assert caught.value.path == str(folder / name)
    assert caught.value.actual == sha256_of(folder / name)
    assert "smart-sentry train" in str(caught.value)


@pytest.mark.parametrize("name", [FEATURES, FAILURE, RUL])
def test_file_that_is_missing_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ChecksumMismatch, match="found no file") as caught:
        load_bundle(folder)
    assert caught.value.path == str(folder / name)


def test_manifest_that_was_tampered_with_is_refused_against_the_registered_checksum(
    folder: Path, small_champion: SmallChampion
) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"threshold": 0.99}))
    with pytest.raises(ChecksumMismatch) as caught:
        load_bundle(folder, small_champion.bundle.checksum)
    assert caught.value.path == str(folder / MANIFEST)
    assert caught.value.expected == small_champion.bundle.checksum


def test_manifest_that_names_no_checksum_of_a_file_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["files"][RUL]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelUnavailable, match=r"names no checksum of rul\.onnx"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [({"threshold": 1.5}, "threshold"), ({"treshold": 0.5}, "treshold"), ({"asset_type": {"name": "x"}}, "signals")],
)
def test_manifest_that_means_nothing_is_refused_with_the_key(
    folder: Path, change: dict[str, object], said: str
) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | change))
    with pytest.raises(ModelUnavailable, match=said):
        load_bundle(folder)


def test_manifest_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    with pytest.raises(ModelUnavailable, match="manifest is not valid"):
        load_bundle(folder)


def test_folder_without_a_bundle_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no model at .*bundle\. Train one with `smart-sentry train"):
        load_bundle(tmp_path / "bundle")


def test_bundle_being_rewritten_is_no_bundle_until_it_is_whole(folder: Path, small_champion: SmallChampion) -> None:
    (folder / RUL).unlink()
    (folder / RUL).mkdir()  # writing it must fail
    with pytest.raises(OSError, match=r"rul\.onnx"):
        write_bundle(folder, small_champion.bundle.manifest, small_champion.feature_model, b"new", b"new")
    with pytest.raises(ModelUnavailable):
        load_bundle(folder)


def test_graph_replaced_after_the_bundle_was_loaded_is_refused(folder: Path, small_champion: SmallChampion) -> None:
    loaded = load_bundle(folder)
    shutil.copyfile(folder / RUL, folder / FAILURE)  # as a training would that ends in between
    with pytest.raises(ChecksumMismatch) as caught:
        loaded.failure_probability(small_champion.features[:1])
    assert caught.value.path == str(folder / FAILURE)
