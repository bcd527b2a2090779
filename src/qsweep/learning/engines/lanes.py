"""Runs in compiled training: the records of their agents and twins, and the calls that train them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.environments.failures import calling
from qsweep.environments.resolved import Resolved
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin
from qsweep.learning.agent.agent import Agent
from qsweep.learning.agent.exploration import EPSILON_GREEDY
from qsweep.learning.algorithms import algorithm
from qsweep.learning.blocks import Span, State
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import intrinsics_for
from qsweep.learning.compiler.packing import Packed, pack
from qsweep.learning.engines.learner import Learner, learner
from qsweep.learning.engines.loop import EpisodeBatch, Lane, Starts, World, train_lanes
from qsweep.learning.rates import rates_of
from qsweep.seeds import generator_state, restored_generator, streams
from qsweep.system.arrays import Floats

LANES = 16
"""The maximum number of runs in one loop."""
LOCAL = (
    *("world.random", "world.state", "world.observation", "agent.rates", "agent.now", "agent.key"),
    *("progress", "rewards", "row"),
)
PLAIN_LOCAL = ("agent.s", "agent.s_next", "agent.preferences", "agent.policy")
"""Arrays that every step of a lane reads or changes; the second ones if the agents are plain."""
PLAIN = (
    *("agent.q.1", "agent.available.0", "agent.visits.0", "agent.visits.1"),
    *("agent.decaying", "agent.exploration", "agent.random_ties"),
    *(f"agent.lattice.{name}.0" for name in ("low", "scale", "buckets", "offsets", "edges")),
    *("agent.lattice.offsets.1", "agent.lattice.edges.1"),
)
"""Constants of the code if the agents are plain; all others of an environment share one compiled loop."""
SHARED = (
    *("world.constants", "agent.available"),
    *(f"agent.lattice.{name}" for name in ("low", "scale", "buckets", "offsets", "edges")),
)
"""Arrays that are the same in all lanes."""


def _is_plain(agent: Agent) -> bool:
    """Return whether an agent is of the common kind: epsilon-greedy, equal buckets, no visits counted."""
    counts = (len(agent.s), len(agent.available), len(agent.visits), agent.lattice.edges.shape[1])
    greedy = agent.exploration == EPSILON_GREEDY and not agent.random_ties
    return greedy and not agent.decaying and counts == (1, 0, 0, 0)


class Lanes:
    """Runs that differ only by their seeds, trained by one compiled loop.

    state: the state from which a single run is resumed. compile_seconds: of the last call of `train`.
    """

    compile_seconds = 0.0

    def __init__(self, runs: Sequence[Resolved], state: State | None = None) -> None:
        self._runs, twin = runs, runs[0].twin
        assert twin is not None
        self._twin = twin
        self._kernel: Callable[..., Any] | None = None
        self._learners = [learner(run) for run in runs]
        plain = _is_plain(self._learners[0].agent)
        local = (*LOCAL, *(PLAIN_LOCAL if plain else ()))
        fixed = (*(f"{name}.0" for name in local), *(PLAIN if plain else ()))
        lanes = [_lane(*each, twin) for each in zip(runs, self._learners, strict=True)]
        self._packed = pack(lanes, fixed, LANES if len(runs) > 1 else 1, local, SHARED)
        # As Gymnasium seeds the generator of an environment on its first reset.
        self._starts = [np.random.default_rng(streams(run.config.seed).environment) for run in runs]
        if state:
            self._packed.words[0] = state["words"]
            self._starts[0] = restored_generator(state["starts"])

    def train(self, call: Sequence[Span]) -> EpisodeBatch:
        """Train the next episodes. Raises EnvironmentFailure if a twin raises an exception."""
        twin, run = self._twin, self._runs[0]
        starts = [twin.starts(generator, call[-1].end - call[0].first) for generator in self._starts]
        batch = _batch(run, call, starts)
        self.compile_seconds = 0.0
        if self._kernel is None:
            ready = time.perf_counter()
            self._kernel = _kernel(run, self._learners[0], self._packed, batch)
            self.compile_seconds = time.perf_counter() - ready
        with calling(run.env.id, "step"):
            self._kernel(self._packed.words, batch)
        return batch

    def state(self, number: int, last: Span) -> dict[str, npt.NDArray[Any]]:
        """Return the state from which a run is resumed after a call whose last span was `last`."""
        words, starts = self._packed.words[number].copy(), generator_state(self._starts[number])
        return {"episodes": np.array(last.end), "words": words, "starts": starts}

    def limit(self, steps: int) -> None:
        """Limit the next episodes to so many steps, without making room for more."""
        self._packed.words[:, self._packed.packing.header()["world.max_steps"]] = steps

    def visits(self, number: int) -> npt.NDArray[np.int64]:
        """Return how many steps of a run began in each cell, int64[cells]; a copy."""
        entered: npt.NDArray[np.int64] = self._packed.records[number].agent.entered
        return entered.copy()

    def q_table(self, number: int) -> Floats:
        """Return the Q-table of a run, float64[cells, actions]; a view."""
        q: Floats = self._packed.records[number].agent.q
        return q


def episodes_of(call: Sequence[Span]) -> npt.NDArray[np.int64]:
    """Return the numbers of a call's episodes."""
    return np.arange(call[0].first, call[-1].end)


def _lane(run: Resolved, learning: Learner, twin: Twin) -> Lane:
    random, skip = stream(streams(run.config.seed).environment), run.config.terminal_rule == "tutorial"
    world = World(random, twin.constants, *twin.buffers(), run.max_steps, skip)
    progress, rewards, row = np.zeros(6, np.int64), np.zeros(2), np.zeros(1, np.int64)
    return Lane(world, learning.agent, learning.memory, progress, rewards, row)


def _batch(run: Resolved, call: Sequence[Span], starts: Sequence[tuple[Floats, Floats]]) -> EpisodeBatch:
    episodes, lanes = episodes_of(call), len(starts)
    states, observations = (np.stack(part) for part in zip(*starts, strict=True))
    return EpisodeBatch(
        starts=Starts(states, observations, np.zeros((lanes, 0, 6), np.uint64)),
        rates=rates_of(run, episodes),
        ends=np.array([span.end for span in call]) - call[0].first,
        tables=np.empty((lanes, len(call), run.grid.cells, run.description.actions)),
        returns=np.empty((lanes, len(episodes))),
        lengths=np.empty((lanes, len(episodes)), np.int32),
    )


def _kernel(run: Resolved, learning: Learner, lanes: Packed, batch: EpisodeBatch) -> Callable[..., Any]:
    """Return the loop compiled for an algorithm and a twin, from numba's cache on disk if it is there."""
    from numba import int64, typeof, void

    twin = run.twin
    assert twin is not None
    chosen, plain = algorithm(run.config.algorithm), _is_plain(learning.agent)
    several = lanes.packing.lanes > 1
    names = {
        **intrinsics_for(lanes.packing),
        "learn": chosen.learn,
        "forget": chosen.forget,
        "NEEDS_NEXT_ACTION": chosen.needs_next_action,
        "reset": twin.reset,
        "step": twin.step,
        "LANES": lanes.packing.lanes,
        "PADDED": plain,
        "qsweep.learning.agent.exploration.BRANCHING": not several,
        "qsweep.learning.agent.values.ACTIONS": learning.agent.q.shape[1] if plain else 0,
        "qsweep.learning.agent.values.CELLS": 1 if plain else 0,
    }
    if several:
        from qsweep.learning.engines.trigonometry import vectorised

        names |= vectorised()
    signature = void(int64[:, ::1], typeof(batch))
    what = f"{run.config.algorithm} for {run.env.id}"
    return compiled(train_lanes, signature, names, what)  # type: ignore[no-any-return]
