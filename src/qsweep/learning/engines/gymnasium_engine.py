"""The Gymnasium engine: steps any Gymnasium environment from Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np

from qsweep.environments.encoding import SingleDiscrete
from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.guarded import MOST, GuardedEnv
from qsweep.environments.resolved import Resolved
from qsweep.learning.blocks import Block, State, spans
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import intrinsics_for, unpack
from qsweep.learning.compiler.packing import Words, pack
from qsweep.learning.engines import stepping
from qsweep.learning.engines.continuing import is_resumable
from qsweep.learning.engines.learner import Learner, learner
from qsweep.learning.engines.limits import bad_return, divergence, is_good_table, step_of
from qsweep.learning.engines.stepping import WRONG, Record, advance, functions_of, record_of, start
from qsweep.learning.rates import epsilon, rates_of
from qsweep.seeds import generator_state, restored_generator, streams

MAX_EPISODES = 50
"""The maximum number of episodes per block: well under a second in most environments."""


SMALL = 2**16
"""The number of values of a Q-table up to which it is checked after each episode, and not each block."""
REWARDS, FLAGS = (float, int, np.float64, np.float32, np.int64), (bool, np.bool_)
"""The usual types of rewards and of `terminated` and `truncated`, from which compiled code takes a number."""


@dataclass(frozen=True)
class Actor:
    """An agent and the functions that return its actions: `stepping.start` and `advance`.

    record: the agent's. given: what the functions take in its place: the block that holds it.
    """

    record: Record
    given: Any
    start: Callable[[Any], int]
    advance: Callable[[Any, float, bool, bool], int]


def train(run: Resolved, state: State | None = None) -> Iterator[Block]:
    """Yield the blocks of a run, one chunk each, trained on the Gymnasium environment itself.

    state: the state from which training is resumed, if it is not empty.
    """
    began = time.perf_counter()
    actor = _compiled(run, learner(run))
    compiling = time.perf_counter() - began
    with run.open() as env:
        if state:
            actor.given[:] = state["words"]
            env.np_random = restored_generator(state["environment"])
        for block in blocks(run, env, actor, int(state["episodes"]) if state else 0):
            yield block._replace(compile_seconds=compiling)
            compiling = 0.0


def first_action(words: Words) -> int:
    """Call `start` for the record in a block: a single argument, because each one costs time in a call."""
    return start(unpack(words))


def next_action(words: Words, r: float, terminated: bool, truncated: bool) -> int:
    """Call `advance` for the record in a block."""
    return advance(unpack(words), r, terminated, truncated)


def _compiled(run: Resolved, learning: Learner) -> Actor:
    from numba import boolean, float64, int64

    block = pack([record_of(run, learning)])
    names, words = intrinsics_for(block.packing), int64[:, ::1]
    names |= {f"{stepping.__name__}.{name}": part for name, part in functions_of(learning).items()}
    what = f"{run.config.algorithm} for {run.env.id}"
    first = compiled(first_action, int64(words), names, what)
    following = compiled(next_action, int64(words, float64, boolean, boolean), names, what)
    return Actor(block.records[0], block.words, _entry_point(first), _entry_point(following))


def _entry_point(kernel: Any) -> Callable[..., int]:
    """Return a compiled function as the interpreter calls it, without numba's look at the arguments' types.

    That look takes longer than the rest of a call. The arguments must have the types of the signature.
    """
    (compilation,) = kernel.overloads.values()
    entry_point: Callable[..., int] = compilation.entry_point
    return entry_point


def blocks(run: Resolved, env: GuardedEnv, actor: Actor, first: int) -> Iterator[Block]:
    """Yield the blocks of a run from episode `first` on."""
    config, agent = run.config, actor.record.agent
    environment_seed = streams(config.seed).environment

    def state() -> dict[str, Any]:
        if not is_resumable(run):
            return {}
        arrays = {"words": actor.given.copy(), "environment": generator_state(env.np_random)}
        return arrays | {"episodes": np.array(span.end)}

    for span in spans(config.episodes, config.checkpoint_every, MAX_EPISODES, first):
        began, episodes = time.perf_counter(), np.arange(span.first, span.end)
        results = []
        for episode, rates in zip(episodes.tolist(), rates_of(run, episodes), strict=True):
            agent.rates[...] = rates
            seed = environment_seed if episode == 0 else None
            total, length = _episode(run, env, actor, episode, seed)
            results.append((total, length))
            if not -MOST <= total <= MOST:
                raise bad_return(run, total).at(step_of(episode, length))
            if (agent.q.size <= SMALL or episode == span.end - 1) and not is_good_table(run, agent.q):
                raise divergence(run).at(step_of(episode, length))
        env.leave()
        returns, lengths = (np.array(column) for column in zip(*results, strict=True))
        tables = agent.q.reshape(1, *run.shape).copy()
        rates_used = epsilon(config, episodes)
        seconds = time.perf_counter() - began
        made = Block((span,), returns, lengths.astype(np.int32), rates_used, tables, state, seconds)
        yield made._replace(visits=agent.entered.reshape(run.grid.shape).copy())


def _episode(
    run: Resolved, env: GuardedEnv, actor: Actor, episode: int, seed: int | None
) -> tuple[float, int]:
    """Run an episode; return its return and length. seed: of its reset.

    What is usual is left to compiled code; whatever it is not, `GuardedEnv.checked` judges.
    """
    record, given, advance, array = actor.record, actor.given, actor.advance, np.ndarray
    observation, first_action = record.observation, run.description.first_action
    shape, single = observation.shape, isinstance(run.description.encode, SingleDiscrete)
    record.length[0] = -1  # what fails is one step later
    try:
        observation[:] = env.reset(seed)
        step, a = env.bare_step(run.max_steps), actor.start(given)
        while a >= 0:
            try:
                returned = step(a + first_action)
            except BaseException as error:
                env.fail("step", error)
            a = WRONG
            try:
                seen, r, terminated, truncated, _ = returned
                if type(r) in REWARDS and type(terminated) in FLAGS and type(truncated) in FLAGS:
                    if single:
                        observation[0] = index(seen)
                        a = advance(given, r, terminated, truncated)
                    elif type(seen) is array and seen.shape == shape:
                        observation[...] = seen
                        a = advance(given, r, terminated, truncated)
            except (TypeError, ValueError, OverflowError):
                pass
            if a == WRONG:
                observation[:], r, terminated, truncated = env.checked(returned)
                a = advance(given, r, terminated, truncated)
                assert a != WRONG
    except EnvironmentFailure as failed:
        raise failed.at(step_of(episode, int(record.length[0]) + 1)) from failed
    return float(record.total[0]), int(record.length[0])
