"""CartPole-v1 (Barto, Sutton and Anderson 1983).

State and observation: cart position, cart velocity, pole angle, pole angular velocity.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qsweep.environments.twins.trigonometry import cos, sin
from qsweep.environments.twins.twin import Twin
from qsweep.system.arrays import Floats

GRAVITY, FORCE, TAU = 9.8, 10.0, 0.02
MASS_POLE, LENGTH = 0.1, 0.5
TOTAL_MASS = MASS_POLE + 1.0
POLE_MOMENT = MASS_POLE * LENGTH
MAX_ANGLE = 12 * 2 * math.pi / 360
MAX_POSITION = 2.4


def start(generator: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Draw n starts: all four state variables in [-0.05, 0.05)."""
    states = generator.uniform(-0.05, 0.05, size=(n, 4))
    return states, states.astype(np.float32).astype(np.float64)


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """Make an Euler step: reward 1, terminated when the pole or the cart leaves its range."""
    x, x_dot, theta, theta_dot = state[0], state[1], state[2], state[3]
    force = FORCE if action == 1 else -FORCE
    cosine, sine = cos(theta), sin(theta)
    push = (force + POLE_MOMENT * (theta_dot * theta_dot) * sine) / TOTAL_MASS
    theta_acc = np.divide(
        GRAVITY * sine - cosine * push, LENGTH * (4.0 / 3.0 - MASS_POLE * (cosine * cosine) / TOTAL_MASS)
    )
    x_acc = push - POLE_MOMENT * theta_acc * cosine / TOTAL_MASS
    x = x + TAU * x_dot
    x_dot = x_dot + TAU * x_acc
    theta = theta + TAU * theta_dot
    theta_dot = theta_dot + TAU * theta_acc
    state[0], state[1], state[2], state[3] = x, x_dot, theta, theta_dot
    for d in range(4):
        observation[d] = np.float32(state[d])
    return 1.0, x < -MAX_POSITION or x > MAX_POSITION or theta < -MAX_ANGLE or theta > MAX_ANGLE


TWIN = Twin(step, start)
