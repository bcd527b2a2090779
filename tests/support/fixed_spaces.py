"""Environments that are nothing but their spaces: spaces/NAME-v0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from qsweep.config import Env
from qsweep.environments.description import Description, describe

Space = spaces.Space[Any]
TWO = spaces.Discrete(2)
FLOATS = {
    "low": np.array([-1.2, -0.07, -3.4028235e38, 0.1], np.float32),
    "high": np.array([0.6, 0.07, 3.4028235e38, 1e-05], np.float32),
}
OBSERVATIONS: dict[str, Space] = {
    "Box": spaces.Box(np.array([-1.2, 0], np.float32), np.array([0.6, 1], np.float32)),
    "Matrix": spaces.Box(-1.0, 1.0, (2, 2), np.float32),
    "Pixels": spaces.Box(0, 255, (3,), np.uint8),
    "Doubles": spaces.Box(np.array([-0.1]), np.array([0.3]), dtype=np.float64),
    "Unbounded": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "Largest": spaces.Box(FLOATS["low"][:3], FLOATS["high"][:3]),
    "Discrete": spaces.Discrete(5),
    "FromThree": spaces.Discrete(4, start=3),
    "Below": spaces.Discrete(3, start=-1),
    "Multi": spaces.MultiDiscrete(np.array([2, 3]), start=np.array([1, -1])),
    "Grid": spaces.MultiDiscrete(np.array([[2, 3], [4, 5]])),
    "Tuple": spaces.Tuple((spaces.Discrete(3, start=1), spaces.Discrete(2))),
    "TupleOfBox": spaces.Tuple((spaces.Discrete(3), spaces.Box(0, 1, (1,), np.float32))),
    "Dict": spaces.Dict({"x": spaces.Discrete(2)}),
    "Nested": spaces.Dict(
        z=spaces.Discrete(5),
        a=spaces.Tuple((spaces.MultiDiscrete([2, 3]), spaces.Dict(b=spaces.MultiBinary(2)))),
    ),
    "Text": spaces.Text(3),
    "Binary": spaces.MultiBinary(3),
    "Sequence": spaces.Sequence(spaces.Discrete(2)),
}
ACTIONS: dict[str, Space] = {
    "ActBox": spaces.Box(-1, 1, (1,), np.float32),
    "ActMulti": spaces.MultiDiscrete(np.array([2, 2])),
    "ActBinary": spaces.MultiBinary(2),
    "ActFromFive": spaces.Discrete(3, start=5),
}


class Fixed(gymnasium.Env[Any, Any]):
    """An environment of given spaces."""

    def __init__(self, **given: Any) -> None:
        self.observation_space = given["observations"]
        self.action_space = given["actions"]


@contextmanager
def registered() -> Iterator[None]:
    """An environment for each space above, and one more, with a limit."""
    pairs: dict[str, tuple[Space, Space]] = {name: (space, TWO) for name, space in OBSERVATIONS.items()}
    pairs |= {name: (TWO, space) for name, space in ACTIONS.items()}
    for name, (observations, actions) in pairs.items():
        given = {"observations": observations, "actions": actions}
        gymnasium.register(f"spaces/{name}-v0", entry_point=Fixed, kwargs=given)
    given = {"observations": TWO, "actions": TWO}
    gymnasium.register("spaces/Limited-v0", entry_point=Fixed, kwargs=given, max_episode_steps=70)
    yield
    for name in [*pairs, "Limited"]:
        del gymnasium.registry[f"spaces/{name}-v0"]


def described(name: str) -> Description:
    """What is found of the environment of a space."""
    return describe(env(name))


def env(name: str, **more: Any) -> Env:
    """The environment of a space."""
    return Env(id=f"spaces/{name}-v0", **more)
