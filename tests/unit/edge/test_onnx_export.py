"""Every kind of model answers in ONNX Runtime like the original."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import xgboost
from sklearn.ensemble import RandomForestRegressor
from small_champion import SmallChampion

from smart_sentry.edge.onnx_export import failure_onnx, rul_onnx
from smart_sentry.prognosis.candidates import BLEND, BLEND_MEMBERS, CANDIDATES
from smart_sentry.prognosis.failure_models import BlendModel, BoostedModel, FailureModel, ForestModel
from smart_sentry.prognosis.labels import soft_labels

TOLERANCE = 1e-5
QUICK = {"xgboost": {"rounds": 60}, "random_forest": {"trees": 20, "max_features": 0.3}}


def answer(graph: bytes, features: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert [inlet.name for inlet in session.get_inputs()] == ["features"]
    (found,) = session.run(None, {"features": features.astype(np.float32)})
    return np.asarray(found)


def fit(name: str, features: np.ndarray, rul_cycles: np.ndarray) -> FailureModel:
    target = soft_labels(rul_cycles, 30, 4)
    if name == BLEND:
        return BlendModel({member: fit(member, features, rul_cycles) for member in BLEND_MEMBERS})
    candidate = CANDIDATES[name]
    return candidate.fit(features, target, candidate.defaults | QUICK.get(name, {}), 1)


@pytest.mark.parametrize("name", [*CANDIDATES, BLEND])
def test_failure_graph_answers_like_the_original(name: str, small_champion: SmallChampion) -> None:
    features = small_champion.features
    model = fit(name, features[::5], small_champion.fleet.rul_cycles[::5])
    far = features * np.float32(3)  # beyond what it was fitted to
    for rows in (features, far, np.zeros_like(features[:1])):
        found = answer(failure_onnx(model, features.shape[1]), rows)
        assert found.shape == (len(rows), 1)
        np.testing.assert_allclose(found[:, 0], model.probability(rows), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", [*CANDIDATES, BLEND])
def test_failure_graph_exported_twice_has_the_same_bytes(name: str, small_champion: SmallChampion) -> None:
    rows, rul_cycles = small_champion.features[::40], small_champion.fleet.rul_cycles[::40]
    first, second = (failure_onnx(fit(name, rows, rul_cycles), rows.shape[1]) for _ in range(2))
    assert first == second


def test_life_graph_answers_like_the_original(small_champion: SmallChampion) -> None:
    life, features = small_champion.life, small_champion.features
    found = answer(rul_onnx(life, features.shape[1]), features)
    wanted = life.predict(features)
    assert (wanted[:, 2] == life.cap_cycles).any()  # open intervals
    assert (wanted[:, 2] != life.cap_cycles).any()  # and closed ones
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE * life.cap_cycles)


def test_boosted_graph_sends_rows_without_a_value_the_way_the_trees_learnt() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2000, 4)).astype(np.float32)
    features[rng.random(features.shape) < 0.3] = np.nan
    # A missing value is like a low one in column 0 and like a high one in column 1, so both directions are learnt.
    target = 0.1 + 0.4 * ~(features[:, 0] >= 0) + 0.4 * ~(features[:, 1] <= 0)
    settings = {"objective": "reg:logistic", "nthread": 1, "seed": 1, "max_depth": 4}
    booster = xgboost.train(settings, xgboost.DMatrix(features, target, nthread=1), 20)
    nodes = booster.trees_to_dataframe().query("Feature != 'Leaf'")
    assert {True, False} == set(nodes["Missing"] == nodes["Yes"])
    found = answer(failure_onnx(BoostedModel(booster), 4), features)
    np.testing.assert_allclose(found[:, 0], booster.inplace_predict(features), rtol=0, atol=TOLERANCE)


def test_boosted_graph_takes_a_value_on_a_threshold_to_the_same_side() -> None:
    rng = np.random.default_rng(2)
    features = rng.integers(0, 4, (500, 3)).astype(np.float32) / 3
    target = (features.sum(axis=1) > 1.5).astype(np.float64)
    booster = xgboost.train(
        {"objective": "reg:logistic", "nthread": 1}, xgboost.DMatrix(features, target, nthread=1), 10
    )
    thresholds = booster.trees_to_dataframe()["Split"].dropna().to_numpy(np.float32)
    rows = np.repeat(thresholds[:, None], 3, axis=1)
    found = answer(failure_onnx(BoostedModel(booster), 3), rows)
    np.testing.assert_allclose(found[:, 0], booster.inplace_predict(rows), rtol=0, atol=TOLERANCE)


def test_forest_graph_takes_a_value_on_a_threshold_to_the_same_side() -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(500, 3)).astype(np.float32)
    model = ForestModel.of(RandomForestRegressor(5, random_state=1).fit(features, features[:, 0] > 0))
    thresholds = model.threshold[model.left >= 0]
    for neighbour in (-np.inf, np.inf):  # the float32 values next to a threshold that is none itself
        near = np.nextafter(thresholds.astype(np.float32), np.float32(neighbour))
        for values in (near, thresholds.astype(np.float32)):
            rows = np.repeat(values[:, None], 3, axis=1)
            found = answer(failure_onnx(model, 3), rows)
            np.testing.assert_allclose(found[:, 0], model.probability(rows), rtol=0, atol=TOLERANCE)


def test_graph_is_small_enough_in_its_demands_for_old_runtimes(small_champion: SmallChampion) -> None:
    graph = onnx.load_model_from_string(failure_onnx(small_champion.failure, small_champion.features.shape[1]))
    assert graph.ir_version <= 8
    assert {(entry.domain, entry.version) for entry in graph.opset_import} == {("", 15), ("ai.onnx.ml", 3)}


def test_model_without_an_export_is_refused() -> None:
    with pytest.raises(TypeError, match="no ONNX export for object"):
        failure_onnx(object(), 3)  # type: ignore[arg-type]
