"""Facts about environments that their spaces lack: names, success, the solved return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import gymnasium
import numpy as np

ARROWS: Mapping[str, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "down": (0, -1),
    "up": (0, 1),
    "west": (-1, 0),
    "east": (1, 0),
    "south": (0, -1),
    "north": (0, 1),
}
"""Name of an action -> its direction on a map: columns to the right, rows upwards."""


@dataclass(frozen=True)
class Name:
    """The name of a dimension, its unit if any, and the names of its values if they are not numbers."""

    text: str
    unit: str = ""
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({self.unit})" if self.unit else self.text


@dataclass(frozen=True)
class Facts:
    """Facts about an environment; empty or None if unknown.

    actions, dimensions: their names. control: the name of a one-dimensional Box action, its lowest and its
    highest value. success: the sign of an episode that reached the goal: it was terminated or truncated, or
    its return is above 0. each_step_costs_one: a return is minus the number of steps. drawn_at_once: the
    first random number of an episode determines its start state, and no step draws another. test_episodes:
    the number of test starts if the user names none. solved: the mean return at which the environment counts
    as solved.
    """

    actions: tuple[str, ...] = ()
    dimensions: tuple[Name, ...] = ()
    control: tuple[str, float, float] | None = None
    success: Literal["terminated", "truncated", "rewarded"] | None = None
    each_step_costs_one: bool = False
    drawn_at_once: bool = False
    test_episodes: int = 1000
    solved: float | None = None


_CART_POLE = Facts(
    actions=("push left", "push right"),
    dimensions=(
        Name("cart position", "m"),
        Name("cart velocity", "m/s"),
        Name("pole angle", "rad"),
        Name("pole angular velocity", "rad/s"),
    ),
    success="truncated",
)
_FROZEN_LAKE = Facts(actions=("left", "down", "right", "up"), success="rewarded")
_GRID_WORLD = Facts(actions=("up", "right", "down", "left"), success="terminated")
KNOWN: Mapping[str, Facts] = {
    "Acrobot-v1": Facts(
        actions=("torque -1", "torque 0", "torque +1"),
        dimensions=(
            *(Name("cos(angle 1)"), Name("sin(angle 1)"), Name("cos(angle 2)"), Name("sin(angle 2)")),
            *(Name("angular velocity 1", "rad/s"), Name("angular velocity 2", "rad/s")),
        ),
        success="terminated",
        each_step_costs_one=True,
    ),
    "Blackjack-v1": Facts(
        actions=("stick", "hit"),
        dimensions=(
            Name("player's sum"),
            Name("dealer's card", values=("none", "ace", *map(str, range(2, 11)))),
            Name("usable ace", values=("no", "yes")),
        ),
    ),
    "CartPole-v0": _CART_POLE,
    "CartPole-v1": _CART_POLE,
    "CliffWalking-v1": _GRID_WORLD,
    "CliffWalkingSlippery-v1": replace(_GRID_WORLD, success=None),
    "FrozenLake-v1": _FROZEN_LAKE,
    "FrozenLake8x8-v1": _FROZEN_LAKE,
    "LunarLander-v3": Facts(
        actions=("no engine", "left engine", "main engine", "right engine"),
        dimensions=(
            *(Name("horizontal position"), Name("height")),
            *(Name("horizontal velocity"), Name("vertical velocity")),
            *(Name("angle", "rad"), Name("angular velocity")),
            *(Name("left leg down"), Name("right leg down")),
        ),
    ),
    "MountainCar-v0": Facts(
        actions=("push left", "no push", "push right"),
        dimensions=(Name("position"), Name("velocity", "per step")),
        success="terminated",
        each_step_costs_one=True,
        drawn_at_once=True,
        test_episodes=2000,
    ),
    "Pendulum-v1": Facts(
        dimensions=(Name("cos(angle)"), Name("sin(angle)"), Name("angular velocity", "rad/s")),
        control=("torque", -2.0, 2.0),
    ),
    "Taxi-v4": Facts(actions=("south", "north", "east", "west", "pick up", "drop off"), success="terminated"),
    "qsweep/DynaMaze-v0": _GRID_WORLD,
    "qsweep/WindyGridworld-v0": _GRID_WORLD,
}
"""Environment id -> its facts, except `solved`, which is in Gymnasium's registry."""


def facts(env_id: str) -> Facts:
    """Return the facts about an environment; empty for an unknown one."""
    spec = gymnasium.registry.get(env_id)
    solved = None if spec is None or spec.reward_threshold is None else float(spec.reward_threshold)
    return replace(KNOWN.get(env_id, Facts()), solved=solved)


def action_names(env_id: str, actions: int, first_action: int = 0) -> tuple[str, ...]:
    """Return the names of an environment's actions, or their numbers if the names are unknown."""
    known = facts(env_id)
    if len(known.actions) == actions and first_action == 0:
        return known.actions
    if known.control:
        name, low, high = known.control
        return tuple(f"{name} {value:+.3g}" for value in np.linspace(low, high, actions))
    return tuple(f"action {number}" for number in range(first_action, first_action + actions))


def dimension_names(env_id: str, dimensions: int) -> tuple[Name, ...]:
    """Return the names of an environment's dimensions, or their numbers if the names are unknown."""
    names = facts(env_id).dimensions
    if len(names) == dimensions:
        return names
    return tuple(Name(f"dimension {number}") for number in range(dimensions))
