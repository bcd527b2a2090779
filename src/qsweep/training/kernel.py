"""Q-learning on a compiled twin, as one numba function without the interpreter's lock."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import float64, int32, int64, njit, types, uint64

from qsweep import discretizer, learning
from qsweep.dynamics.twin import STEP

_cell_of = njit(discretizer.cell_of)
_q_learning = njit(learning.q_learning)

# The step is a first-class function: numba's cache would not notice an edit in the file of a
# function that is called directly.
_SIGNATURE = int64(
    types.FunctionType(STEP),
    types.Tuple((float64[:, ::1], float64[:, ::1])),  # states and observations after reset
    types.Tuple((float64[::1], float64[::1], int64[::1])),  # low, scale, buckets
    types.Tuple((float64, float64, int64, types.boolean)),  # alpha, gamma, max_steps, tutorial
    float64[::1],  # epsilon
    int64[::1],  # ends
    types.Tuple((uint64, int64)),  # exploration key and count of its draws so far
    float64[:, ::1],  # q
    float64[:, :, ::1],  # tables
    float64[::1],  # returns
    int32[::1],  # lengths
)


@njit
def _uniform(key: int, draw: int) -> float:
    """The same bits as `seeds.uniforms`."""
    z = key + np.uint64(draw) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 2.0**-53


@njit
def _greedy(values: Any) -> tuple[int, float]:
    """The first action of the highest value, as numpy's argmax, and that value."""
    best, highest = 0, values[0]
    for action in range(1, len(values)):
        if values[action] > highest:
            best, highest = action, values[action]
    return best, highest


def _build(sources: int) -> Callable[..., int]:
    # Numba keys its cache on this file and on captured values; `sources` stands for the other files
    # whose functions are compiled in, so that an edit there is noticed too.
    def q_learning_episodes(step, starts, grid, rule, epsilon, ends, stream, q, tables, returns, lengths):
        first_states, first_observations = starts
        low, scale, buckets = grid
        alpha, gamma, max_steps, tutorial = rule
        key, draw = stream
        actions = q.shape[1]
        state = np.empty(first_states.shape[1])
        observation = np.empty(len(buckets))
        episode = 0 * sources
        for chunk in range(len(ends)):
            while episode < ends[chunk]:
                state[:] = first_states[episode]
                observation[:] = first_observations[episode]
                exploring = min(epsilon[episode], 1.0)
                actions_per_epsilon = actions / exploring if exploring > 0.0 else 0.0
                cell = _cell_of(observation, low, scale, buckets)
                greedy, _ = _greedy(q[cell])
                total, length = 0.0, 0
                while True:
                    u = _uniform(key, draw)
                    draw += 1
                    action = greedy
                    if u < exploring:
                        action = min(int(u * actions_per_epsilon), actions - 1)
                    reward, terminated = step(state, action, observation)
                    total += reward
                    length += 1
                    if terminated:
                        value = _q_learning(q[cell, action], alpha, reward, 0.0, 0.0)
                        q[cell, action] = 0.0 if tutorial else value
                        break
                    truncated = length >= max_steps
                    if truncated and tutorial:
                        break
                    next_cell = _cell_of(observation, low, scale, buckets)
                    greedy, highest = _greedy(q[next_cell])
                    value = _q_learning(q[cell, action], alpha, reward, gamma, highest)
                    q[cell, action] = value
                    if truncated:
                        break
                    if next_cell == cell:  # the update may have changed what is greedy there
                        greedy, _ = _greedy(q[cell])
                    cell = next_cell
                returns[episode] = total
                lengths[episode] = length
                episode += 1
            tables[chunk] = q
        return draw

    return njit(_SIGNATURE, cache=True, nogil=True)(q_learning_episodes)


def digest(*modules: Any) -> int:
    """A number that changes with the source of any of the modules."""
    source = "".join(inspect.getsource(module) for module in modules)
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:7], "big")


q_learning_episodes = _build(digest(discretizer, learning))
"""Train len(epsilon) episodes on `q` float64[cells, actions], in place; returns the count of draws.

ends int64[chunks]: the number of episodes done at the end of each chunk; tables
float64[chunks, cells, actions], returns float64[n] and lengths int32[n] are written.
"""
