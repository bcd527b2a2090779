"""Keys that belong to some algorithms, schedules, explorations and discretisers only."""

from __future__ import annotations

from collections.abc import Iterator

from qsweep.checking import at_fault
from qsweep.config import OPTIONAL, RULES, Config, Env
from qsweep.learning import NAMES, algorithm
from qsweep.problems import Problem, closest

BROUGHT = {
    "learning_rate_schedule": {"linear": ("learning_rate_end",)},
    "exploration": {"softmax": ("temperature",), "ucb": ("confidence",)},
    "discretizer": {"tiles": ("tilings",)},
}
"""Key -> its value -> the keys that come with it."""


def applicability_problems(config: Config, known: list[Problem]) -> list[Problem]:
    """Keys that are given where they do not apply, or missing where they do. known: problems found so far."""
    if config.algorithm not in NAMES:
        return [
            Problem(
                "algorithm", "there is none of this name", config.algorithm, closest(config.algorithm, NAMES)
            )
        ]
    return [
        *([] if at_fault(known, "learning_rate", "learning_rate_end") else _rate_problems(config)),
        *_optional_problems(config, known),
    ]


def _optional_problems(config: Config, known: list[Problem]) -> list[Problem]:
    return [
        problem
        for key, other in OPTIONAL.items()
        if not at_fault(known, key, other)
        for problem in _key_problems(config, key, other)
    ]


def _key_problems(config: Config, key: str, other: str) -> Iterator[Problem]:
    chosen, value = getattr(config, other), getattr(config, key)
    own = algorithm(chosen).hyperparameters if other == "algorithm" else BROUGHT[other].get(chosen, ())
    if key in own and value is None:
        yield Problem(key, f"must be {RULES[key]}", "null")
    if key not in own and value is not None:
        remedy = "leave it out; sweep those that have it apart, under the same sweep.name"
        yield Problem(key, f"does not apply to {other}={chosen}", value, remedy)


def _rate_problems(config: Config) -> Iterator[Problem]:
    """A learning rate falls, if it changes."""
    end, start = config.learning_rate_end, config.learning_rate
    if end is not None and end > start:
        yield Problem("learning_rate_end", f"must not exceed learning_rate ({start:g})", end)


def algorithm_problems(config: Config, env: Env, known: list[Problem]) -> Iterator[Problem]:
    """What an algorithm does not go together with."""
    if at_fault(known, "algorithm", "terminal_rule", "discretizer", "tilings"):
        return
    chosen, tiles = algorithm(config.algorithm), config.discretizer == "tiles"
    if tiles and not chosen.tiles:
        rule = f"tiles do not go together with {chosen.name}, which wants one cell per state"
        yield Problem("discretizer", rule, None, "use discretizer=uniform, or another algorithm")
    if tiles and (config.learning_rate_schedule == "visits" or config.exploration == "ucb"):
        rule = "tiles do not go together with counting visits, which wants one cell per state"
        remedy = "use another learning_rate_schedule and exploration than visits and ucb"
        yield Problem("discretizer", rule, None, remedy)
    if config.terminal_rule == "tutorial" and (tiles or not chosen.tutorial):
        rule = "tutorial is Q-learning's, on one grid"
        yield Problem("terminal_rule", rule, None, "use terminal_rule=standard")
    if chosen.longest and (env.max_steps or 0) > chosen.longest:
        rule = f"must be at most {chosen.longest:,} for {chosen.name}, which keeps whole episodes"
        yield Problem("env.max_steps", rule, env.max_steps)
