"""Compare optima, Q-learning and Sarsa with those of bettermdptools; some minutes of one core.

    python -m venv peer && peer/bin/pip install bettermdptools==0.9.0 gymnasium==1.3.0 numpy==1.26.4
    python benchmarks/outside_checks.py peer/bin/python

Both train on the same transition tables, with the same number of episodes and step limit, the same constant
learning rate, epsilon and discount, initial values of 0 and random ties. Both greedy policies (the first of
equal values) are evaluated by `expected_return` here, which uses nothing of either. Differences that remain:
bettermdptools keeps its table as float32, and counts values as ties that `numpy.isclose` cannot separate.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from qsweep.environments.mdp.examples import forest
from qsweep.learning.training import train
from qsweep.plan.composition import load_config, load_resolved
from qsweep.policies.optimum import optimum

PEER = Path(__file__).with_name("peers") / "learning_bettermdptools.py"
ALGORITHMS = ("q_learning", "sarsa")
SEEDS = 20
EPSILON = 0.1


@dataclass(frozen=True)
class World:
    """An environment as tables, as overrides of qsweep, and how it is trained.

    p: P[state][action], a list of (probability, next state, reward, terminated). ends: whether episodes end
    of themselves, so that there is an optimum without a limit.
    """

    name: str
    overrides: tuple[str, ...]
    p: list[Any]
    start: list[float]
    limit: int
    ends: bool
    episodes: int
    discount: float
    learning_rate: float
    epsilon: float = EPSILON


def of_gymnasium(name: str, preset: str, limit: int, *training: Any) -> World:
    """Return one of Gymnasium's toy-text environments."""
    made: Any = gymnasium.make(name).unwrapped
    p = [[made.P[s][a] for a in sorted(made.P[s])] for s in sorted(made.P)]
    return World(name, (f"env={preset}",), p, [*made.initial_state_distrib], limit, True, *training)


def of_arrays(folder: Path, name: str, arrays: tuple[Any, Any], *training: Any) -> World:
    """Return a process of P [actions, states, states] and R [states, actions] that starts in state 0."""
    chances, rewards = arrays
    np.savez(folder / f"{name}.npz", P=chances, R=rewards)
    actions, states, _ = chances.shape

    def outcomes(s: int, a: int) -> list[Any]:
        return [(chances[a, s, t], int(t), rewards[s, a], False) for t in np.flatnonzero(chances[a, s])]

    p = [[outcomes(s, a) for a in range(actions)] for s in range(states)]
    overrides = ("env=mdp", f"env.kwargs.source={folder / name}.npz", "+env.kwargs.start=0")
    return World(name, overrides, p, [*np.eye(states)[0]], 100, False, *training)


def garnet() -> tuple[Any, Any]:
    """Return a random process of 20 states, in each of which 4 actions lead to 3 states each."""
    rng, chances = np.random.default_rng(0), np.zeros((4, 20, 20))
    for a, s in np.ndindex(4, 20):
        chances[a, s, rng.choice(20, 3, replace=False)] = rng.dirichlet(np.ones(3))
    return chances, rng.normal(size=(20, 4))


def worlds(folder: Path) -> list[World]:
    """Return five environments, with episodes, discount and learning rate; few runs reach the optimum."""
    return [
        of_gymnasium("FrozenLake-v1", "frozen_lake", 100, 1500, 0.99, 0.1),
        of_gymnasium("CliffWalking-v1", "cliff_walking", 1000, 200, 1.0, 0.5),
        of_gymnasium("Taxi-v4", "taxi", 200, 200, 0.99, 0.5),
        of_arrays(folder, "forest", forest(10, fire=0.05), 60, 0.9, 0.1),
        of_arrays(folder, "garnet", garnet(), 30, 0.9, 0.1),
    ]


def expected_return(world: World, policy: Sequence[int]) -> float:
    """Return the sum over steps of the probability of each state times its expected reward."""
    following, reward = np.zeros((len(policy),) * 2), np.zeros(len(policy))
    for state, action in enumerate(policy):
        for chance, after, earned, terminated in world.p[state][action]:
            following[state, after] += 0.0 if terminated else chance
            reward[state] += chance * earned
    probability, total = np.array(world.start), 0.0
    for _ in range(world.limit):
        total += float(probability @ reward)
        probability = probability @ following
    return total


def ours(world: World, algorithm: str, seeds: int) -> list[tuple[list[int], float]]:
    """Train with qsweep; return each run's greedy policy, and the mean return of its training episodes."""
    length = (
        f"episodes={world.episodes}",
        f"checkpoint_every={world.episodes}",
        f"env.max_steps={world.limit}",
    )
    rates = (f"learning_rate={world.learning_rate}", f"discount={world.discount}", f"epsilon.start={EPSILON}")
    fixed = ("epsilon=constant", "initial_q.low=0", "initial_q.high=0", "ties=random")
    run, runs = load_resolved([*world.overrides, f"algorithm={algorithm}", *length, *rates, *fixed]), []
    for seed in range(seeds):
        chunks = [*train(run.changed(seed=seed))]
        policy = chunks[-1].q_table.reshape(len(world.start), -1).argmax(axis=1)
        runs.append((policy.tolist(), float(np.concatenate([chunk.returns for chunk in chunks]).mean())))
    return runs


def theirs(python: str, tasks: list[dict[str, Any]], folder: Path) -> list[Any]:
    """Return the results of tasks done by the other library."""
    given, done = folder / "tasks.json", folder / "results.json"
    given.write_text(json.dumps(tasks, default=lambda number: number.item()))
    subprocess.run([python, str(PEER), str(given), str(done)], check=True, stderr=subprocess.DEVNULL)
    results: list[Any] = json.loads(done.read_text())
    return results


def optima(world: World, found: dict[str, list[float]]) -> Iterator[str]:
    """Yield rows: the optimum within the step limit, and without one."""
    for limit, values in zip((world.limit, 1_000_000), found.values(), strict=False):
        best = optimum(load_config([*world.overrides, f"env.max_steps={limit}"]).env)
        value = float(np.dot(world.start, values))
        assert best is not None
        yield f"| {world.name} | {limit:,} | {best:.6f} | {value:.6f} | {best - value:.0e} |"


def compared(label: str, mine: Sequence[float], other: Sequence[float]) -> str:
    """Return a row with the difference of the means and its 95% interval (Welch)."""
    first, second = float(np.mean(mine)), float(np.mean(other))
    low = high = first - second
    if np.var(mine) + np.var(other) > 1e-12:
        low, high = stats.ttest_ind(mine, other, equal_var=False).confidence_interval(0.95)
    return f"| {label} | {first:.4f} | {second:.4f} | {first - second:.4f} | {low:.4f} to {high:.4f} |"


def learning(python: str, world: World, seeds: int, folder: Path) -> Iterator[str]:
    """Yield rows: the returns of the greedy policies, and those of the training episodes."""
    tasks = [{**vars(world), "algorithm": each, "seeds": [*range(seeds)]} for each in ALGORITHMS]
    for algorithm, other in zip(ALGORITHMS, theirs(python, tasks, folder), strict=True):
        both = ours(world, algorithm, seeds), other
        greedy = [[expected_return(world, policy) for policy, _ in runs] for runs in both]
        yield compared(f"{world.name} | {algorithm} | greedy policy", *greedy)
        yield compared(f"{world.name} | {algorithm} | training", *([run[1] for run in runs] for runs in both))


def main(python: str, seeds: int = SEEDS) -> None:
    """Print both tables as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        made = worlds(Path(name))
        print("| environment | steps | qsweep | bettermdptools | difference |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for world, found in zip(made, theirs(python, [vars(w) for w in made], Path(name)), strict=True):
            print("\n".join(optima(world, found)), flush=True)
        print("\n| environment | algorithm | return of | qsweep | theirs | difference | 95% interval |")
        print("| --- | --- | --- | ---: | ---: | ---: | --- |")
        for world in made:
            print("\n".join(learning(python, world, seeds, Path(name))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *(int(number) for number in sys.argv[2:]))
