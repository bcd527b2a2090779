"""The expected return of uniformly random actions: the zero of the scale that ends at the optimum.

| environment | method |
| --- | --- |
| with transition tables | policy evaluation, exact |
| MountainCar-v0, CartPole | lengths of random episodes, measured once by benchmarks/random_policies.py |
| all others | unknown |
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qsweep.config import Env
from qsweep.environments.description import describe
from qsweep.policies.optimum.environment_tables import tables_in_force
from qsweep.policies.optimum.tables import WORK, Tables, Values, evaluation_work, expected_return

GROUPS = 100
LENGTHS = {
    "MountainCar-v0": (
        1549, 2330, 2899, 3368, 3859, 4323, 4783, 5263, 5698, 6147, 6580, 6984, 7442, 7916,
        8400, 8850, 9352, 9851, 10340, 10830, 11360, 11920, 12450, 12980, 13490, 14010, 14490,
        14990, 15530, 16100, 16690, 17310, 17910, 18520, 19140, 19720, 20330, 20900, 21560,
        22200, 22860, 23490, 24170, 24880, 25550, 26320, 27050, 27730, 28500, 29320, 30160,
        30970, 31760, 32560, 33370, 34230, 35150, 36120, 37040, 38040, 39090, 40010, 40950,
        42010, 43040, 44190, 45320, 46560, 47840, 49170, 50460, 51910, 53400, 55110, 56700,
        58330, 60030, 61900, 63670, 65370, 67310, 69380, 71580, 73860, 76090, 78620, 81480,
        84720, 88270, 92060, 96230, 100600, 105800, 111200, 117900, 126300, 136600, 150200,
        169100, 220300,
    ),
    "CartPole-v1": (
        8.736, 9.082, 10, 10, 10, 10.78, 11, 11, 11, 11.06, 12, 12, 12, 12, 12, 12.4, 13, 13,
        13, 13, 13, 13.39, 14, 14, 14, 14, 14, 14.37, 15, 15, 15, 15, 15, 15.53, 16, 16, 16, 16,
        16.06, 17, 17, 17, 17, 17, 17.91, 18, 18, 18, 18.21, 19, 19, 19, 19, 19.89, 20, 20, 20,
        20.91, 21, 21, 21.3, 22, 22, 22, 22.99, 23, 23.03, 24, 24, 24.29, 25, 25, 25.8, 26,
        26.53, 27, 27.42, 28, 28.5, 29, 29.74, 30.13, 31, 31.67, 32.31, 33.09, 34, 34.94, 35.91,
        37.01, 38.26, 39.51, 41, 42.67, 44.71, 47.06, 50.15, 54.08, 60.33, 76.84,
    ),
}  # fmt: skip
"""Environment id -> mean lengths, in steps, of `GROUPS` equal groups of sorted episodes without a limit.

No episode of 5,000,000 reached MountainCar's goal within its own limit of 200 steps.
"""
STEP_REWARD = {"MountainCar-v0": -1.0, "CartPole-v1": 1.0}
SAME = {"CartPole-v0": "CartPole-v1"}
"""Environment id -> the one that differs from it only by its step limit."""


@lru_cache(maxsize=32)
def random_return(env: Env) -> float | None:
    """Return the expected undiscounted return of uniformly random actions in a resolved environment.

    None if it is unknown or would take too long.
    """
    if env.altered:
        return None  # not the environment registered under that id
    assert env.max_steps is not None
    name = SAME.get(env.id, env.id)
    if name in LENGTHS:
        mean = float(np.minimum(LENGTHS[name], env.max_steps).mean())
        return None if env.kwargs else STEP_REWARD[name] * mean
    tables = tables_in_force(env)
    if tables is None or evaluation_work(tables, env.max_steps) > WORK:
        return None
    return expected_return(tables, _uniform(tables, describe(env).available), env.max_steps)


def _uniform(tables: Tables, available: tuple[int, ...] | None) -> Values:
    """Return the policy [actions, states] that chooses each available action equally often.

    available: the number of actions in each observed state, the first ones; None: all.
    """
    actions, states = tables.reward.shape
    counts = np.full(states, actions)
    if available is not None:
        counts = np.array(available)[tables.observations[:, 0].astype(np.int64)]
    policy: Values = (np.arange(actions)[:, None] < counts) / counts
    return policy
