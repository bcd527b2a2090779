"""MountainCar-v0 (Moore 1990). State and observation: position, velocity."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsweep.environments.twins.trigonometry import cos
from qsweep.environments.twins.twin import Twin
from qsweep.system.arrays import Floats

FORCE, GRAVITY = 0.001, 0.0025
MIN_POSITION, MAX_POSITION, GOAL_POSITION = -1.2, 0.6, 0.5
MAX_SPEED = 0.07


def start(generator: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Draw n starts: a position in [-0.6, -0.4), at rest."""
    states = np.zeros((n, 2))
    states[:, 0] = generator.uniform(-0.6, -0.4, size=n)
    return states, states.astype(np.float32).astype(np.float64)


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """Make a step: reward -1, terminated at the goal."""
    position, velocity = state[0], state[1]
    velocity += (action - 1) * FORCE + cos(3 * position) * (-GRAVITY)
    velocity = min(max(velocity, -MAX_SPEED), MAX_SPEED)
    position += velocity
    position = min(max(position, MIN_POSITION), MAX_POSITION)
    if position == MIN_POSITION and velocity < 0:
        velocity = 0.0
    state[0], state[1] = position, velocity
    observation[0], observation[1] = np.float32(position), np.float32(velocity)
    return -1.0, position >= GOAL_POSITION and velocity >= 0


TWIN = Twin(step, start)
