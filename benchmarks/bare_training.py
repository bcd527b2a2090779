"""Training alone: the configs of a sweep in bare processes, chunks thrown away. Prints one JSON line.

    .venv/bin/python benchmarks/bare_training.py PROCESSES JUDGED SEEDS [OVERRIDES]

JUDGED 1: each run's checkpoints are judged, too, and what training and judging took is added up.
"""

from __future__ import annotations

import json
import sys
import time
from multiprocessing import Pool

import qsweep
from qsweep.config import Config
from qsweep.environments.resolved import Resolved
from qsweep.learning.training import train_blocks
from qsweep.policies.evaluation.evaluator import Evaluator

BUCKETS = (10, 20, 30, 40)


def only_train(config: Config) -> tuple[float, float]:
    """Train; returns the seconds that took, and none for judging."""
    started = time.perf_counter()
    for _ in qsweep.train(config):
        pass
    return time.perf_counter() - started, 0.0


def train_and_judge(config: Config) -> tuple[float, float]:
    """Train and judge; returns the seconds of each."""
    judging, started = 0.0, time.perf_counter()
    run = Resolved.of(config)
    evaluator = Evaluator(run)
    for _, block in train_blocks([run]):
        heard = time.perf_counter()
        list(evaluator.receive(block))
        judging += time.perf_counter() - heard
    ended = time.perf_counter()
    evaluator.result().metrics()
    judging += time.perf_counter() - ended
    return time.perf_counter() - started - judging, judging


def warm_up() -> None:
    """Load what a process needs to judge: few runs are judged, and stand for many."""
    train_and_judge(qsweep.load_config(["episodes=10"]))


def main(processes: int, judged: bool, seeds: int, overrides: list[str]) -> None:
    """Train all configs; print the seconds of training and of judging, added up over processes."""
    configs = [
        qsweep.load_config([f"buckets={buckets}", f"seed={seed}", *overrides])
        for buckets in BUCKETS
        for seed in range(seeds)
    ]
    with Pool(processes, warm_up if judged else None) as pool:
        took = pool.map(train_and_judge if judged else only_train, configs, chunksize=1)
    print(json.dumps({"training": sum(t for t, _ in took), "judging": sum(j for _, j in took)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "1", int(sys.argv[3]), sys.argv[4:])
