"""Which trials are given up before all their seeds are trained, and when.

A trial's seeds are trained one after the other, in the same order in every trial, and a run is looked at
`looks` times: at the first of its judged checkpoints to reach l / looks of them, l = 1 to looks. Both lie on
the one axis of steps that optuna has for a trial. Of the seed in place s (from 0), look l is

    step(s, l) = s * looks + l,        from 1 to seeds * looks,

and the value that a trial reports there is the mean over s + 1 runs: the final scores of the s seeds before,
and the best validation score so far of the run in hand. So the values of two trials at one step are means
over the same seeds, on the same validation starts, after the same number of episodes: like is compared with
like. With looks = 1 the step is the number of seeds done, and the value the running mean over them. Keys that
decide how many episodes lie between two looks (`episodes`, `checkpoint_every`) cannot be searched then.

A pruner is a floor under a step: the least value with which a trial goes on. A number, not a decision, so
that a run can be handed its floors and stop by itself, on whatever machine it trains, without asking.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NOBODY = -math.inf
"""The floor under a step at which no trial is given up."""


@dataclass(frozen=True)
class Steps:
    """The axis of steps. seeds: of a trial; looks: at each run."""

    seeds: int
    looks: int

    def at(self, place: int, look: int) -> int:
        """The step of a look (from 1) at the seed in a place (from 0)."""
        return place * self.looks + look

    def values(self, before: Sequence[float], run: Sequence[float]) -> dict[int, float]:
        """Step -> value of a run's looks, after the final scores of the seeds `before` it."""
        return {
            self.at(len(before), look): (sum(before) + score) / (len(before) + 1)
            for look, score in enumerate(run, start=1)
        }

    def floors(self, before: Sequence[float], under: Callable[[int], float]) -> tuple[float, ...]:
        """The floors [looks] of the next run's own best score, from those under its steps."""
        places = len(before) + 1
        return tuple(
            under(self.at(len(before), look)) * places - sum(before) for look in range(1, self.looks + 1)
        )


@dataclass(frozen=True)
class Course:
    """What another trial reported: step -> value; whether all its seeds were trained."""

    values: Mapping[int, float]
    complete: bool


@dataclass(frozen=True)
class Never:
    """Gives no trial up."""

    together = True
    """Whether all seeds of a trial may be trained at once."""

    def floor(self, step: int, others: Sequence[Course]) -> float:
        """The least value with which a trial goes on after a step, given the courses of the others."""
        return NOBODY


@dataclass(frozen=True)
class Median:
    """Gives up what lies below the median of the completed trials at the same step.

    The median stopping rule (Golovin et al. 2017, "Google Vizier", section 3.2.2), on the latest value
    instead of the best so far: a running mean over seeds falls as often as it rises, and an early lucky
    seed would shield a trial for good. last: the step after which nothing is left to save.
    complete: how many trials must be complete before the first is given up.
    """

    last: int
    complete: int = 5
    together = False

    def floor(self, step: int, others: Sequence[Course]) -> float:
        """See `Never`."""
        there = [other.values[step] for other in others if other.complete and step in other.values]
        if step >= self.last or len(there) < self.complete:
            return NOBODY
        return float(np.median(there))


@dataclass(frozen=True)
class SuccessiveHalving:
    """Lets the best of every `factor` trials that got to a rung go on to the next one, `factor` times as far.

    Asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter
    Tuning", Algorithm 2), without coming back to trials given up. rungs: the steps, increasing.
    """

    rungs: tuple[int, ...]
    factor: int
    together = False

    def floor(self, step: int, others: Sequence[Course]) -> float:
        """See `Never`."""
        if step not in self.rungs:
            return NOBODY
        there = sorted((other.values[step] for other in others if step in other.values), reverse=True)
        promoted = max((len(there) + 1) // self.factor, 1)  # of the others and the trial itself
        return there[promoted - 1] if len(there) >= promoted else NOBODY


Pruner = Never | Median | SuccessiveHalving
FACTOR = 3


def pruner(name: str, steps: Steps) -> Pruner:
    """A pruner by its name in `hydra.sweeper.pruner`.

    successive_halving: the best third goes on at every rung; the last rung before a whole seed lies at its
    end, so that with looks = 1 the rungs are 1, 3, 9, ... seeds.
    """
    last = steps.seeds * steps.looks
    if name == "none":
        return Never()
    if name == "median":
        return Median(last)
    rungs = {steps.looks // FACTOR**power for power in range(1, 8)}
    rungs |= {steps.looks * FACTOR**power for power in range(20)}
    return SuccessiveHalving(tuple(sorted(rung for rung in rungs if 0 < rung < last)), FACTOR)
