"""One contract that every candidate passes: it ranks, repeats itself, and comes back from disk the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest
from sklearn.ensemble import RandomForestRegressor

from smart_sentry.prognosis.candidates import BLEND, BLEND_MEMBERS, CANDIDATES
from smart_sentry.prognosis.failure_models import (
    BlendModel,
    FailureModel,
    ForestModel,
    LogisticModel,
    load_failure_model,
)
from smart_sentry.prognosis.labels import soft_labels
from smart_sentry.prognosis.row_metrics import average_precision

EVERY = pytest.mark.parametrize("name", list(CANDIDATES))
QUICK = {"random_forest": {"trees": 20, "max_features": 0.5}, "xgboost": {"rounds": 30, "learning_rate": 0.3}}
"""Fewer trees than the defaults, which suit 250 features."""


def separable(seed: int, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """(rows, 6) features of which two tell the remaining life, and that remaining life."""
    rng = np.random.default_rng(seed)
    rul_cycles = rng.uniform(0, 150, rows)
    features = rng.normal(size=(rows, 6))
    features[:, 1] += 6 * np.exp(-rul_cycles / 40)
    features[:, 4] -= rul_cycles / 10
    return features.astype(np.float32), rul_cycles


FEATURES, RUL_CYCLES = separable(1)
HELD_OUT, ITS_RUL_CYCLES = separable(2)


def fit(name: str, seed: int = 7, **hyper: object) -> FailureModel:
    target = soft_labels(RUL_CYCLES, 30, 4)
    return CANDIDATES[name].fit(FEATURES, target, CANDIDATES[name].defaults | QUICK.get(name, {}) | hyper, seed)


@EVERY
@pytest.mark.parametrize("smote", [False, True])
def test_candidate_ranks_rows_that_it_has_not_seen(name: str, smote: bool) -> None:
    probability = fit(name, smote=smote).probability(HELD_OUT)
    assert probability.shape == (len(HELD_OUT),)
    assert ((probability >= 0) & (probability <= 1)).all()
    assert average_precision(probability, ITS_RUL_CYCLES <= 30) > 0.9  # a fifth of the rows is positive


@EVERY
def test_candidate_fitted_twice_gives_the_same_bits(name: str) -> None:
    first, second = (fit(name).probability(HELD_OUT) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["random_forest", "xgboost"])
def test_candidate_that_draws_at_random_does_so_by_its_seed(name: str) -> None:
    assert not np.array_equal(fit(name, seed=7).probability(HELD_OUT), fit(name, seed=8).probability(HELD_OUT))


@EVERY
def test_smote_gives_the_few_positives_more_weight(name: str) -> None:
    plain, more = (fit(name, smote=smote).probability(HELD_OUT).mean() for smote in (False, True))
    assert more > plain + 0.02


@EVERY
def test_soft_labels_teach_more_than_their_rounded_values(name: str) -> None:
    # Rows just beyond the horizon are half right: probabilities there are not pressed to 0.
    soft = fit(name).probability(HELD_OUT)
    candidate = CANDIDATES[name]
    hard = candidate.fit(
        FEATURES, (RUL_CYCLES <= 30).astype(float), candidate.defaults | QUICK.get(name, {}), 7
    ).probability(HELD_OUT)
    assert not np.array_equal(soft, hard)


@EVERY
def test_saved_model_comes_back_the_same(name: str, tmp_path: Path) -> None:
    model = fit(name)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        load_failure_model(name, tmp_path / "model").probability(HELD_OUT), model.probability(HELD_OUT)
    )
    assert {path.suffix for path in (tmp_path / "model").iterdir()} <= {".json", ".npz"}


@EVERY
def test_model_saved_twice_has_the_same_bytes(name: str, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        fit(name).save(tmp_path / folder)
    for path in (tmp_path / "first").iterdir():
        assert (tmp_path / "second" / path.name).read_bytes() == path.read_bytes(), path.name


def test_blend_is_the_mean_of_its_members_and_comes_back_the_same(tmp_path: Path) -> None:
    members = {name: fit(name) for name in BLEND_MEMBERS}
    blend = BlendModel(members)
    mean = sum(member.probability(HELD_OUT) for member in members.values()) / len(members)
    np.testing.assert_allclose(blend.probability(HELD_OUT), mean, rtol=1e-14)
    blend.save(tmp_path)
    loaded = load_failure_model(BLEND, tmp_path)
    assert isinstance(loaded, BlendModel)
    assert set(loaded.members) == set(BLEND_MEMBERS)
    np.testing.assert_array_equal(loaded.probability(HELD_OUT), blend.probability(HELD_OUT))


def test_forest_answers_like_the_library_that_grew_it() -> None:
    forest = RandomForestRegressor(30, min_samples_leaf=3, random_state=1).fit(FEATURES, soft_labels(RUL_CYCLES, 30, 4))
    np.testing.assert_array_equal(ForestModel.of(forest).probability(HELD_OUT), forest.predict(HELD_OUT))


def test_logistic_model_answers_as_worked_out_by_hand() -> None:
    model = LogisticModel(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([1.0, -1.0]), bias=0.5)
    found = model.probability(np.array([[3.0, 6.0], [5.0, 2.0]]))  # log-odds 1 - 1 + 0.5 and 2 - 0 + 0.5
    np.testing.assert_allclose(found, [1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(-2.5))], rtol=1e-14)


def test_logistic_model_far_from_the_boundary_stays_a_probability() -> None:
    model = LogisticModel(np.zeros(1), np.ones(1), np.ones(1), bias=0.0)
    found = model.probability(np.array([[1e6], [-1e6]]))
    assert 0 <= found[1] < 1e-20
    assert found[0] == 1


def test_logistic_candidate_takes_a_feature_that_never_varies() -> None:
    still = FEATURES.copy()
    still[:, 0] = 3.0
    candidate = CANDIDATES["logistic_regression"]
    probability = candidate.fit(still, soft_labels(RUL_CYCLES, 30, 4), candidate.defaults, 1).probability(still)
    assert np.isfinite(probability).all()


@EVERY
def test_defaults_lie_in_the_search_space(name: str) -> None:
    defaults = CANDIDATES[name].defaults
    assert CANDIDATES[name].suggest(optuna.trial.FixedTrial(dict(defaults))) == defaults


@EVERY
def test_search_space_offers_smote(name: str) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [CANDIDATES[name].suggest(study.ask()) for _ in range(12)]
    assert {hyper["smote"] for hyper in drawn} == {False, True}
    assert {frozenset(hyper) for hyper in drawn} == {frozenset(CANDIDATES[name].defaults)}


def test_unknown_kind_of_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such kind of failure model: oracle"):
        load_failure_model("oracle", tmp_path)
