"""Greedy episodes in the twin of an environment, several by turns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qsweep.environments.grid import Lattice, locate
from qsweep.environments.twins.pcg64 import Stream
from qsweep.environments.twins.twin import reset, step
from qsweep.learning.agent.values import index
from qsweep.learning.compiler.intrinsics import for_each, load_records
from qsweep.learning.compiler.packing import Words
from qsweep.learning.engines.loop import Starts, World, reset_world
from qsweep.system.arrays import Floats, Ints

GOING, EPISODE, LENGTH = range(3)
"""Places in `Lane.at`."""


class Lane(NamedTuple):
    """One episode after the other; which ones, is seen on the way.

    random: the stream that the twin draws from. state, observation: float64[k] and float64[dimensions].
    lattice: of the Q-table. cell int64[1], where the observation lies on one without tilings. at int64[3]:
    whether an episode is going on, which one, and its steps so far. total float64[1]: its rewards.
    """

    random: Stream
    state: Floats
    observation: Floats
    lattice: Lattice
    cell: Ints
    at: Ints
    total: Floats


class Course(NamedTuple):
    """The episodes of one call, and what all lanes know.

    q float64[cells, actions]; best int64[cells], the greedy action of each cell. Written to: the number of
    the next episode, int64[1]; the cells that each lane is in, int64[lanes, tilings]; and, for each episode,
    returns float64[n], lengths int32[n], terminated bool[n].
    """

    starts: Starts
    constants: Floats
    max_steps: int
    q: Floats
    best: Ints
    next: Ints
    cells: Ints
    returns: Floats
    lengths: Any
    terminated: Any


def greedy_action(q: Floats, best: Any, cells: Any) -> int:
    """The first action of the highest value in a state: that of its cell, or of the sum over its tiles.

    q float64[cells, actions]; best int64[cells], the greedy action of each cell; cells int64[tilings].
    """
    if len(cells) == 1:
        return int(best[cells[0]])
    found, highest = 0, -np.inf
    for a in range(q.shape[1]):
        total = 0.0
        for i in range(len(cells)):
            total += q[cells[i], a]
        if total > highest:
            found, highest = a, total
    return found


def choose(lane: Lane, number: int, course: Course) -> int:
    """The greedy action of a lane; number: of the lane."""
    if course.cells.shape[1] > 1:
        cells = course.cells[number]
        locate(lane.lattice, lane.observation, cells)
        return greedy_action(course.q, course.best, cells)
    locate(lane.lattice, lane.observation, lane.cell)
    return int(course.best[index(lane.cell[0])])


def enter(lane: Lane, _number: int, course: Course) -> int:
    """A lane whose episode is over begins the next one; 1 if it is in one then."""
    at = lane.at
    if at[GOING] == 0:
        episode = course.next[0]
        if episode == len(course.returns):
            return 0
        course.next[0] += 1
        at[GOING], at[EPISODE], at[LENGTH], lane.total[0] = 1, episode, 0, 0.0
        world = World(lane.random, course.constants, lane.state, lane.observation, course.max_steps, False)
        reset_world(reset, world, course.starts, episode)
    return 1


def act(lane: Lane, number: int, course: Course) -> int:
    """A lane takes one step, and writes down what its episode came to if it is over; 0."""
    at = lane.at
    if at[GOING] != 0:
        a = choose(lane, number, course)
        reward, over = step(lane.random, course.constants, lane.state, a, lane.observation)
        lane.total[0] += reward
        at[LENGTH] += 1
        if over or at[LENGTH] >= course.max_steps:
            episode = index(at[EPISODE])
            course.returns[episode], course.lengths[episode] = lane.total[0], at[LENGTH]
            course.terminated[episode] = over
            at[GOING] = 0
    return 0


def greedy_episodes(words: Words, course: Course) -> None:
    """Roll out all episodes, a step of each lane in turn: none waits for what another computes.

    words: the blocks of the lanes, none of which is in an episode.
    """
    lanes = load_records(words)
    while for_each(enter, lanes, course) > 0:
        for_each(act, lanes, course)
