"""A Gymnasium environment made from the tables of a finite Markov decision process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.envs.toy_text.utils import categorical_sample

from qsweep.system.arrays import Floats

Outcome = tuple[float, int, float, bool]
"""Probability, next state, reward, terminated."""
Outcomes = dict[int, dict[int, list[Outcome]]]
"""P[state][action]: the outcomes of an action, whose probabilities sum to 1."""

PIXELS = 48
"""Width and height of a state in the picture, in pixels."""
COLOURS = {"#": (90, 90, 90), "S": (190, 215, 240), "G": (185, 225, 180), "T": (205, 205, 205)}
FLOOR, LINE, AGENT = (250, 250, 250), (150, 150, 150), (200, 60, 40)


class TableEnvironment(gymnasium.Env[Any, Any]):
    """An environment that samples from its tables, with one draw per reset and per step, as toy-text does.

    P: see `Outcomes`. picture: the states as characters in rows of equal length, numbered from 0 row by row;
    S start, G goal, T other end, # wall. starts: the start distribution, float64[states]; None: the state S.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012 (as Gymnasium declares it)

    def __init__(
        self, p: Outcomes, picture: Sequence[str], render_mode: str | None, starts: Floats | None = None
    ) -> None:
        self.P = p
        if starts is None:
            starts = np.zeros(len(p))
            starts["".join(picture).index("S")] = 1.0
        self.initial_state_distrib = starts
        self.observation_space = spaces.Discrete(len(p))
        self.action_space = spaces.Discrete(len(p[0]))
        self.render_mode = render_mode
        self._picture = picture
        self.desc = np.array([list(row) for row in picture])
        """The picture as FrozenLake has its map, str[rows, columns]."""
        self._state = int(starts.argmax())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Draw a start state; return it and its probability."""
        super().reset(seed=seed)
        self._state = int(categorical_sample(self.initial_state_distrib, self.np_random))
        return self._state, {"prob": float(self.initial_state_distrib[self._state])}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Draw one of the action's outcomes."""
        outcomes = self.P[self._state][action]
        drawn = categorical_sample([outcome[0] for outcome in outcomes], self.np_random)
        chance, self._state, reward, terminated = outcomes[drawn]
        return self._state, reward, terminated, False, {"prob": chance}

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return the picture with the agent in it, uint8[height, width, 3]; None without a render mode."""
        if self.render_mode is None:
            return None
        tiles = [[COLOURS.get(character, FLOOR) for character in row] for row in self._picture]
        frame = np.array(tiles, np.uint8).repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
        frame[::PIXELS] = frame[:, ::PIXELS] = LINE
        row, column = divmod(self._state, len(self._picture[0]))
        top, left, margin = row * PIXELS, column * PIXELS, PIXELS // 4
        frame[top + margin : top + PIXELS - margin, left + margin : left + PIXELS - margin] = AGENT
        return frame
