"""Q-learning on MountainCar in EnvPool: 1,024 environments that share a table, updated by numpy."""

from __future__ import annotations

import warnings

import numpy as np
from workload import ALPHA, BUCKETS, EPSILON, GAMMA, amount, report, training

warnings.simplefilter("ignore")

import envpool  # noqa: E402

ENVIRONMENTS = 1024
LOW = np.array([-1.2, -0.07])
SCALE = BUCKETS / np.array([1.8, 0.14])

env = envpool.make_gymnasium("MountainCar-v0", num_envs=ENVIRONMENTS, num_threads=1, seed=0)


def cells(observations: np.ndarray) -> np.ndarray:
    """Observations [n, 2] -> rows of the table, int [n]."""
    place = ((observations - LOW) * SCALE).astype(np.int64).clip(0, BUCKETS - 1)
    return place[:, 0] * BUCKETS + place[:, 1]


def train() -> int:
    """Train and return the number of steps of all environments."""
    random = np.random.default_rng(0)
    q = random.uniform(-2, 0, (BUCKETS * BUCKETS, 3))
    observations, _ = env.reset()
    s = cells(observations)
    batches = amount(1000)
    for _ in range(batches):
        a = q[s].argmax(1)
        explore = random.random(ENVIRONMENTS) < EPSILON
        a[explore] = random.integers(0, 3, int(explore.sum()))
        observations, rewards, terminated, _, _ = env.step(a.astype(np.int32))
        following = cells(observations)
        target = rewards + GAMMA * q[following].max(1) * ~terminated
        np.add.at(q, (s, a), ALPHA * (target - q[s, a]))
        s = following
    return batches * ENVIRONMENTS


report(
    training("EnvPool, 1,024 environments, numpy Q update", train, "one thread; one table for all"),
    versions={"envpool": envpool.__version__, "numpy": np.__version__},
)
