"""The tutorial's recipe over many seeds: mean return of the last 500 episodes, by bucket size.

    .venv/bin/python benchmarks/tutorial_recipe.py [SEEDS]

An independent implementation's figures over 400 seeds: -136.1 with 20 buckets, -134.4 with 40.
"""

from __future__ import annotations

import sys

import numpy as np

import qsweep


def last_episodes(buckets: int, seed: int) -> float:
    """The mean return of the last 500 of 25,000 episodes."""
    config = qsweep.load_config(["+experiment=tutorial_25000", f"buckets={buckets}", f"seed={seed}"])
    returns = np.concatenate([chunk.returns for chunk in qsweep.train(config)])
    return float(returns[-500:].mean())


def main() -> None:
    """Print a row for each bucket size."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(f"buckets  mean of {seeds} seeds  standard error     SD")
    for buckets in (10, 20, 25, 30, 40):
        scores = np.array([last_episodes(buckets, seed) for seed in range(seeds)])
        sd = scores.std(ddof=1)
        print(f"{buckets:7}  {scores.mean():16.1f}  {sd / len(scores) ** 0.5:14.1f}  {sd:5.1f}", flush=True)


if __name__ == "__main__":
    main()
