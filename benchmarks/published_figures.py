"""Compute published figures of tabular environments anew, beside the published; some minutes of one core.

    python benchmarks/published_figures.py [PART]...

It prints one row per figure: what, theirs, ours, and a 95% interval. docs/atlas/outside-checks.md has the
sources, and says why some differ. PART: gymnasium_registry, course_cards, book or mdptoolbox.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.envs.toy_text import taxi

from qsweep.environments.mdp.examples import forest
from qsweep.environments.textbook.dyna_maze import DynaMaze
from qsweep.environments.textbook.windy_gridworld import WindyGridworld
from qsweep.learning.training import train
from qsweep.plan.composition import load_config, load_resolved
from qsweep.policies.optimum import blackjack, optimum
from qsweep.policies.optimum.environment_tables import tables_of
from qsweep.policies.optimum.tables import best_within, expected_return, read, return_within

Values = npt.NDArray[np.float64]
Row = tuple[str, str, str, str]
"""What, theirs, ours, interval."""

COURSE_STEPS = 99
"""The step limit of the course's evaluation."""
COURSE_SEEDS = (
    "16 54 165 177 191 191 120 80 149 178 48 38 6 125 174 73 50 172 100 148 146 6 25 40 68 148 49 167 9 "
    "97 164 176 61 7 54 55 161 131 184 51 170 12 120 113 95 126 51 98 36 135 54 82 45 95 89 59 95 124 9 "
    "113 58 85 51 134 121 169 105 21 30 11 50 65 12 43 82 145 152 97 106 55 31 85 38 112 102 168 123 97 "
    "21 83 158 26 80 63 5 81 32 11 28 148"
)
"""The seeds of the starts on which the course evaluates Taxi."""
STEADY = ("initial_q.low=0", "initial_q.high=0", "ties=random", "epsilon=constant", "epsilon.start=0.1")
NO_LIMIT = "env.max_steps=1000000"
EXACT = "exact"


def best(*overrides: str) -> float:
    """Return the exact optimum of an environment."""
    found = optimum(load_config(overrides).env)
    assert found is not None
    return found


def lengths(overrides: Sequence[str], episodes: int, seeds: int) -> Values:
    """Return the number of steps of every training episode, float64[seeds, episodes]."""
    run = load_resolved([*overrides, *STEADY, f"episodes={episodes}", f"checkpoint_every={episodes}"])
    found = [np.concatenate([c.lengths for c in train(run.changed(seed=seed))]) for seed in range(seeds)]
    return np.array(found, np.float64)


def sampled(what: str, published: str, per_seed: Values) -> Row:
    """Return a row with the mean over seeds and its normal 95% interval."""
    mean, half = per_seed.mean(), 1.96 * per_seed.std(ddof=1) / np.sqrt(len(per_seed))
    return what, published, f"{mean:.4g}", f"{mean - half:.4g} to {mean + half:.4g}, {len(per_seed)} runs"


def exploring(p: Any, epsilon: float) -> Any:
    """Return a P with rewards of -1, in which actions are random ones with probability epsilon."""
    return {
        s: {
            a: [
                (chance * ((1 - epsilon) * (a == b) + epsilon / len(p[s])), after, -1.0, over)
                for b in p[s]
                for chance, after, _, over in p[s][b]
            ]
            for a in p[s]
        }
        for s in p
    }


def shortest(environment: Any, epsilon: float) -> float:
    """Return the fewest expected steps to the end under an epsilon-greedy policy."""
    tables = read(exploring(environment.P, epsilon), environment.initial_state_distrib, range(4))
    found = return_within(tables, 100_000) if tables else None
    assert found is not None
    return -found


def gymnasium_registry() -> Iterator[Row]:
    """Yield the optima in the comments of Gymnasium's registry."""
    yield "FrozenLake-v1, optimum", "0.74", f"{best('env=frozen_lake'):.4g}", EXACT
    yield "FrozenLake8x8-v1, optimum", "0.91", f"{best('env=frozen_lake_8x8'):.4g}", EXACT
    yield "Taxi-v4, optimum", "8.46", f"{best('env=taxi'):.4g}", EXACT
    before, taxi.MAP[2] = taxi.MAP[2], "| : : : : |"  # the row that got a wall in Taxi-v3
    made = taxi.TaxiEnv()
    taxi.MAP[2] = before
    tables = read(made.P, made.initial_state_distrib, range(6))
    assert tables
    yield "Taxi-v2, optimum", "8.46", f"{return_within(tables, 200):.4g}", EXACT


def course_cards() -> Iterator[Row]:
    """Yield scores of the cards of Hugging Face's course, means of 100 episodes of at most 99 steps."""
    tables = tables_of(load_config(["env=taxi"]).env)
    assert tables
    values = best_within(tables, COURSE_STEPS)
    assert values is not None
    of_state = dict(zip(tables.observations[:, 0].astype(int), values, strict=True))
    env = gymnasium.make("Taxi-v4")
    returns = [of_state[int(env.reset(seed=int(seed))[0])] for seed in COURSE_SEEDS.split()]
    ours = f"{np.mean(returns):.2f} ± {np.std(returns):.2f}"
    yield "Taxi, the course's 100 starts", "7.56 ± 2.71", ours, EXACT
    mean = float(tables.start @ values)
    half = 1.96 * float(np.sqrt(tables.start @ (values - mean) ** 2)) / 10
    sampled = f"{mean - half:.2f} to {mean + half:.2f}, 100 random starts"
    for score in ("7.80", "9.12", "9.2", "10.29"):
        yield "Taxi, cards before the course's repair", score, f"{mean:.2f}", sampled
    dry = best("env=frozen_lake", "env.kwargs.is_slippery=false", f"env.max_steps={COURSE_STEPS}")
    yield "FrozenLake 4x4 without slipping", "1.00 ± 0.00", f"{dry:.2f}", EXACT
    slippery = best("env=frozen_lake", f"env.max_steps={COURSE_STEPS}")
    for score, episodes in (("0.75", 100), ("0.729", 1000)):
        half = 1.96 * float(np.sqrt(slippery * (1 - slippery) / episodes))
        interval = f"{slippery - half:.3f} to {slippery + half:.3f}, {episodes} episodes"
        yield "FrozenLake 4x4, slippery", score, f"{slippery:.4f}", interval


def book() -> Iterator[Row]:
    """Yield numbers that the text of Sutton and Barto (2018) prints."""
    windy, maze = WindyGridworld(), DynaMaze()
    yield "windy gridworld, fewest steps", "15", f"{-best('env.id=qsweep/WindyGridworld-v0'):.4g}", EXACT
    yield "windy gridworld, fewest steps with epsilon 0.1", "about 17", f"{shortest(windy, 0.1):.2f}", EXACT
    sarsa = ["env.id=qsweep/WindyGridworld-v0", "algorithm=sarsa", "discount=1", "learning_rate=0.5"]
    steps = lengths([*sarsa, NO_LIMIT], 1000, 200)[:, 170:].mean(axis=1)
    yield sampled("windy gridworld, Sarsa's episodes 171 to 1,000", "about 17", steps)
    yield "Dyna maze, fewest steps with epsilon 0.1", "", f"{shortest(maze, 0.1):.2f}", EXACT
    for planning, learned in ((0, 25), (5, 5), (50, 3)):
        dyna = [
            "env.id=qsweep/DynaMaze-v0",
            "algorithm=dyna_q",
            f"planning_steps={planning}",
            "discount=0.95",
        ]
        steps = lengths([*dyna, NO_LIMIT], 50, 400)
        what = f"Dyna maze, {planning} planning steps, episodes {learned + 1} to 50"
        yield sampled(what, "near that", steps[:, learned:].mean(axis=1))
    yield sampled("Dyna maze, first episode", "about 1700", lengths([*dyna, NO_LIMIT], 1, 2000)[:, 0])
    yield "Dyna maze, first episode, random actions", "about 1700", f"{shortest(maze, 1.0):.1f}", EXACT
    yield "Blackjack, value of Example 5.4", "-0.27726", f"{blackjack_value():.6f}", EXACT
    bias = ["env.id=qsweep/MaximizationBias-v0", "discount=1"]
    for first, last, runs in ((251, 300, 2000), (1001, 2000, 400), (4001, 5000, 400)):
        shares = lengths(bias, last, runs)[:, first - 1 :].mean(axis=1) - 1
        yield sampled(f"maximization bias, share of left in episodes {first} to {last}", "about 0.10", shares)


def blackjack_value() -> float:
    """Return the value of a usable 13 against a 2, of the policy that sticks on 20 and 21 only."""
    tables = blackjack.tables(sab=False, natural=False)
    assert tables
    sticks = tables.observations[:, 0] >= 20
    state = np.all(tables.observations == (13, 2, 1), axis=1)
    there = dataclasses.replace(tables, start=state / state.sum())
    return expected_return(there, np.array([sticks, ~sticks], np.float64), 100)


def mdptoolbox() -> Iterator[Row]:
    """Yield the values that pymdptoolbox documents, discounted by 0.9: a step ends with probability 0.1."""
    transitions, rewards = forest()
    ending = np.zeros((2, 4, 4))
    ending[:, :3, :3], ending[:, :3, 3], ending[:, 3, 3] = 0.9 * transitions, 0.1, 1.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forest.npz"
        np.savez(path, P=ending, R=np.vstack([rewards, np.zeros(2)]), terminal=[3])
        given = ("env=mdp", f"env.kwargs.source={path}", NO_LIMIT)
        for state, value in enumerate(("26.244", "29.484", "33.484")):
            ours = best(*given, f"+env.kwargs.start={state}")
            yield f"forest, value of state {state}", value, f"{ours:.5g}", EXACT


PARTS: tuple[Callable[[], Iterator[Row]], ...] = (gymnasium_registry, course_cards, book, mdptoolbox)

if __name__ == "__main__":
    print("| what | theirs | ours | interval |\n| --- | --- | ---: | --- |")
    for part in PARTS:
        if part.__name__ in sys.argv[1:] or not sys.argv[1:]:
            for row in part():
                print("| " + " | ".join(row) + " |", flush=True)
