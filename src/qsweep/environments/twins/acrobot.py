"""Acrobot-v1 (Sutton 1996, with the book's equations).

State: two angles and two angular velocities. Observation: cosine and sine of each angle, the velocities.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qsweep.environments.twins.trigonometry import cos, sin
from qsweep.environments.twins.twin import Twin
from qsweep.system.arrays import Floats

DT = 0.2
LENGTH, MASS, CENTRE, INERTIA, G = 1.0, 1.0, 0.5, 1.0, 9.8
MAX_SPEED_1, MAX_SPEED_2 = 4 * math.pi, 9 * math.pi


def start(generator: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Draw n starts: angles and velocities in [-0.1, 0.1), rounded to float32 as Gymnasium does."""
    states = generator.uniform(-0.1, 0.1, size=(n, 4)).astype(np.float32)
    theta_1, theta_2, velocity_1, velocity_2 = states.T.copy()
    observations = np.stack(
        [
            np.cos(theta_1),
            np.sin(theta_1),
            np.cos(theta_2),
            np.sin(theta_2),
            velocity_1,
            velocity_2,
        ],
        axis=1,
    )
    return states.astype(np.float64), observations.astype(np.float64)


def _acceleration(
    theta_1: float, theta_2: float, speed_1: float, speed_2: float, torque: float
) -> tuple[float, float]:
    cos_2, sin_2 = cos(theta_2), sin(theta_2)
    # Gymnasium squares with libm's pow, which sometimes differs from x * x in the last bit. The compiler
    # replaces pow by x * x unless it cannot know the exponent.
    two = 2.0 + 0.0 * torque
    d1 = MASS * CENTRE**2 + MASS * (LENGTH**2 + CENTRE**2 + 2 * LENGTH * CENTRE * cos_2) + INERTIA + INERTIA
    d2 = MASS * (CENTRE**2 + LENGTH * CENTRE * cos_2) + INERTIA
    phi_2 = MASS * CENTRE * G * cos(theta_1 + theta_2 - math.pi / 2.0)
    phi_1 = (
        -MASS * LENGTH * CENTRE * math.pow(speed_2, two) * sin_2
        - 2 * MASS * LENGTH * CENTRE * speed_2 * speed_1 * sin_2
        + (MASS * CENTRE + MASS * LENGTH) * G * cos(theta_1 - math.pi / 2)
        + phi_2
    )
    acceleration_2 = (
        torque + d2 / d1 * phi_1 - MASS * LENGTH * CENTRE * math.pow(speed_1, two) * sin_2 - phi_2
    ) / (MASS * CENTRE**2 + INERTIA - math.pow(d2, two) / d1)
    return -(d2 * acceleration_2 + phi_1) / d1, acceleration_2


def _wrap(angle: float) -> float:
    while angle > math.pi:
        angle = angle - 2 * math.pi
    while angle < -math.pi:
        angle = angle + 2 * math.pi
    return angle


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """Make a fourth-order Runge-Kutta step: reward -1, or 0 and terminated when the tip is one link high."""
    a0, b0, u0, v0 = state[0], state[1], state[2], state[3]
    torque = action - 1.0
    half = DT / 2.0
    # Each stage is the derivative (angles: u, v; velocities: p, q) at a point moved along the previous one.
    p1, q1 = _acceleration(a0, b0, u0, v0, torque)
    u1, v1 = u0, v0
    u2, v2 = u0 + half * p1, v0 + half * q1
    p2, q2 = _acceleration(a0 + half * u1, b0 + half * v1, u2, v2, torque)
    u3, v3 = u0 + half * p2, v0 + half * q2
    p3, q3 = _acceleration(a0 + half * u2, b0 + half * v2, u3, v3, torque)
    u4, v4 = u0 + DT * p3, v0 + DT * q3
    p4, q4 = _acceleration(a0 + DT * u3, b0 + DT * v3, u4, v4, torque)
    sixth = DT / 6.0
    theta_1 = _wrap(a0 + sixth * (u1 + 2 * u2 + 2 * u3 + u4))
    theta_2 = _wrap(b0 + sixth * (v1 + 2 * v2 + 2 * v3 + v4))
    speed_1 = min(max(u0 + sixth * (p1 + 2 * p2 + 2 * p3 + p4), -MAX_SPEED_1), MAX_SPEED_1)
    speed_2 = min(max(v0 + sixth * (q1 + 2 * q2 + 2 * q3 + q4), -MAX_SPEED_2), MAX_SPEED_2)
    state[0], state[1], state[2], state[3] = theta_1, theta_2, speed_1, speed_2
    observation[0], observation[1] = np.float32(cos(theta_1)), np.float32(sin(theta_1))
    observation[2], observation[3] = np.float32(cos(theta_2)), np.float32(sin(theta_2))
    observation[4], observation[5] = np.float32(speed_1), np.float32(speed_2)
    terminated = -cos(theta_1) - cos(theta_2 + theta_1) > 1.0
    return 0.0 if terminated else -1.0, terminated


TWIN = Twin(step, start)
