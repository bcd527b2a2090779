"""A command line as a value: its overrides are parsed, checked and composed once."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from qsweep.config import RULES
from qsweep.errors import Problem, UsageError
from qsweep.plan import overrides
from qsweep.plan.conf import composed
from qsweep.plan.hydra_options import ineffective_problems, known_options
from qsweep.plan.presets import SEARCH_PATH
from qsweep.system.tracking_uri import unset_if_empty


@dataclass(frozen=True)
class CommandLine:
    """The overrides of a command line.

    lines: all overrides as typed. given: the valid ones, parsed. problems: those of the others. config:
    composed from the presets and Hydra options that have one value; includes the node `hydra`.
    """

    lines: tuple[str, ...]
    multirun: bool
    given: tuple[Override, ...]
    problems: tuple[Problem, ...]
    config: DictConfig

    @property
    def sweeper(self) -> Mapping[str, Any]:
        """The node `hydra.sweeper`: the parameters of a +sweep preset and the settings of a search."""
        node = OmegaConf.to_container(self.config.hydra)
        assert isinstance(node, dict)
        return node["sweeper"] if isinstance(node["sweeper"], Mapping) else {}

    @property
    def presets(self) -> tuple[str, ...]:
        """The overrides that `config` is composed from."""
        return _presets(self.given)

    @property
    def launcher(self) -> str:
        """The name of the launcher's config."""
        return str(self.config.hydra.runtime.choices.get("hydra/launcher"))

    @property
    def searches(self) -> bool:
        """True for a search, False for a sweep over every combination."""
        return "trials" in self.sweeper and "_target_" not in self.sweeper

    def launcher_config(self) -> DictConfig:
        """Return a copy of the config that also has the plain values, as Hydra passes it to launchers."""
        config = copy.deepcopy(self.config)
        tasks = [line.input_line for line in self.given if not overrides.for_hydra(line)]
        with open_dict(config):
            for override in filter(is_plain, self.given):
                if not override.is_sweep_override():
                    OmegaConf.update(config, override.key_or_group, override.value(), force_add=True)
            config.hydra.mode, config.hydra.overrides.task = RunMode.MULTIRUN, tasks
        return config


def read(lines: Sequence[str], multirun: bool) -> CommandLine:
    """Parse, check and compose overrides. Raises UsageError with every problem if they cannot be composed."""
    unset_if_empty()
    problems: list[Problem] = []
    with refusing(problems):
        search = [line for line in lines if line.startswith(SEARCH_PATH)]
        given = tuple(overrides.usable(lines, multirun, search, problems))
        if any(problem.key.startswith("hydra/") for problem in problems):
            raise UsageError(problems)  # what else is valid depends on the launcher and the sweeper
        known, unknown = known_options(given)
        problems += unknown
        given = tuple(known)
        config = composed(_presets(given)).config
        problems += ineffective_problems(given, config, multirun)
    line = CommandLine(tuple(lines), multirun, given, tuple(problems), config)
    return replace(line, problems=(*problems, *_multirun_problems(line))) if multirun else line


def _presets(given: Iterable[Override]) -> tuple[str, ...]:
    return tuple(o.input_line or "" for o in given if not (o.is_sweep_override() or is_plain(o)))


def _multirun_problems(line: CommandLine) -> Iterator[Problem]:
    """Refuse several values for one of Hydra's own options, and sweepers that are not qsweep's."""
    for override in line.given:
        if overrides.for_hydra(override) and override.is_sweep_override():
            yield Problem(override.key_or_group, "takes one value", override.input_line)
    if "_target_" in line.sweeper:
        chosen = line.config.hydra.runtime.choices.get("hydra/sweeper")
        yield Problem("hydra/sweeper", "must be qsweep or qsweep_optuna", chosen)


@contextmanager
def refusing(problems: Sequence[Problem] = (), *more: type[Exception]) -> Iterator[None]:
    """Turn an error from Hydra, or one of `more`, into a UsageError that includes the given problems."""
    try:
        yield
    except (*overrides.HydraErrors, *more) as error:
        problem = Problem("configuration", overrides.hydra_message(error))
        raise UsageError([*problems, problem]) from error


def sweep_params(sweeper: Mapping[str, Any], problems: list[Problem]) -> list[str]:
    """Return the parameters of a +sweep preset as overrides."""
    params = sweeper.get("params")
    if isinstance(params, Mapping):
        return [f"{key!s}={value}" for key, value in params.items()]
    if params is not None:
        rule = "must be a mapping of keys to what they vary over"
        problems.append(Problem("hydra.sweeper.params", rule, params))
    return []


def is_plain(override: Override) -> bool:
    """Return True if an override sets a single key of the schema, which needs no composing by Hydra."""
    text = override.input_line or ""
    key = override.key_or_group
    return key in RULES and key not in overrides.GROUPS and "${" not in text and "={" not in text
