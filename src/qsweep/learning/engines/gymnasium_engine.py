"""The generic engine: steps any Gymnasium environment from Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qsweep.learning.agent.acting import begin, observe
from qsweep.learning.agent.agent import Agent
from qsweep.learning.blocks import Block, State, spans
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import codes, unpack
from qsweep.learning.compiler.packing import Words, pack
from qsweep.learning.engines.continuing import continue_at, generator_of, keeps_only_its_generator
from qsweep.learning.engines.learner import Learner, learner, paces
from qsweep.learning.task import Task

LONGEST = 50
"""Episodes in a block, at most: well under a second in most environments."""


class Scene(NamedTuple):
    """An agent, what its algorithm keeps, and what it sees, float64[dimensions]."""

    agent: Agent
    memory: Any
    observation: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Actor:
    """A scene, and what to ask for the first action in it, and for the next: (r, terminated, truncated).

    words: the block that all of it lies in; empty where it lies in none.
    """

    scene: Scene
    words: Words
    begin: Callable[[], int]
    observe: Callable[[float, bool, bool], int]


def train(task: Task, state: State | None = None, interpreted: bool = False) -> Iterator[Block]:
    """Yield the chunks of a task, each a block, trained on the Gymnasium environment itself, from a state on.

    interpreted: the agent's functions are run by Python instead of compiled; the same, only slower.
    """
    actor = (_interpreted if interpreted else _compiled)(learner(task), len(task.grid.buckets))
    env = task.resolved.make()
    if state:
        actor.words[:] = state["words"]
        continue_at(env, state["environment"])
    try:
        yield from _blocks(task, env, actor, int(state["episodes"]) if state else 0)
    finally:
        env.close()


def _interpreted(learning: Learner, dimensions: int) -> Actor:
    scene = Scene(learning.agent, learning.memory, np.zeros(dimensions))
    calls = partial(learning.begin, *scene), partial(learning.observe, *scene)
    return Actor(scene, np.zeros((0, 0), np.int64), *calls)


def first_action(words: Words) -> int:
    """`begin` for the scene in a block: one argument, for each costs a call from Python some time."""
    scene = unpack(words)
    return begin(scene.agent, scene.memory, scene.observation)


def next_action(words: Words, r: float, terminated: bool, truncated: bool) -> int:
    """`observe` for the scene in a block."""
    scene = unpack(words)
    return observe(scene.agent, scene.memory, scene.observation, r, terminated, truncated)


def _compiled(learning: Learner, dimensions: int) -> Actor:
    from numba import boolean, float64, int64

    block = pack([Scene(learning.agent, learning.memory, np.zeros(dimensions))])
    names, words = codes(block.packing), int64[:, ::1]
    first = compiled(first_action, int64(words), {**names, "begin": learning.begin})
    following = compiled(
        next_action, int64(words, float64, boolean, boolean), {**names, "observe": learning.observe}
    )
    calls = partial(first, block.words), partial(following, block.words)
    return Actor(block.records[0], block.words, *calls)


def _blocks(task: Task, env: Any, actor: Actor, first: int) -> Iterator[Block]:
    config, agent = task.config, actor.scene.agent

    def reached() -> dict[str, Any]:
        if not (actor.words.size and keeps_only_its_generator(task.resolved)):
            return {}
        own = {"words": actor.words.copy(), "environment": generator_of(env)}
        return own | {"episodes": np.array(span.end)}

    for span in spans(config.episodes, config.checkpoint_every, LONGEST, first):
        episodes = np.arange(span.first, span.end)
        done = []
        for episode, pace in zip(episodes, paces(task, episodes), strict=True):
            agent.pace[:] = pace
            seen, _ = env.reset(seed=task.environment_seed if episode == 0 else None)
            actor.scene.observation[:] = _numbers(task, seen)
            done.append(_episode(task, env, actor))
        returns, lengths = zip(*done, strict=True)
        tables, counted = agent.q.reshape(1, *task.resolved.shape).copy(), np.array(lengths, np.int32)
        yield Block((span,), np.array(returns), counted, task.epsilon(episodes), tables, reached)


def _episode(task: Task, env: Any, actor: Actor) -> tuple[float, int]:
    """The rest of an episode whose first observation is there; its return and length."""
    step, observe, observation = env.step, actor.observe, actor.scene.observation
    skip, max_steps = task.config.terminal_rule == "tutorial", task.resolved.max_steps
    first_action = task.resolved.description.first_action
    a = actor.begin()
    total, length, over = 0.0, 0, False
    while not over:
        seen, reward, terminated, truncated, _ = step(a + first_action)
        r, terminated = float(reward), bool(terminated)
        total += r
        length += 1
        truncated = not terminated and (bool(truncated) or length >= max_steps)
        over = terminated or truncated
        observation[:] = _numbers(task, seen)
        if not (truncated and skip):
            a = observe(r, terminated, truncated)
    return total, length


def _numbers(task: Task, seen: Any) -> list[float]:
    """An observation as numbers; raises ValueError for NaN, for which compiled code would have no cell."""
    numbers = task.resolved.description.encode(seen)
    if math.isnan(sum(numbers)) and any(map(math.isnan, numbers)):  # inf - inf is NaN, too
        raise ValueError(f"{task.config.env.id} gave an observation with NaN: {numbers}")
    return numbers
