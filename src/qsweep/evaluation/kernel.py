"""Greedy rollouts on a compiled twin, as one numba function without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import boolean, float64, int32, int64, njit, types, void

from qsweep import discretizer
from qsweep.dynamics.twin import STEP
from qsweep.training.kernel import digest

_cell_of = njit(discretizer.cell_of)

_SIGNATURE = void(
    types.FunctionType(STEP),
    types.Tuple((float64[:, ::1], float64[:, ::1])),  # states and observations after reset
    types.Tuple((float64[::1], float64[::1], int64[::1])),  # low, scale, buckets
    int64,  # max_steps
    int64[::1],  # greedy action of every cell
    float64[::1],  # returns
    int32[::1],  # lengths
    boolean[::1],  # terminated
)


def _build(sources: int) -> Callable[..., Any]:
    # `sources` is captured for numba's cache, as in training/kernel.py.
    def greedy_episodes(step, starts, grid, max_steps, greedy, returns, lengths, terminated):
        first_states, first_observations = starts
        low, scale, buckets = grid
        state = np.empty(first_states.shape[1])
        observation = np.empty(len(buckets))
        for episode in range(0 * sources, len(returns)):
            state[:] = first_states[episode]
            observation[:] = first_observations[episode]
            total, length, over = 0.0, 0, False
            while not over and length < max_steps:
                action = greedy[_cell_of(observation, low, scale, buckets)]
                reward, over = step(state, action, observation)
                total += reward
                length += 1
            returns[episode] = total
            lengths[episode] = length
            terminated[episode] = over

    return njit(_SIGNATURE, cache=True, nogil=True)(greedy_episodes)


greedy_episodes = _build(digest(discretizer))
"""Roll out len(returns) greedy episodes; writes returns float64[n], lengths int32[n], terminated bool[n]."""
