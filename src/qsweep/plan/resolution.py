"""Resolving a config: checking it and filling in the defaults that depend on its environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from qsweep.config import Config, Epsilon, as_episode
from qsweep.environments.description import Description, describe, refuse_foreign
from qsweep.environments.discretizer import bounded, grid
from qsweep.environments.facts import facts
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Resolved
from qsweep.environments.twins.matching import twin_of
from qsweep.errors import Problem, UsageError
from qsweep.plan.checking import (
    algorithm_problems,
    applicability_problems,
    argument_problems,
    at_fault,
    of_run,
    parse,
)


def resolve(values: Mapping[str, Any]) -> Resolved:
    """Return the resolved config of plain nested values, with its environment, grid and twin.

    Raises UsageError with every problem of the values and of their fit to the environment.
    """
    config, problems = parse(values)
    problems += [*applicability_problems(config, problems), *argument_problems(config)]
    if at_fault(problems, "env"):
        raise UsageError(problems)
    try:
        config, found = _described(config)
    except UsageError as error:
        raise UsageError([*problems, *error.problems]) from None
    env, env_problems = bounded(config.env, found)
    config = dataclasses.replace(config, env=env)
    problems += env_problems
    cells = None
    if not at_fault(problems, "env", "buckets"):
        cells, bucket_problems = grid(config, found)
        problems += bucket_problems
    problems += algorithm_problems(config, problems)
    twin = None if config.engine == "gymnasium" else twin_of(env, found)
    if config.engine == "compiled" and twin is None:
        rule = f"compiled needs a compiled twin or transition tables; {config.env.id} has neither"
        problems.append(Problem("engine", rule, config.engine, "use engine=auto"))
    if cells is None or problems:
        raise UsageError(problems)
    config = dataclasses.replace(
        config,
        buckets=_buckets(cells, found),
        engine="compiled" if twin else "gymnasium",
        epsilon=_in_episodes(config.epsilon, config.episodes),
        evaluation=dataclasses.replace(
            config.evaluation, test_episodes=config.evaluation.test_episodes or facts(env.id).test_episodes
        ),
        tracking=dataclasses.replace(
            config.tracking, experiment=config.tracking.experiment or env.id.replace("/", "_")
        ),
    )
    return Resolved(env, found, cells, twin, config)


def recorded(values: Any) -> Resolved:
    """Resolve the config in a run's record, which is not trusted.

    Raises UsageError as `resolve` does, and if the environment would import a module that this user has not
    requested.
    """
    env = values.get("env") if isinstance(values, Mapping) else None
    if not isinstance(env, Mapping):
        raise UsageError([Problem("config", "must be the config of a run, with a key env")])
    refuse_foreign(env.get("id"), env.get("wrapper"), env.get("kwargs"))
    return resolve(of_run(values))


def _described(config: Config) -> tuple[Config, Description]:
    """Return the description of the environment, and the config with the hash of tables that it has read."""
    found = describe(config.env)
    if not found.sha256:
        return config, found
    env = dataclasses.replace(config.env, kwargs={**config.env.kwargs, "sha256": found.sha256})
    return dataclasses.replace(config, env=env), describe(env)


def _buckets(cells: Grid, found: Description) -> int | tuple[int, ...]:
    """Return one number if all dimensions are continuous with equal buckets, else one per dimension."""
    continuous = all(dimension.values is None for dimension in found.dimensions)
    return cells.buckets[0] if continuous and len(set(cells.buckets)) == 1 else cells.buckets


def _in_episodes(epsilon: Epsilon, episodes: int) -> Epsilon:
    if epsilon.decay_start is None or epsilon.decay_end is None:
        return epsilon
    return dataclasses.replace(
        epsilon,
        decay_start=as_episode(epsilon.decay_start, episodes),
        decay_end=as_episode(epsilon.decay_end, episodes),
    )
