"""Do what the finding on aliasing says: train with more buckets in each dimension, and compare.

    python benchmarks/more_buckets.py          some minutes of one core

MountainCar, 25,000 episodes. For each grid: the share of the regret that halves of the buckets recover, mean
over seeds with Student's 95% interval of the difference, and the scores of the two grids with twice the
buckets in one dimension.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import stats

from qsweep import load_config
from qsweep.environments.resolved import Resolved
from qsweep.learning.training import train_blocks
from qsweep.policies.aliasing import aliasing
from qsweep.policies.evaluation.evaluator import EvaluationResult, Evaluator
from qsweep.system.arrays import Floats

GRIDS = ((10, 10), (20, 10), (10, 20), (20, 20))
SEEDS = 16


@cache
def trained(buckets: tuple[int, int]) -> list[tuple[Resolved, EvaluationResult]]:
    """Train a grid with all seeds."""
    fixed = [
        "episodes=25000",
        "checkpoint_every=500",
        "tracking=none",
        f"buckets=[{buckets[0]},{buckets[1]}]",
    ]
    runs = [Resolved.of(load_config([*fixed, f"seed={seed}"])) for seed in range(SEEDS)]
    evaluators = [Evaluator(run) for run in runs]
    for number, block in train_blocks(runs):
        list(evaluators[number].receive(block))
    return [(run, evaluator.result()) for run, evaluator in zip(runs, evaluators, strict=True)]


def scores(buckets: tuple[int, int]) -> Floats:
    """Return the scores of a grid, one per seed."""
    return np.array([result.score for _, result in trained(buckets)])


def recovered(buckets: tuple[int, int]) -> Floats:
    """Return the shares of regret that halves recover, float64[seeds, dimensions]."""
    found = [aliasing(run, result.q_table, run.config.discount) for run, result in trained(buckets)]
    return np.array([each.recovered for each in found if each])


if __name__ == "__main__":
    columns = (
        "position recovers",
        "velocity recovers",
        "difference",
        "score",
        "position x 2",
        "velocity x 2",
    )
    print(f"| buckets | {' | '.join(columns)} |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for grid in GRIDS:
        shares = recovered(grid)
        difference = shares[:, 1] - shares[:, 0]
        half = stats.t.ppf(0.975, SEEDS - 1) * difference.std(ddof=1) / SEEDS**0.5
        positions, velocities = scores((2 * grid[0], grid[1])), scores((grid[0], 2 * grid[1]))
        print(
            f"| {list(grid)} | {shares[:, 0].mean():.1%} | {shares[:, 1].mean():.1%} |"
            f" {difference.mean():+.1%} ± {half:.1%} | {scores(grid).mean():.1f} |"
            f" {positions.mean():.1f} | {velocities.mean():.1f}"
            f" (p = {stats.ttest_ind(positions, velocities, equal_var=False).pvalue:.2g}) |",
            flush=True,
        )
