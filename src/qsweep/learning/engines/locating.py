"""The episode and step at which compiled training failed, found by training again, which gives the same bits.

Compiled code checks only sums, at the end of each call: nothing that is not finite becomes finite again. So
the last call is repeated one episode at a time, and its bad episode with fewer steps, by bisection.
"""

from __future__ import annotations

from collections.abc import Sequence

from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.guarded import MOST
from qsweep.environments.resolved import Resolved
from qsweep.learning.blocks import Span, State
from qsweep.learning.engines.lanes import Lanes
from qsweep.learning.engines.limits import bad_return, divergence, is_good, step_of

AT_ONCE = 1000
"""Episodes that are repeated in a call before the one that failed."""


def located(runs: Sequence[Resolved], state: State | None, end: int) -> EnvironmentFailure | None:
    """Return the failure of the first of some runs that fails before episode `end`, with its place.

    state: from which a single run is resumed. None: none fails again.
    """
    return next(filter(None, (_located(run, state, end) for run in runs)), None)


def _located(run: Resolved, state: State | None, end: int) -> EnvironmentFailure | None:
    lanes, first = Lanes([run], state), int(state["episodes"]) if state else 0
    while end - first > AT_ONCE:
        lanes.train([Span(first, first + AT_ONCE, False)])
        first += AT_ONCE
    for episode in range(first, end):
        before = lanes.state(0, Span(episode, episode, False))
        if failed := _attempt(run, lanes, episode):
            return _at_step(run, before, episode, failed)
    return None


def _attempt(run: Resolved, lanes: Lanes, episode: int) -> EnvironmentFailure | None:
    """Train one episode; return its failure, without the place."""
    try:
        returns = lanes.train([Span(episode, episode + 1, False)]).returns[0]
    except EnvironmentFailure as failed:
        return failed
    if is_good(run, returns, lanes.q_table(0)):
        return None
    sound = abs(float(returns[0])) <= MOST
    return divergence(run) if sound else bad_return(run, float(returns[0]))


def _at_step(run: Resolved, state: State, episode: int, failed: EnvironmentFailure) -> EnvironmentFailure:
    """Return the failure of an episode with its place. state: before the episode."""
    low, high = 0, run.max_steps
    while high - low > 1:
        middle = (low + high) // 2
        lanes = Lanes([run], state)
        lanes.limit(middle)
        shorter = _attempt(run, lanes, episode)
        low, high, failed = (low, middle, shorter) if shorter else (middle, high, failed)
    return failed.at(step_of(episode, high))
