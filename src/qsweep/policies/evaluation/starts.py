"""The start states of evaluations, as seeds of resets, and the interval of a mean return over them.

If the first random number of an episode determines its start state, the seeds are stratified: [0, 1) is cut
into as many equal parts as there are seeds, and each part contains the first number of exactly one seed. The
mean over them has a tenth of the error of as many unselected seeds (docs/judging.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from qsweep import seeds
from qsweep.config import Env
from qsweep.environments.facts import facts
from qsweep.environments.twins.first_draws import first_draws
from qsweep.policies.evaluation.bootstrap import mean_interval
from qsweep.system.arrays import Floats

FEWEST = 50
"""Minimum number of stratified starts for an interval from their order; fewer have a bootstrap interval."""
NORMAL = 1.959963984540054


@dataclass(frozen=True)
class StartSet:
    """Seeds of resets, one per episode; if they are stratified, in the order of their start states."""

    seeds: Sequence[int]
    stratified: bool = False

    def interval(self, returns: Floats) -> tuple[float, float]:
        """Return the 95% interval of the mean return over all starts. returns [n]: in the order of seeds."""
        if not self.stratified or len(returns) < FEWEST:
            return mean_interval(returns)
        mean, half = float(returns.mean()), NORMAL * float(np.sqrt(stratified_variance(returns)))
        return mean - half, mean + half


def validation_starts(env: Env, episodes: int) -> StartSet:
    """Return the starts on which checkpoints are selected, the same ones for every run."""
    return _starts(env, seeds.validation(episodes))


def test_starts(env: Env, episodes: int) -> StartSet:
    """Return the starts that measure the selected checkpoint, the same ones for every run."""
    return _starts(env, seeds.test(episodes))


def _starts(env: Env, plain: range) -> StartSet:
    if facts(env.id).drawn_at_once and not env.altered:
        return StartSet(stratified_seeds(plain.start, len(plain)), stratified=True)
    return StartSet(plain)


@lru_cache(maxsize=8)
def stratified_seeds(first: int, count: int) -> tuple[int, ...]:
    """Return for each of `count` equal parts of [0, 1) the first seed whose first number lies in it.

    Seeds are tried from `first` on, about count * log(count) of them.
    """
    found, batch = np.full(count, -1), 4 * count
    while (found < 0).any():
        tried = np.arange(first, first + batch)
        parts, places = np.unique((first_draws(tried) * count).astype(np.int64), return_index=True)
        new = found[parts] < 0
        found[parts[new]] = tried[places[new]]
        first += batch
    return tuple(found.tolist())


def stratified_variance(values: Floats) -> float:
    """Return the variance of the mean of values [n], one from each of n equal parts, in their order.

    From the mean squared differences of neighbours and of neighbours but one (Wolter 1984 compares such
    estimators). They determine how much of the differences within a part is noise, and how much comes from
    jumps between few levels, whose distance apart does not matter: a return changes where the trajectory
    crosses the edge of a bucket. Jumps count a third, because both ends lie in the same part.
    """
    near, far = (float(np.square(values[lag:] - values[:-lag]).mean()) / 2 for lag in (1, 2))
    noise = 2 * near - far
    return max(noise + (far - near) / 3, near / 3) / len(values)
