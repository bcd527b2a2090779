"""Maps of environments whose single discrete dimension is a position: rows, columns, walls, goals."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.environments.description import make
from qsweep.environments.failures import EnvironmentFailure, calling, closing
from qsweep.environments.resolved import Setting
from qsweep.environments.textbook.table_environment import TableEnvironment
from qsweep.pictures.surfaces import MapFeatures, Panel, PanelAxis

Letters = npt.NDArray[np.str_]

ENDS = "HGC#"
"""Letters of holes, goals, cliffs and walls: an episode ends there, returns to its start, or never enters."""
ICE, FLOOR_AND_WALLS = "F", ".#"
"""Letters that are not drawn: of FrozenLake's floor; of the book's floor and walls, which are grey."""
TAXI_SLICES = ((0, "passenger at R"), (4, "passenger on board"))
TAXI_FIXED = "destination: G"
"""Taxi's number of the passenger's location and its label, per panel; the destination is G, number 1."""


def maps(setting: Setting) -> tuple[tuple[Panel, ...], str]:
    """Return a discrete environment's states as maps, and the text of what they fix; empty without a map."""
    env, grid = setting.env, setting.grid
    if len(grid.buckets) != 1 or setting.description.dimensions[0].values is None:
        return (), ""
    try:
        made = make(env)
        with closing(env.id, made), calling(env.id, "make"):
            world: Any = made.unwrapped
            if env.id.startswith("Taxi-") and grid.cells == 500:
                return _taxi(world), TAXI_FIXED
            letters = _letters(env.id, world)
    except EnvironmentFailure:
        return (), ""
    of_the_book = isinstance(world, TableEnvironment)
    if letters is None or letters.size != grid.cells or (of_the_book and len(letters) == 1):
        return (), ""
    ends = np.isin(letters, list(ENDS)) & (of_the_book or env.id.startswith(("FrozenLake", "CliffWalking")))
    states = np.arange(grid.cells).reshape(letters.shape)
    hidden = np.isin(letters, list(FLOOR_AND_WALLS if of_the_book else ICE))
    return (_map(states, np.where(hidden, "", letters), ends),), ""


def _letters(env_id: str, world: Any) -> Letters | None:
    """Return the letter, or nothing, at every position of a map, row by row from the top."""
    description = getattr(world, "desc", None)
    if isinstance(description, np.ndarray) and description.ndim == 2 and description.dtype.kind in "SU":
        return np.char.decode(description) if description.dtype.kind == "S" else description
    shape = getattr(world, "shape", None)
    if not (isinstance(shape, tuple) and len(shape) == 2 and all(isinstance(n, int) for n in shape)):
        return None
    letters = np.full(shape, "", "U1")
    if env_id.startswith("CliffWalking"):
        letters[-1, 1:-1], letters[-1, 0], letters[-1, -1] = "C", "S", "G"
    return letters


def _taxi(world: Any) -> tuple[Panel, ...]:
    """Return Taxi's five rows and columns, one panel per location of the passenger."""
    inside = np.char.decode(np.asarray(world.desc))[1:-1, 1:-1]
    letters = np.where(inside[:, ::2] == " ", "", inside[:, ::2])
    rows, columns = letters.shape
    walls = tuple(
        ((column + 1.0, rows - 1.0 - row), (column + 1.0, float(rows - row)))
        for row, column in np.argwhere(inside[:, 1::2] == "|").tolist()
    )
    positions = [[(row, column) for column in range(columns)] for row in range(rows)]
    return tuple(
        _map(
            np.array(
                [[world.encode(row, column, passenger, 1) for row, column in line] for line in positions]
            ),
            letters,
            np.zeros(letters.shape, np.bool_),
            walls,
            label,
        )
        for passenger, label in TAXI_SLICES
    )


def _map(
    states: npt.NDArray[np.int64],
    letters: Letters,
    ends: npt.NDArray[np.bool_],
    walls: tuple[tuple[tuple[float, float], tuple[float, float]], ...] = (),
    fixed: str = "",
) -> Panel:
    """Return the panel of a map; states, letters, ends are [rows, columns] from the top."""
    rows, columns = states.shape
    x = PanelAxis("column", np.arange(columns + 1.0), tuple(map(str, range(columns))))
    y = PanelAxis("row", np.arange(rows + 1.0), tuple(str(row) for row in reversed(range(rows))))
    features = MapFeatures(letters[::-1].T, ends[::-1].T, walls)
    return Panel(x, y, states[::-1].T[..., None].astype(np.int64), fixed, features)
