"""From fitted models to ONNX graphs: one input `features` (rows, features) float32, one output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, compose, helper, numpy_helper

from smart_sentry.prognosis.failure_models import BlendModel, BoostedModel, FailureModel, ForestModel, LogisticModel
from smart_sentry.prognosis.remaining_life import RemainingLifeModel

OPSET = 15
ML_OPSET = 3
INPUT = "features"


def failure_onnx(model: FailureModel, features: int) -> bytes:
    """Failure probability, output `probability` (rows, 1)."""
    return _finish(_probability(model, features, "m"), "probability", "failure")


def rul_onnx(model: RemainingLifeModel, features: int) -> bytes:
    """Remaining life, output `life` (rows, 3) cycles: estimate, lower end, upper end, like `RemainingLifeModel.predict`."""
    parts = [_boosted(booster, features, name) for name, booster in
             (("estimate", model.estimate), ("lower", model.lower), ("upper", model.upper))]  # fmt: skip
    numbers = (("closed_margin", model.closed_margin_cycles), ("open_margin", model.open_margin_cycles), ("cap", model.cap_cycles), ("open_above", model.open_above_cycles))
    constants = [_constant(name, np.array(value, np.float32)) for name, value in numbers]
    estimate, lower, upper = (part.graph.output[0].name for part in parts)
    nodes = [
        helper.make_node("GreaterOrEqual", [upper, "open_above"], ["is_open"]),
        helper.make_node("Where", ["is_open", "open_margin", "closed_margin"], ["lower_margin"]),
        helper.make_node("Sub", [lower, "lower_margin"], ["lower_end"]),
        helper.make_node("Add", [upper, "closed_margin"], ["moved_upper"]),
        helper.make_node("Where", ["is_open", "cap", "moved_upper"], ["upper_end"]),
        helper.make_node("Concat", [estimate, "lower_end", "upper_end"], ["life"], axis=1),
    ]
    return _finish(_join(parts, nodes, constants, "life", 3, features), "life", "remaining_life")


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
    """XGBoost's trees as one TreeEnsembleRegressor, from its own JSON; summed in float32 as XGBoost does."""
    attributes: dict[str, Any] = _tree_attributes(booster) | {"base_values": [_base_score(booster, logistic)]}
    raw = f"{prefix}_raw"
    graph_nodes = [
        helper.make_node(
            "TreeEnsembleRegressor", [INPUT], [raw], domain="ai.onnx.ml", n_targets=1,
            aggregate_function="SUM", post_transform="NONE", **attributes,
        )
    ]  # fmt: skip
    output = raw
    if logistic:
        output = f"{prefix}_probability"
        graph_nodes.append(helper.make_node("Sigmoid", [raw], [output]))
    return _model(graph_nodes, [], output, 1, features)


def _tree_attributes(booster: Any) -> dict[str, list[Any]]:
    import json

    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]
    columns: dict[str, list[Any]] = {name: [] for name in (
        "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes", "nodes_truenodeids",
        "nodes_falsenodeids", "nodes_missing_value_tracks_true",
        "target_treeids", "target_nodeids", "target_ids", "target_weights",
    )}  # fmt: skip
    for number, tree in enumerate(trees):
        for node, left in enumerate(tree["left_children"]):
            leaf = left == -1
            row = {
                "nodes_treeids": number, "nodes_nodeids": node, "nodes_featureids": 0 if leaf else tree["split_indices"][node],
                "nodes_values": 0.0 if leaf else float(np.float32(tree["split_conditions"][node])),
                "nodes_modes": "LEAF" if leaf else "BRANCH_LT",
                "nodes_truenodeids": 0 if leaf else left, "nodes_falsenodeids": 0 if leaf else tree["right_children"][node],
                "nodes_missing_value_tracks_true": 0 if leaf else int(tree["default_left"][node]),
            }  # fmt: skip
            for name, value in row.items():
                columns[name].append(value)
            if leaf:
                weight = float(np.float32(tree["split_conditions"][node]))
                for name, value in (("treeids", number), ("nodeids", node), ("ids", 0), ("weights", weight)):
                    columns[f"target_{name}"].append(value)
    return columns


def _base_score(booster: Any, logistic: bool) -> float:
    """XGBoost keeps its starting value in the output's unit; the trees add to it in log-odds."""
    import json

    saved = json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
    base = float(json.loads(saved)[0] if saved.startswith("[") else saved)
    return float(np.log(base / (1.0 - base))) if logistic else base


def _forest(model: ForestModel, features: int, prefix: str) -> ModelProto:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    converted = to_onnx(
        model.forest,
        initial_types=[(INPUT, FloatTensorType([None, features]))],
        target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
    )
    renamed = compose.add_prefix(converted, f"{prefix}_", rename_inputs=False)
    renamed.ir_version = _IR_VERSION
    return renamed


_IR_VERSION = 8


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
