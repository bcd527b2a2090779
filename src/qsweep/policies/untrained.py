"""Policies that nothing was learned for: random actions, or always the same one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from qsweep.config import record
from qsweep.environments.facts import action_names
from qsweep.environments.resolved import Resolved
from qsweep.errors import Problem, UsageError
from qsweep.policies.policy import Policy
from qsweep.seeds import random_play

RANDOM = "random"


@dataclass(frozen=True, eq=False)
class Untrained(Policy):
    """A policy without a Q-table. name: in words. choose: observation -> the environment's action."""

    name: str
    choose: Callable[[Sequence[float]], int]

    @property
    def came_from(self) -> str:
        """Its name."""
        return self.name

    @property
    def title(self) -> str:
        """Its name."""
        return self.name

    def act(self, observation: Sequence[float]) -> int:
        """Return the action to take, in the environment's numbering."""
        return self.choose(observation)

    @classmethod
    def of(cls, run: Resolved, wanted: str) -> Self:
        """Return a policy for an environment. wanted: `random`, or an action's number or name.

        Raises UsageError if there is no such action, or not in every state.
        """
        found = run.description
        if wanted == RANDOM:
            name, choose = "random actions", _random(run)
        else:
            number = _action(run, wanted)
            names = action_names(run.env.id, found.actions, found.first_action)
            name = f"always action {number}: {names[number - found.first_action]}"

            def choose(_: Sequence[float]) -> int:
                return number

        table = np.zeros(run.shape)
        config = record(run.config)
        return cls(table, run.grid, run.env, found.first_action, config, {}, name, choose)


def _action(run: Resolved, wanted: str) -> int:
    """Return the number of an action that is named by its number or its name."""
    found = run.description
    names = action_names(run.env.id, found.actions, found.first_action)
    numbers = range(found.first_action, found.first_action + found.actions)
    by_name = {str(number): number for number in numbers}
    by_name |= {name: number for number, name in zip(numbers, names, strict=True)}
    fewest = min(found.available or (found.actions,))
    if wanted not in by_name:
        pairs = zip(numbers, names, strict=True)
        listed = ", ".join(f"{number} {name}" for number, name in pairs)
        rule = f"must be random or an action of {run.env.id}"
        raise UsageError([Problem("--policy", rule, wanted, listed)])
    if by_name[wanted] - found.first_action >= fewest:
        rule = f"must be an action of every state of {run.env.id}: one of the first {fewest}"
        raise UsageError([Problem("--policy", rule, wanted)])
    return by_name[wanted]


def _random(run: Resolved) -> Callable[[Sequence[float]], int]:
    """Return a function that draws one of the actions of a state; every command draws the same ones."""
    _, generator = random_play()
    found = run.description

    def choose(observation: Sequence[float]) -> int:
        count = found.available[int(observation[0])] if found.available else found.actions
        return int(generator.integers(count)) + found.first_action

    return choose
