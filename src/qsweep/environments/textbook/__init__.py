"""Environments of Sutton and Barto (2018) that Gymnasium lacks; importing this package registers them.

Each is a finite Markov decision process with the `P` and the `initial_state_distrib` of Gymnasium's
toy-text environments, and draws its random numbers as they do.
"""

from __future__ import annotations

import gymnasium

ENVIRONMENTS = {
    "qsweep/DynaMaze-v0": "dyna_maze:DynaMaze",
    "qsweep/MaximizationBias-v0": "maximization_bias:MaximizationBias",
    "qsweep/RandomWalk-v0": "random_walk:RandomWalk",
    "qsweep/WindyGridworld-v0": "windy_gridworld:WindyGridworld",
}
"""Gymnasium id -> module of this package and class."""

for _id, _entry in ENVIRONMENTS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(_id, entry_point=f"qsweep.environments.textbook.{_entry}")
