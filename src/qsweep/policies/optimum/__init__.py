"""The optimum of an environment: the highest expected return of an episode under any policy.

| environment | method |
| --- | --- |
| with a `P` and an `initial_state_distrib`: FrozenLake, Taxi, CliffWalking, ... | dynamic programming |
| Blackjack | dynamic programming on the tables of `blackjack` |
| MountainCar-v0 | measured once, within 0.01; see `mountain_car` |
| CartPole | the step limit, an upper bound that a simple controller reached from every start tried |
| all others, such as Acrobot-v1 | unknown |
"""

from __future__ import annotations

from contextlib import closing
from functools import lru_cache

from gymnasium import spaces
from gymnasium.envs.toy_text.blackjack import BlackjackEnv

from qsweep.config import Env
from qsweep.environments.description import is_bare, make
from qsweep.policies.optimum import blackjack, mountain_car
from qsweep.policies.optimum.tables import Tables, read, return_within


@lru_cache(maxsize=32)
def optimum(env: Env) -> float | None:
    """Return the expected undiscounted return of an episode under the best policy of a resolved environment.

    None if it is unknown or would take too long. The policy may see the state and the number of steps left;
    one that sees less may earn less. Takes milliseconds for small tables and is cached. Raises whatever the
    environment's constructor raises; a resolved `env` has been made before.
    """
    if env.actions or env.wrapper:
        return None  # not the environment registered under that id
    assert env.max_steps is not None
    if env.id == "MountainCar-v0":
        return None if env.kwargs else mountain_car.expected_return(env.max_steps)
    if env.id in ("CartPole-v0", "CartPole-v1"):
        return None if env.kwargs else float(env.max_steps)
    tables = _tables(env)
    return return_within(tables, env.max_steps) if tables else None


def _tables(env: Env) -> Tables | None:
    """Return the environment's tables, or None if they do not describe it completely.

    It is made and reset twice because tables can be random, as FrozenLake's map with map_name=null.
    """
    first = _tables_of_one(env, seed=0)
    second = _tables_of_one(env, seed=1) if first else None
    return first if first and second and first.same(second) else None


def _tables_of_one(env: Env, seed: int) -> Tables | None:
    with closing(make(env)) as made:
        made.reset(seed=seed)
        inner, actions = made.unwrapped, made.action_space
        if not is_bare(made) or not isinstance(actions, spaces.Discrete):
            return None
        if type(inner) is BlackjackEnv:
            return blackjack.tables(sab=inner.sab, natural=inner.natural)
        if getattr(inner, "fickle_passenger", False):
            return None  # Taxi's passengers then change their destination, which P does not contain
        names = range(int(actions.start), int(actions.start + actions.n))
        start = getattr(inner, "initial_state_distrib", None)
        return None if start is None else read(getattr(inner, "P", None), start, names)
