"""Single pictures of an agent that learns: whole greedy episodes, one checkpoint's after the other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qsweep.environments.resolved import Setting
from qsweep.pictures.agent_video import FPS, moments
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.policy import Policy
from qsweep.tracking.checkpoints import QTable, name_of

LONGEST, HELD = 32, 6
"""Frames that an episode takes at most, and that its end is shown for."""


@dataclass(frozen=True)
class Still:
    """What the agent does: a picture, uint8[height, width, 3], and two lines that say so."""

    pixels: Any
    words: tuple[str, str]


class Agent:
    """Plays an episode with the table of the checkpoint at which it began; then the next one begins.

    Every one begins at the same start, `seed`. Long episodes leave steps out, so that an episode takes
    about a second and is that of one policy from its start to its end. env: what `drawing` gives.
    """

    def __init__(self, env: Any, setting: Setting, policy: Policy, seed: int, fps: float) -> None:
        self._env, self._setting, self._policy, self._seed = env, setting, policy, seed
        self._pace = fps / float(env.metadata.get("render_fps") or FPS)
        self._playing: Iterator[Still] = iter(())

    def still(self, episodes: int, q_table: QTable) -> Still:
        """The next picture; of this checkpoint's agent where the episode before is over."""
        following = next(self._playing, None)
        if following is not None:
            return following
        self._playing = self._episode(episodes, q_table)
        return next(self._playing)

    def rest(self, episodes: int, q_table: QTable) -> Iterator[Still]:
        """What is left of the episode, and one whole one of the last checkpoint."""
        yield from self._playing
        yield from self._episode(episodes, q_table)

    def _episode(self, episodes: int, q_table: QTable) -> Iterator[Still]:
        policy = dataclasses.replace(self._policy, q_table=q_table)
        rollouts = roll_out(self._setting, q_table, range(self._seed, self._seed + 1))
        length = int(rollouts.lengths[0])
        frames = max(1, min(LONGEST, round(length * self._pace)))
        every, held = math.ceil(length / frames), max(1, frames // length)
        for moment in moments(self._env, self._setting, policy, self._seed, every):
            place = f"step {moment.step} of {length}, return {moment.total:g}"
            still = Still(moment.pixels, (f"{name_of(episodes)} plays: {place}", moment.ending))
            for _ in range(HELD if moment.ending else held):
                yield still
