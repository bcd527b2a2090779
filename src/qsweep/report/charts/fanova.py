"""Functional analysis of variance (fANOVA) of a random forest: the share that each column explains alone.

Hutter, Hoos and Leyton-Brown (2014), "An Efficient Approach for Assessing Hyperparameter Importance",
Algorithm 2. The leaves of a tree are boxes, so that marginals are exact sums over them. They are computed
with arrays, because a search has hundreds of variants: optuna's evaluator gives the same numbers, but takes
several times as long.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.system.arrays import Floats

LEAF = -1


def shares(codes: npt.NDArray[np.int64], scores: Floats, trees: int, seed: int) -> Floats | None:
    """Return the share [columns] of each column of codes [rows, columns] in the variance of scores [rows].

    The codes of a column are 0, 1, ..., its highest, with equal weights. None if no tree found a difference.
    """
    from sklearn.ensemble import RandomForestRegressor  # slow to import, and needed only here

    forest = RandomForestRegressor(n_estimators=trees, random_state=seed).fit(codes, scores)
    low, high = np.full(codes.shape[1], -0.5), codes.max(axis=0).astype(np.float64) + 0.5
    of_trees = [_of_tree(tree.tree_, low, high) for tree in forest.estimators_]
    known = [share for share in of_trees if share is not None]
    return np.mean(known, axis=0) if known else None


def _of_tree(tree: Any, low: Floats, high: Floats) -> Floats | None:
    """Return each column's share in the variance of one tree's prediction over the box from low to high."""
    lows, highs, values = _leaves(tree, low, high)
    sides = (highs - lows) / (high - low)
    volumes = sides.prod(axis=1)
    mean = float(volumes @ values)
    variance = float(volumes @ (values - mean) ** 2)
    if variance <= 0:
        return None
    parts = []
    for column in range(len(low)):
        edges = np.unique(np.concatenate([lows[:, column], highs[:, column]]))
        middles, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges) / (high[column] - low[column])
        inside = (lows[:, column] < middles[:, None]) & (middles[:, None] < highs[:, column])
        marginal = inside @ (values * volumes / sides[:, column])
        parts.append(float(widths @ (marginal - mean) ** 2))
    return np.array(parts) / variance


def _leaves(tree: Any, low: Floats, high: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the boxes of a tree's leaves, lows and highs [leaves, columns], and its predictions [leaves]."""
    lows, highs = np.tile(low, (tree.node_count, 1)), np.tile(high, (tree.node_count, 1))
    left, right, columns, thresholds = (
        tree.children_left.tolist(),
        tree.children_right.tolist(),
        tree.feature.tolist(),
        tree.threshold.tolist(),
    )
    for node in range(tree.node_count):  # a node comes before its children
        if left[node] != LEAF:
            for child in (left[node], right[node]):
                lows[child], highs[child] = lows[node], highs[node]
            highs[left[node], columns[node]] = lows[right[node], columns[node]] = thresholds[node]
    leaves = tree.children_left == LEAF
    return lows[leaves], highs[leaves], tree.value[leaves, 0, 0]
