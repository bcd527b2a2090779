"""Which point of the space a trial tries."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GridSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState

from qsweep.errors import Problem, UsageError
from qsweep.runs.search.settings import PREFIX
from qsweep.runs.search.spaces import Space

LARGEST_GRID = 10_000


class PerTrial(BaseSampler):
    """A sampler whose random numbers follow from a study's seed and the number of the trial alone.

    So a study that is resumed, or that several processes share, neither repeats numbers nor loses its
    repeatability. make: a sampler, of a seed below 2^32.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make, self._seed = make, seed
        self._current = make(trial_seed(seed, 0))

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Take up the trial's own sampler."""
        self._current = self._make(trial_seed(self._seed, trial.number))
        self._current.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The keys that are drawn together."""
        return self._current.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Their values."""
        return self._current.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of a key on its own."""
        return self._current.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, *_: Any) -> None:
        """Nothing: optuna's grid would stop a loop of optuna's here, and this is none."""


def trial_seed(seed: int, number: int) -> int:
    """The seed of one trial's sampler, below 2^32 (SeedSequence: independent of every other trial's)."""
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1)[0])


def sampler(name: str, seed: int, space: Space) -> BaseSampler:
    """A sampler by its name in `hydra.sweeper.sampler`.

    tpe: Bergstra et al. (2011), "Algorithms for Hyper-Parameter Optimization", with optuna's multivariate
    kernels; trials under way count as bad ones (the constant liar), so that those asked at once differ.
    cmaes: Hansen and Ostermeier (2001); categories are drawn at random. qmc: Sobol's sequence, scrambled
    by Owen's method. grid: every combination, in an order that the seed decides.
    Raises UsageError where the space does not suit the sampler.
    """
    values = _grid(space) if name == "grid" else {}
    if name == "cmaes":
        _check_numbers(space)
    sequence = trial_seed(seed, 2**31)  # a sequence is one for the whole study
    make: dict[str, Callable[[int], BaseSampler]] = {
        "tpe": lambda own: TPESampler(seed=own, constant_liar=True),
        "random": lambda own: RandomSampler(seed=own),
        "grid": lambda _: GridSampler(values, seed=sequence),
        "cmaes": lambda own: CmaEsSampler(seed=own, warn_independent_sampling=False),
        "qmc": lambda own: _qmc(sequence, own),
    }
    return PerTrial(make[name], seed)


def grid_size(space: Space) -> int:
    """How many combinations there are. Raises UsageError where they cannot be counted."""
    return int(np.prod([len(values) for values in _grid(space).values()], dtype=object))


def untried(study: Study, space: Space) -> int:
    """How many combinations of a grid no trial has tried or is trying."""
    tried = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)
    trials = study.get_trials(deepcopy=False)
    found = {
        space.lines(params)
        for trial in trials
        if (trial.state in tried or "error" in trial.user_attrs)
        and (params := trial.params or trial.system_attrs.get("fixed_params", {})).keys()
        >= space.distributions.keys()
    }
    return grid_size(space) - len(found)


def _qmc(sequence: int, own: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of its constructor alone
        return QMCSampler(
            scramble=True,
            seed=sequence,
            independent_sampler=RandomSampler(seed=own),
            warn_independent_sampling=False,
        )


def _grid(space: Space) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    for key, found in space.distributions.items():
        if isinstance(found, CategoricalDistribution):
            values[key] = list(found.choices)
        elif isinstance(found, IntDistribution):
            values[key] = list(range(found.low, found.high + 1, found.step))
        else:
            remedy = f"list its values, or use another {PREFIX}.sampler"
            problems.append(Problem(key, "must be a list of values on a grid, not an interval", None, remedy))
    size = int(np.prod([len(found) for found in values.values()], dtype=object))
    if size > LARGEST_GRID:
        rule = f"must have at most {LARGEST_GRID:,} combinations on a grid"
        problems.append(Problem(f"{PREFIX}.params", rule, size, f"use another {PREFIX}.sampler"))
    if problems:
        raise UsageError(problems)
    return values


def _check_numbers(space: Space) -> None:
    numbers = [key for key, found in space.distributions.items() if not found.single()]
    numbers = [key for key in numbers if not isinstance(space.distributions[key], CategoricalDistribution)]
    if len(numbers) < 2:
        rule = "cmaes needs at least two keys with a range or an interval"
        raise UsageError([Problem(f"{PREFIX}.sampler", rule, ", ".join(numbers) or None, "use tpe")])
