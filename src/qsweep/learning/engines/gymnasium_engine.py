"""The Gymnasium engine: steps any Gymnasium environment from Python."""

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
from qsweep.learning.compiler.intrinsics import intrinsics_for, unpack
from qsweep.learning.compiler.packing import Words, pack
from qsweep.learning.engines.continuing import get_generator_state, is_resumable, set_generator_state
from qsweep.learning.engines.learner import Learner, learner, rates_of
from qsweep.learning.task import Task

MAX_EPISODES = 50
"""The maximum number of episodes per block: well under a second in most environments."""


class AgentRecord(NamedTuple):
    """An agent, its algorithm's memory, and its observation, float64[dimensions]."""

    agent: Agent
    memory: Any
    observation: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Actor:
    """An agent and the functions that return its actions.

    begin() -> the first action of an episode; observe(r, terminated, truncated) -> the next one. Both read
    `record.observation`. words: the block that holds the record, [0, 0] if the agent is interpreted.
    """

    record: AgentRecord
    words: Words
    begin: Callable[[], int]
    observe: Callable[[float, bool, bool], int]


def train(task: Task, state: State | None = None, interpreted: bool = False) -> Iterator[Block]:
    """Yield the blocks of a task, one chunk each, trained on the Gymnasium environment itself.

    state: the state from which training is resumed, if it is not empty. interpreted: run the agent's
    functions in the interpreter instead of compiled ones; the result is the same.
    """
    actor = (_interpreted if interpreted else _compiled)(learner(task), len(task.grid.buckets))
    env = task.resolved.make()
    if state:
        actor.words[:] = state["words"]
        set_generator_state(env, state["environment"])
    try:
        yield from _blocks(task, env, actor, int(state["episodes"]) if state else 0)
    finally:
        env.close()


def _interpreted(learning: Learner, dimensions: int) -> Actor:
    record = AgentRecord(learning.agent, learning.memory, np.zeros(dimensions))
    calls = partial(learning.begin, *record), partial(learning.observe, *record)
    return Actor(record, np.zeros((0, 0), np.int64), *calls)


def first_action(words: Words) -> int:
    """Call `begin` for the record in a block: a single argument, because each one costs time in a call."""
    record = unpack(words)
    return begin(record.agent, record.memory, record.observation)


def next_action(words: Words, r: float, terminated: bool, truncated: bool) -> int:
    """Call `observe` for the record in a block."""
    record = unpack(words)
    return observe(record.agent, record.memory, record.observation, r, terminated, truncated)


def _compiled(learning: Learner, dimensions: int) -> Actor:
    from numba import boolean, float64, int64

    block = pack([AgentRecord(learning.agent, learning.memory, np.zeros(dimensions))])
    names, words = intrinsics_for(block.packing), int64[:, ::1]
    first = compiled(first_action, int64(words), {**names, "begin": learning.begin})
    following = compiled(
        next_action, int64(words, float64, boolean, boolean), {**names, "observe": learning.observe}
    )
    calls = partial(first, block.words), partial(following, block.words)
    return Actor(block.records[0], block.words, *calls)


def _blocks(task: Task, env: Any, actor: Actor, first: int) -> Iterator[Block]:
    config, agent = task.config, actor.record.agent

    def state() -> dict[str, Any]:
        if not (actor.words.size and is_resumable(task.resolved)):
            return {}
        arrays = {"words": actor.words.copy(), "environment": get_generator_state(env)}
        return arrays | {"episodes": np.array(span.end)}

    for span in spans(config.episodes, config.checkpoint_every, MAX_EPISODES, first):
        episodes = np.arange(span.first, span.end)
        results = []
        for episode, rates in zip(episodes, rates_of(task, episodes), strict=True):
            agent.rates[:] = rates
            observation, _ = env.reset(seed=task.environment_seed if episode == 0 else None)
            actor.record.observation[:] = _numbers(task, observation)
            results.append(_episode(task, env, actor))
        returns, lengths = (np.array(column) for column in zip(*results, strict=True))
        tables = agent.q.reshape(1, *task.resolved.shape).copy()
        yield Block((span,), returns, lengths.astype(np.int32), task.epsilon(episodes), tables, state)


def _episode(task: Task, env: Any, actor: Actor) -> tuple[float, int]:
    """Run an episode from the observation in the actor's record; return its return and length."""
    step, observe, observation = env.step, actor.observe, actor.record.observation
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
    """Return an observation as numbers; raise ValueError for NaN, which has no cell in compiled code."""
    numbers = task.resolved.description.encode(seen)
    if math.isnan(sum(numbers)) and any(map(math.isnan, numbers)):  # inf - inf is NaN, too
        raise ValueError(f"{task.config.env.id} gave an observation with NaN: {numbers}")
    return numbers
