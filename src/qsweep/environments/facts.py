"""What is known of environments beyond their spaces: names of actions and dimensions, success, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gymnasium
import numpy as np

ACTIONS: Mapping[str, Sequence[str]] = {
    "Acrobot-v1": ("torque -1", "torque 0", "torque +1"),
    "Blackjack-v1": ("stick", "hit"),
    "CartPole-v0": ("push left", "push right"),
    "CartPole-v1": ("push left", "push right"),
    "CliffWalking-v1": ("up", "right", "down", "left"),
    "CliffWalkingSlippery-v1": ("up", "right", "down", "left"),
    "FrozenLake-v1": ("left", "down", "right", "up"),
    "FrozenLake8x8-v1": ("left", "down", "right", "up"),
    "LunarLander-v3": ("no engine", "left engine", "main engine", "right engine"),
    "MountainCar-v0": ("push left", "no push", "push right"),
    "Taxi-v4": ("south", "north", "east", "west", "pick up", "drop off"),
    "qsweep/DynaMaze-v0": ("up", "right", "down", "left"),
    "qsweep/WindyGridworld-v0": ("up", "right", "down", "left"),
}
"""What is known of environments beyond their spaces: names of actions and dimensions, success, scores."""


CONTINUOUS: Mapping[str, tuple[str, float, float]] = {"Pendulum-v1": ("torque", -2.0, 2.0)}
"""What is known of environments beyond their spaces: names of actions and dimensions, success, scores."""


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
"""What is known of environments beyond their spaces: names of actions and dimensions, success, scores."""


@dataclass(frozen=True)
class Name:
    """What a dimension is called; its unit, if it has one; what its values are called, if not by number."""

    text: str
    unit: str = ""
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({self.unit})" if self.unit else self.text


_CART_POLE = (
    Name("cart position", "m"),
    Name("cart velocity", "m/s"),
    Name("pole angle", "rad"),
    Name("pole angular velocity", "rad/s"),
)


_ACROBOT = (
    *(Name("cos(angle 1)"), Name("sin(angle 1)"), Name("cos(angle 2)"), Name("sin(angle 2)")),
    *(Name("angular velocity 1", "rad/s"), Name("angular velocity 2", "rad/s")),
)


_PENDULUM = (Name("cos(angle)"), Name("sin(angle)"), Name("angular velocity", "rad/s"))


_BLACKJACK = (
    Name("player's sum"),
    Name("dealer's card", values=("none", "ace", *map(str, range(2, 11)))),
    Name("usable ace", values=("no", "yes")),
)


_LUNAR_LANDER = (
    *(Name("horizontal position"), Name("height"), Name("horizontal velocity"), Name("vertical velocity")),
    *(Name("angle", "rad"), Name("angular velocity")),
    *(Name("left leg down"), Name("right leg down")),
)


DIMENSIONS: Mapping[str, Sequence[Name]] = {
    "Acrobot-v1": _ACROBOT,
    "Blackjack-v1": _BLACKJACK,
    "CartPole-v0": _CART_POLE,
    "CartPole-v1": _CART_POLE,
    "LunarLander-v3": _LUNAR_LANDER,
    "MountainCar-v0": (Name("position"), Name("velocity", "per step")),
    "Pendulum-v1": _PENDULUM,
}
"""What is known of environments beyond their spaces: names of actions and dimensions, success, scores."""


def action_names(env_id: str, actions: int, first_action: int = 0) -> tuple[str, ...]:
    """What an environment's actions do, or their numbers where that is not known."""
    names = ACTIONS.get(env_id, ())
    if len(names) == actions and first_action == 0:
        return tuple(names)
    if env_id in CONTINUOUS:
        name, low, high = CONTINUOUS[env_id]
        return tuple(f"{name} {value:+.3g}" for value in np.linspace(low, high, actions))
    return tuple(f"action {number}" for number in range(first_action, first_action + actions))


def dimension_names(env_id: str, dimensions: int) -> tuple[Name, ...]:
    """What an environment's dimensions are, or their numbers where that is not known."""
    names = DIMENSIONS.get(env_id, ())
    if len(names) == dimensions:
        return tuple(names)
    return tuple(Name(f"dimension {number}") for number in range(dimensions))


SUCCESS = {
    "Acrobot-v1": "terminated",
    "CartPole-v0": "truncated",
    "CartPole-v1": "truncated",
    "CliffWalking-v1": "terminated",
    "FrozenLake-v1": "rewarded",
    "FrozenLake8x8-v1": "rewarded",
    "MountainCar-v0": "terminated",
    "Taxi-v4": "terminated",
    "qsweep/DynaMaze-v0": "terminated",
    "qsweep/WindyGridworld-v0": "terminated",
}
"""What is known of environments beyond their spaces: names of actions and dimensions, success, scores."""


ONE_A_STEP = ("Acrobot-v1", "MountainCar-v0")
"""What is known of environments beyond their spaces: names of actions and dimensions, success, scores."""


def solved_return(env_id: str) -> float | None:
    """The mean return at which an environment counts as solved; None where nobody says."""
    spec = gymnasium.registry.get(env_id)
    return None if spec is None or spec.reward_threshold is None else float(spec.reward_threshold)
