"""A search's command line, checked as a whole before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from qsweep.config import Config, config_hash, environment_hash
from qsweep.errors import Problem, UsageError
from qsweep.plan import composition, overrides
from qsweep.plan.overrides import HydraErrors
from qsweep.policies.evaluation.judge import judged
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.settings import PREFIX, Settings, settings
from qsweep.runs.search.spaces import Space, space

EPISODES = ("episodes", "checkpoint_every")
"""Keys that decide how far a run is at its looks."""


@dataclass(frozen=True)
class SearchPlan:
    """What a command line asks for. fixed: the overrides that all runs share; first: the first of them.

    name: the study's and the sweep's; varied: the keys that are searched.
    """

    name: str
    varied: tuple[str, ...]
    fixed: tuple[str, ...]
    space: Space
    settings: Settings
    first: Config

    @property
    def facts(self) -> dict[str, object]:
        """What has to be the same in all trials of a study."""
        return {
            "space": self.space.described(),
            "fixed config": config_hash(self.first),
            "seeds": list(self.settings.seeds),
            "looks": self.settings.looks,
        }


def search_plan(lines: Sequence[str], options: Mapping[str, Any]) -> SearchPlan:
    """The plan of a search.

    lines: the overrides as typed. options: the composed `hydra.sweeper` node; its `params`, those of a
    +sweep preset, count where `lines` do not name the key. Raises UsageError with every problem found.
    """
    problems: list[Problem] = []
    chosen = searched = None
    params = options["params"] or {}
    if not isinstance(params, Mapping):
        rule = "must be a mapping of keys to what they vary over"
        problems.append(Problem(f"{PREFIX}.params", rule, params))
        params = {}
    fixed, varied = _parted([*(f"{key!s}={value}" for key, value in params.items()), *lines], problems)
    try:
        chosen = settings(options)
    except UsageError as error:
        problems += error.problems
    try:
        searched = space(varied)
    except UsageError as error:
        problems += error.problems
    if not varied and not problems:
        problems.append(
            Problem(
                f"{PREFIX}.params", "must name something to search", None, "for example KEY=interval(A,B)"
            )
        )
    if chosen is None or searched is None or problems:
        raise UsageError(problems)
    configs = check(fixed, searched, chosen)
    keys = tuple(dimension.key for dimension in searched.dimensions)
    name = chosen.study or configs[0].sweep.name or ",".join(keys)
    return SearchPlan(name, keys, fixed, searched, chosen, configs[0])


def check(fixed: Sequence[str], searched: Space, chosen: Settings) -> list[Config]:
    """The configs at the corners of a space: its first point, and each extreme of each key alone.

    A run between them is right where they are: rules are bounds and lists of words. Raises UsageError
    with every problem of any of them, and of how the settings suit the space.
    """
    problems: list[Problem] = []
    try:
        sampler(chosen.sampler, chosen.seed, searched)
    except UsageError as error:
        problems += error.problems
    configs: list[Config] = []
    for corner in searched.corners():
        lines = (*fixed, *searched.lines(corner), f"seed={chosen.seeds[0]}")
        try:
            configs.append(composition.load_config(lines))
        except UsageError as error:
            problems += error.problems
    problems += _look_problems(configs, searched, chosen)
    if len({environment_hash(config.env) for config in configs}) > 1:
        problems.append(Problem("env", "must be the same in all trials", None, "give it one value"))
    if problems:
        raise UsageError(problems)
    return configs


def looks(config: Config, count: int) -> list[int]:
    """The episodes before each look at a run: of its judged checkpoints the l / count-th, l = 1 to count."""
    every = judged(config.episodes, config.checkpoint_every, config.evaluation.checkpoints)
    return [every[-(-look * len(every) // count) - 1] for look in range(1, count + 1)]


def _look_problems(configs: Sequence[Config], searched: Space, chosen: Settings) -> list[Problem]:
    if chosen.looks == 1:
        return []
    problems = [
        Problem(key, f"cannot be searched with {PREFIX}.looks above 1", None, "a look is at an episode")
        for key in EPISODES
        if key in searched.distributions
    ]
    for config in configs[:1]:
        most = len(judged(config.episodes, config.checkpoint_every, config.evaluation.checkpoints))
        if chosen.looks > most:
            rule = f"must be at most the number of judged checkpoints, {most}"
            problems.append(Problem(f"{PREFIX}.looks", rule, chosen.looks, "raise evaluation.checkpoints"))
    return problems


def _parted(lines: Sequence[str], problems: list[Problem]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The overrides that give one value, and those that vary; of two for one key the later one counts."""
    given: dict[str, tuple[str, bool]] = {}
    parser = OverridesParser.create()
    for line in map(overrides.normal, lines):
        try:
            override = parser.parse_override(line)
        except HydraErrors as error:
            problems.append(Problem(line, "must be written KEY=VALUE", None, overrides.one_line(error)))
            continue
        if not override.key_or_group.startswith(f"{PREFIX}."):
            given[override.key_or_group] = (line, override.is_sweep_override())
    fixed = tuple(line for line, varies in given.values() if not varies)
    return fixed, tuple(line for line, varies in given.values() if varies)
