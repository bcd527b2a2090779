"""The compiled loop beside the same in plain C: ns per step, alone, by turns, in two processes. `make bench`.

Q-learning on MountainCar with the tutorial's constants; C is compiled by the system's compiler and must give
the same table, bit for bit. Measured is processor time, the least and the median of rounds in which each had
its turn, of the call alone that trains; `train` is the whole of `qsweep.train`, with all that is around it.
"""

from __future__ import annotations

import ctypes
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from qsweep.environments.resolved import Resolved
from qsweep.environments.twins import mountain_car
from qsweep.learning.algorithms import NAMES
from qsweep.learning.initial_table import initial_table
from qsweep.learning.rates import epsilon
from qsweep.learning.training import LANES, train, train_blocks
from qsweep.plan.composition import load_resolved
from qsweep.seeds import streams

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC")
EPISODES, ROUNDS = 25_000, 7
LIMIT = 200


@dataclass(frozen=True)
class Row:
    """One way to train: ns per step, least and median of all rounds, and the least as a multiple of C's.

    Without a compiler, ratio is that to ours alone. Of two processes, ns is wall time over the steps of both.
    """

    name: str
    ns: float
    median: float
    ratio: float


Timed = Callable[[], float]
"""Trains once and gives ns per step."""


def tutorial(algorithm: str = "q_learning", episodes: int = EPISODES, seed: int = 0) -> Resolved:
    """The tutorial's constants, 20 buckets; checkpoints are rare, so that little but steps is timed."""
    rule = "tutorial" if algorithm == "q_learning" else "standard"
    own = [f"algorithm={algorithm}", f"episodes={episodes}", f"seed={seed}", f"terminal_rule={rule}"]
    return load_resolved(["+experiment=tutorial_25000", "checkpoint_every=1000", "tracking=none", *own])


def in_c(folder: Path) -> Callable[[], tuple[float, Any]] | None:
    """Trains in C: ns per step, and the table; None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library = folder / "kernel.so"
    subprocess.run([compiler, *FLAGS, str(SOURCE), "-o", str(library), "-lm"], check=True)
    function = ctypes.CDLL(str(library)).train
    function.restype = ctypes.c_int64
    made = tutorial()
    random = streams(made.config.seed)
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(random.environment)))
    positions = mountain_car.start(generator, EPISODES)[0][:, 0].copy()
    epsilons = np.minimum(epsilon(made.config, np.arange(EPISODES)), 1.0)
    numbers = [np.array(made.grid.low), np.array(made.grid.scale)]

    def run() -> tuple[float, Any]:
        q = initial_table(made.config, made)
        low, scale, starts, shares, table = (
            x.ctypes.data_as(ctypes.c_void_p) for x in (*numbers, positions, epsilons, q)
        )
        alpha, gamma = ctypes.c_double(made.config.learning_rate), ctypes.c_double(made.config.discount)
        buckets, key = ctypes.c_int(made.grid.buckets[0]), ctypes.c_uint64(random.exploration)
        episodes, limit = ctypes.c_int64(EPISODES), ctypes.c_int(LIMIT)
        began = time.process_time()
        steps = function(episodes, starts, shares, alpha, gamma, key, buckets, low, scale, limit, table)
        return 1e9 * (time.process_time() - began) / steps, q

    return run


def ours(runs: list[Resolved], clock: Callable[[], float] = time.process_time) -> float:
    """Ns a step of training runs, one alone or several seeds side by side, with all that is around it."""
    began, steps = clock(), 0
    for _, block in train_blocks(runs):
        steps += int(block.lengths.sum())
    return 1e9 * (clock() - began) / steps


def _worker(seeds: list[int], go: float) -> tuple[int, float]:
    """Train seeds one after the other from a moment on: steps, and when it ended."""
    ours([tutorial(episodes=200)])
    runs = [tutorial(seed=seed) for seed in seeds]
    time.sleep(max(0.0, go - time.time()))
    steps = sum(int(chunk.lengths.sum()) for one in runs for chunk in train(one))
    return steps, time.time()


def scaling() -> tuple[float, float]:
    """Ns a step, wall time: of one process, and of two at once, over the steps of both."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_worker, [[0], [1]], [0.0, 0.0]))  # started, and the machine code loaded
        found = []
        for shares in ([[0, 1, 2]], [[0, 1, 2], [3, 4, 5]]):
            go = time.time() + 1.0
            done = list(pool.map(_worker, shares, [go] * len(shares)))
            steps, last = sum(steps for steps, _ in done), max(end for _, end in done)
            found.append(1e9 * (last - go) / steps)
    return found[0], found[1]


def raced(ways: Mapping[str, Timed], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """What each way took in every round, each having its turn in each; the first time does not count."""
    for way in ways.values():
        way()
    turns = [{name: way() for name, way in ways.items()} for _ in range(rounds)]
    return {name: [turn[name] for turn in turns] for name in ways}


def measure() -> list[Row]:
    """All rows; raises AssertionError where C and the compiled loop part."""
    ways: dict[str, Timed] = {
        "q_learning": partial(ours, [tutorial()]),
        f"q_learning, {LANES} seeds side by side": partial(
            ours, [tutorial(seed=seed) for seed in range(LANES)]
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        c = in_c(Path(folder))
        if c is not None:
            *_, last = train(tutorial())
            assert c()[1].tobytes() == last.q_table.tobytes(), "C gives another table"
            run = c
            ways = {"C": lambda: run()[0], **ways}
        times = raced(ways)
    for name in NAMES:
        if name != "q_learning":
            few = [tutorial(name, EPISODES // 10, seed) for seed in range(LANES)]
            more = {name: partial(ours, few[:1]), f"{name}, {LANES} seeds side by side": partial(ours, few)}
            times |= raced(more, rounds=3)
    alone, both = zip(*(scaling() for _ in range(ROUNDS)), strict=True)
    times |= {"q_learning, one process": list(alone), "q_learning, two processes": list(both)}
    unit = min(times["C" if "C" in times else "q_learning"])
    return [Row(name, min(x), statistics.median(x), min(x) / unit) for name, x in times.items()]


def main() -> None:
    """Print the rows."""
    rows = measure()
    print(f"{'MountainCar, 20 buckets':42} {'ns per step':>9} {'median':>7} {'ratio to C':>10}")
    for row in rows:
        print(f"{row.name:42} {row.ns:9.1f} {row.median:7.1f} {row.ratio:10.2f}")
    by = {row.name: row.ns for row in rows}
    gain = by["q_learning, one process"] / by["q_learning, two processes"]
    print(f"two processes train {gain:.2f} times what one does")


if __name__ == "__main__":
    main()
