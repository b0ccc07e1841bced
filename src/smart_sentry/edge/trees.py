"""Tree ensembles of XGBoost and of the project's forest as attributes of ONNX's TreeEnsembleRegressor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smart_sentry.prognosis.failure_models import ForestModel

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Trees:
    """Nodes of an ensemble, tree by tree; every array is (nodes,). The ensemble's answer is the sum of the leaves reached.

    Attributes:
        tree: which tree a node belongs to. node: its number in that tree, from 0.
        left, right: numbers of its children; `left` is -1 at a leaf.
        feature, threshold: a row goes left where `feature` compares to `threshold` as `mode` says.
        missing_left: 1 where a row without a value goes left.
        value: what a leaf adds.
        mode: BRANCH_LT or BRANCH_LEQ.
    """

    tree: IntArray
    node: IntArray
    left: IntArray
    right: IntArray
    feature: IntArray
    threshold: Float32Array
    missing_left: IntArray
    value: Float32Array
    mode: str

    def attributes(self) -> dict[str, list[Any]]:
        """Name -> list, as `onnx.helper.make_node` takes them."""
        leaf = self.left < 0
        return {
            "nodes_treeids": self.tree.tolist(),
            "nodes_nodeids": self.node.tolist(),
            "nodes_featureids": np.where(leaf, 0, self.feature).tolist(),
            "nodes_values": np.where(leaf, np.float32(0), self.threshold).tolist(),
            "nodes_modes": np.where(leaf, "LEAF", self.mode).tolist(),
            "nodes_truenodeids": np.where(leaf, 0, self.left).tolist(),
            "nodes_falsenodeids": np.where(leaf, 0, self.right).tolist(),
            "nodes_missing_value_tracks_true": np.where(leaf, 0, self.missing_left).tolist(),
            "target_treeids": self.tree[leaf].tolist(),
            "target_nodeids": self.node[leaf].tolist(),
            "target_ids": [0] * int(leaf.sum()),
            "target_weights": self.value[leaf].tolist(),
        }


def booster_trees(booster: Any) -> Trees:
    """The trees of an xgboost.Booster, from its own JSON. At a leaf its split condition is the value."""
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([np.asarray(tree[name]) for tree in trees])

    sizes = np.array([len(tree["left_children"]) for tree in trees])
    condition = joined("split_conditions").astype(np.float32)
    return Trees(
        *_numbers(sizes), joined("left_children"), joined("right_children"), joined("split_indices"), condition,
        joined("default_left"), condition, "BRANCH_LT",
    )  # fmt: skip


def forest_trees(model: ForestModel) -> Trees:
    """The trees of a forest; each adds its share of the mean."""
    sizes = np.diff(np.r_[model.first_node, len(model.left)])
    return Trees(
        *_numbers(sizes), model.left, model.right, model.feature, _rounded_down(model.threshold),
        np.zeros_like(model.left), (model.value / len(sizes)).astype(np.float32), "BRANCH_LEQ",
    )  # fmt: skip


def _numbers(sizes: IntArray) -> tuple[IntArray, IntArray]:
    """Of each node: its tree, and its place in the tree."""
    tree = np.repeat(np.arange(len(sizes)), sizes)
    return tree, np.arange(len(tree)) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _rounded_down(threshold: NDArray[np.float64]) -> Float32Array:
    """The largest float32 not above: a float32 feature is at most the one exactly where it is at most the other."""
    rounded = threshold.astype(np.float32)
    return np.asarray(
        np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded), dtype=np.float32
    )
