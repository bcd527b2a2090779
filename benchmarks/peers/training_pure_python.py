"""Q-learning on MountainCar in Python alone: no numpy, no Gymnasium."""

from __future__ import annotations

import math
import platform
import random

from workload import ALPHA, BUCKETS, EPSILON, GAMMA, amount, report, training


def train() -> int:
    """Train and return the number of steps."""
    draw, cos = random.Random(0).random, math.cos
    q = [[draw() * -2 for _ in range(3)] for _ in range(BUCKETS * BUCKETS)]
    across, up = BUCKETS / 1.8, BUCKETS / 0.14
    most, steps = BUCKETS - 1, 0
    for _ in range(amount(1000)):
        position, velocity = -0.6 + 0.2 * draw(), 0.0
        row = q[int((position + 1.2) * across) * BUCKETS + int(0.07 * up)]
        for _ in range(200):
            a = int(3 * draw()) if draw() < EPSILON else row.index(max(row))
            velocity += (a - 1) * 0.001 - 0.0025 * cos(3 * position)
            if velocity > 0.07:  # comparisons: calls of min and max would take twice the time
                velocity = 0.07
            elif velocity < -0.07:
                velocity = -0.07
            position += velocity
            if position <= -1.2:
                position, velocity = -1.2, 0.0
            elif position > 0.6:
                position = 0.6
            steps += 1
            if position >= 0.5 and velocity >= 0:
                row[a] += ALPHA * (-1 - row[a])
                break
            x, v = int((position + 1.2) * across), int((velocity + 0.07) * up)
            following = q[(x if x < most else most) * BUCKETS + (v if v < most else most)]
            row[a] += ALPHA * (-1 + GAMMA * max(following) - row[a])
            row = following
    return steps


report(training("pure Python, no numpy, no Gymnasium", train), versions={"python": platform.python_version()})
