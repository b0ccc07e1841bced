"""Promotion and rollback by command, as a running service sees them; and what becomes of a spoilt model."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from bundle_fixture import ASSET_TYPE, asset_columns
from live_app import served
from plant_fixture import sqlite_in
from tiny_project import ROOT, TINY, environment_of, tiny_histories

from smart_sentry.api.prediction import create_app
from smart_sentry.bundle import Bundle, load_bundle
from smart_sentry.champion import (
    Package,
    bundle_folder,
    champion_file,
    champion_folder,
    load_champion,
    mark_of_champion,
    package_file,
)
from smart_sentry.config import Settings
from smart_sentry.files import write_json
from smart_sentry.params import load_params
from smart_sentry.plant.plant import Plant
from smart_sentry.prognosis.promotion import Decision, ValidationFigures
from smart_sentry.stages.package import serve_after
from smart_sentry.stages.stage import StageContext
from smart_sentry.stores.store import Store
from smart_sentry.tracking.mlflow_tracking import Tracker
from smart_sentry.tracking.model_registry import ModelRegistry

pytestmark = pytest.mark.long

FIGURES = ValidationFigures(validated_on="tiny", f1=0.9, average_precision=0.95)
PROMISED_S = 5.0


@dataclass(frozen=True)
class Served:
    """A running service on a home of its own, and the two versions that are registered there."""

    home: Path
    client: httpx.Client
    first: Bundle
    second: Bundle

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = environment_of(self.home, SMART_SENTRY_DATABASE=f"sqlite:///{self.home / 'plant.db'}")
        command = [str(Path(sys.executable).with_name("smart-sentry")), "models", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def serves(self, bundle: Bundle) -> bool:
        return bool(self.client.get("/ready").json().get("model_version") == bundle.version)

    def metric(self, line: str) -> bool:
        return line in self.client.get("/metrics").text.splitlines()


def soon(holds: Callable[[], bool], seconds: float = PROMISED_S) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def register(home: Path, bundles: list[Bundle]) -> None:
    """As the stage `package` does: the first is promoted, the second loses."""
    tracker = Tracker(home / "mlruns")
    registry, example = ModelRegistry(tracker, TINY), tiny_histories().head(5)
    for bundle, wins in zip(bundles, (True, False), strict=True):
        with tracker.training_run(bundle.checksum, TINY) as training:
            model = training.log_model(bundle.folder, bundle.checksum, example, bundle.predict_frame(example))
        version = registry.register_challenger(model, FIGURES)
        registry.apply(version, Decision(wins, "better" if wins else "a gain of +0.0000 is less than 0.002"))


@pytest.fixture(scope="module")
def running(packaged_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = shutil.copytree(packaged_home, tmp_path_factory.mktemp("switch") / "home")
    shutil.copyfile(ROOT / "params.yaml", home / "params.yaml")
    first = load_champion(home, TINY)
    other = shutil.copytree(first.folder, home / "other")
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threshold": 0.5', '"threshold": 0.25'))
    register(home, [first, second := load_bundle(other)])
    shutil.rmtree(other)

    def open_plant() -> Plant:
        types = {ASSET_TYPE.name: ASSET_TYPE}
        return Plant(types, home / "models", Store(sqlite_in(home)), failure_model=load_champion(home, TINY))

    app = create_app(
        lambda: load_champion(home), Settings(home=home), open_plant=open_plant, mark=lambda: mark_of_champion(home)
    )
    with served(app) as client:
        yield Served(home, client, first, second)


@pytest.fixture
def service(running: Served) -> Served:
    """With the first version in service, whatever another test did."""
    if not running.serves(running.first):
        assert running.command("promote", TINY, "1", "--author", "tests", "--reason", "again").returncode == 0
        assert soon(lambda: running.serves(running.first))
    return running


def predicted_version(service: Served) -> str:
    answer = service.client.post("/predict", json={"assets": [asset_columns("a", slice(0, 30))]})
    assert answer.status_code == 200, answer.text
    version: str = answer.json()["model_version"]
    return version


def judged_by(service: Served) -> Any:
    """Sends one reading to the plant; which model judged it."""
    row = tiny_histories().iloc[0]
    reading: dict[str, Any] = {"asset_id": "engine_1", "asset_type": TINY}
    reading |= {name: float(row[name]) for name in ASSET_TYPE.signal_names}
    assert service.client.post("/api/v1/data/simple", json=reading).status_code == 200
    return service.client.get("/api/v1/monitoring/status").json()["asset"]["prediction"]["model_version"]


def test_promoted_version_answers_and_judges_within_seconds_and_a_rollback_takes_it_back(service: Served) -> None:
    assert predicted_version(service) == judged_by(service) == service.first.version
    done = service.command("promote", TINY, "2", "--author", "Ada", "--reason", "fewer missed failures")
    assert done.returncode == 0, done.stderr
    assert "version 2" in done.stdout
    assert soon(lambda: service.serves(service.second))
    assert predicted_version(service) == service.second.version
    assert soon(lambda: judged_by(service) == service.second.version)
    assert service.metric(f'smart_sentry_model_ready{{dataset="tiny",model_version="{service.second.version}"}} 1.0')
    assert service.metric(f'smart_sentry_model_ready{{dataset="tiny",model_version="{service.first.version}"}} 0.0')
    assert service.client.get("/model").json()["threshold"] == 0.25

    done = service.command("rollback", TINY, "--author", "Ben", "--reason", "too many alarms")
    assert done.returncode == 0, done.stderr
    assert soon(lambda: service.serves(service.first))
    assert predicted_version(service) == service.first.version
    with Store(f"sqlite:///{service.home / 'plant.db'}") as store, store.view() as batch:
        told = [(entry.actor, entry.action, entry.details["version"]) for entry in batch.audit.history()]
    assert told[-2:] == [("Ada", "promote model", "2"), ("Ben", "roll back model", "1")]


def test_list_shows_what_serves_and_why(service: Served) -> None:
    shown = service.command("list", "--dataset", TINY)
    assert shown.returncode == 0, shown.stderr
    (first,) = (line for line in shown.stdout.splitlines() if service.first.checksum[:12] in line)
    assert "champion, here" in first
    assert "0.9000" in first


def test_spoilt_model_is_refused_the_last_good_one_answers_and_everybody_is_told(service: Served) -> None:
    assert service.command("promote", TINY, "2", "--author", "Ada", "--reason", "try").returncode == 0
    assert soon(lambda: service.serves(service.second))
    file = champion_folder(service.home, TINY, service.second.checksum) / "failure.onnx"
    content = file.read_bytes()
    file.write_bytes(b"spoilt" + content)
    assert soon(lambda: service.metric("smart_sentry_model_refused 1.0"))
    ready = service.client.get("/ready")
    assert ready.status_code == 200
    assert "failure.onnx: expected SHA-256" in ready.json()["refused"]
    assert predicted_version(service) == service.second.version
    file.write_bytes(content)
    assert soon(lambda: service.metric("smart_sentry_model_refused 0.0"))
    assert "refused" not in service.client.get("/ready").json()


def test_challenger_that_lost_is_packaged_and_the_champion_serves_on(service: Served, tmp_path: Path) -> None:
    home = shutil.copytree(service.home, tmp_path / "home")
    champion_file(home, TINY).unlink(missing_ok=True)
    manifest = bundle_folder(home, TINY) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threshold": 0.5', '"threshold": 0.25'))
    challenger = load_bundle(bundle_folder(home, TINY))
    package = Package(dataset=TINY, bundle_sha256=challenger.checksum, version=challenger.version)
    write_json(package_file(home, TINY), package.model_dump())
    assert load_champion(home, TINY).checksum == challenger.checksum
    context = StageContext(TINY, load_params(home / "params.yaml"), Settings(home=home))
    serve_after(context, challenger, Decision(False, "a gain of +0.0000 is less than 0.002"))
    assert load_champion(home, TINY).checksum == service.first.checksum
    serve_after(context, challenger, Decision(True, "better"))
    assert load_champion(home, TINY).checksum == challenger.checksum


def test_version_that_nobody_knows_is_refused_and_nothing_changes(service: Served) -> None:
    done = service.command("promote", TINY, "9", "--author", "Ada", "--reason", "?")
    assert done.returncode == 1
    assert "no model at smart-sentry-tiny/9. Name a version" in done.stderr
    assert service.serves(service.first)


def test_version_whose_files_in_mlflow_were_changed_is_refused_and_nothing_changes(service: Served) -> None:
    shutil.rmtree(champion_folder(service.home, TINY, service.second.checksum), ignore_errors=True)
    for manifest in (service.home / "mlruns" / "artifacts").rglob("manifest.json"):
        if '"threshold": 0.25' in (content := manifest.read_text()):
            manifest.write_text(content.replace("0.25", "0.26"))
    done = service.command("promote", TINY, "2", "--author", "Ada", "--reason", "try")
    assert done.returncode == 1
    assert "expected SHA-256" in done.stderr
    registry = ModelRegistry(Tracker(service.home / "mlruns"), TINY)
    assert (champion := registry.champion()) is not None
    assert champion.version == "1"
    assert service.serves(service.first)
    assert bundle_folder(service.home, TINY).is_dir()
