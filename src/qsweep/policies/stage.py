"""Where a policy plays: its environment, as rollouts need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from qsweep.config import Env
from qsweep.environments.description import describe, make, refuse_foreign
from qsweep.environments.grid import Grid
from qsweep.errors import Problem, UsageError
from qsweep.policies.policy import Policy


@dataclass(frozen=True)
class Stage:
    """The environment of a policy, as rollouts need it (`qsweep.policies.evaluation.rollouts.Setting`)."""

    env: Env
    make: Callable[[], Any]
    encode: Callable[[Any], list[float]]
    grid: Grid
    first_action: int
    max_steps: int

    @classmethod
    def of(cls, policy: Policy) -> Stage:
        """Where a policy plays.

        Raises UsageError where the environment cannot be made here, or has another shape here.
        """
        env = policy.env
        refuse_foreign(env.id, env.wrapper)
        found = describe(env)
        known = _shape(len(policy.grid.buckets), policy.actions, policy.first_action)
        here = _shape(len(found.dimensions), found.actions, found.first_action)
        if known != here:
            rule = f"has a policy for {known}, but the environment has {here}"
            raise UsageError([Problem("name", rule, policy.env_id)])
        made = partial(make, env, policy.max_steps)
        return cls(env, made, found.encode, policy.grid, policy.first_action, policy.max_steps)


def _shape(dimensions: int, actions: int, first: int) -> str:
    return f"{dimensions} dimensions and the actions {first} to {first + actions - 1}"
