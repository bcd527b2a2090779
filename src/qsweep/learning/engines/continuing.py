"""Resuming a Gymnasium environment in another process between two episodes, if it can be resumed."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from qsweep.environments.guarded import GuardedEnv
from qsweep.environments.resolved import Setting
from qsweep.seeds import generator_state, random_play, restored_generator

EPISODES, STEPS = 3, 100
"""The number of episodes that are compared, and the maximum number of steps in each."""
Result = tuple[list[float], float, bool, bool]


_resumable: dict[str, bool] = {}


def is_resumable(setting: Setting) -> bool:
    """Return whether a new environment with the generator of an old one gives the same episodes.

    This is tested by random play, because an environment may keep anything from one episode to the next.
    """
    key = repr(setting.env)
    if key not in _resumable:
        _resumable[key] = _same_episodes(setting)
    return _resumable[key]


def _same_episodes(setting: Setting) -> bool:
    seed, actions = random_play()
    with ExitStack() as stack:
        try:
            old, new = (stack.enter_context(setting.open()) for _ in range(2))
            old.reset(seed)
            _results(setting, old, actions)
            new.np_random = restored_generator(generator_state(old.np_random))
            state = generator_state(actions)
            return _results(setting, old, actions) == _results(setting, new, restored_generator(state))
        except Exception:  # another kind of generator, no second environment allowed, or any other error
            return False


def _results(setting: Setting, env: GuardedEnv, actions: np.random.Generator) -> list[Result]:
    """Return the results of random actions in some episodes: observation, reward, terminated, truncated."""
    about = setting.description
    results: list[Result] = []
    for _ in range(EPISODES):
        results.append((env.reset(), 0.0, False, False))
        for _ in range(STEPS):
            results.append(env.step(int(actions.integers(about.actions)) + about.first_action))
            if results[-1][2] or results[-1][3]:
                break
    return results
