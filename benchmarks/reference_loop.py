"""Instructions that the compiled loop executes for a step, beside those of a loop without any choices.

Run under `valgrind --tool=callgrind --instr-atstart=no`, with a library that switches the counting:

    reference_loop.py LIBRARY

Every dump is of one loop at one size; the difference of two sizes is free of what comes but once.
"""

from __future__ import annotations

import ctypes
import json
import math
import sys
from collections.abc import Callable

import numba
import numpy as np
import numpy.typing as npt

import qsweep

SIZES = (100, 1000)
"""Episodes; the difference counts."""
BUCKETS = 20


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def reference(q: npt.NDArray[np.float64], draws: npt.NDArray[np.float64], episodes: int) -> int:
    """Q-learning on MountainCar as plainly as can be; returns the number of steps."""
    steps = 0
    for _ in range(episodes):
        position, velocity, s = -0.5, 0.0, 7 * BUCKETS + BUCKETS // 2
        for _ in range(200):
            draw = draws[steps % len(draws)]
            a = 0
            for other in range(1, 3):
                if q[s, other] > q[s, a]:
                    a = other
            if draw < 0.1:
                a = int(30 * draw)
            velocity += (a - 1) * 0.001 - 0.0025 * math.cos(3 * position)
            velocity = min(max(velocity, -0.07), 0.07)
            position = min(max(position + velocity, -1.2), 0.6)
            if position == -1.2 and velocity < 0:
                velocity = 0.0
            steps += 1
            across = min(int((position + 1.2) * (BUCKETS / 1.8)), BUCKETS - 1)
            following = across * BUCKETS + min(int((velocity + 0.07) * (BUCKETS / 0.14)), BUCKETS - 1)
            if position >= 0.5 and velocity >= 0:
                q[s, a] += 0.1 * (-1 - q[s, a])
                break
            best = max(q[following, 0], q[following, 1], q[following, 2])
            q[s, a] += 0.1 * (-1 + 0.95 * best - q[s, a])
            s = following
    return steps


def plain_loop(episodes: int) -> Callable[[], int]:
    """The plain loop, ready to run."""
    random = np.random.default_rng(0)
    q, draws = random.uniform(-2, 0, (BUCKETS**2, 3)), random.random(2**16)
    return lambda: int(reference(q, draws, episodes))


def own_loop(episodes: int) -> Callable[[], int]:
    """The same by qsweep, in chunks of a thousand episodes, ready to run."""
    config = qsweep.load_config([f"episodes={episodes}", f"checkpoint_every={episodes}"])
    return lambda: sum(int(chunk.lengths.sum()) for chunk in qsweep.train(config))


def main(library: str) -> None:
    """Run each loop at each size, counted; print the steps of each."""
    counter = ctypes.CDLL(library)
    steps: dict[str, int] = {}
    for name, loop in {"reference": plain_loop, "qsweep": own_loop}.items():
        loop(SIZES[0])()  # loads the machine code
        for size in SIZES:
            run = loop(size)
            counter.begin()
            steps[f"{name} {size}"] = run()
            counter.end(f"{name} {size}".encode())
    print(json.dumps(steps))


if __name__ == "__main__":
    main(sys.argv[1])
