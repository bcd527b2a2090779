"""Pictures of greedy episodes for a learning video: complete episodes of one checkpoint after the other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qsweep.environments.guarded import GuardedEnv
from qsweep.environments.resolved import Setting
from qsweep.pictures.agent_video import FPS, moments
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.policy import Policy
from qsweep.system.arrays import QTable
from qsweep.tracking.checkpoints import name_of

MAX_FRAMES, END_FRAMES = 32, 6
"""The maximum number of frames of an episode, and the number of frames that show its end."""


@dataclass(frozen=True)
class Still:
    """A picture of the agent, uint8[height, width, 3], and two lines of text below it."""

    pixels: Any
    words: tuple[str, str]


class EpisodePlayer:
    """A player of greedy episodes, each with the Q-table of the checkpoint at which it starts.

    All episodes have the same start, `seed`. Steps of long episodes are skipped, so that an episode takes
    about a second and shows one policy from start to end. env: from `rendering_env`.
    """

    def __init__(self, env: GuardedEnv, setting: Setting, policy: Policy, seed: int, fps: float) -> None:
        self._env, self._setting, self._policy, self._seed = env, setting, policy, seed
        self._frames_per_step = fps / float(env.metadata.get("render_fps") or FPS)
        self._playing: Iterator[Still] = iter(())

    def still(self, episodes: int, q_table: QTable) -> Still:
        """Return the next picture; after the end of an episode, the first one of this checkpoint's."""
        following = next(self._playing, None)
        if following is not None:
            return following
        self._playing = self._episode(episodes, q_table)
        return next(self._playing)

    def rest(self, episodes: int, q_table: QTable) -> Iterator[Still]:
        """Yield the rest of the current episode, then a complete one of the last checkpoint."""
        yield from self._playing
        yield from self._episode(episodes, q_table)

    def _episode(self, episodes: int, q_table: QTable) -> Iterator[Still]:
        policy = dataclasses.replace(self._policy, q_table=q_table)
        rollouts = roll_out(self._setting, q_table, range(self._seed, self._seed + 1))
        length = int(rollouts.lengths[0])
        frames = max(1, min(MAX_FRAMES, round(length * self._frames_per_step)))
        every, repeated = math.ceil(length / frames), max(1, frames // length)
        for moment in moments(self._env, self._setting, policy, self._seed, every):
            progress = f"step {moment.step} of {length}, return {moment.total:g}"
            still = Still(moment.pixels, (f"{name_of(episodes)} plays: {progress}", moment.ending))
            for _ in range(END_FRAMES if moment.ending else repeated):
                yield still
