"""Checked values -> a resolved config: every default that depends on the environment filled in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from qsweep.config import Config, Env, Epsilon, as_episode
from qsweep.environments.description import describe, refuse_foreign
from qsweep.environments.discretizer import bounded, grid
from qsweep.environments.twins.matching import has_twin
from qsweep.errors import Problem, UsageError
from qsweep.plan.checking import algorithm_problems, applicability_problems, at_fault, parse

Engine = Literal["compiled", "gymnasium"]


def resolve(values: Mapping[str, Any]) -> Config:
    """The resolved config of plain nested values.

    Raises UsageError with every problem of the values and of how they suit the environment.
    """
    config, problems = parse(values)
    problems += applicability_problems(config, problems)
    if at_fault(problems, "env"):
        raise UsageError(problems)
    try:
        found = describe(config.env)
    except UsageError as error:
        raise UsageError([*problems, *error.problems]) from None
    env, env_problems = bounded(config.env, found)
    problems += env_problems
    buckets = config.buckets
    if not at_fault(problems, "env", "buckets"):
        cells, bucket_problems = grid(config, env, found)
        problems += bucket_problems
        continuous = all(dimension.values is None for dimension in found.dimensions)
        if cells:
            alike = continuous and len(set(cells.buckets)) == 1
            buckets = cells.buckets[0] if alike else cells.buckets
    problems += algorithm_problems(config, env, problems)
    engine, engine_problems = _engine(config.engine, env)
    problems += engine_problems
    if problems:
        raise UsageError(problems)
    experiment = config.tracking.experiment or env.id.replace("/", "_")
    return dataclasses.replace(
        config,
        env=env,
        buckets=buckets,
        engine=engine,
        epsilon=_in_episodes(config.epsilon, config.episodes),
        tracking=dataclasses.replace(config.tracking, experiment=experiment),
    )


def recorded(values: Any) -> Config:
    """The resolved config in a record, which may come from anybody.

    Its `sweep` is ignored: it is about a multirun, not about the run, and older versions have other keys.
    Raises UsageError as `resolve` does, and where its environment would import a module that nobody here
    asked for.
    """
    env = values.get("env") if isinstance(values, Mapping) else None
    if not isinstance(env, Mapping):
        raise UsageError([Problem("config", "must be the config of a run, with a key env")])
    refuse_foreign(env.get("id"), env.get("wrapper"))
    return resolve({key: value for key, value in values.items() if key != "sweep"})


def _engine(asked: str, env: Env) -> tuple[Engine, list[Problem]]:
    suits = asked != "gymnasium" and has_twin(env)
    if asked == "compiled" and not suits:
        rule = f"compiled needs a compiled twin or transition tables; {env.id} has neither"
        return "gymnasium", [Problem("engine", rule, asked, "use engine=auto")]
    return ("compiled" if suits else "gymnasium"), []


def _in_episodes(epsilon: Epsilon, episodes: int) -> Epsilon:
    if epsilon.decay_start is None or epsilon.decay_end is None:
        return epsilon
    return dataclasses.replace(
        epsilon,
        decay_start=as_episode(epsilon.decay_start, episodes),
        decay_end=as_episode(epsilon.decay_end, episodes),
    )
