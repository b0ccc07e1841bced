"""params.yaml: every mistake is named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from smart_sentry.errors import ConfigurationError
from smart_sentry.params import Params, load_params

PROJECT = Path(__file__).parents[2]


def params_of(tmp_path: Path, text: str) -> Params:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return load_params(path)


def test_params_of_the_project_are_valid_and_fd001_is_its_default() -> None:
    params = load_params(PROJECT / "params.yaml")
    assert params.datasets == ("FD001",)
    assert params.tune.candidates == ("logistic_regression", "random_forest", "xgboost", "blend")


def test_params_that_are_not_given_have_defaults(tmp_path: Path) -> None:
    params = params_of(tmp_path, "datasets: [motor_fleet]\ntrain: {rul_trees: 7}\n")
    assert params.datasets == ("motor_fleet",)
    assert params.train.rul_trees == 7
    assert params.train.interval_coverage == 0.9


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("datasets: [FD001]\ntune: {trails: 3}", "tune.trails", "Extra inputs are not permitted"),
        ("datasets: [FD001]\nsede: 1", "sede", "Extra inputs are not permitted"),
        ("datasets: [FD001]\nfeatures: {half_life: [3]}", "features.half_life", "Extra inputs are not permitted"),
        ("datasets: [FD001]\ntune: {candidates: [svm]}", "tune.candidates.0", "'logistic_regression'"),
        ("datasets: [FD001]\ntune: {folds: 1}", "tune.folds", "greater than or equal to 2"),
        ("datasets: [FD001]\ntrain: {interval_coverage: 1.0}", "train.interval_coverage", "less than 1"),
        ("datasets: [FD001]\nevaluate: {bootstrap_replicates: many}", "evaluate.bootstrap_replicates", "valid integer"),
        ("datasets: []", "datasets", "at least 1 item"),
        ("datasets: [../FD001]", "datasets.0", "pattern"),
        ("seed: 3", "datasets", "Field required"),
        ("", "file", "valid dictionary"),
    ],
)
def test_params_with_a_mistake_name_its_key(tmp_path: Path, text: str, key: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        params_of(tmp_path, text)
    assert caught.value.where == str(tmp_path / "params.yaml")
    assert f"{key}: " in caught.value.problem
    assert said in caught.value.problem
    assert caught.value.remedy == "Mend these keys."


def test_params_with_several_mistakes_name_them_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"seed: .*; tune\.trails: "):
        params_of(tmp_path, "datasets: [FD001]\nseed: -1\ntune: {trails: 3}")


def test_params_that_are_no_yaml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not valid YAML"):
        params_of(tmp_path, "datasets: [FD001\ntune: }")


def test_params_that_are_missing_say_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SMART_SENTRY_HOME"):
        load_params(tmp_path / "params.yaml")
