"""MLflow on a real SQLite store: runs from several processes, models that answer, and the registry's aliases."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from smart_sentry.assets import AssetType, Signal
from smart_sentry.bundle import Manifest, load_bundle, write_bundle
from smart_sentry.errors import ChecksumMismatch, ModelUnavailable
from smart_sentry.features.pipeline import FeatureParams, Fleet, fit_features
from smart_sentry.prognosis.promotion import Decision, ValidationFigures
from smart_sentry.tracking.mlflow_tracking import PARENT_TAG, STATE_TAG, TRIAL_TAG, Tracker, TrainingRun
from smart_sentry.tracking.model_registry import ModelRegistry
from smart_sentry.tracking.plots import tuning_figure
from smart_sentry.tracking.pyfunc_loader import PREDICTION_COLUMNS
from smart_sentry.tracking.records import LoggedModel, TrialRecord

STAGE = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("error")
from smart_sentry.tracking.mlflow_tracking import Tracker
from smart_sentry.tracking.records import TrialRecord
folder, stage, first = sys.argv[1:]
with Tracker(Path(folder)).training_run("training-1", "FD001") as run:
    run.log_metrics({f"{stage}.f1": 0.5})
    run.log_trials([TrialRecord(int(first) + i, {"depth": i}, {"f1": i / 10}) for i in range(5)])
    print(run.run_id)
"""
FIGURES = ValidationFigures(validated_on="data 1", f1=0.9, average_precision=0.97)


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(tmp_path_factory.mktemp("mlruns"))


@pytest.fixture
def run(tracker: Tracker, request: pytest.FixtureRequest) -> Iterator[TrainingRun]:
    with tracker.training_run(request.node.name, "motor") as opened:
        yield opened


def trials_of(tracker: Tracker, run: TrainingRun) -> list[tuple[int, str, dict[str, str], dict[str, float]]]:
    nested = tracker.client.search_runs([run.experiment_id], f"tags.`{PARENT_TAG}` = '{run.run_id}'")
    return sorted(
        (int(trial.data.tags[TRIAL_TAG]), trial.data.tags[STATE_TAG], trial.data.params, trial.data.metrics)
        for trial in nested
    )


@pytest.mark.long
def test_stages_in_two_processes_at_once_on_a_new_store_share_one_parent_run(tmp_path: Path) -> None:
    stages = [
        subprocess.Popen(
            [sys.executable, "-c", STAGE, str(tmp_path), stage, first],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for stage, first in (("tune", "0"), ("train", "5"))
    ]
    said = [stage.communicate(timeout=240)[0].strip() for stage in stages]
    assert [stage.returncode for stage in stages] == [0, 0]
    assert said[0] == said[1]

    tracker = Tracker(tmp_path)
    run = tracker.find_training_run("training-1", "FD001")
    assert run is not None
    assert run.run_id == said[0]
    held = tracker.client.get_run(run.run_id)
    assert held.data.metrics == {"tune.f1": 0.5, "train.f1": 0.5}
    assert held.info.status == "FINISHED"
    assert [number for number, *_ in trials_of(tracker, run)] == list(range(10))
    everything = tracker.client.search_runs([run.experiment_id])
    assert len(everything) == 1 + 10


def test_training_run_opened_again_is_the_same_run_and_ends_as_the_last_stage_did(tracker: Tracker) -> None:
    with pytest.raises(ZeroDivisionError), tracker.training_run("failing", "motor", {"stage": "tune"}) as first:
        raise ZeroDivisionError
    assert tracker.client.get_run(first.run_id).info.status == "FAILED"
    with tracker.training_run("failing", "motor", {"stage": "train"}) as second:
        assert tracker.client.get_run(first.run_id).info.status == "RUNNING"
    assert second.run_id == first.run_id
    held = tracker.client.get_run(first.run_id)
    assert held.info.status == "FINISHED"
    assert held.data.tags["stage"] == "train"
    with tracker.training_run("another", "motor") as other:
        assert other.run_id != first.run_id


def test_training_run_that_was_never_opened_is_not_found(tracker: Tracker) -> None:
    assert tracker.find_training_run("nobody", "motor") is None
    assert tracker.find_training_run("nobody", "no-such-data-set") is None


def test_store_is_under_the_folder_and_telemetry_is_off(tracker: Tracker, run: TrainingRun) -> None:
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert is_telemetry_disabled()
    folder = Path(tracker.uri.removeprefix("sqlite:///")).parent
    assert (folder / "mlflow.db").is_file()
    run.log_text("# Card", "model_card.md")
    assert [path.read_text() for path in folder.glob("artifacts/smart-sentry-motor/**/model_card.md")] == ["# Card"]


def test_log_of_more_than_a_hundred_params_and_of_figures_without_value(tracker: Tracker, run: TrainingRun) -> None:
    params = {f"parameter_{i}": i for i in range(150)}
    for _ in range(2):  # a repeated stage logs the same again
        run.log_params(params)
        run.log_metrics({"f1": 0.5, "recall": None, "precision": float("nan")}, prefix="test.")
    data = tracker.client.get_run(run.run_id).data
    assert data.params == {key: str(value) for key, value in params.items()}
    assert data.metrics == {"test.f1": 0.5}


def test_log_of_figures_files_and_data_shows_them_with_the_run(
    tracker: Tracker, run: TrainingRun, tmp_path: Path
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "table.csv").write_text("a\n1\n")
    run.log_figures({"tuning": tuning_figure({0: 0.8}, "weighted F1")})
    run.log_files(tmp_path / "report", "report")
    run.log_files(tmp_path / "report" / "table.csv")
    run.log_dict({"f1": 0.9}, "metrics.json")
    run.log_dataset("motor train", "c" * 64, "data/raw", "training")
    run.log_description("# Motor")
    run.log_tags({"data_version": "c" * 64})

    client = tracker.client
    assert {item.path for item in client.list_artifacts(run.run_id)} == {
        "metrics.json",
        "plots",
        "report",
        "table.csv",
    }
    assert [item.path for item in client.list_artifacts(run.run_id, "plots")] == ["plots/tuning.png"]
    held = client.get_run(run.run_id)
    assert [(used.dataset.name, used.dataset.digest) for used in held.inputs.dataset_inputs] == [
        ("motor train", "c" * 36)
    ]
    assert held.data.tags["mlflow.note.content"] == "# Motor"
    assert held.data.tags["data_version"] == "c" * 64


def test_log_of_trials_keeps_their_state_and_does_not_repeat_them(tracker: Tracker, run: TrainingRun) -> None:
    first = [
        TrialRecord(0, {"depth": 3}, {"f1": 0.8}),
        TrialRecord(1, {"depth": 4}, {"f1": float("nan")}, state="pruned"),
    ]
    run.log_trials(first)
    run.log_trials([*first, TrialRecord(2, {"depth": 5}, state="failed")])
    assert trials_of(tracker, run) == [
        (0, "complete", {"depth": "3"}, {"f1": 0.8}),
        (1, "pruned", {"depth": "4"}, {}),
        (2, "failed", {"depth": "5"}, {}),
    ]


# --- models


def motor_type() -> AssetType:
    return AssetType(
        name="small_motor",
        signals=(
            Signal(name="load", unit="1", role="setting", limits=(0, 1)),
            Signal(name="temperature", unit="degC", limits=(0, 200)),
            Signal(name="vibration", unit="g", limits=(0, 5)),
        ),
    )


def worn_fleet() -> Fleet:
    """Six motors of 150 cycles whose temperature and vibration grow towards the failure."""
    generator = np.random.default_rng(0)
    slot, cycle = np.repeat(np.arange(6), 150), np.tile(np.arange(1, 151), 6)
    rul = (150 - cycle).astype(np.float64)
    wear = np.exp(-rul / 30)
    values = np.column_stack(
        [
            np.full(900, 0.5),
            60 + 20 * wear + generator.normal(0, 1, 900),
            0.2 + 0.5 * wear + generator.normal(0, 0.02, 900),
        ]
    )
    return Fleet(slot, cycle, values, rul)


def linear_model(features: int, outputs: int, activation: str) -> bytes:
    """An ONNX graph: activation(features @ weights)."""
    weights = np.random.default_rng(1).normal(0, 0.01, (features, outputs)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "weights"], ["sum"]), helper.make_node(activation, ["sum"], ["out"])],
        "linear",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, pd.DataFrame]:
    """A real bundle with its checksum, and readings for it."""
    asset_type, fleet = motor_type(), worn_fleet()
    params = FeatureParams(half_lives=(4, 8), trends=(15,))
    model = fit_features(fleet, asset_type, params, seed=0)
    manifest = Manifest(
        dataset="motor",
        asset_type=asset_type,
        candidate="logistic",
        threshold=0.5,
        alarm_k=2,
        alarm_n=3,
        data_version="d" * 64,
    )
    features = len(model.feature_names)
    folder = tmp_path_factory.mktemp("bundle")
    checksum = write_bundle(
        folder, manifest, model, linear_model(features, 1, "Sigmoid"), linear_model(features, 3, "Relu")
    )
    readings = pd.DataFrame(fleet.values[:200], columns=list(asset_type.signal_names))
    readings.insert(0, "asset_id", fleet.slot[:200] + 1)
    readings.insert(1, "cycle", fleet.cycle[:200])
    return folder, checksum, readings


def logged(run: TrainingRun, bundle: tuple[Path, str, pd.DataFrame]) -> LoggedModel:
    folder, checksum, readings = bundle
    example = readings.head(5)
    answers = load_bundle(folder, checksum).predict_frame(example)[list(PREDICTION_COLUMNS)]
    return run.log_model(folder, checksum, example, answers)


def test_logged_bundle_loaded_by_mlflow_answers_as_the_bundle_itself(
    tracker: Tracker, run: TrainingRun, bundle: tuple[Path, str, pd.DataFrame]
) -> None:
    folder, checksum, readings = bundle
    model = logged(run, bundle)
    loaded = tracker.load_model(model.uri)
    expected = load_bundle(folder, checksum).predict_frame(readings)[list(PREDICTION_COLUMNS)]
    pd.testing.assert_frame_equal(loaded.predict(readings), expected, check_exact=True)
    assert loaded.metadata.signature.inputs.input_names() == list(readings.columns)
    assert loaded.metadata.signature.outputs.input_names() == list(PREDICTION_COLUMNS)
    assert loaded.metadata.saved_input_example_info["artifact_path"] == "input_example.json"
    assert tracker.client.get_run(run.run_id).outputs.model_outputs[0].model_id == model.model_id


def test_logged_bundle_logged_again_is_the_same_model(run: TrainingRun, bundle: tuple[Path, str, pd.DataFrame]) -> None:
    assert logged(run, bundle) == logged(run, bundle)


def test_logged_bundle_that_was_changed_on_disk_is_refused(
    tracker: Tracker, run: TrainingRun, bundle: tuple[Path, str, pd.DataFrame]
) -> None:
    model = logged(run, bundle)
    held = Path(tracker.uri.removeprefix("sqlite:///")).parent
    (manifest,) = held.glob(f"artifacts/**/{model.model_id}/**/manifest.json")
    manifest.write_text(manifest.read_text().replace('"threshold": 0.5', '"threshold": 0.9'))
    with pytest.raises(ChecksumMismatch, match=bundle[1]):
        tracker.load_model(model.uri)


# --- registry


@pytest.fixture
def models(run: TrainingRun, tmp_path: Path, bundle: tuple[Path, str, pd.DataFrame]) -> list[LoggedModel]:
    """Three logged models; the registry looks at their checksums only."""
    example = bundle[2].head(2)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "manifest.json").write_text("{}")
    return [run.log_model(tmp_path / "model", letter * 64, example, example) for letter in "abc"]


@pytest.fixture
def registry(tracker: Tracker, request: pytest.FixtureRequest) -> ModelRegistry:
    return ModelRegistry(tracker, request.node.name[:40])


def aliases(tracker: Tracker, registry: ModelRegistry) -> dict[str, str]:
    return {alias: str(v) for alias, v in tracker.client.get_registered_model(registry.name).aliases.items()}


def test_registry_promotes_rejects_and_keeps_the_reasons(
    tracker: Tracker, registry: ModelRegistry, models: list[LoggedModel]
) -> None:
    assert registry.champion() is None
    first = registry.register_challenger(models[0], FIGURES)
    assert aliases(tracker, registry) == {"challenger": "1"}
    registry.apply(first, Decision(True, "better than the seed's method"))
    assert aliases(tracker, registry) == {"champion": "1"}

    second = registry.register_challenger(models[1], FIGURES.model_copy(update={"f1": 0.95}))
    assert aliases(tracker, registry) == {"champion": "1", "challenger": "2"}
    registry.apply(second, Decision(False, "loses alarms"))
    assert aliases(tracker, registry) == {"champion": "1", "challenger": "2"}
    challenger = registry.challenger()
    assert challenger is not None
    assert (challenger.decision, challenger.reason) == ("rejected", "loses alarms")
    assert challenger.figures.f1 == 0.95

    third = registry.register_challenger(models[2], FIGURES)
    registry.apply(third, Decision(True, "better"))
    assert aliases(tracker, registry) == {"champion": "3"}
    champion = registry.champion()
    assert champion is not None
    assert champion.model == models[2]
    version = tracker.client.get_model_version(registry.name, "3")
    assert (version.tags["decision"], version.tags["reason"]) == ("promoted", "better")
    assert version.tags["previous_champion"] == "1"


def test_registry_given_the_same_checksum_again_makes_no_new_version(
    tracker: Tracker, registry: ModelRegistry, models: list[LoggedModel]
) -> None:
    once = registry.register_challenger(models[0], FIGURES)
    assert registry.register_challenger(models[0], FIGURES) == once
    registry.apply(once, Decision(True, "better than the seed's method"))
    again = registry.register_challenger(models[0], FIGURES)
    assert again.version == once.version
    assert aliases(tracker, registry) == {"champion": "1"}
    outcome = registry.apply(again, Decision(False, "a gain of +0.0000 is less than 0.002"))
    assert outcome.promote
    assert "is the champion already" in outcome.reason
    assert registry.champion() == again
    assert len(tracker.client.search_model_versions(f"name = '{registry.name}'")) == 1


def test_registry_rolls_back_to_the_champion_before_and_does_not_promote_the_failed_one_again(
    tracker: Tracker, registry: ModelRegistry, models: list[LoggedModel]
) -> None:
    for model in models[:2]:
        registry.apply(registry.register_challenger(model, FIGURES), Decision(True, "better"))
    back = registry.rollback("false alarms in the field")
    assert back.version == "1"
    assert aliases(tracker, registry) == {"champion": "1"}
    failed = registry.register_challenger(models[1], FIGURES)
    assert (failed.decision, failed.reason) == ("rolled_back", "false alarms in the field")
    assert not registry.apply(failed, Decision(True, "better")).promote
    assert aliases(tracker, registry) == {"champion": "1", "challenger": "2"}


def test_registry_without_an_earlier_champion_cannot_roll_back(
    registry: ModelRegistry, models: list[LoggedModel]
) -> None:
    with pytest.raises(ModelUnavailable, match="No earlier champion"):
        registry.rollback("nothing is there")
    registry.apply(registry.register_challenger(models[0], FIGURES), Decision(True, "first"))
    with pytest.raises(ModelUnavailable, match="No earlier champion"):
        registry.rollback("only one was ever there")
