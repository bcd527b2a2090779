"""The Gymnasium engine: steps any Gymnasium environment from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.guarded import MOST, GuardedEnv
from qsweep.environments.resolved import Resolved
from qsweep.learning.agent.acting import begin, observe
from qsweep.learning.agent.agent import Agent
from qsweep.learning.blocks import Block, State, spans
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import intrinsics_for, unpack
from qsweep.learning.compiler.packing import Words, pack
from qsweep.learning.engines.continuing import is_resumable
from qsweep.learning.engines.learner import Learner, learner
from qsweep.learning.engines.limits import bad_return, divergence, is_good, step_of
from qsweep.learning.rates import epsilon, rates_of
from qsweep.seeds import generator_state, restored_generator, streams

MAX_EPISODES = 50
"""The maximum number of episodes per block: well under a second in most environments."""


SMALL = 2**16
"""The number of values of a Q-table up to which it is checked after each episode, and not each block."""


class AgentRecord(NamedTuple):
    """An agent, its algorithm's memory, and its observation, float64[dimensions]."""

    agent: Agent
    memory: Any
    observation: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Actor:
    """An agent and the functions that return its actions.

    begin() -> the first action of an episode; observe(r, terminated, truncated) -> the next one. Both read
    `record.observation`. words: the block that holds the record.
    """

    record: AgentRecord
    words: Words
    begin: Callable[[], int]
    observe: Callable[[float, bool, bool], int]


def train(run: Resolved, state: State | None = None) -> Iterator[Block]:
    """Yield the blocks of a run, one chunk each, trained on the Gymnasium environment itself.

    state: the state from which training is resumed, if it is not empty.
    """
    began = time.perf_counter()
    actor = _compiled(run, learner(run))
    compiling = time.perf_counter() - began
    with run.open() as env:
        if state:
            actor.words[:] = state["words"]
            env.np_random = restored_generator(state["environment"])
        for block in blocks(run, env, actor, int(state["episodes"]) if state else 0):
            yield block._replace(compile_seconds=compiling)
            compiling = 0.0


def first_action(words: Words) -> int:
    """Call `begin` for the record in a block: a single argument, because each one costs time in a call."""
    record = unpack(words)
    return begin(record.agent, record.memory, record.observation)


def next_action(words: Words, r: float, terminated: bool, truncated: bool) -> int:
    """Call `observe` for the record in a block."""
    record = unpack(words)
    return observe(record.agent, record.memory, record.observation, r, terminated, truncated)


def _compiled(run: Resolved, learning: Learner) -> Actor:
    from numba import boolean, float64, int64

    block = pack([AgentRecord(learning.agent, learning.memory, np.zeros(len(run.grid.buckets)))])
    names, words = intrinsics_for(block.packing), int64[:, ::1]
    what = f"{run.config.algorithm} for {run.env.id}"
    first = compiled(first_action, int64(words), {**names, "begin": learning.begin}, what)
    following = compiled(
        next_action, int64(words, float64, boolean, boolean), {**names, "observe": learning.observe}, what
    )
    calls = partial(first, block.words), partial(following, block.words)
    return Actor(block.records[0], block.words, *calls)


def blocks(run: Resolved, env: GuardedEnv, actor: Actor, first: int) -> Iterator[Block]:
    """Yield the blocks of a run from episode `first` on."""
    config, agent = run.config, actor.record.agent
    environment_seed = streams(config.seed).environment

    def state() -> dict[str, Any]:
        if not is_resumable(run):
            return {}
        arrays = {"words": actor.words.copy(), "environment": generator_state(env.np_random)}
        return arrays | {"episodes": np.array(span.end)}

    for span in spans(config.episodes, config.checkpoint_every, MAX_EPISODES, first):
        began, episodes = time.perf_counter(), np.arange(span.first, span.end)
        results = []
        for episode, rates in zip(episodes.tolist(), rates_of(run, episodes), strict=True):
            agent.rates[:] = rates
            total, length = _episode(run, env, actor, episode, environment_seed if episode == 0 else None)
            results.append((total, length))
            checked = agent.q if agent.q.size <= SMALL or episode == span.end - 1 else agent.q[:1]
            if not is_good(run, np.array([total]), checked):
                failed = divergence(run) if -MOST <= total <= MOST else bad_return(run, total)
                raise failed.at(step_of(episode, length))
        returns, lengths = (np.array(column) for column in zip(*results, strict=True))
        tables = agent.q.reshape(1, *run.shape).copy()
        rates_used = epsilon(config, episodes)
        seconds = time.perf_counter() - began
        made = Block((span,), returns, lengths.astype(np.int32), rates_used, tables, state, seconds)
        yield made._replace(visits=agent.entered.reshape(run.grid.shape).copy())


def _episode(
    run: Resolved, env: GuardedEnv, actor: Actor, episode: int, seed: int | None
) -> tuple[float, int]:
    """Run an episode; return its return and length. seed: of its reset."""
    observe, observation = actor.observe, actor.record.observation
    skip, max_steps = run.config.terminal_rule == "tutorial", run.max_steps
    first_action = run.description.first_action
    total, length, over = 0.0, 0, False
    try:
        observation[:] = env.reset(seed)
        a = actor.begin()
        while not over:
            length += 1
            observation[:], r, terminated, truncated = env.step(a + first_action)
            total += r
            truncated = not terminated and (truncated or length >= max_steps)
            over = terminated or truncated
            if not (truncated and skip):
                a = observe(r, terminated, truncated)
    except EnvironmentFailure as failed:
        raise failed.at(step_of(episode, length)) from failed
    return total, length
