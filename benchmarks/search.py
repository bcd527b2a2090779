"""A search compared with a grid of ten times its runs, on MountainCar.

    .venv/bin/python benchmarks/search.py [--trials 200] [--seeds 5] [--fresh 20] [--folder DIR] [OVERRIDES]

The grid is that of conf/sweep/mountain_car_search.yaml, refined to 2,000 points, with the exploration added;
the search has the same keys and bounds. No run is recorded. A winner's score is optimistic, because the
winner was selected by it. So both winners are trained again on `--fresh` new seeds, and their test scores
are compared seed by seed. With `--folder` the study is kept, and a killed search is resumed. `--grid
KEY=A,B ...` gives another grid. With two cores the grid takes about an hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from joblib import Parallel, delayed

from qsweep.learning.training import train_blocks
from qsweep.plan.composition import Job
from qsweep.policies.evaluation.evaluator import Evaluator
from qsweep.runs.journal import Ended
from qsweep.runs.search.loop import Search
from qsweep.runs.search.planning import SearchPlan, search_plan
from qsweep.runs.search.pruners import pruner
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.study import SearchStudy
from qsweep.runs.search.trials import job, train_runs

GRID = [
    "buckets=10,15,20,25,30,35,40,45,50,60",
    "learning_rate=0.02,0.04,0.06,0.08,0.1,0.15,0.2,0.3,0.4,0.6",
    "discount=0.9,0.95,0.99,1",
    "epsilon.start=0.05,0.1,0.2,0.5,1",
]
SPACE = [
    "buckets=range(10,61)",
    "learning_rate=tag(log,interval(0.02,0.6))",
    "discount=0.9,0.95,0.99,1",
    "epsilon.start=tag(log,interval(0.05,1))",
]


def trained(number: int, each: Job) -> Ended:
    """Train one run as a launcher's worker does, without a record."""
    evaluator = Evaluator(each.resolved)
    for _, block in train_blocks([each.resolved]):
        list(evaluator.receive(block))
    test = evaluator.result().metrics()["test/return_mean"]
    return Ended(number, {"run_id": "", "scores": evaluator.scores, "test": test}, "")


class Trainer:
    """Trains jobs on every core; `executor.Executor.run` without a record. count: the jobs so far."""

    def __init__(self) -> None:
        self.count = 0

    def run(self, jobs: Sequence[Job], name: str) -> list[Ended]:
        """Train jobs together."""
        tasks = (delayed(trained)(number, each) for number, each in enumerate(jobs, start=self.count))
        self.count += len(jobs)
        ended: list[Ended] = Parallel(n_jobs=-1)(tasks)
        return ended


def winner_of_grid(plan: SearchPlan, grid: Sequence[str]) -> tuple[str, ...]:
    """Return the overrides of the point of a grid with the best mean over the plan's seeds."""
    axes = [[f"{key}={value}" for value in values.split(",")] for key, _, values in map(split, grid)]
    points = list(product(*axes))
    jobs = [job(plan, point, seed) for point in points for seed in plan.settings.seeds]
    started = time.perf_counter()
    ended = Trainer().run(jobs, "grid")
    scores = np.array([max(mark.outcome["scores"]) for mark in ended]).reshape(len(points), -1).mean(axis=1)
    best = int(scores.argmax())
    report("grid", len(points), len(jobs), time.perf_counter() - started, float(scores[best]))
    return points[best]


def winner_of_search(plan: SearchPlan, folder: Path) -> tuple[str, ...]:
    """Return the overrides of the best trial of a search."""
    trainer = Trainer()
    train = partial(train_runs, plan, trainer.run, None)
    points = sampler(plan.settings.sampler, plan.settings.seed, plan.space)
    stops = pruner(plan.settings.pruner)
    study = SearchStudy(plan.name, folder / "optuna.db", points, stops, plan.facts)
    started = time.perf_counter()
    results = list(Search(study, plan.space, plan.settings, train).run())
    best = study.study.best_trial
    assert best.value is not None
    report("search", len(results), trainer.count, time.perf_counter() - started, best.value)
    return tuple(best.user_attrs["overrides"])


def split(line: str) -> tuple[str, str, str]:
    """Split KEY=VALUES."""
    return line.partition("=")


def report(name: str, points: int, runs: int, seconds: float, best: float) -> None:
    """Print a line about a search or a grid."""
    print(
        f"{name}: {points:,} variants, {runs:,} runs in {seconds:,.0f} s; "
        f"best mean validation score {best:.2f}",
        flush=True,
    )


def fresh(plan: SearchPlan, overrides: Sequence[str], seeds: range) -> np.ndarray:
    """Return the test scores [seeds] of a variant on fresh seeds."""
    ended = Trainer().run([job(plan, overrides, seed) for seed in seeds], "fresh")
    scores = np.array([mark.outcome["test"] for mark in ended])
    print(f"  {' '.join(overrides)}: test score {mean(scores)} on {len(seeds)} fresh seeds", flush=True)
    return scores


def mean(values: np.ndarray) -> str:
    """Write a mean and its standard error."""
    return f"{values.mean():.2f} (standard error {values.std(ddof=1) / len(values) ** 0.5:.2f})"


def main() -> None:
    """Print the winners of the grid and of the search, and their difference on fresh seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("trials", 200), ("seeds", 5), ("fresh", 20), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--pruner", default="none")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--grid", nargs="*", default=GRID)
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_intermixed_args()
    options = {name: getattr(given, name) for name in ("trials", "sampler", "pruner", "parallel", "seed")}
    options |= {"seeds": f"range({given.seeds})", "study": None, "params": None}
    plan = search_plan([*given.overrides, *SPACE], options)
    seeds = range(given.seeds, given.seeds + given.fresh)
    with TemporaryDirectory() as temporary:
        by_search = fresh(plan, winner_of_search(plan, given.folder or Path(temporary)), seeds)
    by_grid = fresh(plan, winner_of_grid(plan, given.grid), seeds)
    print(f"search - grid, seed by seed: {mean(by_search - by_grid)}")


if __name__ == "__main__":
    main()
