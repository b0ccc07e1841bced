"""A small real bundle, trained within seconds on the tiny fleet, packaged in a home folder of its own; and the service on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from live_app import served
from small_life import fit_small_life
from tiny_project import TINY, TINY_ASSET_TYPE, tiny_histories

from smart_sentry.api.prediction import create_app
from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN, AssetType
from smart_sentry.bundle import Bundle, Manifest, load_bundle, write_bundle
from smart_sentry.champion import Package, bundle_folder, load_champion, package_file
from smart_sentry.config import Settings
from smart_sentry.datasets.run_to_failure import cycles_to_last_row
from smart_sentry.edge.onnx_export import failure_onnx, rul_onnx
from smart_sentry.features.pipeline import FeatureParams
from smart_sentry.files import write_json
from smart_sentry.fleets import compute_features, fleet_of, learn_features
from smart_sentry.prognosis.candidates import CANDIDATES
from smart_sentry.prognosis.labels import soft_labels

ASSET_TYPE = AssetType.model_validate(TINY_ASSET_TYPE)
FEATURES = FeatureParams(half_lives=(3, 8), trends=(5, 10), own_baseline=5, warm_after=5)


def make_packaged_home(home: Path) -> Path:
    """Trains a logistic failure model and a small remaining-life model, and registers their bundle as the champion of `tiny`."""
    readings = tiny_histories()
    fleet = fleet_of(readings, cycles_to_last_row(readings), ASSET_TYPE)
    model = learn_features(fleet, ASSET_TYPE, FEATURES, seed=1)
    features = compute_features(model, fleet).features
    policy = ASSET_TYPE.failure
    logistic = CANDIDATES["logistic_regression"]
    failure = logistic.fit(features, soft_labels(fleet.rul_cycles, policy.horizon_cycles, 2.0), logistic.defaults, 1)
    life = fit_small_life(
        features, fleet.rul_cycles, fleet.cycle, fleet.slot, np.ones(len(features), dtype=np.bool_),
        cap_cycles=policy.rul_cap_cycles, trees=20,
    )  # fmt: skip
    manifest = Manifest(
        dataset=TINY, asset_type=ASSET_TYPE, candidate="logistic_regression", threshold=0.5, alarm_k=2, alarm_n=3,
        data_version="tiny-7",
    )  # fmt: skip
    width = len(model.feature_names)
    checksum = write_bundle(
        bundle_folder(home, TINY), manifest, model, failure_onnx(failure, width), rul_onnx(life, width)
    )
    package = Package(dataset=TINY, bundle_sha256=checksum, version=f"{TINY}-{checksum[:12]}")
    write_json(package_file(home, TINY), package.model_dump())
    return home


def asset_columns(asset_id: str, rows: slice, number: int = 1) -> dict[str, Any]:
    """A part of one tiny asset's history in the columnar form of a request."""
    history = tiny_histories()
    history = history[history[ASSET_COLUMN] == number].iloc[rows]
    signals = {name: history[name].tolist() for name in ASSET_TYPE.signal_names}
    return {"asset_id": asset_id, "cycles": history[CYCLE_COLUMN].tolist(), "signals": signals}


def asset_rows(asset_id: str, rows: slice, number: int = 1) -> dict[str, Any]:
    """The same part in the form of rows."""
    columns = asset_columns(asset_id, rows, number)
    names = columns["signals"]
    readings = [
        {"cycle": cycle, "signals": {name: names[name][row] for name in names}}
        for row, cycle in enumerate(columns["cycles"])
    ]
    return {"asset_id": asset_id, "readings": readings}


def expected_values(asset: dict[str, Any]) -> tuple[Sequence[int], np.ndarray]:
    """Cycles and (readings, signals) values of a columnar asset, as `Monitor.answer` takes them."""
    return asset["cycles"], np.array([asset["signals"][name] for name in ASSET_TYPE.signal_names]).T


@dataclass(frozen=True)
class LiveService:
    """The prediction application under a real server on the loopback."""

    address: str
    home: Path
    client: httpx.Client


@contextmanager
def live_service(home: Path, settings: Settings) -> Iterator[LiveService]:
    """Serves the champion of a home folder for the length of the block."""
    with served(create_app(lambda: load_champion(home), settings)) as client:
        yield LiveService(str(client.base_url), home, client)


@pytest.fixture(scope="session")
def packaged_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with the packaged champion of `tiny`."""
    return make_packaged_home(tmp_path_factory.mktemp("packaged"))


@pytest.fixture(scope="session")
def packaged_bundle(packaged_home: Path) -> Bundle:
    """That champion, loaded."""
    return load_bundle(bundle_folder(packaged_home, TINY))


@pytest.fixture(scope="session")
def service(packaged_home: Path) -> Iterator[LiveService]:
    """The service on that champion, with small limits, so that tests of them are cheap."""
    with live_service(
        packaged_home, Settings(body_limit_bytes=100_000, request_assets=20, request_readings=500)
    ) as live:
        yield live
