"""The Gymnasium engine's whole loop beside Gymnasium's step alone, on environments without a twin.

Both take the same actions from the same start, so that they do the same steps and resets: those of training,
recorded beforehand. Measured is processor time, by turns; the figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import gymnasium

from measuring import Row
from qsweep.environments.resolved import Resolved
from qsweep.learning.training import train, train_blocks
from qsweep.plan.composition import load_resolved
from qsweep.seeds import streams

ROUNDS = 7
EPISODES = {"mountain_car": 120, "cart_pole": 700, "lunar_lander": 100, "minigrid": 80}
"""Preset of an environment -> the episodes of a round: some tenths of a second."""


def actions_of(run: Resolved) -> list[list[int]]:
    """Train once; return the actions of each episode."""
    kind: Any = type(run.make().unwrapped)
    own_step, own_reset = kind.step, kind.reset
    episodes: list[list[int]] = [[]]

    def step(self: Any, action: int) -> Any:
        episodes[-1].append(action)
        return own_step(self, action)

    def reset(self: Any, **options: Any) -> Any:
        returned = own_reset(self, **options)  # which may step
        episodes.append([])
        return returned

    kind.step, kind.reset = step, reset
    try:
        lengths = [int(length) for chunk in train(run) for length in chunk.lengths]
    finally:
        kind.step, kind.reset = own_step, own_reset
    return [actions[:length] for actions, length in zip(episodes[1:], lengths, strict=True)]


def ratio(run: Resolved, episodes: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Return the seconds of training, and of the same resets and steps by a loop that uses nothing of them.

    The two take turns, one block of training each.
    """
    env = gymnasium.make(run.env.id, **run.env.kwargs)
    seed: int | None = streams(run.config.seed).environment
    training, stepping, blocks, done = 0.0, 0.0, train_blocks([run]), 0
    while done < len(episodes):
        began = time.process_time()
        _, block = next(blocks)
        training += time.process_time() - began - block.compile_seconds
        began = time.process_time()
        for actions in episodes[done : block.end]:
            env.reset(seed=seed)
            seed = None
            for action in actions:
                _, _, terminated, truncated, _ = env.step(action)
            assert terminated or truncated
        stepping += time.process_time() - began
        done = block.end
    return training, stepping


def measure(presets: Sequence[str] = tuple(EPISODES), rounds: int = ROUNDS) -> list[Row]:
    """Return the rows of the environments."""
    rows = []
    for preset in presets:
        values = [f"env={preset}", "engine=gymnasium", f"episodes={EPISODES[preset]}", "tracking=none"]
        run = load_resolved(values)
        episodes = actions_of(run)
        turns = [ratio(run, episodes) for _ in range(rounds)]
        steps = sum(map(len, episodes))
        loop, alone = (1e9 * min(column) / steps for column in zip(*turns, strict=True))
        ratios = tuple(training / stepping for training, stepping in turns)
        name = f"qsweep, {run.env.id.rpartition(':')[2]}"
        about = f"fastest rounds: {loop:,.0f} and {alone:,.0f} ns per step"
        rows.append(Row("generic", name, "times the step's", ratios, about))
    return rows


if __name__ == "__main__":
    for row in measure():
        print(
            f"{row.name:60} {row.median:.3f} ({min(row.samples):.3f} to {max(row.samples):.3f}); {row.about}"
        )
