"""Measure how far the mean return on test starts is from the truth, and whether its interval says so.

    python benchmarks/start_sets.py          some minutes of one core

Policies are the checkpoints of several runs. MountainCar's true mean comes from 20,000 stratified starts that
no evaluation uses. Widths are percentages of the distance from random actions to the optimum (Acrobot, whose
optimum is unknown: from -500 to -63, the best return that was seen).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from qsweep import load_config, seeds
from qsweep.environments.resolved import Resolved
from qsweep.learning.training import train
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.evaluation.starts import NORMAL, StartSet, stratified_seeds
from qsweep.system.arrays import Floats, QTable

RUNS = {
    "mountain_car": ("buckets=10", "buckets=20", "buckets=40", "buckets=[20,60]"),
    "cart_pole": ("buckets=[1,3,12,12]", "buckets=[3,3,12,8]", "buckets=[6,6,12,12]"),
    "acrobot": ("buckets=[4,4,4,4,6,6]",),
}
DISTANCE = {"mountain_car": 102.34, "cart_pole": 477.8, "acrobot": 437.0}
CHECKPOINTS, SEEDS = 10, 4
TRUTH = StartSet(stratified_seeds(seeds.PLAY, 20_000), stratified=True)
SETS = {
    "plain 1,000": StartSet(seeds.test(1000)),
    "stratified 100": StartSet(stratified_seeds(seeds.VALIDATION, 100), stratified=True),
    **{
        f"stratified {n:,}": StartSet(stratified_seeds(seeds.TEST, n), stratified=True)
        for n in (1000, 2000, 4000)
    },
}


def policies(env: str) -> Iterator[tuple[Resolved, QTable]]:
    """Yield the Q-tables of the last checkpoints of all runs in an environment."""
    for buckets in RUNS[env]:
        for seed in range(SEEDS):
            overrides = [f"env={env}", buckets, "episodes=10000", "checkpoint_every=500", f"seed={seed}"]
            run = Resolved.of(load_config([*overrides, "tracking=none"]))
            yield from ((run, chunk.q_table.copy()) for chunk in [*train(run)][-CHECKPOINTS:])


def on_mountain_car(found: Sequence[tuple[Resolved, QTable]]) -> None:
    """Print the width of the interval, its coverage, the error and the time of each set of starts."""
    truth = np.array([roll_out(*policy, TRUTH.seeds).returns.mean() for policy in found])
    print("| starts | width of the interval, mean | below 0.2% | contains the truth | error, mean | time |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, starts in SETS.items():
        roll_out(*found[0], starts.seeds)
        began = time.process_time()
        returns = [roll_out(*policy, starts.seeds).returns for policy in found]
        milliseconds = 1000 * (time.process_time() - began) / len(found)
        low, high = np.array([starts.interval(values) for values in returns]).T
        error = np.abs(np.array([values.mean() for values in returns]) - truth)
        width = 100 * (high - low) / DISTANCE["mountain_car"]
        covered = ((low <= truth + 1e-9) & (truth - 1e-9 <= high)).mean()
        print(
            f"| {name} | {width.mean():.2f}% | {(width < 0.2).mean():.0%} | {covered:.1%} of {len(found)} |"
            f" {error.mean():.3f} | {milliseconds:.1f} ms |"
        )


def on_plain_starts(env: str, found: Sequence[tuple[Resolved, QTable]]) -> None:
    """Print how many plain starts an interval of 0.2% would need, and how long they would take."""
    began = time.process_time()
    returns: list[Floats] = [roll_out(*policy, seeds.test(1000)).returns for policy in found]
    milliseconds = 1000 * (time.process_time() - began) / len(found)
    deviation = np.array([values.std() for values in returns])
    width = 100 * 2 * NORMAL * deviation / 1000**0.5 / DISTANCE[env]
    needed = 1000 * (width / 0.2) ** 2
    print(
        f"{env}: 1,000 starts: width {np.median(width):.2f}% (median; largest {width.max():.2f}%) in"
        f" {milliseconds:.1f} ms; 0.2% needs {np.median(needed):,.0f} starts (largest {needed.max():,.0f}),"
        f" {np.median(needed) * milliseconds / 1e6:.2f} s (largest {needed.max() * milliseconds / 1e6:.2f} s)"
    )


if __name__ == "__main__":
    for environment in RUNS:
        learned = [*policies(environment)]
        if environment == "mountain_car":
            on_mountain_car(learned)
        on_plain_starts(environment, learned)
