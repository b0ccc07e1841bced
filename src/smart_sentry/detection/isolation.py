"""The voting detectors: isolation forests (Liu, Ting and Zhou, 2008) of many assets, walked by one compiled kernel.

scikit-learn fits them; its own scoring costs about 20 ms a call, which many assets with a forest each cannot afford. The kernel's
scores equal scikit-learn's `-score_samples` (tests/unit/detection/test_isolation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TREES, ROWS_OF_A_TREE = 64, 128
_EULER = 0.5772156649015329


@dataclass(frozen=True)
class Forest:
    """One isolation forest as plain arrays; it runs no code when loaded.

    Attributes:
        root: (trees,) each tree's first node.
        feature: (nodes,) -1 at a leaf. threshold: a row goes left where the feature, as float32, is at most this.
        left, right: (nodes,) a node's children, as positions in these arrays.
        path: (nodes,) path length that a leaf stands for, divided by that of the average row: what one tree adds.
        limit: score of the healthy steps above which the forest votes for an anomaly.
    """

    root: NDArray[np.int32]
    feature: NDArray[np.int16]
    threshold: FloatArray
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    path: FloatArray
    limit: float

    def scores(self, features: FloatArray) -> FloatArray:
        """(rows,) anomaly scores in 0..1, from (rows, features)."""
        return ForestStack.of([self]).scores(features, np.zeros(len(features), dtype=np.int64))


def fit_forest(features: FloatArray, contamination: float, seed: int) -> Forest:
    """Fits a forest to healthy steps (rows, features); its limit leaves `contamination` of them above."""
    from sklearn.ensemble import IsolationForest

    rows = min(ROWS_OF_A_TREE, len(features))
    model = IsolationForest(
        n_estimators=TREES, max_samples=rows, contamination=contamination, random_state=seed, n_jobs=1
    ).fit(features)
    parts = [
        _tree(estimator.tree_, used)
        for estimator, used in zip(model.estimators_, model.estimators_features_, strict=True)
    ]
    sizes = np.array([len(part[0]) for part in parts])
    root = np.cumsum(sizes) - sizes
    average = _average_path(np.array([rows]))[0]
    feature, threshold, left, right, path = (np.concatenate(column) for column in zip(*parts, strict=True))
    shift = np.repeat(root, sizes)
    return Forest(
        root.astype(np.int32), feature.astype(np.int16), threshold, (left + shift).astype(np.int32),
        (right + shift).astype(np.int32), path / average, float(-model.offset_),
    )  # fmt: skip


def _tree(tree: Any, used: IntArray) -> tuple[NDArray[Any], ...]:
    leaf = tree.children_left < 0
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        if not leaf[node]:
            depth[tree.children_left[node]] = depth[tree.children_right[node]] = depth[node] + 1
    feature = np.where(leaf, -1, used[np.maximum(tree.feature, 0)])
    path = np.where(leaf, depth + _average_path(tree.n_node_samples), 0.0)
    return feature, tree.threshold, np.maximum(tree.children_left, 0), np.maximum(tree.children_right, 0), path


def _average_path(rows: NDArray[Any]) -> FloatArray:
    """Average path length of an unsuccessful search in a binary tree of that many rows (Liu et al., 2008, equation 1)."""
    many = np.maximum(rows.astype(np.float64), 3.0)
    length = 2.0 * (np.log(many - 1.0) + _EULER) - 2.0 * (many - 1.0) / many
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, length))


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The nodes of forests, one behind the other.

    Attributes:
        forests: they; as long as they are held, their ids are theirs.
        begin: id of a forest -> its first node.
        feature, threshold, left, right, path: (nodes,) as of a `Forest`.
    """

    forests: tuple[Forest, ...]
    begin: dict[int, int]
    feature: NDArray[np.int16]
    threshold: FloatArray
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    path: FloatArray


_KNOWN: WeakValueDictionary[frozenset[int], _Nodes] = WeakValueDictionary()
"""By the ids of the forests. A fleet's nodes are a gigabyte, and each of a worker's partitions has a stack of them."""


def _nodes_of(forests: Sequence[Forest]) -> _Nodes:
    ids = frozenset(map(id, forests))
    found = _KNOWN.get(ids)
    if found is None:
        found = _KNOWN[ids] = _laid_out(tuple({id(forest): forest for forest in forests}.values()))
    return found


def _laid_out(forests: tuple[Forest, ...]) -> _Nodes:
    sizes = np.array([len(forest.feature) for forest in forests], dtype=np.int64)
    begins = (np.cumsum(sizes) - sizes).tolist()
    begin = {id(forest): at for forest, at in zip(forests, begins, strict=True)}
    nothing, none = np.empty(0, np.int32), np.empty(0)
    return _Nodes(
        forests, begin,
        np.concatenate([np.empty(0, np.int16), *(forest.feature for forest in forests)]),
        np.concatenate([none, *(forest.threshold for forest in forests)]),
        np.concatenate([nothing, *(forest.left + at for forest, at in zip(forests, begins, strict=True))]).astype(np.int32),
        np.concatenate([nothing, *(forest.right + at for forest, at in zip(forests, begins, strict=True))]).astype(np.int32),
        np.concatenate([none, *(forest.path for forest in forests)]),
    )  # fmt: skip


@dataclass(frozen=True)
class ForestStack:
    """The forests of many assets.

    Attributes:
        root: (assets, trees) first nodes; -1 where an asset has no forest.
        limit: (assets,)
        nodes: of all of them.
    """

    root: IntArray
    limit: FloatArray
    nodes: _Nodes

    @classmethod
    def of(cls, forests: Sequence[Forest | None]) -> ForestStack:
        """Stacks the forests of assets 0, 1, ...; stacks of the same forests, in whatever order, share their nodes."""
        nodes = _nodes_of([forest for forest in forests if forest is not None])
        root = np.full((len(forests), TREES), -1, dtype=np.int64)
        for number, forest in enumerate(forests):
            if forest is not None:
                root[number, : len(forest.root)] = forest.root + nodes.begin[id(forest)]
        limit = np.array([np.inf if forest is None else forest.limit for forest in forests])
        return cls(root, limit, nodes)

    @property
    def nbytes(self) -> int:
        """Bytes of the nodes, which other stacks of the same forests share, and of what is this stack's own."""
        its = self.nodes
        parts = (self.root, self.limit, its.feature, its.threshold, its.left, its.right, its.path)
        return sum(part.nbytes for part in parts)

    def scores(self, features: FloatArray, slots: IntArray) -> FloatArray:
        """(rows,) scores of each row by its own asset's forest; NaN where it has none."""
        out = np.empty(len(features))
        order = np.argsort(slots, kind="stable")  # asset by asset: the nodes of one forest fit into a core's cache
        _scores(
            np.ascontiguousarray(features, dtype=np.float32), slots, order, self.root, self.nodes.feature, self.nodes.threshold,
            self.nodes.left, self.nodes.right, self.nodes.path, out,
        )  # fmt: skip
        return out


@njit(cache=True, nogil=True)
def _scores(
    features: Any,
    slots: Any,
    order: Any,
    root: Any,
    feature: Any,
    threshold: Any,
    left: Any,
    right: Any,
    path: Any,
    out: Any,
) -> None:
    trees = root.shape[1]
    for row in order:
        slot, total = slots[row], 0.0
        if root[slot, 0] < 0:
            out[row] = np.nan
            continue
        for tree in range(trees):
            node = root[slot, tree]
            while feature[node] >= 0:
                node = left[node] if features[row, feature[node]] <= threshold[node] else right[node]
            total += path[node]
        out[row] = 2.0 ** (-total / trees)
