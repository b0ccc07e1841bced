"""The voting detectors: isolation forests (Liu, Ting and Zhou, 2008) of many assets, walked by one compiled kernel.

scikit-learn fits them; its own scoring costs about 20 ms a call, which many assets with a forest each cannot afford. The kernel's
scores equal scikit-learn's `-score_samples` (tests/unit/detection/test_isolation.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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


NODE = np.dtype([("value", np.float64), ("left", np.int32), ("feature", np.int16), ("inner", np.int16)])
"""A node for walking: a row goes to `left` where `feature` is at most `value`, else to the one behind it. A leaf (`inner` is 0)
leads to itself, and `value` is its path. All that a step needs is in one line of the processor's cache."""


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The nodes of forests, one forest behind the other; each begins with its roots.

    Attributes:
        forests: they; as long as they are held, their ids are theirs.
        begin: id of a forest -> its first node.
        nodes: (nodes,) of `NODE`.
        depth: steps from a root to the deepest leaf.
    """

    forests: tuple[Forest, ...]
    begin: dict[int, int]
    nodes: NDArray[Any]
    depth: int


_KNOWN: WeakValueDictionary[frozenset[int], _Nodes] = WeakValueDictionary()
"""By the ids of the forests. A fleet's nodes are hundreds of megabytes, and each of a worker's partitions has a stack of them."""


def _nodes_of(forests: Sequence[Forest]) -> _Nodes:
    ids = frozenset(map(id, forests))
    found = _KNOWN.get(ids)
    if found is None:
        found = _KNOWN[ids] = _laid_out(tuple({id(forest): forest for forest in forests}.values()))
    return found


def _laid_out(forests: tuple[Forest, ...]) -> _Nodes:
    sizes = np.array([len(forest.feature) for forest in forests], dtype=np.int64)
    begins = (np.cumsum(sizes) - sizes).tolist()
    nodes, depth = np.empty(int(sizes.sum()), dtype=NODE), 0
    for forest, begin in zip(forests, begins, strict=True):
        deepest = _lay_out(
            forest.root, forest.feature, forest.threshold, forest.left, forest.right, forest.path, begin, nodes
        )
        if deepest < 0:
            raise ValueError("a forest whose nodes are no trees")
        depth = max(depth, deepest)
    return _Nodes(forests, {id(forest): begin for forest, begin in zip(forests, begins, strict=True)}, nodes, depth)


@dataclass(frozen=True)
class ForestStack:
    """The forests of many assets.

    Attributes:
        root: (assets,) first root; the others follow it. -1 where an asset has no forest.
        trees: (assets,) how many roots there are.
        limit: (assets,)
        nodes: of all of them.
    """

    root: IntArray
    trees: IntArray
    limit: FloatArray
    nodes: _Nodes

    @classmethod
    def of(cls, forests: Sequence[Forest | None]) -> ForestStack:
        """Stacks the forests of assets 0, 1, ...; stacks of the same forests, in whatever order, share their nodes.

        Raises:
            ValueError: the nodes of one are no trees.
        """
        nodes = _nodes_of([forest for forest in forests if forest is not None])
        root = [-1 if forest is None else nodes.begin[id(forest)] for forest in forests]
        trees = [0 if forest is None else len(forest.root) for forest in forests]
        limit = np.array([np.inf if forest is None else forest.limit for forest in forests])
        return cls(np.array(root, dtype=np.int64), np.array(trees, dtype=np.int64), limit, nodes)

    def arranged(self, places: IntArray) -> ForestStack:
        """(assets,) of `places` in this stack, in that order."""
        return replace(self, root=self.root[places], trees=self.trees[places], limit=self.limit[places])

    def grown(self, assets: int) -> ForestStack:
        """The same with room for further assets, which have no forest."""
        more = assets - len(self.root)
        return replace(
            self,
            root=np.append(self.root, np.full(more, -1)),
            trees=np.append(self.trees, np.zeros(more, dtype=np.int64)),
            limit=np.append(self.limit, np.full(more, np.inf)),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the nodes, which other stacks of the same forests share, and of what is this stack's own."""
        return sum(part.nbytes for part in (self.root, self.trees, self.limit, self.nodes.nodes))

    def scores(self, features: FloatArray, slots: IntArray) -> FloatArray:
        """(rows,) scores of each row by its own asset's forest; NaN where it has none."""
        out = np.empty(len(features))
        order = np.argsort(slots, kind="stable")  # asset by asset: the nodes of one forest fit into a core's cache
        _scores(
            np.ascontiguousarray(features, dtype=np.float32), slots, order, self.root, self.trees, self.nodes.nodes,
            self.nodes.depth, out,
        )  # fmt: skip
        return out


@njit(cache=True, nogil=True)
def _lay_out(root: Any, feature: Any, threshold: Any, left: Any, right: Any, path: Any, begin: int, nodes: Any) -> int:
    """Writes a forest's nodes from `begin` on, level by level, and returns how deep they are; -1: they are no trees."""
    queue = np.empty(feature.size, dtype=np.int32)
    known, at, depth = root.size, 0, 0
    queue[:known] = root
    end = known
    while at < known:
        if at == end:
            depth, end = depth + 1, known
        old = queue[at]
        node = nodes[begin + at]
        if feature[old] < 0:
            node.value, node.left, node.feature, node.inner = path[old], begin + at, 0, 0
        else:
            if known + 2 > feature.size:
                return -1
            node.value, node.left, node.feature, node.inner = threshold[old], begin + known, feature[old], 1
            queue[known], queue[known + 1] = left[old], right[old]
            known += 2
        at += 1
    return depth if known == feature.size else -1


@njit(cache=True, nogil=True)
def _scores(features: Any, slots: Any, order: Any, root: Any, many: Any, nodes: Any, depth: int, out: Any) -> None:
    """All trees go down one level at a time, and leaves wait: no step needs the one before it, so the processor fetches the nodes
    of many trees at once.
    """
    at = np.empty(many.max() if many.size else 0, dtype=np.int64)
    for row in order:
        slot, total = slots[row], 0.0
        trees = many[slot]
        if trees == 0:
            out[row] = np.nan
            continue
        for tree in range(trees):
            at[tree] = root[slot] + tree
        for _ in range(depth):
            for tree in range(trees):
                node = nodes[at[tree]]
                goes_left = features[row, node.feature] <= node.value
                at[tree] = node.left + node.inner * (1 - goes_left)  # no branch: which way is anyone's guess
        for tree in range(trees):
            total += nodes[at[tree]].value
        out[row] = 2.0 ** (-total / trees)
