"""Samplers: they choose the point of the search space that a trial tries."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GridSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import TrialState

from qsweep.errors import Problem, UsageError
from qsweep.runs.search.settings import PREFIX
from qsweep.runs.search.spaces import Space
from qsweep.runs.search.study import ERROR, SamplerOfTrial

LARGEST_GRID = 10_000
"""Points of a grid, at most."""


def trial_seed(seed: int, number: int) -> int:
    """Return the seed of one trial's sampler, below 2^32; SeedSequence makes it independent of the others."""
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1)[0])


def sampler(name: str, seed: int, space: Space) -> SamplerOfTrial:
    """Return the samplers of trials by their name in `hydra.sweeper.sampler`.

    tpe: Bergstra et al. (2011), "Algorithms for Hyper-Parameter Optimization", with optuna's multivariate
    kernels; running trials count as bad ones (the constant liar), so that parallel trials differ.
    cmaes: Hansen and Ostermeier (2001); categories are drawn at random. qmc: the Sobol sequence with Owen's
    scrambling. grid: every combination, in an order that depends on the seed.
    Raises UsageError if the space does not suit the sampler.
    """
    values = _grid(space) if name == "grid" else {}
    if name == "cmaes":
        _check_numbers(space)
    sequence = trial_seed(seed, 2**31)  # the same in all trials: they are points of one sequence
    make: dict[str, Callable[[int], BaseSampler]] = {
        "tpe": lambda own: TPESampler(seed=own, constant_liar=True),
        "random": lambda own: RandomSampler(seed=own),
        "grid": lambda _: GridSampler(values, seed=sequence),
        "cmaes": lambda own: CmaEsSampler(seed=own, warn_independent_sampling=False),
        "qmc": lambda own: _qmc(sequence, own),
    }
    return lambda number: make[name](trial_seed(seed, number))


def untried(study: Study, space: Space) -> int:
    """Count the combinations of a grid that no trial of the study has tried, is trying or will retry."""
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)
    trials = study.get_trials(deepcopy=False)
    tried = {
        space.overrides(params)
        for trial in trials
        if (trial.state in states or ERROR in trial.user_attrs)
        and (params := trial.params or trial.system_attrs.get("fixed_params", {})).keys()
        >= space.distributions.keys()
    }
    return _size(_grid(space)) - len(tried)


def _qmc(sequence: int, own: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # raised by the constructor
        return QMCSampler(
            scramble=True,
            seed=sequence,
            independent_sampler=RandomSampler(seed=own),
            warn_independent_sampling=False,
        )


def _grid(space: Space) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    for key, distribution in space.distributions.items():
        if isinstance(distribution, CategoricalDistribution):
            values[key] = list(distribution.choices)
        elif isinstance(distribution, IntDistribution):
            values[key] = list(range(distribution.low, distribution.high + 1, distribution.step))
        else:
            remedy = f"list its values, or use another {PREFIX}.sampler"
            problems.append(Problem(key, "must be a list of values on a grid, not an interval", None, remedy))
    if _size(values) > LARGEST_GRID:
        rule = f"must have at most {LARGEST_GRID:,} combinations on a grid"
        problems.append(Problem(f"{PREFIX}.params", rule, _size(values), f"use another {PREFIX}.sampler"))
    if problems:
        raise UsageError(problems)
    return values


def _size(grid: Mapping[str, Sequence[Any]]) -> int:
    return math.prod(map(len, grid.values()))


def _check_numbers(space: Space) -> None:
    numbers = [
        key
        for key, distribution in space.distributions.items()
        if not distribution.single() and not isinstance(distribution, CategoricalDistribution)
    ]
    if not numbers:
        rule = "cmaes needs a key with a range or an interval of more than one value"
        raise UsageError([Problem(f"{PREFIX}.sampler", rule, None, "use tpe")])
