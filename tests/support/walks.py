"""A walk with transition tables, one of whose rewards may be no number, for both engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.envs.toy_text.utils import categorical_sample

from qsweep.environments.resolved import Resolved
from qsweep.environments.twins.tables import twin
from qsweep.plan.resolution import resolve

ID = "tests.support.walks:Walk-v0"
STATES = 6


class Tables(gymnasium.Env[Any, Any]):
    """A walk with transition tables; the step into its fourth state earns `reward`."""

    observation_space, action_space = spaces.Discrete(STATES), spaces.Discrete(2)

    def __init__(self, reward: Any = -1.0) -> None:
        self.initial_state_distrib = [1.0] + [0.0] * (STATES - 1)
        there = [[s, min(s + 1, STATES - 1)] for s in range(STATES)]
        self.P = {
            s: {
                a: [
                    (1.0, there[s][a], float(reward) if there[s][a] == 3 else -1.0, there[s][a] == STATES - 1)
                ]
                for a in (0, 1)
            }
            for s in range(STATES)
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Draw a start."""
        super().reset(seed=seed)
        self.s = int(categorical_sample(self.initial_state_distrib, self.np_random))
        return self.s, {}

    def step(self, action: int) -> Any:
        """Draw an outcome."""
        outcomes = self.P[self.s][int(action)]
        _, self.s, r, over = outcomes[categorical_sample([o[0] for o in outcomes], self.np_random)]
        return self.s, r, over, False, {}


def walk(engine: str, reward: str, **more: Any) -> Resolved:
    """Return a run on the walk. reward: as text, which the environment makes a float."""
    env = {"id": ID, "kwargs": {"reward": reward}}
    epsilon = {"start": 0.05, "end": 0.05}
    run = resolve({"env": env, "engine": "gymnasium", "episodes": 40, "epsilon": epsilon, **more})
    if engine == "gymnasium":
        return run
    made = Tables(reward)  # as if the trial of the twin had missed the reward
    return replace(run.changed(engine="compiled"), twin=twin(made.P, made.initial_state_distrib, 2))


gymnasium.register("Walk-v0", entry_point=Tables, max_episode_steps=30)
