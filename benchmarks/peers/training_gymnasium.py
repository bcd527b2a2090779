"""The tutorial's loop on Gymnasium, and Gymnasium's step alone."""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
from workload import BUCKETS, amount, report, training

sys.path.append(str(Path(__file__).parents[1]))

from tutorial_loop import train


def steps_alone() -> int:
    """Random actions, and nothing learned."""
    env = gym.make("MountainCar-v0")
    actions = np.random.default_rng(0).integers(0, 3, amount(100_000)).tolist()
    env.reset(seed=0)
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return len(actions)


def loop() -> int:
    """Q-learning, as the tutorial writes it."""
    return train(amount(500), BUCKETS)[1]


report(
    training("tutorial loop on Gymnasium", loop),
    training("Gymnasium's step alone", steps_alone, "random actions, no learning"),
    versions={"gymnasium": gym.__version__, "numpy": np.__version__},
)
