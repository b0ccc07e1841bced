"""From fitted models to ONNX graphs: one input `features` (rows, features) float32, one output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from smart_sentry.edge.trees import Trees, booster_trees, forest_trees
from smart_sentry.prognosis.failure_models import BlendModel, BoostedModel, FailureModel, ForestModel, LogisticModel
from smart_sentry.prognosis.remaining_life import RemainingLifeModel

OPSET = 15
ML_OPSET = 3
INPUT = "features"
_IR_VERSION = 8


def failure_onnx(model: FailureModel, features: int) -> bytes:
    """Failure probability, output `probability` (rows, 1)."""
    return _finish(_probability(model, features, "m"), "probability", "failure")


def rul_onnx(model: RemainingLifeModel, features: int) -> bytes:
    """Remaining life, output `life` (rows, 3) cycles: estimate, lower end, upper end, like `RemainingLifeModel.predict`.

    An end is its value at no estimated life plus, for each stretch between two knots, its slope there times the part of the
    estimate that lies in the stretch.
    """
    booster = _boosted(model.estimate, features, "booster")
    interval = model.interval
    steps = np.diff(interval.estimate_cycles)
    slopes = np.diff([interval.lower_cycles, interval.upper_cycles], axis=1) / steps
    numbers: tuple[tuple[str, Any], ...] = (
        ("nothing", 0.0),
        ("cap", model.cap_cycles),
        ("starts", interval.estimate_cycles[:-1]),
        ("steps", steps),
        ("slopes", slopes.T),
        ("first", [interval.lower_cycles[0], interval.upper_cycles[0]]),
    )
    constants = [_constant(name, np.array(value, np.float32)) for name, value in numbers]
    constants.append(_constant("one_each", np.array([1, 1], np.int64)))
    nodes = [
        helper.make_node("Clip", [booster.graph.output[0].name, "nothing", "cap"], ["estimate"]),
        helper.make_node("Sub", ["estimate", "starts"], ["beyond_starts"]),
        helper.make_node("Max", ["beyond_starts", "nothing"], ["begun"]),
        helper.make_node("Min", ["begun", "steps"], ["covered"]),
        helper.make_node("MatMul", ["covered", "slopes"], ["risen"]),
        helper.make_node("Add", ["risen", "first"], ["summed"]),
        helper.make_node("Clip", ["summed", "nothing", "cap"], ["ends"]),  # a sum of float32 may end beside the cap
        helper.make_node("Split", ["ends", "one_each"], ["lower_end", "upper_end"], axis=1),
        helper.make_node("Min", ["lower_end", "estimate"], ["lower"]),
        helper.make_node("Max", ["upper_end", "estimate"], ["upper"]),
        helper.make_node("Concat", ["estimate", "lower", "upper"], ["life"], axis=1),
    ]
    return _finish(_join([booster], nodes, constants, "life", 3, features), "life", "remaining_life")


def _probability(model: FailureModel, features: int, prefix: str) -> ModelProto:
    match model:
        case LogisticModel():
            return _logistic(model, prefix)
        case BoostedModel():
            return _boosted(model.booster, features, prefix, logistic=True)
        case ForestModel():
            return _forest(model, features, prefix)
        case BlendModel():
            parts = [_probability(member, features, f"{prefix}_{name}") for name, member in model.members.items()]
            nodes = [helper.make_node("Mean", [part.graph.output[0].name for part in parts], [f"{prefix}_mean"])]
            return _join(parts, nodes, [], f"{prefix}_mean", 1, features)
    raise TypeError(f"no ONNX export for {type(model).__name__}")


def _logistic(model: LogisticModel, prefix: str) -> ModelProto:
    constants = [
        _constant(f"{prefix}_centre", model.centre.astype(np.float32)),
        _constant(f"{prefix}_scale", model.scale.astype(np.float32)),
        _constant(f"{prefix}_weights", model.weights.astype(np.float32)[:, None]),
        _constant(f"{prefix}_bias", np.array([model.bias], np.float32)),
    ]
    nodes = [
        helper.make_node("Sub", [INPUT, f"{prefix}_centre"], [f"{prefix}_about"]),
        helper.make_node("Div", [f"{prefix}_about", f"{prefix}_scale"], [f"{prefix}_standard"]),
        helper.make_node("MatMul", [f"{prefix}_standard", f"{prefix}_weights"], [f"{prefix}_sum"]),
        helper.make_node("Add", [f"{prefix}_sum", f"{prefix}_bias"], [f"{prefix}_log_odds"]),
        helper.make_node("Sigmoid", [f"{prefix}_log_odds"], [f"{prefix}_probability"]),
    ]
    return _model(nodes, constants, f"{prefix}_probability", 1, len(model.centre))


def _boosted(booster: Any, features: int, prefix: str, logistic: bool = False) -> ModelProto:
    """XGBoost's trees as one TreeEnsembleRegressor; summed in float32 as XGBoost does."""
    raw = f"{prefix}_raw"
    nodes, output = [_ensemble(booster_trees(booster), raw, _base_score(booster, logistic))], raw
    if logistic:
        output = f"{prefix}_probability"
        nodes.append(helper.make_node("Sigmoid", [raw], [output]))
    return _model(nodes, [], output, 1, features)


def _forest(model: ForestModel, features: int, prefix: str) -> ModelProto:
    output = f"{prefix}_probability"
    return _model([_ensemble(forest_trees(model), output, 0.0)], [], output, 1, features)


def _ensemble(trees: Trees, output: str, base: float) -> NodeProto:
    attributes: dict[str, Any] = {**trees.attributes(), "base_values": [base]}
    return helper.make_node(
        "TreeEnsembleRegressor", [INPUT], [output], domain="ai.onnx.ml", n_targets=1,
        aggregate_function="SUM", post_transform="NONE", **attributes,
    )  # fmt: skip


def _base_score(booster: Any, logistic: bool) -> float:
    """XGBoost keeps its starting value in the output's unit; the trees add to it in log-odds."""
    import json

    saved = json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
    base = float(json.loads(saved)[0] if saved.startswith("[") else saved)
    return float(np.log(base / (1.0 - base))) if logistic else base


def _constant(name: str, value: NDArray[Any]) -> TensorProto:
    return numpy_helper.from_array(value, name)


def _model(
    nodes: Sequence[Any], constants: Sequence[TensorProto], output: str, width: int, features: int
) -> ModelProto:
    graph = helper.make_graph(
        list(nodes), "smart_sentry",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, features])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, width])],
        list(constants),
    )  # fmt: skip
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="smart_sentry")


def _join(
    parts: Sequence[ModelProto],
    nodes: Sequence[Any],
    constants: Sequence[TensorProto],
    output: str,
    width: int,
    features: int,
) -> ModelProto:
    """Several graphs on the one input, and nodes that bring their outputs together."""
    all_nodes = [node for part in parts for node in part.graph.node] + list(nodes)
    all_constants = [constant for part in parts for constant in part.graph.initializer] + list(constants)
    return _model(all_nodes, all_constants, output, width, features)


def _finish(model: ModelProto, output: str, name: str) -> bytes:
    """Checks the graph and gives its output the name that callers know."""
    from onnx import checker

    inner = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = [output if produced == inner else produced for produced in node.output]
        node.input[:] = [output if taken == inner else taken for taken in node.input]
    model.graph.output[0].name = output
    model.graph.name = name
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
