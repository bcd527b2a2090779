"""The generic engine: steps any Gymnasium environment from Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qsweep.compiling import compiled
from qsweep.training.chunk import Chunk, State, spans
from qsweep.training.continuing import continue_at, generator_of, keeps_only_its_generator
from qsweep.training.learner import Learner, learner, paces
from qsweep.training.task import Task

LONGEST = 50
"""Episodes in a chunk, at most: well under a second in most environments."""


def train(task: Task, state: State | None = None, interpreted: bool = False) -> Iterator[Chunk]:
    """Yield the chunks of a task, trained on the Gymnasium environment itself, from a state on.

    interpreted: the agent's functions are run by Python instead of compiled; the same, only slower.
    """
    learning = learner(task) if interpreted else _compiled(learner(task))
    env = task.make()
    if state:
        learning.restore(state)
        continue_at(env, state["environment"])
    try:
        yield from _chunks(task, env, learning, int(state["episodes"]) if state else 0)
    finally:
        env.close()


def _compiled(learning: Learner) -> Learner:
    from numba import boolean, float64, int64, typeof

    records = (typeof(learning.agent), typeof(learning.memory))
    begin = compiled(learning.begin, int64(*records, float64[::1]))
    observe = compiled(learning.observe, int64(*records, float64[::1], float64, boolean, boolean))
    return Learner(learning.agent, learning.memory, begin, observe)


def _chunks(task: Task, env: Any, learning: Learner, first: int) -> Iterator[Chunk]:
    observation = np.zeros(len(task.grid.buckets))
    config = task.config

    def reached() -> dict[str, Any]:
        if not keeps_only_its_generator(task):
            return {}
        return learning.state() | {"episodes": np.array(span.end), "environment": generator_of(env)}

    for span in spans(config.episodes, config.checkpoint_every, LONGEST, first):
        episodes = np.arange(span.first, span.end)
        done = []
        for episode, pace in zip(episodes, paces(task, episodes), strict=True):
            learning.agent.pace[:] = pace
            seen, _ = env.reset(seed=task.environment_seed if episode == 0 else None)
            observation[:] = _numbers(task, seen)
            done.append(_episode(task, env, learning, observation))
        returns, lengths = zip(*done, strict=True)
        table = learning.table(task.shape)
        counted = np.array(lengths, np.int32)
        yield Chunk(span, np.array(returns), counted, task.epsilon(episodes), table, reached)


def _episode(task: Task, env: Any, learning: Learner, observation: Any) -> tuple[float, int]:
    """One episode that starts with `observation`, which is written to; its return and length."""
    agent, memory, observe = learning.agent, learning.memory, learning.observe
    skip = task.config.terminal_rule == "tutorial"
    a = learning.begin(agent, memory, observation)
    total, length, over = 0.0, 0, False
    while not over:
        seen, reward, terminated, truncated, _ = env.step(a + task.first_action)
        r, terminated = float(reward), bool(terminated)
        total += r
        length += 1
        truncated = not terminated and (bool(truncated) or length >= task.max_steps)
        over = terminated or truncated
        observation[:] = _numbers(task, seen)
        if not (truncated and skip):
            a = observe(agent, memory, observation, r, terminated, truncated)
    return total, length


def _numbers(task: Task, seen: Any) -> list[float]:
    """An observation as numbers; raises ValueError for NaN, for which compiled code would have no cell."""
    numbers = task.encode(seen)
    if any(x != x for x in numbers):
        raise ValueError(f"{task.env.id} gave an observation with NaN: {numbers}")
    return numbers
