"""The words in pictures: what the actions and the dimensions of Gymnasium's own environments are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import ImageFont

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
"""What the actions of Gymnasium's own environments do, and of those in `qsweep.textbook`."""

CONTINUOUS: Mapping[str, tuple[str, float, float]] = {"Pendulum-v1": ("torque", -2.0, 2.0)}
"""What a continuous action is called, and its bounds, between which discretised ones are evenly spaced."""

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
"""Which way an action leads on a map: columns to the right, rows up."""


@dataclass(frozen=True)
class Name:
    """What a dimension is called; its unit, if it has one; what its values are called, if not by number."""

    text: str
    unit: str = ""
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({self.unit})" if self.unit else self.text


@dataclass(frozen=True)
class View:
    """How more than two dimensions are shown: one along x, one along y, a panel for each of a third.

    within: dimension -> the first and the last bucket that episodes come to, where others exist.
    """

    x: int
    y: int
    slices: int
    within: Mapping[int, tuple[int, int]]


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
"""What the dimensions of their observations are, in order."""

VIEWS: Mapping[str, View] = {
    "Acrobot-v1": View(1, 4, 5, {}),  # how far the upper link has swung, how fast, and the lower one's speed
    "Blackjack-v1": View(1, 0, 2, {0: (4, 21), 1: (1, 10)}),  # as in Sutton and Barto 2018, Figure 5.2
    "CartPole-v0": View(2, 3, 0, {}),
    "CartPole-v1": View(2, 3, 0, {}),
    "LunarLander-v3": View(1, 3, 4, {}),
    "Pendulum-v1": View(1, 2, 0, {}),
}
"""Which dimensions of theirs tell most together, where there are more than two."""


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


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of matplotlib's figures, `size` pixels high."""
    found = find_spec("matplotlib")  # which is not imported for it: that takes longer than drawing
    assert found is not None
    assert found.origin is not None
    return ImageFont.truetype(Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf", size)
