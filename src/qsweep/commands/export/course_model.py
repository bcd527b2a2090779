"""The model file of Hugging Face's reinforcement learning course, units on Q-learning: `q-learning.pkl`.

It is a pickled dictionary with the Q-table, float64[states, actions], and the hyperparameters under the
course's names. qsweep only writes it: loading a pickle runs whatever code is in it.
"""

from __future__ import annotations

import pickle  # written, never read
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qsweep.policies.policy import PICKLE, Policy
from qsweep.system.atomic_files import write_bytes


def course_model(policy: Policy, kwargs: Mapping[str, Any], starts: Sequence[int]) -> dict[str, Any]:
    """Return the course's dictionary for a policy.

    kwargs: the arguments of the environment, its own defaults included. starts: the seeds of the evaluated
    episodes. In an environment whose observation is one integer, row s of the table belongs to observation s;
    otherwise rows are cells of the grid in C order, and `buckets`, `low`, `high`, `edges` describe it.
    """
    config, grid = policy.config, policy.grid
    epsilon = config["epsilon"]
    model: dict[str, Any] = {
        "env_id": policy.env_id,
        "max_steps": policy.env.max_steps,
        "n_training_episodes": int(policy.origin["checkpoint"][2:]),
        "n_eval_episodes": len(starts),
        "eval_seed": list(starts),
        "learning_rate": config["learning_rate"],
        "gamma": config["discount"],
        "max_epsilon": epsilon["start"],
        "min_epsilon": epsilon["end"],
        "decay_rate": None,  # of exp(-rate * episode), which is no schedule of qsweep's
        "epsilon": dict(epsilon),
        "qtable": policy.q_table.reshape(grid.cells, -1),
    }
    if not _is_one_integer(policy):
        inner = None if grid.edges is None else [list(edges) for edges in grid.edges]
        bounds = {"low": list(grid.low), "high": list(grid.high), "buckets": list(grid.buckets)}
        model |= {**bounds, "edges": inner, "tilings": grid.tilings}
    if kwargs.get("desc") is not None:  # the environment then ignores the name of a map
        model["desc"] = list(kwargs["desc"])
    elif "map_name" in kwargs:
        model["map_name"] = kwargs["map_name"]
    if kwargs.get("is_slippery") is False:
        model["slippery"] = False
    return model


def _is_one_integer(policy: Policy) -> bool:
    return policy.discrete and len(policy.grid.buckets) == 1 and policy.grid.low[0] == 0


def write_course_model(model: Mapping[str, Any], folder: Path) -> None:
    """Write the dictionary as q-learning.pkl into a folder."""
    write_bytes(folder / PICKLE, pickle.dumps(dict(model), protocol=4))  # as before Python 3.14


def environment_name(env_id: str, kwargs: Mapping[str, Any]) -> str:
    """Return an environment's name on the course's leaderboard: FrozenLake-v1-4x4-no_slippery."""
    named = kwargs.get("map_name") and kwargs.get("desc") is None  # a map of one's own has no name
    words = [env_id, *([str(kwargs["map_name"])] if named else [])]
    return "-".join([*words, *(["no_slippery"] if kwargs.get("is_slippery") is False else [])])
