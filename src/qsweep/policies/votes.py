"""Votes of several Q-tables on the greedy action: how far they agree, within a grid and between grids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsweep.environments.grid import Cells, Grid, bucket_edges, cells_at
from qsweep.policies.evaluation.exact import greedy_actions
from qsweep.system.arrays import Floats, QTable
from qsweep.tracking.visits import Visits

CELLS = 50_000
"""Largest number of visited cells in which tables are compared."""


@dataclass(frozen=True, eq=False)
class Tables:
    """Q-tables float64[buckets..., actions] on one grid, one per seed, and the visits of all trainings."""

    grid: Grid
    tables: tuple[QTable, ...]
    visits: Visits

    @property
    def visited(self) -> Cells:
        """The visited cells, in C order; none if they are too many, or of several tilings."""
        cells = np.flatnonzero(self.visits)
        return cells if len(cells) <= CELLS and self.grid.tilings == 1 else cells[:0]

    def votes(self, observations: Floats) -> Cells:
        """Return how many tables take each action in each state, int64[actions, states]."""
        cells = cells_at(self.grid, observations)
        greedy = [greedy_actions(q.reshape(self.grid.cells, -1), cells) for q in self.tables]
        actions = range(self.tables[0].shape[-1])
        return np.stack([np.sum([chosen == action for chosen in greedy], axis=0) for action in actions])


def centres(grid: Grid, cells: Cells) -> Floats:
    """Return the observations in the middle of cells of one tiling: float64[cells, dimensions]."""
    middles = [np.add(edges[:-1], edges[1:]) / 2 for edges in map(np.asarray, bucket_edges(grid))]
    places = np.unravel_index(cells, grid.shape)
    return np.stack([middle[place] for middle, place in zip(middles, places, strict=True)], axis=1)


def agreement(ours: Tables, theirs: Tables) -> float:
    """Return how often two random tables, one of ours and one of theirs, have one greedy action, 0 to 1.

    The mean over the visits of our cells, at whose centres both are asked; no table is compared with itself.
    NaN if our cells have no centres, the actions differ in number, or there is no pair.
    """
    cells, same = ours.visited, ours is theirs
    pairs = len(ours.tables) * (len(theirs.tables) - same)
    if not len(cells) or not pairs or ours.tables[0].shape[-1] != theirs.tables[0].shape[-1]:
        return float("nan")
    states = centres(ours.grid, cells)
    votes = ours.votes(states)
    shares = (votes * ((votes if same else theirs.votes(states)) - same)).sum(axis=0) / pairs
    return float(np.average(shares, weights=ours.visits.ravel()[cells]))


def agreements(variants: Sequence[Tables]) -> Floats:
    """Return `agreement` of every variant (row) with every variant, float64[variants, variants]."""
    return np.array([[agreement(ours, theirs) for theirs in variants] for ours in variants])


def most_common(of: Tables) -> QTable:
    """Return a Q-table that takes the most common greedy action in every cell.

    Of equally common ones it is that of the first table, or else the first action.
    """
    greedy = np.stack([table.argmax(axis=-1) for table in of.tables])
    actions = range(of.tables[0].shape[-1])
    votes = [(greedy == action).sum(axis=0) + 0.5 * (greedy[0] == action) for action in actions]
    return np.stack(votes, axis=-1)
