"""Training alone: the configs of a sweep in bare processes, chunks thrown away. Prints one JSON line.

    .venv/bin/python benchmarks/bare_training.py PROCESSES EVALUATED SEEDS [OVERRIDES]

EVALUATED 1: each run's checkpoints are evaluated, too, and what training and evaluating took is added up.
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
    """Train; returns the seconds that took, and none for evaluating."""
    started = time.perf_counter()
    for _ in qsweep.train(config):
        pass
    return time.perf_counter() - started, 0.0


def train_and_evaluate(config: Config) -> tuple[float, float]:
    """Train and evaluate; returns the seconds of each."""
    evaluating, started = 0.0, time.perf_counter()
    run = Resolved.of(config)
    evaluator = Evaluator(run)
    for _, block in train_blocks([run]):
        received = time.perf_counter()
        list(evaluator.receive(block))
        evaluating += time.perf_counter() - received
    ended = time.perf_counter()
    evaluator.result().metrics()
    evaluating += time.perf_counter() - ended
    return time.perf_counter() - started - evaluating, evaluating


def warm_up() -> None:
    """Load what a process needs to evaluate: few runs are evaluated, and stand for many."""
    train_and_evaluate(qsweep.load_config(["episodes=10"]))


def main(processes: int, evaluated: bool, seeds: int, overrides: list[str]) -> None:
    """Train all configs; print the seconds of training and of evaluating, added up over processes."""
    configs = [
        qsweep.load_config([f"buckets={buckets}", f"seed={seed}", *overrides])
        for buckets in BUCKETS
        for seed in range(seeds)
    ]
    with Pool(processes, warm_up if evaluated else None) as pool:
        took = pool.map(train_and_evaluate if evaluated else only_train, configs, chunksize=1)
    print(json.dumps({"training": sum(t for t, _ in took), "evaluating": sum(j for _, j in took)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "1", int(sys.argv[3]), sys.argv[4:])
