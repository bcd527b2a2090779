"""The optimum of an environment: the highest expected return of an episode under any policy.

| environment | method |
| --- | --- |
| with a `P` and an `initial_state_distrib`: FrozenLake, Taxi, CliffWalking | dynamic programming |
| Blackjack, and Taxi with a fickle passenger | dynamic programming on the tables of `blackjack` and `taxi` |
| MountainCar-v0 | measured once, within 0.01; see `mountain_car` |
| CartPole | the step limit, an upper bound that a simple controller reached from every start tried |
| all others, such as Acrobot-v1 | unknown |
"""

from __future__ import annotations

from functools import lru_cache

from qsweep.config import Env
from qsweep.policies.optimum import mountain_car
from qsweep.policies.optimum.environment_tables import tables_in_force
from qsweep.policies.optimum.tables import return_within


@lru_cache(maxsize=32)
def optimum(env: Env) -> float | None:
    """Return the expected undiscounted return of an episode under the best policy of a resolved environment.

    None if it is unknown or would take too long. The policy may see the state and the number of steps left;
    one that sees less may earn less. Takes milliseconds for small tables and is cached.
    """
    if env.altered:
        return None  # not the environment registered under that id
    assert env.max_steps is not None
    if env.id == "MountainCar-v0":
        return None if env.kwargs else mountain_car.expected_return(env.max_steps)
    if env.id in ("CartPole-v0", "CartPole-v1"):
        return None if env.kwargs else float(env.max_steps)
    tables = tables_in_force(env)
    return return_within(tables, env.max_steps) if tables else None
