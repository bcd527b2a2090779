"""Measure the lengths of episodes of random actions, beside the shipped ones; two minutes of one core.

    python benchmarks/random_policies.py

For environments with a known optimum and without transition tables. `LENGTHS` in
qsweep/policies/optimum/random_policy.py are the means of `GROUPS` equal groups of sorted episodes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from qsweep.environments.twins import named_twin
from qsweep.policies.optimum.random_policy import GROUPS, LENGTHS

EPISODES = {"MountainCar-v0": 20_000, "CartPole-v1": 1_000_000}
LIMIT = 1_000_000
"""Steps: no episode took as many."""


def measure(env_id: str, episodes: int, limit: int = LIMIT) -> npt.NDArray[np.float64]:
    """Return the mean lengths of `GROUPS` equal groups of sorted episodes, float64[GROUPS]."""
    twin = named_twin(env_id)
    assert twin is not None
    states, observations = twin.starts(np.random.default_rng(0), episodes)
    actions = {"MountainCar-v0": 3, "CartPole-v1": 2}[env_id]
    lengths = _lengths(njit(twin.step), states, observations[0].copy(), actions, limit)
    return np.sort(lengths).reshape(GROUPS, -1).mean(axis=1)


@njit
def _lengths(step: Any, states: Any, observation: Any, actions: int, limit: int) -> Any:
    np.random.seed(0)  # numba's generator, not numpy's
    lengths = np.empty(len(states), np.int64)
    constants, random = np.zeros(1), np.zeros(4, np.uint64)
    for episode in range(len(states)):
        length, over = 0, False
        while not over and length < limit:
            _, over = step(random, constants, states[episode], np.random.randint(actions), observation)
            length += 1
        lengths[episode] = length
    return lengths


if __name__ == "__main__":
    for name, count in EPISODES.items():
        found = measure(name, count)
        print(f"{name}: mean {found.mean():.6g}; shipped {np.mean(LENGTHS[name]):.6g}")
        print([float(f"{length:.4g}") for length in found])
