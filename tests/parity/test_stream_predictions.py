"""NASA's FD001 test set through Kafka, a worker process and PostgreSQL: every row as the batch evaluation has it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from services_fixture import Services, running_services
from small_champion import PROJECT, SmallChampion, few_engines

from smart_sentry.assets import ASSET_COLUMN, CYCLE_COLUMN
from smart_sentry.champion import Package, package_file
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.demos.stream_run import row_figures, wait_until_stored
from smart_sentry.environment import library_environment
from smart_sentry.files import write_json
from smart_sentry.fleets import compute_features, fleet_of
from smart_sentry.monitor import Monitor
from smart_sentry.prognosis.row_metrics import Confusion
from smart_sentry.servers import Server, free_port, running
from smart_sentry.stores.store import Store
from smart_sentry.stream.broker import ensure_topics
from smart_sentry.stream.messages import Form
from smart_sentry.stream.producer import Producer
from smart_sentry.stream.replay import send_replay
from smart_sentry.stream.sources import Clock, of_dataset

TOPIC, PARTITIONS, ENGINES = "parity", 2, 100
FIGURES = ["failure_probability", "rul_cycles", "rul_lower_cycles", "rul_upper_cycles"]
ORIGINAL, SAME_BUNDLE = 1e-5, 1e-6
"""Greatest difference to the models before they became ONNX, and to one pass of the same bundle over the whole table; of
probability, and of remaining life as a share of its cap."""


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """Kafka and PostgreSQL."""
    with running_services("kafka", "postgres") as found:
        yield found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> RunToFailure:
    """All engines of the test set, in the order of asset and cycle."""
    data = few_engines(tmp_path_factory.mktemp("raw"), test=ENGINES)
    return replace(data, test=data.test.sort_values([ASSET_COLUMN, CYCLE_COLUMN]).reset_index(drop=True))


def home_of(champion: SmallChampion, folder: Path) -> Path:
    """A project whose champion of FD001 is the small one."""
    shutil.copytree(PROJECT / "configs" / "assets", folder / "configs" / "assets")
    shutil.copytree(champion.bundle.folder, folder / "models" / "FD001" / "bundle")
    package = Package(dataset="FD001", bundle_sha256=champion.bundle.checksum, version=champion.bundle.version)
    write_json(package_file(folder, "FD001"), package.model_dump())
    return folder


@pytest.fixture(scope="module")
def streamed(
    services: Services, fleet: RunToFailure, small_champion: SmallChampion, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    """What stands in the database, in the order of asset and cycle."""
    home = home_of(small_champion, tmp_path_factory.mktemp("home"))
    replay = of_dataset(fleet, "test", Clock(datetime(2026, 1, 1, tzinfo=UTC), 1.0))
    names = {f"FD001-test-{number}": number for number in fleet.test[ASSET_COLUMN].unique().tolist()}
    ensure_topics(services.kafka_bootstrap, {TOPIC: PARTITIONS})
    port, log = free_port(), home / "worker.log"
    variables = library_environment(home) | {
        "SMART_SENTRY_HOME": str(home), "SMART_SENTRY_DATABASE": services.postgres_url, "SMART_SENTRY_SERVED": "FD001",
        "SMART_SENTRY_KAFKA_BOOTSTRAP": services.kafka_bootstrap, "SMART_SENTRY_KAFKA_TOPIC": TOPIC,
        "SMART_SENTRY_METRICS_PORT": str(port),
    }  # fmt: skip
    server = Server(
        "worker", [sys.executable, "-m", "serving.worker"], "127.0.0.1", port, "/metrics", variables, PROJECT
    )
    with running(server, log) as worker, Store(services.postgres_url) as store:
        producer = Producer(services.kafka_bootstrap)
        send_replay(replay, producer, TOPIC, Form.JSON, 0.0)
        producer.close()

        def stored() -> int:
            with store.view() as view:
                return sum(view.readings.count(name) for name in names)

        wait_until_stored(stored, replay.rows, worker.process, worker.address, log)
    with Store(services.postgres_url) as store, store.view() as view:
        rows = [
            vars(one) | {ASSET_COLUMN: number, CYCLE_COLUMN: int(one.reading_id.rpartition(":")[2])}
            for name, number in names.items()
            for one in view.predictions.history(name)
        ]
    return pd.DataFrame(rows).sort_values([ASSET_COLUMN, CYCLE_COLUMN]).reset_index(drop=True)


def assert_same(found: pd.DataFrame, wanted: np.ndarray, champion: SmallChampion, tolerance: float) -> None:
    cap = champion.data.asset_type.failure.rul_cap_cycles
    unit = np.array([1, cap, cap, cap])
    np.testing.assert_allclose(found[FIGURES].to_numpy() / unit, wanted / unit, rtol=0, atol=tolerance)


@pytest.mark.timeout(240)
def test_stream_predicts_every_row_of_the_test_set_and_each_once(streamed: pd.DataFrame, fleet: RunToFailure) -> None:
    rows = [ASSET_COLUMN, CYCLE_COLUMN]
    assert len(streamed) == 13_096
    pd.testing.assert_frame_equal(streamed[rows], fleet.test[rows], check_dtype=False)


@pytest.mark.timeout(240)
def test_stream_predicts_what_the_batch_evaluation_does_from_the_first_row_on(
    streamed: pd.DataFrame, fleet: RunToFailure, small_champion: SmallChampion
) -> None:
    champion = small_champion
    batch = compute_features(
        champion.feature_model, fleet_of(fleet.test, pd.Series(0.0, fleet.test.index), fleet.asset_type)
    )
    features = batch.features.astype(np.float32)
    wanted = np.column_stack([champion.failure.probability(features), champion.life.predict(features)])
    assert_same(streamed, wanted, champion, ORIGINAL)
    warming = fleet.test[CYCLE_COLUMN].to_numpy() < champion.feature_model.params.warm_after  # nobody was restored
    np.testing.assert_array_equal(streamed["warming"], warming)
    np.testing.assert_array_equal(streamed["restored"], batch.restored)
    assert not batch.restored.any()
    assert warming.sum() > ENGINES
    assert (wanted[:, 0] >= champion.bundle.manifest.threshold).any()


@pytest.mark.timeout(240)
def test_stream_predicts_what_one_pass_of_the_same_bundle_does(
    streamed: pd.DataFrame, fleet: RunToFailure, small_champion: SmallChampion
) -> None:
    wanted = Monitor(small_champion.bundle).assess_frame(fleet.test).reset_index(drop=True)
    assert_same(streamed, wanted[FIGURES].to_numpy(), small_champion, SAME_BUNDLE)
    for name in ("warming", "regime"):
        np.testing.assert_array_equal(streamed[name], wanted[name])
    assert set(streamed["model_version"]) == {small_champion.bundle.version}


@pytest.mark.timeout(240)
def test_row_figures_out_of_the_database_are_those_of_a_hand_count(
    streamed: pd.DataFrame, fleet: RunToFailure, small_champion: SmallChampion
) -> None:
    threshold = small_champion.bundle.manifest.threshold
    alarm = streamed["failure_probability"].to_numpy() >= threshold
    failing = fleet.test_truth().to_numpy() <= fleet.asset_type.failure.horizon_cycles
    shuffled = streamed.sample(frac=1.0, random_state=1)
    assert row_figures(shuffled, fleet, threshold) == Confusion(
        true_positives=(alarm & failing).sum(), false_positives=(alarm & ~failing).sum(),
        false_negatives=(~alarm & failing).sum(), true_negatives=(~alarm & ~failing).sum(),
    )  # fmt: skip
