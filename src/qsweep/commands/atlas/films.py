"""A film of an environment's best policy: one greedy episode from the first play start, as a GIF."""

from __future__ import annotations

import math
from pathlib import Path

from qsweep import seeds
from qsweep.errors import UsageError
from qsweep.pictures.agent_video import record_video
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.policy import Policy

FRAMES = 80
"""At most; the files then have less than 200 kB. A longer episode is shown every few steps."""


def film(policy: Policy, path: Path) -> bool:
    """Write the film; return whether the environment can be drawn."""
    setting, start = policy.setting(), seeds.play(1)
    [steps] = roll_out(setting, policy.q_table, start).lengths
    try:
        record_video(setting, policy, start[0], [path], "--gif", math.ceil(steps / FRAMES))
    except UsageError:
        return False
    return True
