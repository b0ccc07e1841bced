import json
from pathlib import Path

import pytest
from tiny_project import TINY

from smart_sentry import serving_package
from smart_sentry.bundle import Bundle
from smart_sentry.champion import Package, bundle_folder, load_champion
from smart_sentry.config import Settings
from smart_sentry.errors import BentoNotBuilt, ConfigurationError, ModelUnavailable
from smart_sentry.serving_package import build_bento, lay_out


def package_of(bundle: Bundle) -> Package:
    return Package(dataset=TINY, bundle_sha256=bundle.checksum, version=bundle.version)


def test_layout_holds_what_a_bento_needs_and_nothing_compiled(packaged_bundle: Bundle, tmp_path: Path) -> None:
    lay_out(tmp_path, packaged_bundle.folder, package_of(packaged_bundle))
    assert load_champion(tmp_path).checksum == packaged_bundle.checksum
    assert {path.name for path in tmp_path.iterdir()} == {
        "bentofile.yaml", "data", "models", "requirements-serve.lock", "serving", "src",
    }  # fmt: skip
    assert (tmp_path / "src" / "smart_sentry" / "api" / "prediction.py").is_file()
    assert not list(tmp_path.rglob("__pycache__"))


def test_requirements_of_the_bento_are_locked_by_hash_and_name_no_host_and_no_training_library() -> None:
    lines = (Path(serving_package.__file__).parents[2] / "requirements-serve.lock").read_text().splitlines()
    packages = [line.split("==")[0] for line in lines if "==" in line]
    assert {"bentoml", "fastapi", "numba", "onnxruntime", "pydantic"} <= set(packages)
    assert not {"mlflow", "optuna", "prefect", "scikit-learn", "xgboost", "mapie"} & set(packages)
    assert all(line.startswith("    --hash=sha256:") or "==" in line for line in lines if line.strip())
    assert not any("://" in line for line in lines)


def test_building_without_checkout_says_what_is_missing(
    packaged_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_package, "_SOURCES", tmp_path / "site-packages")
    with pytest.raises(ConfigurationError, match=r"no bentofile\.yaml, .*serving/service\.py there"):
        build_bento(packaged_bundle.folder, Settings(home=tmp_path))


def test_building_from_an_empty_folder_says_that_there_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        build_bento(bundle_folder(tmp_path, TINY), Settings(home=tmp_path))


def test_failed_build_tells_what_bentoml_said(
    packaged_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("SMART_SENTRY_PORT", "no number")  # the service cannot be imported with it
    with pytest.raises(BentoNotBuilt, match="SMART_SENTRY_PORT"):
        build_bento(packaged_bundle.folder, Settings.model_construct(home=tmp_path))


def test_package_is_read_back_as_it_was_written(packaged_bundle: Bundle, tmp_path: Path) -> None:
    lay_out(tmp_path, packaged_bundle.folder, package_of(packaged_bundle))
    written = json.loads((tmp_path / "data" / "processed" / TINY / "package.json").read_text())
    assert Package.model_validate(written) == package_of(packaged_bundle)
