"""What a study is named after: everything that a trial's result depends on, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smart_sentry.features.pipeline import FeatureParams
from smart_sentry.params import EvaluateParams, Params, TrainParams, TuneParams
from smart_sentry.stages import tune
from smart_sentry.stages.tune import study_version

PACKAGE = Path(tune.__file__).parents[1]
PARAMS = Params(datasets=("FD001",))


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 21},
        {"features": FeatureParams(own_baseline=14)},
        {"tune": TuneParams(folds=4)},
        {"train": TrainParams(soft_label_cycles=5)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_study_changes_with_what_shapes_a_trial(changed: dict[str, object]) -> None:
    assert study_version(PARAMS.model_copy(update=changed), "data") != study_version(PARAMS, "data")


def test_study_changes_with_the_data() -> None:
    assert study_version(PARAMS, "other data") != study_version(PARAMS, "data")


@pytest.mark.parametrize(
    "changed",
    [
        {"datasets": ("FD001", "FD002")},
        {"tune": TuneParams(trials=99, candidates=("xgboost",))},
        {"train": TrainParams(rul_trees=5)},
        {"evaluate": EvaluateParams(alarm_k=3)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_study_goes_on_where_no_trial_is_touched(changed: dict[str, object]) -> None:
    assert study_version(PARAMS.model_copy(update=changed), "data") == study_version(PARAMS, "data")


@pytest.mark.parametrize(
    ("name", "touched"),
    [("features/windows.py", True), ("prognosis/candidates.py", True), ("api/errors.py", False), ("cli.py", False)],
)
def test_study_of_older_code_does_not_answer_for_newer_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, touched: bool
) -> None:
    package = tmp_path / "smart_sentry"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(tune, "_PACKAGE", package)
    before = study_version(PARAMS, "data")
    (package / name).write_text((package / name).read_text() + "\n# newer\n")
    assert (study_version(PARAMS, "data") != before) == touched
