"""The plan of a search: its command line, checked completely before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import Override

from qsweep.config import Config, config_hash, environment_hash
from qsweep.environments.resolved import Resolved
from qsweep.errors import Problem, UsageError, collecting
from qsweep.plan import composition, overrides
from qsweep.plan.command_line import sweep_params
from qsweep.plan.presets import SEARCH_PATH
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.settings import PREFIX, Settings, settings
from qsweep.runs.search.spaces import Space, space
from qsweep.runs.starting_table import Tables, named_by_run
from qsweep.tracking.result_code import code_of


@dataclass(frozen=True)
class SearchPlan:
    """What a command line asks for.

    name: of the study and of the sweep. varied: the keys that are searched. fixed: the overrides that all
    runs share. first: the config of the first point of the space with the first seed. code: that decides
    its result.
    """

    name: str
    varied: tuple[str, ...]
    fixed: tuple[str, ...]
    space: Space
    settings: Settings
    first: Config
    code: str

    @property
    def facts(self) -> dict[str, object]:
        """What must be the same in all trials of a study."""
        return {
            "space": self.space.description(),
            "fixed config": config_hash(self.first),
            "seeds": list(self.settings.seeds),
        }

    @property
    def study_facts(self) -> dict[str, object]:
        """What must be the same to resume a study: the code too, unless sweep.rerun keeps old runs."""
        keeps = self.first.sweep.rerun in ("never", "failed")
        return self.facts if keeps else {**self.facts, "code": self.code}


def search_plan(lines: Sequence[str], options: Mapping[str, Any]) -> SearchPlan:
    """Return the plan of a search.

    lines: the overrides as typed. options: the composed node `hydra.sweeper`; its `params`, which a +sweep
    preset sets, apply to keys that `lines` do not name. Raises UsageError with every problem found.
    """
    problems: list[Problem] = []
    chosen = searched = None
    fixed, varied = _split([*sweep_params(options, problems), *lines], problems)
    with collecting(problems):
        chosen = settings(options)
    with collecting(problems):
        searched = space(varied)
    if not varied and not problems:
        problems.append(
            Problem(
                f"{PREFIX}.params", "must name something to search", None, "for example KEY=interval(A,B)"
            )
        )
    if chosen is None or searched is None or problems:
        raise UsageError(problems)
    found = check(fixed, searched, chosen)
    tables, started = Tables(), []
    for corner in found:  # each must fit the Q-table that its runs start from
        with collecting(problems):
            started.append(tables.started(corner))
    if problems:
        raise UsageError(problems)
    first = started[0].config
    fixed = named_by_run(fixed, first)
    keys = tuple(each.key for each in searched.keys)
    name = chosen.study or first.sweep.name or ",".join(keys)
    return SearchPlan(name, keys, fixed, searched, chosen, first, code_of(found[0]))


def check(fixed: Sequence[str], searched: Space, chosen: Settings) -> list[Resolved]:
    """Return the configs at the corners of a space: its first point, and each extreme of each key alone.

    If these are valid, so are all between them: the rules are bounds and lists of words. Raises UsageError
    with every problem of the configs, and of settings that do not suit the space.
    """
    problems: list[Problem] = []
    with collecting(problems):
        sampler(chosen.sampler, chosen.seed, searched)
    found: list[Resolved] = []
    for corner in searched.corners():
        lines = (*fixed, *searched.overrides(corner), f"seed={chosen.seeds[0]}")
        with collecting(problems):
            found.append(composition.load_resolved(lines))
    if len({environment_hash(each.env) for each in found}) > 1:
        problems.append(Problem("env", "must be the same in all trials", None, "give it one value"))
    if problems:
        raise UsageError(problems)
    return found


def _split(lines: Sequence[str], problems: list[Problem]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split overrides into those of one value and those that vary; the last one of a key counts."""
    typed = overrides.parsed(map(overrides.normalized, lines), problems)
    given = {each.key_or_group: each for each in typed if not _is_setting(each)}
    fixed = (each.input_line or "" for each in given.values() if not each.is_sweep_override())
    varied = (each.input_line or "" for each in given.values() if each.is_sweep_override())
    return tuple(fixed), tuple(varied)


def _is_setting(override: Override) -> bool:
    """Return True if an override configures Hydra and not the runs; the search path finds their presets."""
    return overrides.for_hydra(override) and f"{override.key_or_group}=" != SEARCH_PATH
