"""The stages from features to export on twenty engines of FD001: the same bytes anywhere, however the work is spread."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from distributed import LocalCluster
from small_champion import PARAMS, few_engines

from smart_sentry.bundle import load_bundle
from smart_sentry.champion import load_champion
from smart_sentry.config import Settings
from smart_sentry.datasets.interim import load_interim, save_interim
from smart_sentry.datasets.run_to_failure import RunToFailure
from smart_sentry.errors import ExportDiffers, InsufficientData, ModelUnavailable
from smart_sentry.params import EvaluateParams, Params, TrainParams, TuneParams
from smart_sentry.prognosis.candidates import CANDIDATES
from smart_sentry.prognosis.evaluation_report import EvaluationReport
from smart_sentry.results import results_table
from smart_sentry.stages import STAGE_NAMES, STAGES, export
from smart_sentry.stages.stage import StageContext, StageResult

QUICK = Params(
    datasets=("FD001",),
    features=PARAMS,
    tune=TuneParams(trials=1, folds=2),
    train=TrainParams(rul_trees=20),
    evaluate=EvaluateParams(bootstrap_replicates=100),
)
CHAIN = ("features", "tune", "train", "evaluate", "export")


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    """What the stages set for libraries is taken back."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> RunToFailure:
    """Twenty train and twenty-four test engines."""
    return replace(few_engines(tmp_path_factory.mktemp("raw"), test=24), truth_source="data/raw/cmapss/RUL_FD001.txt")


def context_in(home: Path, data: RunToFailure, params: Params = QUICK, **settings: object) -> StageContext:
    """A home folder that the stage `get` has been run in."""
    context = StageContext("FD001", params, Settings(home=home, cmapss=None, **settings))  # type: ignore[arg-type]
    save_interim(context.interim, data)
    return context


def run(context: StageContext, *names: str) -> dict[str, StageResult]:
    return {name: STAGES[name](context) for name in names}


@pytest.fixture(scope="module")
def first(data: RunToFailure, tmp_path_factory: pytest.TempPathFactory) -> tuple[StageContext, dict[str, StageResult]]:
    """The whole chain with one process."""
    context = context_in(tmp_path_factory.mktemp("first"), data, workers=1)
    return context, run(context, *CHAIN)


@pytest.fixture
def copied(first: tuple[StageContext, dict[str, StageResult]], tmp_path: Path) -> StageContext:
    """A home folder with what the first chain left, but its MLflow runs, which are shared."""
    context, _ = first
    for folder in ("data", "models"):
        shutil.copytree(context.settings.home / folder, tmp_path / folder)
    uri = f"sqlite:///{context.settings.mlruns_folder.resolve() / 'mlflow.db'}"
    return StageContext("FD001", QUICK, Settings(home=tmp_path, mlflow_tracking_uri=uri))


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_stages_are_those_that_the_pipeline_names() -> None:
    assert tuple(STAGES) == STAGE_NAMES == ("get", "validate", *CHAIN, "package")


def test_every_stage_says_what_it_did_and_names_files_that_are_there(
    first: tuple[StageContext, dict[str, StageResult]],
) -> None:
    for name, result in first[1].items():
        assert result.summary.startswith("FD001: "), name
        assert all(path.exists() for path in result.files), name


def test_features_stage_leaves_a_fold_for_every_fold_and_learns_them_on_their_fitted_engines(
    first: tuple[StageContext, dict[str, StageResult]],
) -> None:
    context, results = first
    assert results["features"].figures == {"features": 56, "regimes": 1, "restored_assets": 0}
    assert sorted(path.name for path in (context.processed / "folds").iterdir()) == [
        "fold_0.npy", "fold_0.npz", "fold_1.npy", "fold_1.npz",
    ]  # fmt: skip
    with np.load(context.processed / "features" / "rows.npz") as rows:
        slot = rows["slot"]
    whole = np.load(context.processed / "features" / "features.npy")
    for number in (0, 1):
        with np.load(context.processed / "folds" / f"fold_{number}.npz") as fold:
            fitted, validated = fold["fitted"], fold["validated"]
        assert not set(slot[fitted]) & set(slot[validated])
        features = np.load(context.processed / "folds" / f"fold_{number}.npy")
        assert features.shape == whole.shape
        assert not np.array_equal(features, whole)


def test_choice_is_the_best_of_the_candidates_and_beats_the_seeds_method(
    first: tuple[StageContext, dict[str, StageResult]],
) -> None:
    choice = json.loads((first[0].processed / "choice.json").read_text())
    assert set(choice["average_precision_by_candidate"]) == set(CANDIDATES)
    report, seed = (EvaluationReport.model_validate(choice[key]) for key in ("cross_validation", "seed_method"))
    assert report.row.average_precision.value is not None
    assert seed.row.average_precision.value is not None
    assert report.row.average_precision.value >= max(choice["average_precision_by_candidate"].values()) - 1e-6
    assert report.row.average_precision.value > seed.row.average_precision.value > 0.5
    trials = pd.read_csv(first[0].processed / "trials.csv")
    assert trials.columns.tolist() == ["number", "candidate", "average_precision", "pruned"]
    assert trials["candidate"].tolist() == ["logistic_regression", "random_forest", "xgboost"]


def test_evaluation_scores_the_test_set_beside_the_seeds_method(
    first: tuple[StageContext, dict[str, StageResult]], data: RunToFailure
) -> None:
    context, results = first
    evaluation = json.loads((context.processed / "evaluation.json").read_text())
    champion = EvaluationReport.model_validate(evaluation["champion"])
    assert (champion.rows, champion.assets, champion.split) == (len(data.test), 24, "test")
    assert results["evaluate"].figures["test_f1"] == pytest.approx(champion.row.f1.value, abs=1e-6)
    assert {row.figure for row in results_table(context.processed)} >= {"F1", "share of assets alerted in time"}
    predictions = pd.read_parquet(context.processed / "test_predictions.parquet")
    assert predictions["asset_id"].tolist() == data.test["asset_id"].tolist()


def test_bundle_answers_like_the_predictions_that_were_evaluated(
    first: tuple[StageContext, dict[str, StageResult]], data: RunToFailure
) -> None:
    context, _ = first
    wanted = pd.read_parquet(context.processed / "test_predictions.parquet")
    found = load_bundle(context.bundle).predict_frame(data.test)
    np.testing.assert_allclose(found["failure_probability"], wanted["failure_probability"], rtol=0, atol=1e-5)
    for name in ("rul_cycles", "rul_lower_cycles", "rul_upper_cycles"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=125e-5)


def test_export_tells_sizes_and_what_the_int8_model_loses(first: tuple[StageContext, dict[str, StageResult]]) -> None:
    context, _ = first
    figures = json.loads((context.processed / "export.json").read_text())
    assert all(difference <= 1e-5 for difference in figures["parity"].values())
    models = figures["models"]
    assert set(models) == {"champion", "logistic", "int8"}
    assert models["int8"]["bytes"] == (context.edge / "logistic_int8.onnx").stat().st_size
    assert models["int8"]["average_precision"] > models["logistic"]["average_precision"] - 0.05
    onnx.checker.check_model(onnx.load(context.edge / "logistic.onnx"))


@pytest.mark.long
def test_chain_in_another_folder_with_two_processes_gives_the_same_bytes(
    first: tuple[StageContext, dict[str, StageResult]], data: RunToFailure, tmp_path: Path
) -> None:
    context, _ = first
    uri = f"sqlite:///{context.settings.mlruns_folder.resolve() / 'mlflow.db'}"
    second = context_in(tmp_path / "elsewhere", data, workers=2, mlflow_tracking_uri=uri)
    run(second, *CHAIN)
    for folder, its_folder in ((context.processed, second.processed), (context.models, second.models)):
        wanted, found = bytes_in(folder), bytes_in(its_folder)
        assert wanted.keys() == found.keys()
        assert [name for name in wanted if wanted[name] != found[name]] == []
    assert load_bundle(second.bundle).checksum == load_bundle(context.bundle).checksum


@pytest.mark.long
def test_tuning_on_a_dask_cluster_gives_the_same_choice(copied: StageContext) -> None:
    wanted = {name: (copied.processed / name).read_bytes() for name in ("choice.json", "trials.csv", "out_of_fold.npz")}
    for name in wanted:
        (copied.processed / name).unlink()
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        settings = copied.settings.model_copy(update={"dask_scheduler": cluster.scheduler_address})
        run(replace(copied, settings=settings), "tune")
    assert {name: (copied.processed / name).read_bytes() for name in wanted} == wanted


def test_test_set_without_truth_is_predicted_and_says_why_it_is_not_scored(
    copied: StageContext, data: RunToFailure
) -> None:
    predictions = (copied.processed / "test_predictions.parquet").read_bytes()
    save_interim(
        copied.interim, replace(data, test_final_rul_cycles=None, truth_source="data/raw/cmapss/RUL_FD001.txt")
    )
    result = run(copied, "evaluate")["evaluate"]
    evaluation = json.loads((copied.processed / "evaluation.json").read_text())
    assert list(evaluation) == ["unscored"]
    assert "data/raw/cmapss/RUL_FD001.txt is missing" in evaluation["unscored"]
    assert "none scored" in result.summary
    assert (copied.processed / "test_predictions.parquet").read_bytes() == predictions
    assert json.loads((copied.processed / "test_metrics.json").read_text()) == {}
    assert results_table(copied.processed) == []


def test_test_set_of_which_nothing_is_near_its_failure_is_scored_without_recall(
    copied: StageContext, data: RunToFailure
) -> None:
    assert data.test_final_rul_cycles is not None
    healthy = data.test[data.test["asset_id"] <= 8]
    final = data.test_final_rul_cycles.loc[:8]
    assert final.min() > 30
    save_interim(copied.interim, replace(data, test=healthy, test_final_rul_cycles=final))
    run(copied, "evaluate")
    evaluation = json.loads((copied.processed / "evaluation.json").read_text())
    champion = EvaluationReport.model_validate(evaluation["champion"])
    assert champion.row.recall.value is None
    assert champion.rul is not None
    assert champion.rul.rmse_capped_cycles.value is not None
    assert results_table(copied.processed)[0].champion == "n/a"


def test_champion_without_a_scored_test_set_is_packaged_and_found_by_its_checksum(
    copied: StageContext, data: RunToFailure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(copied.settings.home / "bentoml"))
    save_interim(copied.interim, replace(data, test_final_rul_cycles=None))
    results = run(copied, "evaluate", "export", "package")
    package = json.loads((copied.processed / "package.json").read_text())
    champion = load_champion(copied.settings.home, "FD001")
    assert champion.checksum == package["bundle_sha256"]
    assert champion.version == package["version"] == results["package"].figures["version"]
    assert "is built; champion: " in results["package"].summary
    (bento,) = (copied.settings.home / "bentoml" / "bentos" / "smart_sentry").glob("*/bento.yaml")
    assert package["bento"] == f"smart_sentry:{bento.parent.name}"


def test_export_that_differs_from_the_original_leaves_no_bundle(
    copied: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)  # nothing is that equal
    with pytest.raises(ExportDiffers, match="failure_probability differs by"):
        run(copied, "export")
    with pytest.raises(ModelUnavailable):
        load_bundle(copied.bundle)


def test_stages_run_again_leave_nothing_of_an_earlier_run(copied: StageContext) -> None:
    more = copied.processed / "folds" / "fold_7.npy"
    other = copied.trained / "failure" / "random_forest" / "forest.npz"
    for path in (more, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"of an earlier run")
    run(copied, "features", "train")
    assert not more.exists()
    assert not other.exists()


def test_more_folds_than_engines_are_refused_with_both_numbers(data: RunToFailure, tmp_path: Path) -> None:
    few = replace(data, train=data.train[data.train["asset_id"] <= 2])
    params = QUICK.model_copy(update={"tune": TuneParams(trials=1, folds=3)})
    with pytest.raises(InsufficientData, match="have 2, need at least 3"):
        run(context_in(tmp_path, few, params), "features")


def test_interim_data_are_read_once_more_as_they_were_saved(
    first: tuple[StageContext, dict[str, StageResult]], data: RunToFailure
) -> None:
    pd.testing.assert_frame_equal(load_interim(first[0].interim).test, data.test.reset_index(drop=True))
